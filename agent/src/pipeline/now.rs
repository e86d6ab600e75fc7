//! One moment, as the kernel half and as people tell it.
//!
//! In: the clocks. Out: [`Now`]. Invariant: the only place of the hot path that
//! reads a clock; every stage gets the time as an argument. Lacks on purpose:
//! waiting.

use std::time::{Duration, SystemTime};

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
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let nanoseconds = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
        Now {
            monotonic_ns: u64::try_from(nanoseconds).unwrap_or(0),
            wall: SystemTime::now(),
        }
    }

    /// Wall clock time of an earlier moment.
    pub(super) fn wall_at(&self, monotonic_ns: u64) -> SystemTime {
        let ago = Duration::from_nanos(self.monotonic_ns.saturating_sub(monotonic_ns));
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }
}
