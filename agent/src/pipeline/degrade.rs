//! Lives, samples and counts reach the state machine; what it finds goes on.
//!
//! In: [`Life`]s, samples, what the aggregate has attributed. Out: events of
//! transitions, the state that is published. Invariant: what is counted in a
//! tick is judged in that tick; time passes for the machine once a second
//! though nothing happens. Lacks on purpose: judging, which `degrade` does.

use std::sync::Arc;

use super::keep::Keeper;
use super::{Now, Pipeline};
use crate::degrade::{Change, Degrade, Failure, Moment, Shown, Thresholds, Transition};
use crate::denial::{Container, Denial, Loss, Runtime, Stage};
use crate::events::Event;
use crate::identity::{Ended, Identity, Life, LookUp};
use crate::inventory::{ContainerWrites, RUNTIME};
use crate::source::Source;
use crate::state_file::{REASON_UNREADABLE, REASON_UNWRITTEN};

/// The state machine, and what of it is shown.
pub(super) struct Judge {
    degrade: Degrade,
    keeper: Option<Keeper>,
    /// It was told something since `shown` was made.
    told: bool,
    shown: Arc<Shown>,
    /// Has `shown` changed since it was published?
    changed: bool,
}

pub(super) fn moment(now: Now) -> Moment {
    Moment {
        monotonic_ns: now.monotonic_ns,
        wall: now.wall,
    }
}

impl Judge {
    pub(super) fn new(degrade: Degrade, keeper: Option<Keeper>) -> Self {
        Judge {
            degrade,
            keeper,
            told: true,
            shown: Arc::default(),
            changed: false,
        }
    }

    pub(super) fn lives(&mut self, lives: &[Life], identity: &Identity, now: Now) {
        let now = moment(now);
        for life in lives {
            match life {
                Life::Begun {
                    container,
                    cgroup,
                    born_ns,
                    ..
                } => {
                    if let Some(container) = identity.container(container) {
                        self.degrade.started(container, cgroup.0, *born_ns, now);
                    }
                }
                Life::Ended { container } => self.degrade.exited(container, None, now),
            }
        }
        self.told |= !lives.is_empty();
    }

    pub(super) fn described(&mut self, container: &Arc<Container>, ended: Option<Ended>, now: Now) {
        self.degrade.described(container);
        if let Some(Ended { exit_code, time }) = ended {
            let ago = now.wall.duration_since(time).unwrap_or_default();
            let ago_ns = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
            let at_ns = now.monotonic_ns.saturating_sub(ago_ns);
            self.degrade.exit_code(&container.id, exit_code, at_ns);
        }
        self.told = true;
    }

    pub(super) fn sampled(
        &mut self,
        container: &Arc<Container>,
        write_root: &str,
        denial: &Denial,
    ) {
        self.degrade.sampled(container, write_root, denial);
    }

    /// Judges by other numbers from now on.
    pub(super) fn replace(&mut self, thresholds: Thresholds) {
        self.degrade.replace(thresholds);
        self.told = true;
    }

    /// A container's successful writes are counted from now on.
    pub(super) fn watched(&mut self, container: &str, now: Now) {
        self.degrade.watched(container, now.monotonic_ns);
    }

    /// Takes in the successful writes of the containers that are watched; the
    /// failures that were counted with them are taken in before. To hear of one
    /// again is harmless.
    pub(super) fn successes(&mut self, writes: &[ContainerWrites], now: Now) {
        for container in writes {
            let own = container
                .rows
                .iter()
                .filter(|row| &*row.write_root != RUNTIME);
            for row in own.filter(|row| row.last_ns > 0) {
                let (whose, root) = (&container.container, &row.write_root);
                self.degrade
                    .succeeded(whose, root, row.last_ns, moment(now));
            }
        }
        self.told |= !writes.is_empty();
    }

    pub(super) fn retire(&mut self, container: &str, now: Now) {
        self.degrade.retire(container, moment(now));
        self.told = true;
    }

    fn tick(&mut self, now: Now) -> Vec<Transition> {
        let transitions = self.degrade.tick(moment(now));
        // A failed start that is forgotten makes no transition.
        let starts = self.shown.starts.len() != self.degrade.starts_len();
        let changed = std::mem::take(&mut self.told) || starts || !transitions.is_empty();
        if let Some(keeper) = &mut self.keeper {
            if changed {
                keeper.note_change();
            }
            keeper.tick(&self.degrade, now);
        }
        if changed {
            let shown = self.degrade.shown(moment(now));
            if *self.shown != shown {
                self.shown = Arc::new(shown);
                self.changed = true;
            }
        }
        transitions
    }

    /// The last word, for the next daemon.
    pub(super) fn finish(self, now: Now) {
        if let Some(keeper) = self.keeper {
            keeper.finish(&self.degrade, now);
        }
    }

    pub(super) fn losses(&self) -> Option<Loss> {
        let keeper = self.keeper.as_ref()?;
        Some(Loss {
            stage: Stage::State,
            reason: REASON_UNWRITTEN,
            count: keeper.unwritten(),
        })
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

impl<S: Source> Pipeline<S> {
    /// Has the state machine take in what was counted.
    pub(super) fn judge_denials(&mut self, now: Now) {
        let attributed = self.aggregate.take_attributed();
        self.judge.told |= !attributed.is_empty();
        for part in &attributed {
            let failure = Failure {
                write_root: &part.write_root,
                count: part.count,
                last_ns: part.last_ns,
                operation: part.kind.operation,
                errno: part.kind.errno,
                cause: part.kind.cause,
                lsm: part.kind.lsm,
                open_flags: part.open_flags,
            };
            let degrade = &mut self.judge.degrade;
            degrade.denied(&part.container, &failure, moment(now));
        }
    }

    /// The file of an earlier daemon could not be used.
    pub fn state_unreadable(&mut self) {
        self.aggregate.lose(Loss {
            stage: Stage::State,
            reason: REASON_UNREADABLE,
            count: 1,
        });
    }

    /// Asks the runtimes for exit codes that they have not told by themselves.
    fn ask_for_exit_codes(&mut self, now: Now) {
        for container in self.judge.degrade.unexplained_ends(moment(now)) {
            match container.runtime {
                // Theirs comes as an event; a container run with --rm is gone by now.
                Runtime::Docker | Runtime::Podman => continue,
                Runtime::Containerd | Runtime::Crio | Runtime::Unspecified => {}
            }
            let Some(runtimes) = &self.runtimes else {
                return;
            };
            let look_up = LookUp {
                id: container.id.clone(),
                runtime: container.runtime,
            };
            if runtimes.look_ups.try_send(look_up).is_err() {
                self.look_ups_dropped += 1;
            }
        }
    }

    /// Lets time pass for the state machine, and tells what has changed.
    pub(super) fn tell_transitions(&mut self, now: Now) {
        self.ask_for_exit_codes(now);
        let transitions = self.judge.tick(now);
        if let Some(loss) = self.judge.losses() {
            self.aggregate.lost_in_all(loss);
        }
        for transition in transitions {
            log(&transition.change);
            self.tell(Event::transition(&transition));
        }
    }
}

/// A line for whoever reads the log only.
fn log(change: &Change) {
    let what = change.label();
    match change {
        Change::Degraded(root) | Change::Recovered(root) | Change::Ended(root) => {
            tracing::info!(
                container = root.container.name,
                write_root = &*root.write_root,
                failures = root.failures,
                "writes: {what}"
            );
        }
        Change::FailingToStart(start) | Change::Started(start) => {
            tracing::info!(
                container = start.workload.container,
                write_root = &*start.write_root,
                failures = start.failures,
                "start: {what}"
            );
        }
    }
}
