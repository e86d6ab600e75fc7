//! One moment, as the kernel half and as people tell it.
//!
//! In: the clocks. Out: [`Now`]. Invariant: the only place of the hot path that
//! reads a clock; every stage gets the time as an argument. Lacks on purpose:
//! waiting.

use std::time::{Duration, SystemTime};

use crate::clock;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// CLOCK_MONOTONIC, which the kernel half stamps records with.
    pub monotonic_ns: u64,
    /// The wall clock, for people.
    pub wall: SystemTime,
}

impl Now {
    /// This one.
    pub fn read() -> Self {
        Now {
            monotonic_ns: clock::monotonic_ns(),
            wall: SystemTime::now(),
        }
    }

    /// Wall clock time of an earlier moment.
    pub(super) fn wall_at(&self, monotonic_ns: u64) -> SystemTime {
        let ago = Duration::from_nanos(self.monotonic_ns.saturating_sub(monotonic_ns));
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }
}
