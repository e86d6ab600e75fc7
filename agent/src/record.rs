//! An explained sample becomes the JSON object that events and reports share.
//!
//! In: [`Explained`]. Out: [`Record`], for `serde`. Invariant: every text that
//! a container can choose is escaped, so that a line stays a line and a terminal
//! shows what is there; fields are added, never changed, within one
//! [`VERSION`]. Lacks on purpose: writing it anywhere.

mod breach;
mod details;
mod memory;
mod posture;
mod standing;
mod state;

use serde::Serialize;
use utoipa::ToSchema;

use crate::aggregate::Explained;
use crate::denial::{Container, Lsm, Owner, escape};

pub use breach::{BreachEvent, BreachRecord, breach};
pub use details::Details;
pub use memory::KillRecord;
pub use posture::PostureRecord;
pub use standing::StandingRecord;
pub use state::{DegradedRecord, StartRecord, StateEvent, transition};

/// Version of the object's shape.
pub const VERSION: u32 = 2;

/// One denial.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct Record<'a> {
    /// `container`, `host` or `unknown`.
    pub owner: &'static str,
    /// Why the owner is unknown.
    pub unresolved: Option<&'static str>,
    /// The container.
    pub container: Option<ContainerRecord<'a>>,
    /// What the task tried.
    pub operation: &'static str,
    /// What it got.
    pub errno: &'static str,
    /// Why.
    pub cause: &'static str,
    /// What the kernel was seen to decide; empty where nothing was.
    pub evidence: String,
    /// The same as fields, and what else was seen.
    pub details: Details,
    /// What to change, in one sentence.
    pub remedy: Option<&'a str>,
    /// The same to be copied, by where it is written.
    pub changes: Vec<ChangeRecord<'a>>,
    /// The path as the container sees it.
    pub path: String,
    /// How certain the path is.
    pub path_resolution: &'static str,
    /// Where the write belongs.
    pub write_root: &'a str,
    /// Process id in the initial namespace.
    pub pid: u32,
    /// Thread id in the initial namespace.
    pub tid: u32,
    /// fsuid in the initial namespace.
    pub uid: u32,
    /// fsgid in the initial namespace.
    pub gid: u32,
    /// The task's command name.
    pub comm: String,
    /// Inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// The security module that refused, where known.
    pub lsm: Option<&'static str>,
    /// AppArmor's profile of the task, where AppArmor refused.
    pub profile: Option<String>,
    /// How it was seen.
    pub backend: &'static str,
    /// Where it was seen.
    pub hook: &'static str,
    /// kernfs id of the control group.
    pub cgroup: u64,
    /// Hash of the path, hexadecimal; 0 for all paths past the kernel's limit.
    pub path_key: String,
}

/// A change in a [`Record`].
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub struct ChangeRecord<'a> {
    /// `docker`, `compose`, `kubernetes`, `environment`, `apparmor` or `selinux`.
    pub target: &'static str,
    /// What is written there.
    pub text: &'a str,
}

/// The container in a [`Record`].
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Container)]
pub struct ContainerRecord<'a> {
    /// The runtime's id.
    pub id: &'a str,
    /// Name.
    pub name: String,
    /// Who runs it.
    pub runtime: &'static str,
    /// Image as the user named it.
    pub image: String,
    /// Kubernetes namespace, or empty.
    pub namespace: String,
    /// Kubernetes pod, or empty.
    pub pod: String,
    /// Workload.
    pub workload: String,
    /// Compose project.
    pub project: String,
    /// Revision.
    pub revision: String,
    /// Rollout track.
    pub track: String,
    /// Was a read-only root asked for? `null` where not known.
    pub read_only_root: Option<bool>,
}

impl<'a> ContainerRecord<'a> {
    /// The object of one container.
    pub fn of(container: &'a Container) -> Self {
        let text = |text: &str| escape(text.as_bytes());
        ContainerRecord {
            id: &container.id,
            name: text(&container.name),
            runtime: container.runtime.label(),
            image: text(&container.image),
            namespace: text(&container.namespace),
            pod: text(&container.pod),
            workload: text(&container.workload),
            project: text(&container.project),
            revision: text(&container.revision),
            track: text(&container.track),
            read_only_root: container.read_only_root,
        }
    }
}

impl<'a> Record<'a> {
    /// The object of one sample.
    pub fn of(sample: &'a Explained) -> Self {
        let denial = &sample.denial;
        let remedy = sample.verdict.remedy.as_ref();
        let (owner, unresolved, container) = owner(&sample.owner);
        Record {
            owner,
            unresolved,
            container,
            operation: denial.operation.label(),
            errno: denial.errno.label(),
            cause: sample.verdict.cause.label(),
            evidence: escape(sample.verdict.evidence.as_bytes()),
            details: Details::of(sample),
            remedy: remedy.map(|remedy| remedy.sentence.as_str()),
            changes: remedy
                .map(|remedy| remedy.changes.as_slice())
                .unwrap_or_default()
                .iter()
                .map(|change| ChangeRecord {
                    target: change.target.label(),
                    text: &change.text,
                })
                .collect(),
            path: denial.path.to_string(),
            path_resolution: denial.path.resolution.label(),
            write_root: &sample.write_root,
            pid: denial.pid,
            tid: denial.tid,
            uid: denial.uid,
            gid: denial.gid,
            comm: escape(&denial.comm),
            mount_namespace: denial.mount_namespace,
            lsm: denial.lsm.map(Lsm::label),
            profile: match denial.lsm {
                Some(Lsm::Apparmor) => details::text(&denial.lsm_detail.subject),
                Some(
                    Lsm::Selinux
                    | Lsm::Landlock
                    | Lsm::Bpf
                    | Lsm::Smack
                    | Lsm::Tomoyo
                    | Lsm::Lockdown
                    | Lsm::Yama,
                )
                | None => None,
            },
            backend: denial.backend.label(),
            hook: denial.hook.label(),
            cgroup: denial.cgroup.0,
            path_key: format!("{:x}", denial.path_key.0),
        }
    }
}

/// The members that tell whose something is.
fn owner(
    owner: &Owner,
) -> (
    &'static str,
    Option<&'static str>,
    Option<ContainerRecord<'_>>,
) {
    match owner {
        Owner::Container(container) => ("container", None, Some(ContainerRecord::of(container))),
        Owner::Host => ("host", None, None),
        Owner::Unknown(reason) => ("unknown", Some(reason.label()), None),
    }
}

/// Wall clock time as RFC 3339 in UTC, nanoseconds included.
pub fn time(time: std::time::SystemTime) -> String {
    humantime::format_rfc3339_nanos(time).to_string()
}
