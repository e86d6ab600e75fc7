//! What is active, and what each receiver has to be told of it.
//!
//! In: alerts, time, what was delivered. Out: batches. Invariant: pure; all
//! receivers are told of the same episodes. Lacks on purpose: waiting, sending.

use std::sync::Arc;
use std::time::Duration;

use super::Alert;
use super::outbox::{Batch, Outbox};
use super::track::{Episode, Notice, Tracker};
use crate::degrade::Moment;

/// Shared by the task that looks and those that send.
#[derive(Debug)]
pub(super) struct Board {
    tracker: Tracker,
    outboxes: Vec<Outbox>,
    /// Something of it is not in the state file.
    unsaved: bool,
}

impl Board {
    pub(super) fn new(tracker: Tracker, outboxes: Vec<Outbox>) -> Self {
        Board {
            tracker,
            outboxes,
            unsaved: false,
        }
    }

    /// Takes in everything that is so now; true where something has begun or ended.
    pub(super) fn observe(&mut self, alerts: Vec<(Alert, Duration)>, now: Moment) -> bool {
        let notices: Vec<Notice> = self.tracker.observe(alerts, now);
        for outbox in &mut self.outboxes {
            outbox.take_in(&notices);
        }
        self.unsaved |= !notices.is_empty();
        !notices.is_empty()
    }

    /// What to send to a receiver now, if anything.
    pub(super) fn batch(&self, receiver: usize, now: Moment) -> Option<Batch> {
        self.outboxes[receiver].batch(self.tracker.active(), now)
    }

    /// When there will be something though nothing changes.
    pub(super) fn due_ns(&self, receiver: usize) -> Option<u64> {
        self.outboxes[receiver].due_ns(self.tracker.active().len())
    }

    pub(super) fn delivered(&mut self, receiver: usize, batch: &Batch, now: Moment) {
        self.unsaved = true;
        self.outboxes[receiver].delivered(batch, now);
    }

    /// Tells how many notices are lost by it.
    pub(super) fn refused(&mut self, receiver: usize, batch: &Batch, now: Moment) -> u64 {
        self.unsaved = true;
        self.outboxes[receiver].refused(batch, now)
    }

    pub(super) fn outbox(&self, receiver: usize) -> &Outbox {
        &self.outboxes[receiver]
    }

    pub(super) fn active(&self) -> impl ExactSizeIterator<Item = &Arc<Episode>> {
        self.tracker.active()
    }

    /// Has anything changed since this was asked the last time?
    pub(super) fn take_unsaved(&mut self) -> bool {
        std::mem::take(&mut self.unsaved)
    }

    /// It could not be written.
    pub(super) fn keep_unsaved(&mut self) {
        self.unsaved = true;
    }
}
