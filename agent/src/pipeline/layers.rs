//! The walker's reports become part of the snapshot.
//!
//! In: reports, names. Out: [`Layers`]. Invariant: nothing here waits; where
//! neither a report nor a name is new, a call is one comparison. Lacks on
//! purpose: walking.

use std::collections::HashMap;
use std::sync::Arc;

use super::Pipeline;
use super::lives::Untold;
use crate::aggregate::layers::Layers;
use crate::config::Limits;
use crate::identity::{Identity, Life};
use crate::layer::{Report, Walker, Watched};
use crate::source::Source;

/// The walker of writable layers, what it could not be told yet, and what it told.
pub(super) struct Layering {
    walker: Walker,
    untold: Untold,
    limits: Limits,
    taken: Arc<Report>,
    stuck: bool,
    shown: Arc<Layers>,
}

impl Layering {
    pub(super) fn new(walker: Walker, limits: Limits) -> Self {
        Layering {
            taken: walker.report(),
            walker,
            untold: Untold::default(),
            limits,
            stuck: false,
            shown: Arc::default(),
        }
    }

    pub(super) fn tell_all(&mut self, lives: &[Life]) {
        let walker = &self.walker;
        self.untold.tell(lives, |life| match life {
            Life::Begun {
                container, home, ..
            } => walker.watch(Watched {
                container: Arc::clone(container),
                group: home.to_vec(),
            }),
            Life::Ended { container } => walker.forget(container),
        });
    }

    fn take(&mut self, identity: &Identity, names_changed: bool) -> bool {
        let (report, stuck) = (self.walker.report(), self.walker.is_stuck());
        if Arc::ptr_eq(&report, &self.taken) && stuck == self.stuck && !names_changed {
            return false;
        }
        let owners: HashMap<_, _> = identity
            .containers()
            .map(|container| (container.id.as_str(), container))
            .collect();
        let layers = Layers::of(&report, &owners, &self.limits, stuck);
        (self.taken, self.stuck) = (report, stuck);
        if layers.is_as(&self.shown) {
            return false;
        }
        self.shown = Arc::new(layers);
        true
    }
}

impl<S: Source> Pipeline<S> {
    /// Takes in the latest report; tells whether something else is to be shown.
    pub(super) fn note_layers(&mut self) -> bool {
        let names_changed = self.names_changed;
        let layering = self.layering.as_mut();
        layering.is_some_and(|layering| layering.take(&self.identity, names_changed))
    }

    pub(super) fn layers(&self) -> Arc<Layers> {
        let layering = self.layering.as_ref();
        layering.map_or_else(Arc::default, |layering| Arc::clone(&layering.shown))
    }
}
