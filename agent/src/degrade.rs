//! Denials over time become the state of the containers: degraded, or failing to start.
//!
//! In: failures and successes under write roots, starts and ends of containers,
//! [`Moment`]s. Out: [`Transition`]s, and views of what holds now. Invariant: a
//! container whose writes under a root keep failing while it runs on is degraded
//! there; one that ends in its start window is failing to start, and never both;
//! a success that was not measured is unknown, never denied; every table is
//! bounded, and what finds no place is counted. Lacks on purpose: I/O, a clock,
//! the counters' deltas (`aggregate`), the state file's place.
//!
//! Nobody watched while the daemon was away, so that time is no silence: a state
//! read from the file goes on where it was, as if no time had passed.

pub mod caches;
mod failure;
mod root;
mod run;
mod shown;
mod starts;
pub mod state;
#[cfg(test)]
mod tests;
mod thresholds;
mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Limits;
use crate::denial::{Container, Denial, Resolution};
use failure::{Bearing, Fact, bearing_of};
use root::{Phase, Root, Step};
use run::{EndedRun, Held, Refused, Run};
use starts::Starts;

pub use failure::{Failure, Moment};
pub use thresholds::Thresholds;
pub use view::{
    Change, Condition, Ending, Overflow, RootView, Shown, StartView, Transition, Workload,
};

/// The write root that stands for all past the limit.
pub const OTHER: &str = "_other";

/// The state of all containers.
#[derive(Debug)]
pub struct Degrade {
    thresholds: Thresholds,
    limits: Limits,
    containers: HashMap<Arc<str>, Held>,
    starts: Starts,
    transitions: Vec<Transition>,
    overflow: Overflow,
    /// No container can make room for another, as far as is known.
    full: bool,
    unwatched: Option<Duration>,
}

impl Degrade {
    /// Knows of nothing; takes its bounds from `limits.containers` and
    /// `limits.write_roots_per_container`.
    pub fn new(thresholds: Thresholds, limits: Limits) -> Self {
        Degrade {
            thresholds,
            limits,
            containers: HashMap::new(),
            starts: Starts::new(limits.containers),
            transitions: Vec::new(),
            overflow: Overflow::default(),
            full: false,
            unwatched: None,
        }
    }

    /// Judges by other numbers from now on; what was seen so far is kept.
    pub fn replace(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// A container is there. `run` is the id of its outermost control group:
    /// another one than before is another run. `started_ns` is `None` where the
    /// start was not seen. Again for the same run is harmless, and tells a name
    /// that has been learnt since.
    pub fn started(
        &mut self,
        container: &Arc<Container>,
        run: u64,
        started_ns: Option<u64>,
        now: Moment,
    ) {
        let Some(held) = self.hold(container) else {
            return;
        };
        let current = held.run.as_mut();
        if let Some(current) = current.filter(|current| [0, run].contains(&current.id)) {
            current.id = run;
            // A failure may come before the news of the start.
            current.started_ns = current.started_ns.or(started_ns);
            held.restored_ns = None;
            return;
        }
        if held.run.is_none() && held.ended_id == Some(run) {
            // A scan that was begun before the end.
            return;
        }
        self.exited(&container.id, None, now);
        if let Some(held) = self.hold(container) {
            held.run = Some(Run::new(run, started_ns, now.monotonic_ns));
        }
    }

    /// What has been learnt of a container that is known here.
    pub fn described(&mut self, container: &Arc<Container>) {
        if let Some(held) = self.containers.get_mut(container.id.as_str()) {
            held.container = Arc::clone(container);
        }
    }

    /// The containers whose exit code decides on a failed start, and has not been
    /// told: who can may ask for it. Each end is named once.
    pub fn unexplained_ends(&mut self, now: Moment) -> Vec<Arc<Container>> {
        let held = self.containers.values_mut();
        held.filter_map(|held| {
            let wanted = held.ask(now.monotonic_ns, &self.thresholds);
            wanted.then(|| Arc::clone(&held.container))
        })
        .collect()
    }

    /// The runtime has told how a run ended, before or after its control group's
    /// end. `at_ns` is CLOCK_MONOTONIC, from the runtime's wall clock.
    pub fn exit_code(&mut self, container_id: &str, exit_code: i32, at_ns: u64) {
        if let Some(held) = self.containers.get_mut(container_id) {
            held.note_exit_code(exit_code, at_ns);
        }
    }

    /// A container has ended: its last control group is gone.
    pub fn exited(&mut self, container_id: &str, exit_code: Option<i32>, now: Moment) {
        let Some(held) = self.containers.get_mut(container_id) else {
            return;
        };
        let (run, crowded) = held.end(now.monotonic_ns, exit_code);
        let container = Arc::clone(&held.container);
        if let Some(run) = run {
            self.end(&container, &run, now);
        }
        if let Some(ended) = crowded {
            self.judge(&container, &ended, now);
        }
    }

    /// A container's name is forgotten: so is everything else of it.
    pub fn retire(&mut self, container_id: &str, now: Moment) {
        self.exited(container_id, None, now);
        if let Some(held) = self.containers.remove(container_id) {
            for ended in &held.ended {
                self.judge(&held.container, ended, now);
            }
        }
    }

    /// Takes in failures, in any order.
    pub fn denied(&mut self, container: &Arc<Container>, failure: &Failure, now: Moment) {
        let bearing = failure.bearing();
        if bearing == Bearing::None || failure.count == 0 {
            return;
        }
        let (thresholds, roots_max) = (self.thresholds, self.limits.write_roots_per_container);
        let Some(held) = self.hold(container) else {
            self.overflow.containers = self.overflow.containers.saturating_add(failure.count);
            return;
        };
        let at_ns = failure.last_ns.min(now.monotonic_ns);
        let fact = Fact::of(failure, at_ns, now);
        let refused = Refused {
            write_root: failure.write_root.into(),
            fact,
        };
        held.restored_ns = None;
        let Some(run) = held.run_at(&refused, now.monotonic_ns) else {
            return;
        };
        run.note_refused(refused);
        if bearing == Bearing::Start {
            return;
        }
        let mature_ns = run.mature_ns(&thresholds);
        let name = run.root(failure.write_root, roots_max).0;
        if *name == *OTHER && failure.write_root != OTHER {
            self.overflow.write_roots = self.overflow.write_roots.saturating_add(failure.count);
        }
        // A silence that nobody has noticed yet ends before the failure begins.
        self.step(&container.id, &name, now, |root, t| root.age(at_ns, t));
        self.step(&container.id, &name, now, |root, t| {
            root.fail(fact, failure.count, mature_ns, t)
        });
    }

    /// Takes in the path of a failed write, which may say what it is for.
    pub fn sampled(&mut self, container: &Arc<Container>, write_root: &str, denial: &Denial) {
        let absolute = denial.path.resolution == Resolution::Absolute;
        if !absolute || bearing_of(denial) != Bearing::Write {
            return;
        }
        let roots_max = self.limits.write_roots_per_container;
        let Some(held) = self.hold(container) else {
            return;
        };
        // The sample of a counter comes before its count.
        if held.run.is_none() && held.ended_ns.is_none() {
            held.run = Some(Run::new(0, None, denial.time_ns));
        }
        if let Some(run) = &mut held.run {
            run.root(write_root, roots_max)
                .1
                .sampled(&denial.path.bytes);
        }
    }

    /// Successful writes of a container are told since then.
    pub fn watched(&mut self, container_id: &str, since_ns: u64) {
        let held = self.containers.get_mut(container_id);
        if let Some(run) = held.and_then(|held| held.run.as_mut()) {
            run.successes_since_ns.get_or_insert(since_ns);
        }
    }

    /// Takes in that writes under a root succeeded, the latest at `last_ns`.
    /// Failures up to then are told before.
    pub fn succeeded(
        &mut self,
        container: &Arc<Container>,
        write_root: &str,
        last_ns: u64,
        now: Moment,
    ) {
        let roots_max = self.limits.write_roots_per_container;
        let Some(run) = self.hold(container).and_then(|held| held.run.as_mut()) else {
            return;
        };
        let name = run.root(write_root, roots_max).0;
        if !name.starts_with('/') {
            // Some root past the limit or of no known path, not that which fails.
            return;
        }
        let at_ns = last_ns.min(now.monotonic_ns);
        self.step(&container.id, &name, now, |root, t| root.age(at_ns, t));
        self.step(&container.id, &name, now, |root, t| root.succeed(at_ns, t));
    }

    /// Lets time pass, and tells what has changed since the last time. Once a
    /// second is often enough.
    pub fn tick(&mut self, now: Moment) -> Vec<Transition> {
        let (now_ns, thresholds) = (now.monotonic_ns, self.thresholds);
        let mut changed = Vec::new();
        let mut settled = Vec::new();
        let mut survivors = Vec::new();
        let mut gone = Vec::new();
        for (id, held) in &mut self.containers {
            if let Some(restored_ns) = held.restored_ns {
                if now_ns.saturating_sub(restored_ns) >= thresholds.confirm_ns {
                    gone.push(Arc::clone(id));
                }
                continue;
            }
            let described = held.container.described;
            while let Some(ended) = held.ended.first()
                && ended.is_settled(described, now_ns, &thresholds)
            {
                settled.push((Arc::clone(&held.container), held.ended.remove(0)));
            }
            let Some(run) = &held.run else { continue };
            for (name, root) in &run.roots {
                if root.would_age(now_ns, &thresholds) {
                    changed.push((Arc::clone(id), Arc::clone(name)));
                }
            }
            if self.starts.len() > 0 && now_ns >= run.mature_ns(&thresholds) {
                survivors.push(Arc::clone(&held.container));
            }
        }
        for (id, name) in changed {
            self.step(&id, &name, now, |root, t| root.age(now_ns, t));
        }
        for (container, ended) in settled {
            self.judge(&container, &ended, now);
        }
        for container in survivors {
            self.survived(&container, now);
        }
        for id in gone {
            self.retire(&id, now);
        }
        self.starts.expire(now_ns, &thresholds);
        self.full = false;
        std::mem::take(&mut self.transitions)
    }

    fn hold(&mut self, container: &Arc<Container>) -> Option<&mut Held> {
        let id = container.id.as_str();
        let max = self.limits.containers;
        if !self.containers.contains_key(id) && self.containers.len() >= max {
            // Searched once a tick at most, whoever knocks how often.
            let held = self.containers.iter().filter(|_| !self.full);
            let idle = held
                .filter_map(|(id, held)| Some((held.idle()?, held.ended_ns, Arc::clone(id))))
                .min();
            self.full = idle.is_none();
            self.containers.remove(&idle?.2);
        }
        let held = self
            .containers
            .entry(Arc::from(id))
            .or_insert_with(|| Held::new(Arc::clone(container)));
        held.container = Arc::clone(container);
        Some(held)
    }

    /// Moves one root, and tells what that means to others.
    fn step(
        &mut self,
        id: &str,
        name: &str,
        now: Moment,
        moves: impl FnOnce(&mut Root, &Thresholds) -> Option<Step>,
    ) {
        let Some(held) = self.containers.get_mut(id) else {
            return;
        };
        let container = Arc::clone(&held.container);
        let root = held.run.as_mut().and_then(|run| run.roots.get_mut(name));
        let Some(step) = root.and_then(|root| moves(root, &self.thresholds)) else {
            return;
        };
        let run = held.run.as_ref();
        let Some(view) = run.and_then(|run| run.view(&container, name)) else {
            return;
        };
        let change = match step {
            Step::Degraded => {
                self.survived(&container, now);
                Change::Degraded(view)
            }
            Step::Recovered => Change::Recovered(view),
        };
        self.push(change, now);
    }

    fn survived(&mut self, container: &Container, now: Moment) {
        if let Some(view) = self.starts.survived(container) {
            self.push(Change::Started(view), now);
        }
    }

    fn end(&mut self, container: &Arc<Container>, run: &Run, now: Moment) {
        let mut degraded: Vec<_> = run
            .roots
            .iter()
            .filter(|(_, root)| matches!(root.phase, Phase::Degraded(_)))
            .filter_map(|(name, _)| run.view(container, name))
            .collect();
        degraded.sort_unstable_by(|a, b| a.write_root.cmp(&b.write_root));
        for view in degraded {
            self.push(Change::Ended(view), now);
        }
    }

    fn judge(&mut self, container: &Arc<Container>, ended: &EndedRun, now: Moment) {
        let Some(refused) = ended.blamed(&self.thresholds) else {
            return;
        };
        let (view, kept) = self.starts.fail(container, ended, refused, now);
        self.overflow.workloads += u64::from(!kept);
        self.push(Change::FailingToStart(view), now);
    }

    fn push(&mut self, change: Change, now: Moment) {
        self.transitions.push(Transition {
            time: now.wall,
            change,
        });
    }
}
