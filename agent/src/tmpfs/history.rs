//! How full a tmpfs was becomes the past that is drawn.
//!
//! In: bytes in use with their times. Out: [`Past`]s, the oldest first. Invariant:
//! pure; at most [`POINTS_MAX`] of the last [`WINDOW_NS`], and what never changes
//! is one; the highest of a moment is kept, so that no peak is hidden. Lacks on
//! purpose: inodes, which follow the bytes as a rule.

use std::collections::VecDeque;
use std::sync::Arc;

/// How far back it goes, in nanoseconds: half an hour.
pub const WINDOW_NS: u64 = 1_800_000_000_000;
/// Most points.
pub const POINTS_MAX: usize = 64;
/// Changes within this time share a point, at first.
const MOMENT_NS: u64 = 1_000_000_000;
/// The same where all of the window is full of changes.
const MOMENT_MAX_NS: u64 = WINDOW_NS / (POINTS_MAX as u64 - 2);

/// How much there was from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// CLOCK_MONOTONIC nanoseconds.
    pub at_ns: u64,
    /// Bytes in use.
    pub used: u64,
}

/// The past of one amount.
#[derive(Clone, Debug)]
pub(super) struct History {
    points: VecDeque<Past>,
    moment_ns: u64,
    /// What was last taken in.
    used: Option<u64>,
    told: Arc<[Past]>,
}

impl Default for History {
    fn default() -> Self {
        History {
            points: VecDeque::new(),
            moment_ns: MOMENT_NS,
            used: None,
            told: Arc::new([]),
        }
    }
}

impl History {
    /// Takes in how much there was at a time, which goes forward.
    pub(super) fn push(&mut self, at_ns: u64, used: u64) {
        if self.used.replace(used) == Some(used) && self.ends_with(used) {
            return;
        }
        self.put(Past { at_ns, used });
        // The point before the window tells how much there was at its beginning.
        let begin_ns = at_ns.saturating_sub(WINDOW_NS);
        let old =
            |points: &VecDeque<Past>| points.get(1).is_some_and(|next| next.at_ns <= begin_ns);
        while old(&self.points) {
            self.points.pop_front();
        }
        while self.points.len() > POINTS_MAX {
            self.coarsen();
        }
        self.told = self.points.iter().copied().collect();
    }

    fn put(&mut self, past: Past) {
        match self.points.back_mut() {
            Some(last) if past.at_ns.saturating_sub(last.at_ns) < self.moment_ns => {
                last.used = last.used.max(past.used);
            }
            Some(_) | None => self.points.push_back(past),
        }
    }

    /// Makes room: moments become longer, or the oldest point leaves.
    fn coarsen(&mut self) {
        if self.moment_ns >= MOMENT_MAX_NS {
            self.points.pop_front();
            return;
        }
        self.moment_ns = (self.moment_ns * 2).min(MOMENT_MAX_NS);
        for past in std::mem::take(&mut self.points) {
            self.put(past);
        }
    }

    fn ends_with(&self, used: u64) -> bool {
        self.points.back().is_some_and(|last| last.used == used)
    }

    /// The points, the oldest first.
    pub(super) fn told(&self) -> Arc<[Past]> {
        Arc::clone(&self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn used(history: &History) -> Vec<u64> {
        history.told().iter().map(|past| past.used).collect()
    }

    #[test]
    fn what_stands_still_is_one_point_and_peaks_stay() {
        let mut history = History::default();
        for second in 0..100 {
            history.push(second * S, 7);
        }
        assert_eq!(*history.told(), [Past { at_ns: 0, used: 7 }]);
        for (at_ns, used) in [
            (100 * S, 9),
            (100 * S + 1, 900),
            (100 * S + 2, 3),
            (200 * S, 3),
        ] {
            history.push(at_ns, used);
        }
        assert_eq!(used(&history), [7, 900, 3]);
    }

    #[test]
    fn it_is_bounded_in_number_and_time_and_fine_at_first() {
        let mut history = History::default();
        for second in 0..60 {
            history.push(second * S, second);
        }
        assert_eq!(history.told().len(), 60);
        for second in 60..10_000 {
            history.push(second * S, second);
            assert!(history.told().len() <= POINTS_MAX);
        }
        let told = history.told();
        assert!(told.len() > POINTS_MAX / 2, "{told:?}");
        assert!(told[1].at_ns > 9_999 * S - WINDOW_NS, "{told:?}");
        assert!(
            told[0].at_ns <= 9_999 * S - WINDOW_NS + MOMENT_MAX_NS,
            "{told:?}"
        );
    }
}
