//! Processes killed for want of memory, from the kernel's counters to the events.
//!
//! In: the source's counters, read only after one of them moved. Out: kills in
//! the aggregate, and a line each. Invariant: a counter is deleted only after
//! its control group's grace time, by when it was read. Lacks on purpose: what
//! filled the memory.

use super::{Now, Pipeline};
use crate::denial::{CgroupId, Owner};
use crate::events::Event;
use crate::source::{Source, SourceError};
use sealwatch_ebpf::wire::Stat;

/// Loss: the kernel's table of kills was full.
pub const REASON_OOM_TABLE_FULL: &str = "oom_table_full";

impl<S: Source> Pipeline<S> {
    /// Reads the counters where one has moved.
    pub(super) fn read_oom_kills(&mut self, now: Now) -> Result<(), SourceError> {
        let killed = self.stats[Stat::OomKilled as usize];
        if killed == self.oom_kills_read {
            return Ok(());
        }
        let Self {
            source,
            aggregate,
            identity,
            tmpfs,
            ..
        } = self;
        source.oom_kills(&mut |cgroup, value| {
            if let (Some(tmpfs), Owner::Container(container)) =
                (tmpfs.as_mut(), identity.owner(CgroupId(cgroup)))
            {
                tmpfs.killed(&container, value.last_ns);
            }
            aggregate.oom_kills(CgroupId(cgroup), value, now.monotonic_ns);
        })?;
        self.oom_kills_read = killed;
        Ok(())
    }

    /// Tells the kills whose wait is over; all of them at the end.
    pub(super) fn tell_oom_kills(&mut self, now: Now, all: bool) {
        let identity = &self.identity;
        let settled = self.aggregate.settle_oom_kills(
            now.monotonic_ns,
            all,
            |cgroup| identity.owner(cgroup),
            |time_ns| now.wall_at(time_ns),
        );
        for killed in settled {
            self.tell(Event::killed(&killed));
        }
    }

    /// Deletes the counter of a control group that is gone.
    pub(super) fn forget_oom_kills(&mut self, cgroup: CgroupId) {
        if self.aggregate.forget_oom_kills(cgroup)
            && let Err(error) = self.source.forget_oom_kills(cgroup.0)
        {
            self.map_failed(&error);
        }
    }
}
