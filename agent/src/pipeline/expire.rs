//! What is gone for good leaves every table.
//!
//! In: time. Out: nothing of those who have been dead for their grace time.
//! Invariant: counters are read before they are deleted. Lacks on purpose:
//! deciding who is dead, which `identity` does.

use std::collections::HashSet;

use super::{Now, Pipeline};
use crate::denial::CgroupId;
use crate::source::Source;

/// How often counters without an owner are looked for.
const SWEEP_NS: u64 = 30_000_000_000;

impl<S: Source> Pipeline<S> {
    /// Lets go of what has been dead for its grace time.
    pub(super) fn expire(&mut self, now: Now) {
        let expired = self.identity.expire(now.monotonic_ns);
        for container in &expired.containers {
            self.aggregate.retire(container);
            self.judge.retire(container, now);
            self.breaches.retire(container);
            if let Some(tmpfs) = &mut self.tmpfs {
                tmpfs.retire(container);
            }
        }
        let sweep = now.monotonic_ns.saturating_sub(self.swept_ns) >= SWEEP_NS;
        if expired.cgroups.is_empty() && !sweep {
            return;
        }
        self.swept_ns = now.monotonic_ns;
        for cgroup in &expired.cgroups {
            self.forget_oom_kills(*cgroup);
        }
        let gone: HashSet<CgroupId> = expired.cgroups.into_iter().collect();
        self.switches.inventory.forget(&gone);
        let Self {
            source,
            identity,
            aggregate,
            ..
        } = self;
        let keys = aggregate.forgettable(&gone, now.monotonic_ns, |cgroup| identity.owner(cgroup));
        if keys.is_empty() {
            return;
        }
        match source.forget(&keys) {
            Ok(()) => aggregate.forgotten(&keys, |cgroup| identity.owner(cgroup)),
            Err(error) => self.map_failed(&error),
        }
    }
}
