//! What the sinks are shown of the containers' state, and how it changes.
//!
//! In: nothing but its fields. Out: [`RootView`], [`StartView`], [`Transition`].
//! Invariant: plain data; what is not known is `None`, never a guess. Lacks on
//! purpose: formats, which belong to the sinks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::caches::Cache;
use crate::denial::{Cause, Container, Errno, Lsm, Operation};

/// How a write root of a running container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing fails.
    Healthy,
    /// Writes fail, not yet long or often enough.
    Failing,
    /// Writes keep failing while the container runs on.
    Degraded,
    /// Was degraded a moment ago.
    Recovered,
}

impl Condition {
    /// Every member.
    pub const ALL: [Condition; 4] = [
        Condition::Healthy,
        Condition::Failing,
        Condition::Degraded,
        Condition::Recovered,
    ];

    /// The name used in metrics, events and documents.
    pub const fn label(self) -> &'static str {
        match self {
            Condition::Healthy => "healthy",
            Condition::Failing => "failing",
            Condition::Degraded => "degraded",
            Condition::Recovered => "recovered",
        }
    }
}

/// What ended a degraded state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// A write under the root succeeded.
    Success,
    /// Nothing failed for longer than before.
    Silence,
}

impl Ending {
    /// Every member.
    pub const ALL: [Ending; 2] = [Ending::Success, Ending::Silence];

    /// The name used in events and in the state file.
    pub const fn label(self) -> &'static str {
        match self {
            Ending::Success => "success",
            Ending::Silence => "silence",
        }
    }
}

/// One write root with failures.
#[derive(Clone, Debug, PartialEq)]
pub struct RootView {
    /// Whose.
    pub container: Arc<Container>,
    /// Where the writes belong, or [`super::OTHER`].
    pub write_root: Arc<str>,
    /// How it is.
    pub condition: Condition,
    /// The first failure of this episode.
    pub since: SystemTime,
    /// Failures of this episode.
    pub failures: u64,
    /// The latest failure.
    pub last: SystemTime,
    /// What was tried last.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// Why.
    pub cause: Cause,
    /// The security module, where it is the cause and known.
    pub lsm: Option<Lsm>,
    /// The longest quiet that was seen between failures of late.
    pub gap: Option<Duration>,
    /// The known cache that all sampled paths belong to.
    pub cache: Option<&'static Cache>,
    /// Did any write under this root succeed in this run? `None`: not measured.
    pub ever_succeeded: Option<bool>,
    /// What ended the degraded state, if it has ended.
    pub ending: Option<Ending>,
}

/// The labels that a container shares with the one that replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workload {
    /// Kubernetes namespace, or empty.
    pub namespace: String,
    /// Kubernetes pod, or empty.
    pub pod: String,
    /// The container's name.
    pub container: String,
}

impl Workload {
    /// Of a container, as far as it is described.
    pub fn of(container: &Container) -> Self {
        Workload {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
        }
    }
}

/// A workload whose containers are refused something and end at once.
#[derive(Clone, Debug, PartialEq)]
pub struct StartView {
    /// Whose.
    pub workload: Workload,
    /// Id of the latest container.
    pub container_id: Arc<str>,
    /// Failed starts in a row.
    pub failures: u64,
    /// End of the first of them.
    pub since: SystemTime,
    /// End of the latest.
    pub last: SystemTime,
    /// Exit code of the latest, where the runtime told.
    pub exit_code: Option<i32>,
    /// Where the last refusal before the end was.
    pub write_root: Arc<str>,
    /// What was tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// Why.
    pub cause: Cause,
    /// The security module, where it is the cause and known.
    pub lsm: Option<Lsm>,
}

/// A change worth an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// When it was noticed.
    pub time: SystemTime,
    /// What.
    pub change: Change,
}

/// The changes there are.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Writes under a root keep failing.
    Degraded(RootView),
    /// They no longer do.
    Recovered(RootView),
    /// The container ended while degraded: nobody knows whether it is over.
    Ended(RootView),
    /// A container was refused something and ended within its start window.
    FailingToStart(StartView),
    /// A container of a workload that failed to start has outlived the window.
    Started(StartView),
}

impl Change {
    /// The name used in events.
    pub const fn label(&self) -> &'static str {
        match self {
            Change::Degraded(_) => "degraded",
            Change::Recovered(_) => "recovered",
            Change::Ended(_) => "ended",
            Change::FailingToStart(_) => "failing_to_start",
            Change::Started(_) => "started",
        }
    }
}

/// What found no place of its own, cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Failures of containers past the limit: not judged.
    pub containers: u64,
    /// Failures of write roots past the limit: judged together as [`super::OTHER`].
    pub write_roots: u64,
    /// Failed starts of workloads past the limit: told once, not kept.
    pub workloads: u64,
}

/// All that is shown of the state at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The degraded roots, ordered by container and root.
    pub degraded: Vec<RootView>,
    /// The workloads that fail to start, ordered.
    pub starts: Vec<StartView>,
    /// What found no place of its own.
    pub overflow: Overflow,
    /// How long nobody watched before the daemon did; `None` without a state
    /// file of this boot.
    pub unwatched: Option<Duration>,
}
