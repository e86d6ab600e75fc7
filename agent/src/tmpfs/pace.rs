//! What was seen becomes when to look again, within a budget of processor time.
//!
//! In: times, costs, and how urgent a container is. Out: whose turn it is.
//! Invariant: pure (time is an argument); all turns together take no more than
//! the budget, and whoever is near a limit goes first. Lacks on purpose: taking
//! the turns.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Between two looks at what is near a limit: below one second, with the time
/// that turns wait for each other and that the pipeline takes to show them.
pub(super) const NEAR_NS: u64 = 600_000_000;
/// Between two looks at what changes.
pub(super) const CHANGING_NS: u64 = 1_000_000_000;
/// Between two looks at what does not: whatever happens is told within 5 s.
pub(super) const STILL_NS: u64 = 4_000_000_000;
/// Looks that were asked for come no closer than this.
const ASKED_NS: u64 = 100_000_000;
/// What fills up within this time is near its limit.
const SOON_S: u64 = 30;

/// Part of one processor: 0.8 %.
const BUDGET_PER_MILLE: u64 = 8;
/// What may be spent at once, such as at the start.
const BUDGET_MAX_NS: i64 = 100_000_000;

/// What a look at a container found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Something differs from the last look.
    pub(super) changed: bool,
    /// Something is under pressure.
    pub(super) near: bool,
    /// The shortest time to full.
    pub(super) full_in_s: Option<u64>,
}

struct Entry {
    due_ns: u64,
    looked_ns: u64,
    interval_ns: u64,
    /// Its turn is taken and not over, so it is in no line.
    taken: bool,
}

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Queue {
    entries: HashMap<Arc<str>, Entry>,
    /// The urgent, then the others, each by time.
    urgent: BTreeSet<(u64, Arc<str>)>,
    others: BTreeSet<(u64, Arc<str>)>,
    /// Processor time left; below 0 after a turn that took more.
    left_ns: i64,
    filled_ns: u64,
}

impl Queue {
    /// A container's first turn is at once.
    pub(super) fn insert(&mut self, id: &Arc<str>, now_ns: u64) {
        let entry = Entry {
            due_ns: now_ns,
            looked_ns: 0,
            interval_ns: CHANGING_NS,
            taken: false,
        };
        self.remove(id);
        self.others.insert((now_ns, Arc::clone(id)));
        self.entries.insert(Arc::clone(id), entry);
    }

    pub(super) fn remove(&mut self, id: &Arc<str>) {
        if let Some(entry) = self.entries.remove(id) {
            self.urgent.remove(&(entry.due_ns, Arc::clone(id)));
            self.others.remove(&(entry.due_ns, Arc::clone(id)));
        }
    }

    /// Someone saw a reason to look at once.
    pub(super) fn hasten(&mut self, id: &Arc<str>, now_ns: u64) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let due_ns = now_ns.max(entry.looked_ns + ASKED_NS).min(entry.due_ns);
        if !entry.taken {
            self.place(id, due_ns, true);
        }
    }

    /// A turn is over.
    pub(super) fn looked(&mut self, id: &Arc<str>, now_ns: u64, found: Found) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let soon = found.full_in_s.is_some_and(|seconds| seconds <= SOON_S);
        let urgent = found.near || soon;
        entry.interval_ns = if urgent {
            NEAR_NS
        } else if found.changed {
            CHANGING_NS
        } else {
            (entry.interval_ns * 2).min(STILL_NS)
        };
        entry.looked_ns = now_ns;
        let due_ns = now_ns + entry.interval_ns;
        self.place(id, due_ns, urgent);
    }

    /// A turn failed: the next is not before `due_ns`.
    pub(super) fn put_off(&mut self, id: &Arc<str>, due_ns: u64) {
        self.place(id, due_ns, false);
    }

    fn place(&mut self, id: &Arc<str>, due_ns: u64, urgent: bool) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        self.urgent.remove(&(entry.due_ns, Arc::clone(id)));
        self.others.remove(&(entry.due_ns, Arc::clone(id)));
        entry.due_ns = due_ns;
        entry.taken = false;
        let line = if urgent {
            &mut self.urgent
        } else {
            &mut self.others
        };
        line.insert((due_ns, Arc::clone(id)));
    }

    /// Up to `count` containers whose turn it is, if the budget allows any.
    pub(super) fn take(&mut self, now_ns: u64, count: usize) -> Vec<Arc<str>> {
        self.fill(now_ns);
        let mut taken: Vec<Arc<str>> = Vec::new();
        if self.left_ns <= 0 {
            return taken;
        }
        for line in [&mut self.urgent, &mut self.others] {
            while taken.len() < count && line.first().is_some_and(|(due_ns, _)| *due_ns <= now_ns) {
                taken.extend(line.pop_first().map(|(_, id)| id));
            }
        }
        for id in &taken {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.taken = true;
            }
        }
        taken
    }

    /// Processor time was spent.
    pub(super) fn spend(&mut self, cpu_ns: u64) {
        let cpu_ns = i64::try_from(cpu_ns).unwrap_or(i64::MAX);
        self.left_ns = self.left_ns.saturating_sub(cpu_ns);
    }

    fn fill(&mut self, now_ns: u64) {
        let passed_ns = match self.filled_ns {
            0 => u64::MAX / BUDGET_PER_MILLE,
            filled_ns => now_ns.saturating_sub(filled_ns),
        };
        let earned = passed_ns.saturating_mul(BUDGET_PER_MILLE) / 1000;
        if earned > 0 {
            self.filled_ns = now_ns;
            let earned = i64::try_from(earned).unwrap_or(i64::MAX);
            self.left_ns = self.left_ns.saturating_add(earned).min(BUDGET_MAX_NS);
        }
    }

    /// Nanoseconds until there may be something to do.
    pub(super) fn wait_ns(&self, now_ns: u64) -> u64 {
        let first = [self.urgent.first(), self.others.first()];
        let due_ns = first.into_iter().flatten().map(|(due_ns, _)| *due_ns).min();
        let due_ns = due_ns.map_or(STILL_NS, |due_ns| due_ns.saturating_sub(now_ns));
        // With nothing left the first nanosecond has to be earned.
        let owed = u64::try_from(self.left_ns.saturating_neg()).map_or(0, |owed| owed + 1);
        due_ns.max(owed.saturating_mul(1000) / BUDGET_PER_MILLE)
    }
}

#[cfg(test)]
mod tests;
