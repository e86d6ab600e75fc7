//! Counters that nobody moves any more leave the tables, here and in the kernel.
//!
//! In: the control groups that are gone, time. Out: the keys to delete.
//! Invariant: what a counter has counted stays in its series. Lacks on purpose:
//! deleting them in the kernel, which the source does in between.

use std::collections::HashSet;

use sealwatch_ebpf::wire::CountKey;

use super::counter::Share;
use super::{Aggregate, UNSEEN_IDLE_NS};
use crate::denial::{CgroupId, Owner};

impl Aggregate {
    /// Counters whose last value is in and that can be deleted: of control groups
    /// that are gone, of the host's that are left out, and of unknown ones that
    /// have been idle. [`Aggregate::forgotten`] follows the deletion.
    pub fn forgettable(
        &self,
        gone: &HashSet<CgroupId>,
        now_ns: u64,
        owner_of: impl Fn(CgroupId) -> Owner,
    ) -> Vec<CountKey> {
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .filter(|(key, tracked)| {
                let cgroup = CgroupId(key.cgroup);
                let idle = now_ns.saturating_sub(tracked.seen.last_ns) >= UNSEEN_IDLE_NS;
                gone.contains(&cgroup)
                    || match owner_of(cgroup) {
                        Owner::Host => !self.include_host,
                        Owner::Unknown(_) => idle,
                        Owner::Container(_) => false,
                    }
            })
            .map(|(key, _)| *key)
            .collect();
        keys.sort_unstable();
        keys
    }

    /// The counters are deleted; what they have counted stays.
    pub fn forgotten(&mut self, keys: &[CountKey], owner_of: impl Fn(CgroupId) -> Owner) {
        let keys: HashSet<&CountKey> = keys.iter().collect();
        for key in keys {
            let Some(tracked) = self.keys.remove(key) else {
                continue;
            };
            if self.waiting.remove(key) {
                self.changed = true;
                self.totals.pending -= tracked.pending;
                let share = Share::of(key, &tracked, tracked.pending);
                self.add(&owner_of(CgroupId(key.cgroup)), share);
            }
        }
    }
}
