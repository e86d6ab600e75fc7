//! How telling goes, for others to show.
//!
//! In: what the senders did. Out: [`ReceiverState`]s and losses. Invariant: numbers
//! that only grow, but for what waits; nobody waits for anybody. Lacks on
//! purpose: formats.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::kubernetes;
use super::receiver::Receiver;
use crate::aggregate::{Alerts, ReceiverState};
use crate::denial::{Loss, Stage};

/// Loss: a notice that gave way to newer ones while its receiver did not answer.
pub const REASON_QUEUE_FULL: &str = "notice_queue_full";
/// Loss: a notice that its receiver will never take.
pub const REASON_REFUSED: &str = "notice_refused";
/// Loss: a text of what is to be told that could not be written.
pub const REASON_UNWRITTEN: &str = "notices_unwritten";
/// Loss: a file of what an earlier daemon had to tell that could not be used.
pub const REASON_UNREADABLE: &str = "notices_unreadable";

/// One receiver's numbers.
#[derive(Debug)]
pub(super) struct Numbers {
    kind: &'static str,
    label: String,
    pub(super) sent: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) down: AtomicBool,
}

/// Everybody's.
#[derive(Debug)]
pub struct Delivery {
    pub(super) receivers: Vec<Numbers>,
    pub(super) firing: AtomicU64,
    pub(super) left_out: AtomicU64,
    pub(super) unwritten: AtomicU64,
    pub(super) unreadable: AtomicU64,
    /// Kubernetes Events, where they are asked for.
    pub(super) events: Option<Arc<kubernetes::Numbers>>,
}

impl Delivery {
    pub(super) fn new(receivers: &[Receiver], events: bool) -> Self {
        let numbers = receivers.iter().map(|receiver| Numbers {
            kind: receiver.kind.label(),
            label: receiver.label.clone(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            down: AtomicBool::new(false),
        });
        Delivery {
            receivers: numbers.collect(),
            firing: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            events: events.then(Arc::default),
        }
    }

    /// How it is now.
    pub fn shown(&self) -> Alerts {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let receivers = self.receivers.iter().map(|one| ReceiverState {
            kind: one.kind,
            receiver: one.label.clone(),
            sent: read(&one.sent),
            failed: read(&one.failed),
            waiting: read(&one.waiting),
            up: !one.down.load(Ordering::Relaxed),
        });
        Alerts {
            receivers: receivers.collect(),
            firing: read(&self.firing),
            left_out: read(&self.left_out),
            events: self.events.as_ref().map(|numbers| numbers.shown()),
        }
    }

    /// What was never told or kept, cumulative.
    pub fn losses(&self) -> [Loss; 4] {
        let sum = |of: fn(&Numbers) -> &AtomicU64| {
            let all = self.receivers.iter();
            all.map(|one| of(one).load(Ordering::Relaxed)).sum()
        };
        let loss = |reason, count| Loss {
            stage: Stage::Alert,
            reason,
            count,
        };
        [
            loss(REASON_QUEUE_FULL, sum(|one| &one.dropped)),
            loss(REASON_REFUSED, sum(|one| &one.refused)),
            loss(REASON_UNWRITTEN, self.unwritten.load(Ordering::Relaxed)),
            loss(REASON_UNREADABLE, self.unreadable.load(Ordering::Relaxed)),
        ]
    }
}
