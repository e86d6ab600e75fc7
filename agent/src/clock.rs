//! The kernel's clocks as nanoseconds.
//!
//! In: the clocks. Out: integers that other stages take as arguments. Invariant:
//! CLOCK_MONOTONIC is the clock that the kernel half stamps records with. Lacks on
//! purpose: the wall clock, and waiting.

use rustix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC.
pub fn monotonic_ns() -> u64 {
    read_ns(ClockId::Monotonic)
}

/// Processor time that the calling thread has taken.
pub fn thread_cpu_ns() -> u64 {
    read_ns(ClockId::ThreadCPUTime)
}

fn read_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
