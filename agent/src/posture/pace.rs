//! What a turn found becomes when to take the next.
//!
//! In: CLOCK_MONOTONIC nanoseconds. Out: whose turn it is. Invariant: pure; a
//! table that stands still is read less and less often, [`STILL_MAX_NS`] apart at
//! most. Lacks on purpose: taking turns.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// After a container's begin, and between two readings that must agree before
/// anything is told.
pub(super) const FIRST_NS: u64 = 200_000_000;
/// After a change.
pub(super) const CHANGED_NS: u64 = 1_000_000_000;
/// Longest between two readings of a container whose start is not over.
pub(super) const STARTING_MAX_NS: u64 = 4_000_000_000;
/// Longest between two readings: within this time a remount is told.
pub(super) const STILL_MAX_NS: u64 = 30_000_000_000;

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The table must be read once more to be believed, or there is none yet.
    Unsettled,
    /// Something differs from the last turn.
    Changed,
    /// Nothing does.
    Still,
}

struct Turn {
    due_ns: u64,
    wait_ns: u64,
}

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Queue {
    turns: HashMap<Arc<str>, Turn>,
    line: BTreeSet<(u64, Arc<str>)>,
}

impl Queue {
    pub(super) fn insert(&mut self, id: &Arc<str>, now_ns: u64) {
        self.place(id, now_ns + FIRST_NS, FIRST_NS);
    }

    pub(super) fn remove(&mut self, id: &Arc<str>) {
        if let Some(turn) = self.turns.remove(id) {
            self.line.remove(&(turn.due_ns, Arc::clone(id)));
        }
    }

    /// Someone has a reason to look now.
    pub(super) fn hasten(&mut self, id: &Arc<str>, now_ns: u64) {
        if let Some(turn) = self.turns.get(id) {
            let due_ns = turn.due_ns.min(now_ns + FIRST_NS);
            self.place(id, due_ns, CHANGED_NS);
        }
    }

    /// Up to `count` whose turn it is, in their order. Each must be given back
    /// by [`Queue::took`].
    pub(super) fn due(&mut self, now_ns: u64, count: usize) -> Vec<Arc<str>> {
        let due = self.line.iter().take_while(|(due_ns, _)| *due_ns <= now_ns);
        due.take(count).map(|(_, id)| Arc::clone(id)).collect()
    }

    /// A turn is over.
    pub(super) fn took(&mut self, id: &Arc<str>, now_ns: u64, found: Found) {
        let Some(turn) = self.turns.get(id) else {
            return;
        };
        let wait_ns = match found {
            Found::Unsettled => turn.wait_ns.min(STARTING_MAX_NS),
            Found::Changed => CHANGED_NS,
            Found::Still => turn.wait_ns,
        };
        let next_ns = match found {
            Found::Unsettled => (wait_ns * 2).min(STARTING_MAX_NS),
            Found::Changed | Found::Still => (wait_ns * 2).min(STILL_MAX_NS),
        };
        self.place(id, now_ns + wait_ns, next_ns);
    }

    fn place(&mut self, id: &Arc<str>, due_ns: u64, wait_ns: u64) {
        self.remove(id);
        self.line.insert((due_ns, Arc::clone(id)));
        self.turns.insert(Arc::clone(id), Turn { due_ns, wait_ns });
    }

    /// Nanoseconds until the next turn; none where there is nobody.
    pub(super) fn wait_ns(&self, now_ns: u64) -> Option<u64> {
        let (due_ns, _) = self.line.first()?;
        Some(due_ns.saturating_sub(now_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn what_stands_still_is_read_less_and_less() {
        let mut queue = Queue::default();
        let id: Arc<str> = "a".into();
        queue.insert(&id, 0);
        assert!(queue.due(FIRST_NS - 1, 9).is_empty());
        let mut now_ns = 0;
        let mut turns = 0;
        while now_ns < 120 * SECOND {
            now_ns += queue.wait_ns(now_ns).unwrap();
            assert_eq!(queue.due(now_ns, 9), std::slice::from_ref(&id));
            queue.took(
                &id,
                now_ns,
                if turns == 0 {
                    Found::Unsettled
                } else {
                    Found::Still
                },
            );
            turns += 1;
        }
        assert!((8..14).contains(&turns), "{turns}");
        assert_eq!(queue.wait_ns(now_ns), Some(STILL_MAX_NS));
        queue.hasten(&id, now_ns);
        assert_eq!(queue.wait_ns(now_ns), Some(FIRST_NS));
        queue.took(&id, now_ns, Found::Changed);
        assert_eq!(queue.wait_ns(now_ns), Some(CHANGED_NS));
        queue.remove(&id);
        queue.took(&id, now_ns, Found::Changed);
        assert_eq!(queue.wait_ns(now_ns), None);
    }

    #[test]
    fn who_does_not_start_is_asked_again_all_the_same() {
        let mut queue = Queue::default();
        let id: Arc<str> = "a".into();
        queue.insert(&id, 0);
        for now in 0..20 {
            queue.took(&id, now * SECOND, Found::Unsettled);
        }
        assert_eq!(queue.wait_ns(19 * SECOND), Some(STARTING_MAX_NS));
    }

    #[test]
    fn the_first_in_line_go_first() {
        let mut queue = Queue::default();
        let ids: Vec<Arc<str>> = ["c", "a", "b"].map(Arc::from).into();
        for (at, id) in ids.iter().enumerate() {
            queue.insert(id, at as u64);
        }
        assert_eq!(queue.due(SECOND, 2), ids[..2]);
    }
}
