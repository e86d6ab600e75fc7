//! What `degrade` finds becomes the JSON objects that events and reports share.
//!
//! In: [`RootView`], [`StartView`], [`Transition`]. Out: objects, for `serde`.
//! Invariant: that of [`super::Record`]: escaped texts; `null` is not known,
//! never zero. Lacks on purpose: writing them anywhere.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ContainerRecord, VERSION, time};
use crate::degrade::{Change, Ending, RootView, StartView, Transition};
use crate::denial::{Lsm, escape};

/// A write root whose writes keep failing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Degraded)]
pub struct DegradedRecord<'a> {
    /// Whose.
    pub container: ContainerRecord<'a>,
    /// Where the writes belong.
    pub write_root: &'a str,
    /// `degraded`, `recovered` and so on.
    pub condition: &'static str,
    /// The first failure of the episode.
    pub since: String,
    /// Failures of the episode that were seen.
    pub failures: u64,
    /// The latest failure.
    pub last_time: String,
    /// What was tried last.
    pub operation: &'static str,
    /// What it got.
    pub errno: &'static str,
    /// Why.
    pub cause: &'static str,
    /// The security module, where it is the cause and known.
    pub lsm: Option<&'static str>,
    /// The longest quiet between failures of late.
    pub gap_seconds: Option<f64>,
    /// The known cache that all sampled paths belong to.
    pub cache: Option<&'static str>,
    /// What goes on while that cache cannot be written.
    pub cache_means: Option<&'static str>,
    /// Did a write under the root succeed in this run? `null` where not measured.
    pub ever_succeeded: Option<bool>,
    /// What ended it: `success` or `silence`.
    pub ending: Option<&'static str>,
}

impl<'a> DegradedRecord<'a> {
    /// The object of one root.
    pub fn of(root: &'a RootView) -> Self {
        DegradedRecord {
            container: ContainerRecord::of(&root.container),
            write_root: &root.write_root,
            condition: root.condition.label(),
            since: time(root.since),
            failures: root.failures,
            last_time: time(root.last),
            operation: root.operation.label(),
            errno: root.errno.label(),
            cause: root.cause.label(),
            lsm: root.lsm.map(Lsm::label),
            gap_seconds: root.gap.map(|gap| gap.as_secs_f64()),
            cache: root.cache.map(|cache| cache.name),
            cache_means: root.cache.map(|cache| cache.means),
            ever_succeeded: root.ever_succeeded,
            ending: root.ending.map(Ending::label),
        }
    }
}

/// A workload whose containers are refused something and end at once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailingToStart)]
pub struct StartRecord<'a> {
    /// The latest container.
    pub container: StartContainer<'a>,
    /// Failed starts in a row that were seen.
    pub failures: u64,
    /// End of the first of them.
    pub since: String,
    /// End of the latest.
    pub last_time: String,
    /// Exit code of the latest; `null` where no runtime told.
    pub exit_code: Option<i32>,
    /// Where the last refusal before the end was.
    pub write_root: &'a str,
    /// What was tried.
    pub operation: &'static str,
    /// What it got.
    pub errno: &'static str,
    /// Why.
    pub cause: &'static str,
    /// The security module, where it is the cause and known.
    pub lsm: Option<&'static str>,
}

/// The container in a [`StartRecord`]; the workload outlives the others of its
/// containers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailingContainer)]
pub struct StartContainer<'a> {
    /// The runtime's id.
    pub id: &'a str,
    /// Name.
    pub name: String,
    /// Kubernetes namespace, or empty.
    pub namespace: String,
    /// Kubernetes pod, or empty.
    pub pod: String,
}

impl<'a> StartRecord<'a> {
    /// The object of one workload.
    pub fn of(start: &'a StartView) -> Self {
        let text = |text: &str| escape(text.as_bytes());
        StartRecord {
            container: StartContainer {
                id: &start.container_id,
                name: text(&start.workload.container),
                namespace: text(&start.workload.namespace),
                pod: text(&start.workload.pod),
            },
            failures: start.failures,
            since: time(start.since),
            last_time: time(start.last),
            exit_code: start.exit_code,
            write_root: &start.write_root,
            operation: start.operation.label(),
            errno: start.errno.label(),
            cause: start.cause.label(),
            lsm: start.lsm.map(Lsm::label),
        }
    }
}

/// A change of state, with what it is of.
#[derive(Serialize, ToSchema)]
pub struct StateEvent<T> {
    version: u32,
    /// `degraded`, `recovered`, `ended`, `failing_to_start` or `started`.
    event: &'static str,
    /// When it was noticed.
    time: String,
    #[serde(flatten)]
    record: T,
}

/// The line of a transition, without its newline.
pub fn transition(transition: &Transition) -> Result<String, serde_json::Error> {
    let (event, time) = (transition.change.label(), time(transition.time));
    let version = VERSION;
    match &transition.change {
        Change::Degraded(root) | Change::Recovered(root) | Change::Ended(root) => {
            let record = DegradedRecord::of(root);
            serde_json::to_string(&StateEvent {
                version,
                event,
                time,
                record,
            })
        }
        Change::FailingToStart(start) | Change::Started(start) => {
            let record = StartRecord::of(start);
            serde_json::to_string(&StateEvent {
                version,
                event,
                time,
                record,
            })
        }
    }
}
