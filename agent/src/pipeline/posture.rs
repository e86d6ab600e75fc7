//! What was read of the containers' mounts becomes their postures.
//!
//! In: lives, the reader's report, names. Out: [`Posture`]s of the containers
//! that a runtime has described. Invariant: a container is judged anew only where
//! what was read of it, or what is known of it, has changed. Lacks on purpose:
//! reading and judging.

use std::collections::HashMap;
use std::sync::Arc;

use super::Pipeline;
use super::lives::Untold;
use crate::denial::{Container, Loss, Stage};
use crate::identity::Life;
use crate::posture::{Posture, Reader, Watched, judge};
use crate::source::Source;

/// Loss: the mounts of a container that is not watched, as there are too many.
pub const REASON_POSTURE_TABLE_FULL: &str = "posture_table_full";

/// The reader, what it could not be told yet, and what came of its report.
pub(super) struct Postures {
    reader: Reader,
    untold: Untold,
    by_id: HashMap<String, Arc<Posture>>,
    judged: Arc<[Arc<Posture>]>,
}

impl Postures {
    pub(super) fn new(reader: Reader) -> Self {
        Postures {
            reader,
            untold: Untold::default(),
            by_id: HashMap::new(),
            judged: Arc::new([]),
        }
    }

    pub(super) fn tell_all(&mut self, lives: &[Life]) {
        let Postures { reader, untold, .. } = self;
        untold.tell(lives, |life| tell(reader, life));
    }

    /// A runtime told something of it: its mounts may have changed as well.
    pub(super) fn look(&self, container: &str) {
        if self.by_id.contains_key(container) {
            self.reader.look(&container.into());
        }
    }

    /// Ordered by labels.
    pub(super) fn judged(&self) -> Arc<[Arc<Posture>]> {
        Arc::clone(&self.judged)
    }

    /// Judges these containers; true where something differs.
    fn judge<'a>(&mut self, containers: impl Iterator<Item = &'a Arc<Container>>) -> bool {
        let report = self.reader.report();
        let mut by_id = HashMap::new();
        let mut differs = false;
        for container in containers.filter(|container| container.described) {
            let Some(facts) = report.containers.get(container.id.as_str()) else {
                continue;
            };
            let known = self.by_id.remove(&container.id).filter(|known| {
                Arc::ptr_eq(&known.facts, facts) && Arc::ptr_eq(&known.container, container)
            });
            let posture = known.unwrap_or_else(|| {
                differs = true;
                Arc::new(judge(facts, container))
            });
            by_id.insert(container.id.clone(), posture);
        }
        differs |= !self.by_id.is_empty();
        self.by_id = by_id;
        if differs {
            let mut judged: Vec<_> = self.by_id.values().cloned().collect();
            let key = |posture: &Arc<Posture>| {
                let Container {
                    namespace,
                    pod,
                    name,
                    id,
                    ..
                } = &*posture.container;
                [namespace, pod, name, id].map(String::clone)
            };
            judged.sort_by_cached_key(key);
            self.judged = judged.into();
        }
        differs
    }
}

/// False where the reader has no room.
fn tell(reader: &Reader, life: &Life) -> bool {
    match life {
        Life::Begun {
            container, home, ..
        } => reader.watch(Watched {
            container: Arc::clone(container),
            group: home.to_vec(),
        }),
        Life::Ended { container } => reader.forget(container),
    }
}

impl<S: Source> Pipeline<S> {
    /// Judges what was read since the last time.
    pub(super) fn note_postures(&mut self) {
        let Some(postures) = &mut self.postures else {
            return;
        };
        self.names_changed |= postures.judge(self.identity.containers());
        self.aggregate.lost_in_all(Loss {
            stage: Stage::Identity,
            reason: REASON_POSTURE_TABLE_FULL,
            count: postures.reader.report().overflow,
        });
    }
}
