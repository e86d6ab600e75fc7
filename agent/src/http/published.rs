//! What the hot path hands to the endpoint.
//!
//! In: snapshots, events, what the daemon waits for. Out: the latest of each.
//! Invariant: neither side waits for the other. Lacks on purpose: formats.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::aggregate::Snapshot;
use crate::events::History;

/// What the hot path publishes and the endpoint reads.
#[derive(Debug)]
pub struct Published {
    /// The latest state.
    pub snapshot: ArcSwap<Snapshot>,
    /// The latest events.
    pub history: History,
    /// Names under which pages and lists may be asked for besides the machine's
    /// own, with `*` for anything.
    pub allowed_hosts: Arc<ArcSwap<Vec<String>>>,
    /// What the daemon still waits for; empty once it is ready.
    waits_for: ArcSwap<Vec<&'static str>>,
}

impl Published {
    /// Nothing seen, and waiting for the parts named.
    pub fn waiting_for(parts: &[&'static str]) -> Self {
        Published {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            history: History::begun(SystemTime::now()),
            allowed_hosts: Arc::default(),
            waits_for: ArcSwap::from_pointee(parts.to_vec()),
        }
    }

    /// A part is there.
    pub fn has(&self, part: &str) {
        self.waits_for.rcu(|parts| {
            parts
                .iter()
                .filter(|waiting| **waiting != part)
                .copied()
                .collect::<Vec<_>>()
        });
    }

    /// What is not there yet.
    pub fn waits_for(&self) -> Vec<&'static str> {
        self.waits_for.load().to_vec()
    }
}
