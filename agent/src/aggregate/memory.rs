//! Processes killed for want of memory: cumulative kernel counters become kills
//! with an owner.
//!
//! In: counters as read, owners, time. Out: [`Killed`], each process once; the
//! latest of them. Invariant: what a counter grew by is told exactly once, after
//! its container has a name or [`NAME_WAIT_NS`] later, so that a container that
//! is gone by then is told all the same. Lacks on purpose: why there was no
//! memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use sealwatch_ebpf::wire::OomValue;

use super::Aggregate;
use crate::denial::{CgroupId, Owner};

/// Longest that a kill or a sample waits for its container's name, in nanoseconds.
pub const NAME_WAIT_NS: u64 = 4_000_000_000;
/// Most kills in the list.
pub const RECENT_MAX: usize = 64;

/// Processes of one control group, killed within one tick.
#[derive(Clone, Debug)]
pub struct Killed {
    /// The victims' control group.
    pub cgroup: CgroupId,
    /// Whose they were.
    pub owner: Owner,
    /// How many.
    pub killed: u64,
    /// How many of this control group so far, these included.
    pub count: u64,
    /// CLOCK_MONOTONIC nanoseconds of the last one.
    pub time_ns: u64,
    /// The same on the wall clock.
    pub time: SystemTime,
}

#[derive(Debug)]
struct Waiting {
    killed: u64,
    seen: OomValue,
    since_ns: u64,
}

/// The kernel's counters as far as they were read.
#[derive(Debug, Default)]
pub(super) struct OomKills {
    seen: HashMap<CgroupId, OomValue>,
    waiting: HashMap<CgroupId, Waiting>,
    recent: VecDeque<Arc<Killed>>,
}

impl OomKills {
    /// Takes in one counter as read.
    pub(super) fn read(&mut self, cgroup: CgroupId, value: &OomValue, now_ns: u64) {
        let seen = self.seen.entry(cgroup).or_default();
        // A value below the one before is a new counter under an old key.
        let before = match value.count < seen.count {
            true => 0,
            false => seen.count,
        };
        *seen = *value;
        let killed = value.count - before;
        if killed == 0 {
            return;
        }
        let waiting = self.waiting.entry(cgroup).or_insert(Waiting {
            killed: 0,
            seen: *value,
            since_ns: now_ns,
        });
        waiting.killed += killed;
        waiting.seen = *value;
    }

    /// Kills whose wait is over; all of them where `all`.
    pub(super) fn settle(
        &mut self,
        now_ns: u64,
        all: bool,
        owner_of: impl Fn(CgroupId) -> Owner,
        wall_at: impl Fn(u64) -> SystemTime,
    ) -> Vec<Arc<Killed>> {
        let mut settled = Vec::new();
        self.waiting.retain(|cgroup, waiting| {
            let owner = owner_of(*cgroup);
            let named = match &owner {
                Owner::Container(container) => container.described,
                Owner::Host => true,
                Owner::Unknown(_) => false,
            };
            if !named && !all && now_ns.saturating_sub(waiting.since_ns) < NAME_WAIT_NS {
                return true;
            }
            settled.push(Arc::new(Killed {
                cgroup: *cgroup,
                owner,
                killed: waiting.killed,
                count: waiting.seen.count,
                time_ns: waiting.seen.last_ns,
                time: wall_at(waiting.seen.last_ns),
            }));
            false
        });
        settled.sort_by_key(|killed| killed.time_ns);
        for killed in &settled {
            if matches!(killed.owner, Owner::Host) {
                continue;
            }
            self.recent.push_front(Arc::clone(killed));
        }
        self.recent.truncate(RECENT_MAX);
        settled
    }

    /// The latest kills, the latest first.
    pub(super) fn recent(&self) -> Vec<Arc<Killed>> {
        self.recent.iter().cloned().collect()
    }

    /// Each counter as read: control group, kills, time of the last.
    pub(super) fn save_seen(&self) -> Vec<(u64, u64, u64)> {
        let seen = self.seen.iter();
        seen.map(|(cgroup, value)| (cgroup.0, value.count, value.last_ns))
            .collect()
    }

    /// Each that waits: control group, kills, since when.
    pub(super) fn save_waiting(&self) -> Vec<(u64, u64, u64)> {
        let waiting = self.waiting.iter();
        waiting
            .map(|(cgroup, one)| (cgroup.0, one.killed, one.since_ns))
            .collect()
    }

    /// Takes in what was saved.
    pub(super) fn restore(&mut self, seen: &[(u64, u64, u64)], waiting: &[(u64, u64, u64)]) {
        for (cgroup, count, last_ns) in seen {
            let (count, last_ns) = (*count, *last_ns);
            self.seen
                .insert(CgroupId(*cgroup), OomValue { count, last_ns });
        }
        for (cgroup, killed, since_ns) in waiting {
            let cgroup = CgroupId(*cgroup);
            let waiting = Waiting {
                killed: *killed,
                seen: self.seen.get(&cgroup).copied().unwrap_or_default(),
                since_ns: *since_ns,
            };
            self.waiting.insert(cgroup, waiting);
        }
    }

    /// The kernel's counters begin at zero.
    pub(super) fn recount(&mut self) {
        self.seen.clear();
    }

    /// A control group's counter is deleted in the kernel. False where it had none.
    pub(super) fn forget(&mut self, cgroup: CgroupId) -> bool {
        self.seen.remove(&cgroup).is_some()
    }
}

impl Aggregate {
    /// Takes in how many of a control group's processes were killed, as read.
    pub fn oom_kills(&mut self, cgroup: CgroupId, value: &OomValue, now_ns: u64) {
        self.oom_kills.read(cgroup, value, now_ns);
    }

    /// Counts the kills whose container has a name or has waited long enough,
    /// all of them at the end, and returns them.
    pub fn settle_oom_kills(
        &mut self,
        now_ns: u64,
        all: bool,
        owner_of: impl Fn(CgroupId) -> Owner,
        wall_at: impl Fn(u64) -> SystemTime,
    ) -> Vec<Arc<Killed>> {
        let settled = self.oom_kills.settle(now_ns, all, owner_of, wall_at);
        self.changed |= !settled.is_empty();
        for killed in &settled {
            match &killed.owner {
                Owner::Container(container) => self.series.killed(container, killed.killed),
                Owner::Unknown(_) => self.oom_unresolved += killed.killed,
                Owner::Host => {}
            }
        }
        settled
    }

    /// A control group is gone; true where the kernel has a counter to delete.
    pub fn forget_oom_kills(&mut self, cgroup: CgroupId) -> bool {
        self.oom_kills.forget(cgroup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{Container, Runtime, Unresolved};

    const NOWHERE: Owner = Owner::Unknown(Unresolved::CgroupUnseen);

    fn value(count: u64) -> OomValue {
        OomValue {
            count,
            last_ns: 100 + count,
        }
    }

    fn settle(kills: &mut OomKills, now_ns: u64, owner: &Owner) -> Vec<(u64, u64)> {
        let settled = kills.settle(now_ns, false, |_| owner.clone(), |_| SystemTime::UNIX_EPOCH);
        settled.iter().map(|k| (k.killed, k.count)).collect()
    }

    #[test]
    fn each_process_is_told_once_and_waits_for_a_name() {
        let mut kills = OomKills::default();
        let cgroup = CgroupId(7);
        kills.read(cgroup, &value(2), 0);
        kills.read(cgroup, &value(2), 1);
        let mut container = Container::unnamed("c0ffee", Runtime::Docker);
        let unnamed = Owner::Container(Arc::new(container.clone()));
        assert_eq!(settle(&mut kills, 2, &unnamed), []);
        kills.read(cgroup, &value(3), 3);
        container.described = true;
        let named = Owner::Container(Arc::new(container));
        assert_eq!(settle(&mut kills, 4, &named), [(3, 3)]);
        kills.read(cgroup, &value(3), 5);
        assert_eq!(settle(&mut kills, 6, &named), []);
        assert_eq!(kills.recent().len(), 1);
    }

    #[test]
    fn a_container_that_nobody_knows_is_told_after_the_wait() {
        let mut kills = OomKills::default();
        kills.read(CgroupId(7), &value(1), 10);
        assert_eq!(settle(&mut kills, NAME_WAIT_NS, &NOWHERE), []);
        assert_eq!(settle(&mut kills, NAME_WAIT_NS + 10, &NOWHERE), [(1, 1)]);
        // The same id, given to a later control group after the first was let go of.
        assert!(kills.forget(CgroupId(7)) && !kills.forget(CgroupId(7)));
        kills.read(CgroupId(7), &value(1), 20);
        assert_eq!(settle(&mut kills, u64::MAX, &NOWHERE), [(1, 1)]);
    }

    #[test]
    fn the_list_is_bounded_and_leaves_out_the_host() {
        let mut kills = OomKills::default();
        for cgroup in 0..2 * RECENT_MAX as u64 {
            kills.read(CgroupId(cgroup), &value(1), 0);
        }
        settle(&mut kills, u64::MAX, &NOWHERE);
        assert_eq!(kills.recent().len(), RECENT_MAX);
        let mut kills = OomKills::default();
        kills.read(CgroupId(1), &value(1), 0);
        assert_eq!(settle(&mut kills, 0, &Owner::Host), [(1, 1)]);
        assert!(kills.recent().is_empty());
    }
}
