//! Samples wait here for the name of their container.
//!
//! In: decoded denials with their mounts. Out: those whose wait is over. Invariant: bounded in
//! number and bytes; the oldest go first where there is no room, unnamed rather
//! than lost. Lacks on purpose: knowing who is named, which the caller asks
//! `identity`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::denial::Denial;
use crate::mounts::Mount;

/// Longest that a sample waits for the rest, in nanoseconds, where the name is known:
/// some runtimes tell no more.
pub const REST_WAIT_NS: u64 = 1_000_000_000;
/// Most samples that wait.
const HELD_MAX: usize = 8_192;
/// Most bytes of their paths.
const HELD_BYTES_MAX: usize = 4 << 20;

/// A sample that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) denial: Denial,
    /// The mount of its file, as it was when the sample came.
    pub(super) mount: Option<Arc<Mount>>,
    since_ns: u64,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, denial: Denial, mount: Option<Arc<Mount>>, now_ns: u64) {
        self.bytes += denial.path.bytes.len();
        self.waiting.push_back(Waiting {
            denial,
            mount,
            since_ns: now_ns,
        });
    }

    /// Takes out what has waited as long as `wait_ns` says, or has no room.
    pub(super) fn take_ready(
        &mut self,
        now_ns: u64,
        wait_ns: impl Fn(&Denial) -> u64,
    ) -> Vec<Waiting> {
        let mut excess = self.waiting.len().saturating_sub(HELD_MAX);
        let mut ready = Vec::new();
        let mut kept = VecDeque::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let waited_ns = now_ns.saturating_sub(waiting.since_ns);
            let no_room = excess > 0 || self.bytes > HELD_BYTES_MAX;
            if no_room || waited_ns >= wait_ns(&waiting.denial) {
                excess = excess.saturating_sub(1);
                self.bytes -= waiting.denial.path.bytes.len();
                ready.push(waiting);
            } else {
                kept.push_back(waiting);
            }
        }
        self.waiting = kept;
        ready
    }

    /// Is there more than may stay until the next tick?
    pub(super) fn is_crowded(&self) -> bool {
        self.waiting.len() > HELD_MAX || self.bytes > HELD_BYTES_MAX
    }
}
