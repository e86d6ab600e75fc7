//! What the sinks see: one immutable state of everything that is exported.
//!
//! In: nothing but its fields. Out: [`Snapshot`]. Invariant: plain data; the
//! exported counts, the pending and the retired ones add up to
//! [`Totals::recorded`]. Lacks on purpose: formats, which belong to the sinks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::filling::Filling;
use super::layers::Layers;
use super::memory::Killed;
use super::series::{Limited, OTHER};
use crate::breach;
use crate::degrade::Shown;
use crate::denial::{
    Backend, Cause, Container, Denial, Errno, Hook, Loss, Lsm, Operation, Owner, Unresolved,
    Verdict,
};
use crate::host::Plan;
use crate::inventory::ContainerWrites;
use crate::mounts::Mount;
use crate::posture::Posture;
use crate::write_root;

/// What was refused, how, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// What the task tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// Why.
    pub cause: Cause,
    /// The security module, where it is the cause and known.
    pub lsm: Option<Lsm>,
}

/// The labels by which a container is known to its users.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// Kubernetes namespace, or empty.
    pub namespace: String,
    /// Kubernetes pod, or empty.
    pub pod: String,
    /// The container's name.
    pub container: String,
}

impl Labels {
    /// Of a container, as far as it is described.
    pub fn of(container: &Container) -> Self {
        Labels {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            container: container.name.clone(),
        }
    }

    /// Of all whose container is not known.
    pub fn unresolved() -> Self {
        Labels {
            namespace: String::new(),
            pod: String::new(),
            container: write_root::UNRESOLVED.to_owned(),
        }
    }

    /// Of all containers past the limit.
    pub fn other() -> Self {
        Labels {
            namespace: String::new(),
            pod: String::new(),
            container: OTHER.to_owned(),
        }
    }
}

/// The series of all containers with the same labels.
#[derive(Clone, Debug)]
pub struct GroupSeries {
    /// What they share.
    pub labels: Labels,
    /// The newest of them; none for the group past the limit.
    pub container: Option<Arc<Container>>,
    /// Counts by kind and write root.
    pub counts: Vec<(Kind, Arc<str>, u64)>,
    /// Processes killed for want of memory.
    pub oom_kills: u64,
}

/// A sample, named and explained.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What was seen.
    pub denial: Denial,
    /// Whose it is.
    pub owner: Owner,
    /// Why it happened.
    pub verdict: Verdict,
    /// Where the write belongs.
    pub write_root: Arc<str>,
    /// The mount that the file lies on, where its table was read.
    pub mount: Option<Arc<Mount>>,
    /// Wall clock time of the refusal.
    pub time: SystemTime,
}

/// One row of the list of recent denials: all refusals of one container with
/// the same operation, errno, cause and path.
#[derive(Clone, Debug)]
pub struct Recent {
    /// The latest sample.
    pub sample: Arc<Explained>,
    /// Refusals so far.
    pub count: u64,
    /// False where the kernel counts this path together with others, so that
    /// only its samples are known.
    pub exact: bool,
    /// Wall clock time of the first sample.
    pub first: SystemTime,
}

/// Sums over everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Refusals that the kernel half has counted.
    pub recorded: u64,
    /// Samples that it handed over.
    pub sampled: u64,
    /// Refusals that it did not sample, because one like it had been.
    pub suppressed: u64,
    /// Counts that wait for their container's name or first sample.
    pub pending: u64,
    /// Counts whose series have left with their container.
    pub retired: u64,
    /// The host's, counted before its control group was left out.
    pub ignored: u64,
    /// Counts with an operation, errno or security module that this version does not know.
    pub unreadable: u64,
}

/// How a hook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookState {
    /// Which.
    pub hook: Hook,
    /// How it is attached, or why it is not.
    pub state: Result<Backend, String>,
}

impl HookState {
    /// The hooks of a plan; one with several places stands once for each backend.
    pub fn of(plan: &Plan) -> Vec<HookState> {
        let placed: BTreeSet<_> = plan
            .attachments
            .iter()
            .map(|a| (a.hook, a.backend))
            .collect();
        let attached = placed.into_iter().map(|(hook, backend)| HookState {
            hook,
            state: Ok(backend),
        });
        let missing = plan.missing.iter().map(|(hook, reason)| HookState {
            hook: *hook,
            state: Err(reason.clone()),
        });
        attached.chain(missing).collect()
    }
}

/// How a runtime's endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeState {
    /// Which kind.
    pub runtime: String,
    /// Where.
    pub endpoint: String,
    /// Does it answer?
    pub up: bool,
}

/// Somebody who is told of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverState {
    /// Which kind.
    pub kind: &'static str,
    /// Host and port.
    pub receiver: String,
    /// Alerts that were taken, repetitions included.
    pub sent: u64,
    /// Requests in vain.
    pub failed: u64,
    /// Beginnings and ends that are still to be told.
    pub waiting: u64,
    /// Was the last request taken?
    pub up: bool,
}

/// How telling of alerts goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    /// In the order of the settings; without one, nobody is told anything.
    pub receivers: Vec<ReceiverState>,
    /// What is told now.
    pub firing: u64,
    /// What is so as well, past the limit.
    pub left_out: u64,
    /// Where they are asked for.
    pub events: Option<KubernetesEvents>,
}

/// Events on pods, cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubernetesEvents {
    /// Written.
    pub created: u64,
    /// Given a higher count.
    pub updated: u64,
    /// Held back, to be few.
    pub limited: u64,
    /// Requests in vain.
    pub failed: u64,
}

/// How the settings were last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Was the last attempt a success?
    pub successful: bool,
    /// When the last success was.
    pub time: Option<SystemTime>,
}

/// A container that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The runtime's id.
    pub id: Arc<str>,
    /// What was known of it.
    pub container: Option<Arc<Container>>,
    /// When its end was noticed.
    pub time: SystemTime,
}

/// Most series of the containers' state that a scrape has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesMax(pub usize);

impl Default for SeriesMax {
    /// That of the setting.
    fn default() -> Self {
        SeriesMax(20_000)
    }
}

/// Everything that is exported, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Containers' series, ordered by labels.
    pub groups: Vec<GroupSeries>,
    /// The host's counts.
    pub host: Vec<(Kind, u64)>,
    /// Counts without an owner.
    pub unresolved: Vec<(Unresolved, Kind, u64)>,
    /// Counts in an `_other` series, by the bound that put them there.
    pub limited: Vec<(Limited, u64)>,
    /// Sums.
    pub totals: Totals,
    /// Entries in `groups`.
    pub series: usize,
    /// The bound of what else there is of containers.
    pub series_max: SeriesMax,
    /// What was not delivered.
    pub losses: Vec<Loss>,
    /// Recent denials, the latest first.
    pub recent: Vec<Recent>,
    /// Successful writes of the containers in which they are counted.
    pub inventory: Arc<[ContainerWrites]>,
    /// Contracts, and writes outside of them.
    pub breaches: Arc<breach::Shown>,
    /// How many containers those are now.
    pub inventoried: usize,
    /// Processes killed for want of memory lately, the latest first.
    pub oom_kills: Vec<Arc<Killed>>,
    /// Processes killed for want of memory whose container is not known.
    pub oom_unresolved: u64,
    /// Who is degraded or fails to start.
    pub state: Arc<Shown>,
    /// How full the containers' tmpfs mounts are.
    pub tmpfs: Arc<Filling>,
    /// What their writable layers keep.
    pub layers: Arc<Layers>,
    /// The hooks.
    pub hooks: Arc<[HookState]>,
    /// The runtimes.
    pub runtimes: Vec<RuntimeState>,
    /// How telling of alerts goes.
    pub alerts: Alerts,
    /// How the described containers stand, ordered by their labels.
    pub postures: Arc<[Arc<Posture>]>,
    /// Containers that have ended lately, the latest first.
    pub ended: Arc<[Ended]>,
    /// How the settings were last read.
    pub loaded: Loaded,
    /// Containers known to be there, with or without denials.
    pub containers: usize,
    /// Containers whose runtime has not told their name.
    pub undescribed: usize,
}
