//! What a walk found becomes when to walk again.
//!
//! In: times. Out: whose turn it is. Invariant: pure (time is an argument);
//! what does not change is looked at ever more seldom, and a long walk is
//! followed by a longer pause, so that one container's walks are at most a
//! fifth of all. Lacks on purpose: walking.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// From a container's birth to the first look: its mounts come after its group.
const FIRST_NS: u64 = 1_000_000_000;
/// Between two looks at what changes, or could not be looked at.
pub(super) const CHANGING_NS: u64 = 10_000_000_000;
/// Between two looks at what does not.
pub(super) const STILL_NS: u64 = 320_000_000_000;
/// A walk's pause is so many times its length.
const PAUSE_TIMES: u64 = 4;

struct Entry {
    due_ns: u64,
    interval_ns: u64,
}

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Queue {
    entries: HashMap<Arc<str>, Entry>,
    line: BTreeSet<(u64, Arc<str>)>,
}

impl Queue {
    pub(super) fn insert(&mut self, id: &Arc<str>, now_ns: u64) {
        self.remove(id);
        self.place(id, now_ns + FIRST_NS, CHANGING_NS);
    }

    pub(super) fn remove(&mut self, id: &Arc<str>) {
        if let Some(entry) = self.entries.remove(id) {
            self.line.remove(&(entry.due_ns, Arc::clone(id)));
        }
    }

    fn place(&mut self, id: &Arc<str>, due_ns: u64, interval_ns: u64) {
        self.line.insert((due_ns, Arc::clone(id)));
        let entry = Entry {
            due_ns,
            interval_ns,
        };
        self.entries.insert(Arc::clone(id), entry);
    }

    /// The one whose turn it is; it is in the line again after [`Queue::looked`].
    pub(super) fn take(&mut self, now_ns: u64) -> Option<Arc<str>> {
        let is_due = self
            .line
            .first()
            .is_some_and(|(due_ns, _)| *due_ns <= now_ns);
        if !is_due {
            return None;
        }
        self.line.pop_first().map(|(_, id)| id)
    }

    /// A turn is over.
    pub(super) fn looked(&mut self, id: &Arc<str>, began_ns: u64, now_ns: u64, changed: bool) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let interval_ns = match changed {
            true => CHANGING_NS,
            false => (entry.interval_ns * 2).min(STILL_NS),
        };
        let pause_ns = now_ns.saturating_sub(began_ns).saturating_mul(PAUSE_TIMES);
        let due_ns = (began_ns + interval_ns).max(now_ns + pause_ns);
        self.remove(id);
        self.place(id, due_ns, interval_ns);
    }

    /// Nanoseconds until someone's turn; none where nobody waits.
    pub(super) fn wait_ns(&self, now_ns: u64) -> Option<u64> {
        let (due_ns, _) = self.line.first()?;
        Some(due_ns.saturating_sub(now_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn what_stands_still_is_looked_at_ever_more_seldom() {
        let mut queue = Queue::default();
        let id: Arc<str> = "a".into();
        queue.insert(&id, 0);
        assert_eq!(queue.take(S - 1), None);
        let mut now_ns = S;
        let mut gaps = Vec::new();
        for _ in 0..7 {
            assert_eq!(queue.take(now_ns), Some(Arc::clone(&id)));
            assert_eq!(queue.take(now_ns), None);
            queue.looked(&id, now_ns, now_ns, false);
            let gap_ns = queue.wait_ns(now_ns).unwrap();
            gaps.push(gap_ns / S);
            now_ns += gap_ns;
        }
        assert_eq!(gaps, [20, 40, 80, 160, 320, 320, 320]);
        queue.take(now_ns);
        queue.looked(&id, now_ns, now_ns, true);
        assert_eq!(queue.wait_ns(now_ns), Some(CHANGING_NS));
    }

    #[test]
    fn a_long_walk_leaves_time_to_others() {
        let mut queue = Queue::default();
        let (long, short): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        queue.insert(&long, 0);
        assert_eq!(queue.take(S), Some(Arc::clone(&long)));
        queue.insert(&short, S);
        queue.looked(&long, S, 31 * S, true);
        assert_eq!(queue.take(31 * S), Some(Arc::clone(&short)));
        queue.looked(&short, 31 * S, 31 * S, true);
        assert_eq!(queue.take(150 * S), Some(short));
        assert_eq!(queue.take(150 * S), None);
        assert_eq!(queue.take(151 * S), Some(long));
    }

    #[test]
    fn who_is_gone_has_no_turn() {
        let mut queue = Queue::default();
        let id: Arc<str> = "a".into();
        queue.insert(&id, 0);
        assert!(queue.take(2 * S).is_some());
        queue.remove(&id);
        queue.looked(&id, 2 * S, 2 * S, true);
        assert_eq!(queue.wait_ns(3 * S), None);
    }
}
