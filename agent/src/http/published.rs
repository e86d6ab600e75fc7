//! What the hot path hands to the endpoint.
//!
//! In: snapshots, events, what the daemon waits for. Out: the latest of each.
//! Invariant: neither side waits for the other. Lacks on purpose: formats.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The counters go on from an earlier daemon's, so that zero would be wrong.
    resumes: AtomicBool,
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
            resumes: AtomicBool::new(false),
            waits_for: ArcSwap::from_pointee(parts.to_vec()),
        }
    }

    /// No metrics are told before everything is there.
    pub fn resume(&self) {
        self.resumes.store(true, Ordering::Relaxed);
    }

    /// May metrics be told? Before the first reading all counters are zero.
    pub fn has_metrics(&self) -> bool {
        !self.resumes.load(Ordering::Relaxed) || self.waits_for.load().is_empty()
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
