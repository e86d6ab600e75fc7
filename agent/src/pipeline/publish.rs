//! What has changed becomes the snapshot that the sinks read.
//!
//! In: the aggregate, the names, the runtimes' state, losses. Out: a published
//! snapshot. Invariant: nothing is published where nothing has changed. Lacks on
//! purpose: formats.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Now, Pipeline};
use crate::aggregate::{HookState, RuntimeState};
use crate::denial::{Loss, Stage};
use crate::events::EventWriter;
use crate::identity::LookUp;
use crate::identity::status::RuntimeStatus;
use crate::logging;
use crate::source::Source;

/// Loss: a look-up that found the runtimes' queue full.
pub const REASON_LOOK_UP_DROPPED: &str = "look_up_dropped";

/// What the pipeline tells the runtimes, and how they are.
#[derive(Debug)]
pub struct RuntimeEnds {
    /// Questions.
    pub look_ups: mpsc::Sender<LookUp>,
    /// How the sockets are.
    pub status: Arc<RuntimeStatus>,
}

impl<S: Source> Pipeline<S> {
    pub(super) fn note_runtimes(&mut self) {
        let mut dropped = self.look_ups_dropped;
        let mut states = Vec::new();
        for report in self
            .runtimes
            .iter()
            .flat_map(|runtimes| runtimes.status.report())
        {
            dropped += report.look_ups_dropped;
            states.push(RuntimeState {
                runtime: report.runtime.to_owned(),
                endpoint: report.endpoint,
                up: report.up,
            });
        }
        self.aggregate.lost_in_all(Loss {
            stage: Stage::Identity,
            reason: REASON_LOOK_UP_DROPPED,
            count: dropped,
        });
        self.names_changed |= states != self.runtime_states;
        self.runtime_states = states;
    }

    /// Shows the hooks anew where the source attached more of them.
    pub(super) fn note_hooks(&mut self) {
        if let Some(plan) = self.source.plan_changed() {
            self.hooks = HookState::of(plan).into();
            self.names_changed = true;
        }
    }

    pub(super) fn publish(&mut self, now: Now) {
        let tmpfs_changed = self.note_tmpfs();
        let layers_changed = self.note_layers();
        let losses = self.identity.losses().into_iter();
        let losses = losses.chain(self.events.iter().flat_map(EventWriter::losses));
        let losses = losses.chain(logging::losses());
        losses.for_each(|loss| self.aggregate.lost_in_all(loss));
        let names_changed = std::mem::take(&mut self.names_changed);
        if names_changed {
            // One that no runtime has described yet shows itself by a denial at
            // the earliest, so that no short-lived name makes a series.
            let described = self
                .identity
                .containers()
                .filter(|container| container.described);
            described.for_each(|container| self.aggregate.meet(container));
        }
        let state_changed = self.judge.take_changed() || tmpfs_changed || layers_changed;
        let changed = self.aggregate.changed() || names_changed || state_changed;
        if !changed && !self.resumption.withheld {
            return;
        }
        self.resumption.withheld = !self.keep_counts(now);
        if self.resumption.withheld {
            return;
        }
        let tracked = self.identity.tracked();
        let mut snapshot = self.aggregate.snapshot();
        snapshot.state = self.judge.shown();
        snapshot.tmpfs = self.filling();
        snapshot.inventory = Arc::clone(&self.switches.sums);
        snapshot.breaches = Arc::clone(&self.breaches_shown);
        snapshot.inventoried = self.switches.containers();
        snapshot.layers = self.layers();
        snapshot.hooks = Arc::clone(&self.hooks);
        snapshot.runtimes = self.runtime_states.clone();
        snapshot.alerts = self.alerts_shown.clone();
        if let Some(postures) = &self.postures {
            snapshot.postures = postures.judged();
        }
        snapshot.ended = self.ends.shown();
        snapshot.loaded = self.orders.loaded();
        snapshot.containers = tracked.containers;
        snapshot.undescribed = tracked.undescribed;
        self.published.snapshot.store(Arc::new(snapshot));
    }
}
