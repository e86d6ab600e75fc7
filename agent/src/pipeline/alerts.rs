//! How telling of alerts goes, on its way into the snapshot.
//!
//! In: the sink's numbers. Out: [`Alerts`](crate::aggregate::Alerts), losses.
//! Invariant: nothing is waited for. Lacks on purpose: telling.

use std::sync::Arc;

use super::Pipeline;
use crate::alert::Delivery;
use crate::source::Source;

impl<S: Source> Pipeline<S> {
    /// Shows how telling of alerts goes.
    pub fn with_alerts(mut self, delivery: Arc<Delivery>) -> Self {
        self.alerting = Some(delivery);
        self
    }

    pub(super) fn note_alerts(&mut self) {
        let Some(delivery) = &self.alerting else {
            return;
        };
        for loss in delivery.losses() {
            self.aggregate.lost_in_all(loss);
        }
        let alerts = delivery.shown();
        self.names_changed |= alerts != self.alerts_shown;
        self.alerts_shown = alerts;
    }
}
