//! One container from start to end, and what its end tells of its start.
//!
//! In: starts, ends, failures. Out: the run that a failure belongs to; for one
//! that has ended, whether it failed to start. Invariant: a bounded number of
//! write roots and of ended runs; a start that was not seen is never called
//! failed. Lacks on purpose: counting across containers (`starts`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::OTHER;
use super::failure::Fact;
use super::root::{Phase, Root};
use super::thresholds::Thresholds;
use super::view::{Condition, RootView};
use crate::denial::Container;

/// Most ended runs of one container that wait for their last counters: what
/// Docker's restarts, which wait longer each time, reach in `settle_ns`.
const ENDED_MAX: usize = 4;
/// Most time between a control group's end and the runtime's word of it.
const EXIT_SKEW_NS: u64 = 5_000_000_000;
/// How long a runtime gets to tell an exit code by itself, and to know it.
const EXIT_WAIT_NS: u64 = 2_000_000_000;

/// The latest refusal of a run, of writes or of what a start needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) write_root: Arc<str>,
    pub(super) fact: Fact,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The control group that it lives in.
    pub(super) id: u64,
    /// When it started, where that was seen.
    pub(super) started_ns: Option<u64>,
    pub(super) seen_ns: u64,
    /// Since when successes are told.
    pub(super) successes_since_ns: Option<u64>,
    /// Has a root made room for another, and its successes been forgotten?
    pub(super) evicted: bool,
    pub(super) refused: Option<Refused>,
    /// The runtime's word of the end may come before the control group's.
    exit_code: Option<i32>,
    pub(super) roots: HashMap<Arc<str>, Root>,
}

impl Run {
    pub(super) fn new(id: u64, started_ns: Option<u64>, seen_ns: u64) -> Self {
        Run {
            id,
            started_ns,
            seen_ns,
            successes_since_ns: None,
            evicted: false,
            refused: None,
            exit_code: None,
            roots: HashMap::new(),
        }
    }

    /// From when on it counts as started.
    pub(super) fn mature_ns(&self, thresholds: &Thresholds) -> u64 {
        let since_ns = self.started_ns.unwrap_or(self.seen_ns);
        since_ns.saturating_add(thresholds.start_window_ns)
    }

    /// The root of that name, or [`OTHER`] where no room can be made for it.
    pub(super) fn root(&mut self, write_root: &str, roots_max: usize) -> (Arc<str>, &mut Root) {
        let known = self.roots.get_key_value(write_root);
        let mut name = known.map(|(name, _)| Arc::clone(name));
        let named = self.roots.len() - usize::from(self.roots.contains_key(OTHER));
        if name.is_none() && write_root != OTHER && named >= roots_max {
            let idle = self
                .roots
                .iter()
                .filter(|(name, root)| root.is_idle() && ***name != *OTHER)
                // One whose successes would be forgotten goes last.
                .min_by_key(|(name, root)| (root.succeeded, Arc::clone(name)))
                .map(|(name, _)| Arc::clone(name));
            match idle {
                Some(idle) => {
                    self.roots.remove(&idle);
                    self.evicted = true;
                }
                None => name = Some(Arc::from(OTHER)),
            }
        }
        let name = name.unwrap_or_else(|| Arc::from(write_root));
        let root = self
            .roots
            .entry(Arc::clone(&name))
            .or_insert_with(|| Root::new(&name));
        (name, root)
    }

    pub(super) fn note_refused(&mut self, refused: Refused) {
        note(&mut self.refused, refused);
    }

    /// A root as others see it; none where nothing has failed.
    pub(super) fn view(&self, container: &Arc<Container>, name: &str) -> Option<RootView> {
        let (name, root) = self.roots.get_key_value(name)?;
        let (episode, last) = (root.episode()?, root.last.as_ref()?);
        let (condition, ending) = match root.phase {
            Phase::Healthy => (Condition::Healthy, None),
            Phase::Failing(_) => (Condition::Failing, None),
            Phase::Degraded(_) => (Condition::Degraded, None),
            Phase::Recovered { by, .. } => (Condition::Recovered, Some(by)),
        };
        Some(RootView {
            container: Arc::clone(container),
            write_root: Arc::clone(name),
            condition,
            since: episode.first,
            failures: episode.failures,
            last: last.wall,
            operation: last.operation,
            errno: last.errno,
            cause: last.cause,
            lsm: last.lsm,
            gap: root.gap.map(|gap| Duration::from_nanos(gap.length_ns)),
            cache: root.cache(),
            ever_succeeded: self.ever_succeeded(name, root),
            ending,
        })
    }

    /// Did writes under a root succeed in this run? Only one that was watched
    /// from its first moment can have failed to.
    fn ever_succeeded(&self, write_root: &str, root: &Root) -> Option<bool> {
        let watched = match (self.successes_since_ns, self.started_ns) {
            (Some(since_ns), Some(started_ns)) => since_ns <= started_ns,
            (None, _) | (_, None) => false,
        };
        match root.succeeded {
            true => Some(true),
            false if watched && !self.evicted && write_root.starts_with('/') => Some(false),
            false => None,
        }
    }
}

fn note(latest: &mut Option<Refused>, refused: Refused) {
    if latest
        .as_ref()
        .is_none_or(|latest| latest.fact.at_ns <= refused.fact.at_ns)
    {
        *latest = Some(refused);
    }
}

/// A run that is over, while late counters may still tell of it.
#[derive(Clone, Debug)]
pub(super) struct EndedRun {
    started_ns: Option<u64>,
    pub(super) ended_ns: u64,
    pub(super) exit_code: Option<i32>,
    /// Somebody has been told that the exit code is wanted.
    asked: bool,
    refused: Option<Refused>,
}

impl EndedRun {
    /// The refusal that a failed start is blamed on, if it was one.
    pub(super) fn blamed(&self, thresholds: &Thresholds) -> Option<&Refused> {
        let lived_ns = self.ended_ns.saturating_sub(self.started_ns?);
        let refused = self.refused.as_ref()?;
        let before_ns = self.ended_ns.saturating_sub(refused.fact.at_ns);
        let failed = lived_ns < thresholds.start_window_ns
            && before_ns <= thresholds.blame_ns
            && self.exit_code != Some(0);
        failed.then_some(refused)
    }

    /// Is its exit code wanted, which no runtime has told by itself so far? Says
    /// yes once.
    fn ask(&mut self, now_ns: u64, thresholds: &Thresholds) -> bool {
        let wanted = !self.asked
            && self.exit_code.is_none()
            && now_ns.saturating_sub(self.ended_ns) >= EXIT_WAIT_NS
            && self.blamed(thresholds).is_some();
        self.asked |= wanted;
        wanted
    }

    /// Is all told that will be told?
    pub(super) fn is_settled(&self, described: bool, now_ns: u64, thresholds: &Thresholds) -> bool {
        let wait_ns = match described {
            true => thresholds.settle_ns,
            false => thresholds.settle_ns.saturating_add(thresholds.name_wait_ns),
        };
        now_ns.saturating_sub(self.ended_ns) >= wait_ns
    }
}

/// What is kept of one container.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) container: Arc<Container>,
    pub(super) run: Option<Run>,
    /// The oldest first.
    pub(super) ended: Vec<EndedRun>,
    /// End of the latest run: what comes later and is older belongs to nobody.
    pub(super) ended_ns: Option<u64>,
    /// Its id.
    pub(super) ended_id: Option<u64>,
    /// When it was read from the state file, until it is seen alive.
    pub(super) restored_ns: Option<u64>,
}

impl Held {
    pub(super) fn new(container: Arc<Container>) -> Self {
        Held {
            container,
            run: None,
            ended: Vec::new(),
            ended_ns: None,
            ended_id: None,
            restored_ns: None,
        }
    }

    /// Takes in the end of the current run. The second is one that has to be
    /// judged now, because there is no more room to wait.
    pub(super) fn end(
        &mut self,
        ended_ns: u64,
        exit_code: Option<i32>,
    ) -> (Option<Run>, Option<EndedRun>) {
        let Some(run) = self.run.take() else {
            // The runtime's word may come after the control group's.
            if let Some(ended) = self.ended.last_mut() {
                ended.exit_code = ended.exit_code.or(exit_code);
            }
            return (None, None);
        };
        self.restored_ns = None;
        self.ended_ns = Some(ended_ns);
        self.ended_id = Some(run.id);
        self.ended.push(EndedRun {
            started_ns: run.started_ns,
            ended_ns,
            exit_code: exit_code.or(run.exit_code),
            asked: false,
            refused: run.refused.clone(),
        });
        let crowded = self.ended.len() > ENDED_MAX;
        (Some(run), crowded.then(|| self.ended.remove(0)))
    }

    /// Is an exit code of its ended runs wanted? Says yes once for each.
    pub(super) fn ask(&mut self, now_ns: u64, thresholds: &Thresholds) -> bool {
        let asked = self.ended.iter_mut().map(|run| run.ask(now_ns, thresholds));
        asked.fold(false, |any, run| any | run)
    }

    /// Takes in the exit code of the run that ended at about that moment: one
    /// that has ended then, or the current one, which is about to.
    pub(super) fn note_exit_code(&mut self, exit_code: i32, at_ns: u64) {
        let ended = self.ended.iter_mut().filter(|ended| {
            ended.exit_code.is_none() && ended.ended_ns.abs_diff(at_ns) <= EXIT_SKEW_NS
        });
        let nearest = ended.min_by_key(|ended| ended.ended_ns.abs_diff(at_ns));
        // An engine may tell again of what happened before the run began.
        let begun = |run: &&mut Run| {
            let since_ns = run.started_ns.unwrap_or(0);
            since_ns <= at_ns.saturating_add(EXIT_SKEW_NS)
        };
        let slot = match (nearest, self.run.as_mut().filter(begun)) {
            (Some(ended), _) => &mut ended.exit_code,
            (None, Some(run)) => &mut run.exit_code,
            (None, None) => return,
        };
        slot.get_or_insert(exit_code);
    }

    /// The run that a refusal of that moment belongs to. Those of an ended one
    /// are noted here.
    pub(super) fn run_at(&mut self, refused: &Refused, now_ns: u64) -> Option<&mut Run> {
        let at_ns = refused.fact.at_ns;
        let before_run = self
            .run
            .as_ref()
            .is_none_or(|run| run.started_ns.is_some_and(|started_ns| at_ns < started_ns));
        if before_run {
            let ended = self.ended.iter_mut().rev().find(|ended| {
                at_ns <= ended.ended_ns && ended.started_ns.is_none_or(|ns| ns <= at_ns)
            });
            if let Some(ended) = ended {
                note(&mut ended.refused, refused.clone());
                return None;
            }
            if self.ended_ns.is_some_and(|ended_ns| at_ns <= ended_ns) {
                return None;
            }
        }
        // A start that was not seen, or is told a little later than it was.
        Some(self.run.get_or_insert_with(|| Run::new(0, None, now_ns)))
    }

    /// May it make room for another container? The second says at what price:
    /// a run that is forgotten has an unknown start when it fails.
    pub(super) fn idle(&self) -> Option<bool> {
        let idle = self.ended.is_empty()
            && self
                .run
                .as_ref()
                .is_none_or(|run| run.roots.is_empty() && run.refused.is_none());
        idle.then_some(self.run.is_some())
    }
}
