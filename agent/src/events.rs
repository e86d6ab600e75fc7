//! What happens becomes events: lines of JSON, written and kept for a while.
//!
//! In: explained samples, breaches, kills, changes of state. Out: [`Event`]s, for standard
//! output (`writer`) and for those who ask later (`history`). Invariant: an
//! event is one line of JSON and says whose it is. Lacks on purpose: the
//! objects' shapes, which `record` has.

pub mod filter;
pub mod history;
pub mod writer;

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use crate::aggregate::{Explained, Killed};
use crate::breach::Breach;
use crate::degrade::{Change, Transition};
use crate::denial::{Cause, Container, Lsm, Owner, Runtime};
use crate::record::{self, KillRecord, Record, VERSION};

pub use filter::Filter;
pub use history::{History, Spot};
pub use writer::EventWriter;

/// The kind of an event that is a denial; its line has no member `event`.
pub const DENIAL: &str = "denial";
/// The kind of an event of writes outside of a contract.
pub const BREACH: &str = "breach";
/// The kind of an event of processes killed for want of memory.
pub const OOM_KILL: &str = "oom_kill";

/// Every kind.
pub const KINDS: [&str; 8] = [
    DENIAL,
    OOM_KILL,
    BREACH,
    "degraded",
    "recovered",
    "ended",
    "failing_to_start",
    "started",
];

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// [`DENIAL`], [`BREACH`], [`OOM_KILL`], or the label of a change of state.
    pub kind: &'static str,
    /// When, by the wall clock.
    pub time: SystemTime,
    /// Whose it is, where that is a container.
    pub container: Option<Arc<Container>>,
    /// Why, where something was refused.
    pub cause: Option<Cause>,
    /// The security module, where it is the cause and known.
    pub lsm: Option<Lsm>,
    /// One line of JSON, without its newline.
    pub line: String,
}

/// An event of a denial; it has no member `event`.
#[derive(Serialize, ToSchema)]
#[schema(as = DenialEvent)]
pub struct Denied<'a> {
    version: u32,
    /// Of the refusal.
    time: String,
    /// The same, CLOCK_MONOTONIC.
    monotonic_ns: u64,
    #[serde(flatten)]
    record: Record<'a>,
    /// Refusals of its counter so far.
    count: u64,
}

impl Event {
    /// Of a sample, with the count of its counter.
    pub fn denied(sample: &Explained, count: u64) -> Result<Event, serde_json::Error> {
        let line = serde_json::to_string(&Denied {
            version: VERSION,
            time: record::time(sample.time),
            monotonic_ns: sample.denial.time_ns,
            record: Record::of(sample),
            count,
        })?;
        Ok(Event {
            kind: DENIAL,
            time: sample.time,
            container: container(&sample.owner),
            cause: Some(sample.verdict.cause),
            lsm: sample.denial.lsm,
            line,
        })
    }

    /// Of processes killed for want of memory.
    pub fn killed(killed: &Killed) -> Result<Event, serde_json::Error> {
        Ok(Event {
            kind: OOM_KILL,
            time: killed.time,
            container: container(&killed.owner),
            cause: None,
            lsm: None,
            line: serde_json::to_string(&KillRecord::of(killed))?,
        })
    }

    /// Of writes outside of a contract.
    pub fn breached(breach: &Breach) -> Result<Event, serde_json::Error> {
        Ok(Event {
            kind: BREACH,
            time: breach.last,
            container: Some(Arc::clone(&breach.container)),
            cause: None,
            lsm: None,
            line: record::breach(breach, BREACH)?,
        })
    }

    /// Of a container that is degraded or fails to start, or no longer.
    pub fn transition(transition: &Transition) -> Result<Event, serde_json::Error> {
        let (container, cause, lsm) = match &transition.change {
            Change::Degraded(root) | Change::Recovered(root) | Change::Ended(root) => {
                (Arc::clone(&root.container), root.cause, root.lsm)
            }
            Change::FailingToStart(start) | Change::Started(start) => {
                let container = Container {
                    name: start.workload.container.clone(),
                    namespace: start.workload.namespace.clone(),
                    pod: start.workload.pod.clone(),
                    ..Container::unnamed(&start.container_id, Runtime::Unspecified)
                };
                (Arc::new(container), start.cause, start.lsm)
            }
        };
        Ok(Event {
            kind: transition.change.label(),
            time: transition.time,
            container: Some(container),
            cause: Some(cause),
            lsm,
            line: record::transition(transition)?,
        })
    }
}

fn container(owner: &Owner) -> Option<Arc<Container>> {
    match owner {
        Owner::Container(container) => Some(Arc::clone(container)),
        Owner::Host | Owner::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{
        Backend, Cause, CgroupId, ContainerPath, Denial, Errno, Evidence, Hook, LsmDetail,
        Operation, Owner, PathKey, Resolution, Unresolved, Verdict,
    };

    fn sample(path: &[u8]) -> Explained {
        Explained {
            denial: Denial {
                cgroup: CgroupId(7),
                path_key: PathKey(255),
                time_ns: 1_000,
                operation: Operation::Create,
                errno: Errno::Erofs,
                signals: 1,
                lsm: None,
                backend: Backend::Fexit,
                hook: Hook::Open,
                path: ContainerPath {
                    bytes: path.to_vec(),
                    resolution: Resolution::Absolute,
                },
                pid: 1,
                tid: 2,
                uid: 3,
                gid: 4,
                mount_namespace: 5,
                comm: b"ev\nil".to_vec(),
                evidence: Evidence::default(),
                open_flags: 0,
                credentials: None,
                lsm_detail: LsmDetail::default(),
            },
            owner: Owner::Unknown(Unresolved::CgroupUnseen),
            verdict: Verdict {
                cause: Cause::ReadOnlyMount,
                evidence: "the mount has MNT_READONLY".to_owned(),
                remedy: None,
            },
            write_root: "/var/run".into(),
            mount: None,
            time: std::time::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_line_is_one_object_whatever_the_bytes() {
        let event = Event::denied(&sample(b"/a\n\"}\xff\x1b[2J"), 9).unwrap();
        assert_eq!(
            (event.kind, event.cause),
            (DENIAL, Some(Cause::ReadOnlyMount))
        );
        let text = event.line;
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["version"], 2);
        assert_eq!(value["time"], "1970-01-01T00:00:00.000000000Z");
        assert_eq!(value["path"], "/a\\x0a\"}\\xff\\x1b[2J");
        assert_eq!(value["comm"], "ev\\x0ail");
        assert_eq!(value["owner"], "unknown");
        assert_eq!(value["unresolved"], "cgroup_unseen");
        assert_eq!(value["container"], serde_json::Value::Null);
        assert_eq!(value["path_key"], "ff");
        assert_eq!(value["count"], 9);
    }
}
