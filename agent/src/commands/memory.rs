//! What the daemon has taken and needs no more goes back to the kernel.
//!
//! In: nothing. Out: less memory. Invariant: nothing that is in use is moved or
//! lost. Lacks on purpose: an allocator of its own, and anything where the C library
//! is another one.

use std::ffi::c_int;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often free pages are given back: some milliseconds of work.
const EVERY: Duration = Duration::from_secs(30);
/// Heaps that threads share. The C library would have eight for each processor, and
/// each keeps free what its threads once needed.
#[cfg(target_env = "gnu")]
const HEAPS: c_int = 2;
/// Bytes from which a block has pages of its own, which go as soon as it is free:
/// the texts of scrapes and lists.
#[cfg(target_env = "gnu")]
const LARGE: c_int = 256 << 10;

/// Has few heaps made. To be called before there are threads.
pub fn have_few_heaps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers, and no other thread allocates yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives back what is free: now, and again and again until `stop` changes.
pub(super) fn stay_lean(mut stop: watch::Receiver<bool>) {
    tokio::spawn(async move {
        let mut turns = interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                _ = turns.tick() => give_back_free(),
            }
        }
    });
}

/// Reading the kernel's type information takes some tens of megabytes for a moment, and a
/// scrape or a list some more; what the allocator keeps of them would stay.
fn give_back_free() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; it may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
