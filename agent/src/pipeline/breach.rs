//! Successful writes reach their contracts; what is outside is told.
//!
//! In: what the inventory has counted, who is there. Out: events, the state that
//! is published. Invariant: a write waits for its container's name and for where
//! it went, and is judged once. Lacks on purpose: judging, which `breach` does.

use std::sync::Arc;

use super::{Now, Pipeline};
use crate::breach::{Breaches, Writes};
use crate::config::Limits;
use crate::contract::Declared;
use crate::denial::{CgroupId, Owner};
use crate::events::Event;
use crate::source::Source;
use sealwatch_ebpf::wire::PATH_KEY_OTHER;

impl<S: Source> Pipeline<S> {
    /// Holds the writes of the containers that have one of these contracts
    /// against it.
    pub fn with_contracts(mut self, contracts: Vec<Declared>, limits: Limits) -> Self {
        self.breaches = Breaches::new(contracts, limits);
        self.switches.dirty = true;
        self
    }

    /// Judges what was written since the last time, and tells what is outside;
    /// at the end, `all` that is left.
    pub(super) fn judge_writes(&mut self, now: Now, all: bool) {
        let Self {
            switches,
            breaches,
            identity,
            ..
        } = self;
        let watched = &switches.watched;
        switches.inventory.hand_on(|key, told, count, last_ns| {
            let cgroup = CgroupId(key.cgroup);
            let container = match identity.owner(cgroup) {
                Owner::Container(container) => container,
                Owner::Host | Owner::Unknown(_) => return true,
            };
            if !container.described {
                return !breaches.any();
            }
            // No record comes of a group that is not watched any more.
            let untold = key.directory == PATH_KEY_OTHER || !watched.contains_key(&cgroup);
            let last = now.wall_at(last_ns);
            let writes = Writes {
                told,
                untold,
                count,
                last,
            };
            breaches.take(&container, &writes)
        });
        self.tell_breaches(now, all);
    }

    fn tell_breaches(&mut self, now: Now, all: bool) {
        let due = self.breaches.due(now.monotonic_ns, all);
        if self.breaches.take_changed() {
            self.breaches_shown = Arc::new(self.breaches.shown());
            self.names_changed = true;
        }
        for breach in due {
            tracing::info!(
                container = breach.container.name,
                write_root = &*breach.write_root,
                writes = breach.new,
                contract = &*breach.contract,
                "writes outside of the contract"
            );
            self.tell(Event::breached(&breach));
        }
    }
}
