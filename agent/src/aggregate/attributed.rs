//! What was counted for containers, for those who judge it over time.
//!
//! In: shares of counters with their container, kind and write root. Out:
//! [`Attributed`], each share in exactly one. Invariant: bounded by what is kept
//! until it is taken, [`LEDGER_MAX`]; past it, shares are merged by container
//! and kind under [`OTHER`]. Lacks on purpose: judging.

use std::collections::HashMap;
use std::sync::Arc;

use super::OTHER;
use super::counter::Share;
use super::snapshot::Kind;
use crate::denial::Container;

/// Entries with a write root of their own: what a full kernel table can make.
const LEDGER_MAX: usize = sealwatch_ebpf::wire::COUNTS_MAX as usize;

/// Refusals of one container, alike, since the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributed {
    /// Whose.
    pub container: Arc<Container>,
    /// What, and why.
    pub kind: Kind,
    /// Where the writes belong.
    pub write_root: Arc<str>,
    /// How many.
    pub count: u64,
    /// CLOCK_MONOTONIC nanoseconds of the latest.
    pub last_ns: u64,
    /// The flags of an open, as a sample told; none where there was none.
    pub open_flags: Option<u32>,
}

type Alike = (Arc<str>, Kind, Arc<str>, Option<u32>);

/// What waits to be taken.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<Alike, Attributed>,
}

impl Ledger {
    pub(super) fn add(
        &mut self,
        container: &Arc<Container>,
        kind: Kind,
        write_root: &Arc<str>,
        share: &Share,
    ) {
        let id: Arc<str> = container.id.as_str().into();
        let mut alike = (id, kind, Arc::clone(write_root), share.open_flags);
        if self.entries.len() >= LEDGER_MAX && !self.entries.contains_key(&alike) {
            alike.2 = Arc::from(OTHER);
            alike.3 = None;
        }
        let (write_root, open_flags) = (Arc::clone(&alike.2), alike.3);
        let entry = self.entries.entry(alike).or_insert_with(|| Attributed {
            container: Arc::clone(container),
            kind,
            write_root,
            count: 0,
            last_ns: 0,
            open_flags,
        });
        entry.count += share.count;
        entry.last_ns = entry.last_ns.max(share.last_ns);
    }

    /// Everything, in the order of time.
    pub(super) fn take(&mut self) -> Vec<Attributed> {
        let mut entries: Vec<_> = std::mem::take(&mut self.entries).into_values().collect();
        entries.sort_unstable_by(|a, b| {
            let order = |entry: &Attributed| (entry.last_ns, Arc::clone(&entry.write_root));
            order(a).cmp(&order(b))
        });
        entries
    }
}
