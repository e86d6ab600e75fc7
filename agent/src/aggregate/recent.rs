//! Samples become a bounded list of what was denied lately.
//!
//! In: explained samples and the counts of their counters. Out: one row per
//! owner, operation, errno, cause and path. Invariant: at most [`ROWS_MAX`]
//! rows, at most [`ROWS_PER_OWNER_MAX`] of one owner; the oldest leave first.
//! Lacks on purpose: totals, which `series` keeps.

use std::collections::HashMap;
use std::sync::Arc;

use super::snapshot::{Explained, Recent};
use crate::denial::{Cause, Errno, Operation, Owner};

/// Most rows in all.
pub const ROWS_MAX: usize = 2_048;
/// Most rows of one owner.
pub const ROWS_PER_OWNER_MAX: usize = 256;

/// What makes a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RowKey {
    owner: String,
    operation: Operation,
    errno: Errno,
    cause: Cause,
    path: Vec<u8>,
}

impl RowKey {
    pub(super) fn of(sample: &Explained) -> Self {
        RowKey {
            owner: owner_key(&sample.owner),
            operation: sample.denial.operation,
            errno: sample.denial.errno,
            cause: sample.verdict.cause,
            path: sample.denial.path.bytes.clone(),
        }
    }
}

fn owner_key(owner: &Owner) -> String {
    match owner {
        Owner::Container(container) => container.id.clone(),
        Owner::Host => "host".to_owned(),
        Owner::Unknown(reason) => reason.label().to_owned(),
    }
}

#[derive(Debug)]
struct Row {
    recent: Recent,
    touched: u64,
}

/// The list.
#[derive(Debug, Default)]
pub(super) struct RecentTable {
    rows: HashMap<RowKey, Row>,
    per_owner: HashMap<String, usize>,
    clock: u64,
}

impl RecentTable {
    /// Puts a sample into its row; `exact` tells whether the row's count comes
    /// from its counter ([`RecentTable::count`]) or from its samples.
    pub(super) fn sample(&mut self, key: &RowKey, sample: Arc<Explained>, exact: bool) {
        self.clock += 1;
        let seen = u64::from(!exact);
        if let Some(row) = self.rows.get_mut(key) {
            row.touched = self.clock;
            row.recent.count += seen;
            row.recent.exact &= exact;
            row.recent.sample = sample;
            return;
        }
        if self
            .per_owner
            .get(&key.owner)
            .is_some_and(|rows| *rows >= ROWS_PER_OWNER_MAX)
        {
            self.evict(
                |candidate| candidate.owner == key.owner,
                ROWS_PER_OWNER_MAX / 4,
            );
        }
        if self.rows.len() >= ROWS_MAX {
            self.evict(|_| true, ROWS_MAX / 8);
        }
        *self.per_owner.entry(key.owner.clone()).or_default() += 1;
        let first = sample.time;
        let recent = Recent {
            sample,
            count: seen,
            exact,
            first,
        };
        self.rows.insert(
            key.clone(),
            Row {
                recent,
                touched: self.clock,
            },
        );
    }

    /// Adds refusals to a row, if it is still there.
    pub(super) fn count(&mut self, key: &RowKey, count: u64) {
        if let Some(row) = self.rows.get_mut(key) {
            row.recent.count += count;
        }
    }

    /// Lets the rows of a container go.
    pub(super) fn retire(&mut self, container_id: &str) {
        if self.per_owner.remove(container_id).is_some() {
            self.rows.retain(|key, _| key.owner != container_id);
        }
    }

    /// Removes the oldest of those chosen, several at once so that a stream of
    /// new rows does not look for the oldest every time.
    fn evict(&mut self, chosen: impl Fn(&RowKey) -> bool, how_many: usize) {
        let mut ages: Vec<u64> = self
            .rows
            .iter()
            .filter(|(key, _)| chosen(key))
            .map(|(_, row)| row.touched)
            .collect();
        ages.sort_unstable();
        let Some(&newest_to_go) = ages.get(how_many.saturating_sub(1).min(ages.len().max(1) - 1))
        else {
            return;
        };
        let per_owner = &mut self.per_owner;
        self.rows.retain(|key, row| {
            let stays = row.touched > newest_to_go || !chosen(key);
            if !stays && let Some(rows) = per_owner.get_mut(&key.owner) {
                *rows -= 1;
            }
            stays
        });
        self.per_owner.retain(|_, rows| *rows > 0);
    }

    /// Every row, the latest first.
    pub(super) fn rows(&self) -> Vec<Recent> {
        let mut rows: Vec<_> = self.rows.values().collect();
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.touched));
        rows.into_iter().map(|row| row.recent.clone()).collect()
    }
}
