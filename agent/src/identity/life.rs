//! Beginnings and ends of containers, for those who keep state of them.
//!
//! In: the first and the last control group of a container. Out: [`Life`]s in
//! their order. Invariant: bounded; what does not fit is counted. Lacks on
//! purpose: names, which come when they come.

use std::sync::Arc;

use crate::denial::CgroupId;

/// Most that wait to be taken: a ring buffer full of births and deaths is less.
pub const LIVES_MAX: usize = 16_384;

/// One change of a container's being there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// Its own control group is there. Another group than before is another run
    /// of the same container.
    Begun {
        /// The runtime's id.
        container: Arc<str>,
        /// Its own group.
        cgroup: CgroupId,
        /// Path of that group from the hierarchy's root.
        home: Arc<[u8]>,
        /// CLOCK_MONOTONIC nanoseconds; none where it was there already when
        /// the daemon looked.
        born_ns: Option<u64>,
    },
    /// Its last control group is gone.
    Ended {
        /// The runtime's id.
        container: Arc<str>,
    },
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Lives {
    waiting: Vec<Life>,
    lost: u64,
}

impl Lives {
    pub(super) fn push(&mut self, life: Life) {
        if self.waiting.len() >= LIVES_MAX {
            self.lost += 1;
            return;
        }
        self.waiting.push(life);
    }

    pub(super) fn take(&mut self) -> Vec<Life> {
        std::mem::take(&mut self.waiting)
    }

    /// Not delivered, cumulative.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}
