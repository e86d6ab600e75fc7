//! The daemon's lists, as far as the live view needs them.
//!
//! In: a daemon. Out: [`Answers`]. Invariant: every text is a [`Shown`]; fields
//! that are not known are left aside. Lacks on purpose: joining them.

use serde::Deserialize;

use super::shown::{Shown, ShownLines};
use crate::commands::client::{Client, ClientError};

/// One answer to each question.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) status: Status,
    pub(super) denials: Denials,
    pub(super) degraded: Degraded,
    pub(super) tmpfs: Tmpfs,
    pub(super) postures: Postures,
    pub(super) layers: Layers,
}

impl Answers {
    /// Asks for all of them.
    pub(super) async fn of(client: &Client) -> Result<Answers, ClientError> {
        let (status, denials, degraded, tmpfs, postures, layers) = tokio::try_join!(
            client.get("/api/v1/status"),
            client.get("/api/v1/denials"),
            client.get("/api/v1/degraded"),
            client.get("/api/v1/tmpfs"),
            client.get("/api/v1/posture"),
            client.get("/api/v1/layers"),
        )?;
        Ok(Answers {
            status,
            denials,
            degraded,
            tmpfs,
            postures,
            layers,
        })
    }
}

/// How the daemon is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) node: Shown,
    pub(super) run: Shown,
    pub(super) waits_for: Vec<Shown>,
    pub(super) hooks: Vec<Attached>,
    pub(super) not_measured: Vec<Unmeasured>,
    pub(super) runtimes: Vec<Runtime>,
    pub(super) losses: Vec<Loss>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Attached {
    pub(super) backend: Shown,
    pub(super) count: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Unmeasured {
    pub(super) hook: Shown,
    pub(super) purpose: Shown,
    pub(super) reason: Shown,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Runtime {
    pub(super) runtime: Shown,
    pub(super) endpoint: Shown,
    pub(super) up: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Loss {
    pub(super) stage: Shown,
    pub(super) reason: Shown,
    pub(super) count: u64,
}

/// A container as it is named in every list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: Shown,
    pub(super) namespace: Shown,
    pub(super) pod: Shown,
    pub(super) image: Shown,
    pub(super) runtime: Shown,
}

impl Named {
    /// With pod and namespace, where it has them.
    pub(super) fn full(&self) -> Shown {
        match self.pod.is_empty() {
            true => self.name.clone(),
            false => Shown::from(&*format!("{}/{}/{}", self.namespace, self.pod, self.name)),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denials {
    pub(super) denials: Vec<Denial>,
    pub(super) counts: Vec<Count>,
    pub(super) oom_kills: Vec<Kill>,
}

/// Refusals of the same operation at the same path.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Denial {
    pub(super) owner: Shown,
    pub(super) container: Option<Named>,
    pub(super) operation: Shown,
    pub(super) errno: Shown,
    pub(super) cause: Shown,
    pub(super) lsm: Option<Shown>,
    pub(super) evidence: Shown,
    pub(super) remedy: Option<Shown>,
    pub(super) changes: Vec<Change>,
    pub(super) path: Shown,
    pub(super) write_root: Shown,
    pub(super) count: u64,
    pub(super) exact: bool,
    pub(super) last_time: Shown,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Change {
    pub(super) target: Shown,
    pub(super) text: ShownLines,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Count {
    pub(super) container: Named,
    pub(super) count: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Kill {
    pub(super) container: Option<Named>,
    pub(super) killed: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Degraded {
    pub(super) degraded: Vec<Root>,
    pub(super) failing_to_start: Vec<Start>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Root {
    pub(super) container: Named,
    pub(super) write_root: Shown,
    pub(super) since: Shown,
    pub(super) failures: u64,
    pub(super) errno: Shown,
    pub(super) cause: Shown,
    pub(super) cache: Option<Shown>,
    pub(super) cache_means: Option<Shown>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Start {
    pub(super) container: Named,
    pub(super) write_root: Shown,
    pub(super) last_time: Shown,
    pub(super) failures: u64,
    pub(super) exit_code: Option<i32>,
    pub(super) errno: Shown,
    pub(super) cause: Shown,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tmpfs {
    pub(super) tmpfs: Vec<Filled>,
}

/// A container's tmpfs mounts.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Filled {
    pub(super) container: Named,
    pub(super) mounts: Vec<Mount>,
    pub(super) unmeasured: Option<Shown>,
    pub(super) memory: Memory,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Mount {
    pub(super) mount: Shown,
    pub(super) bytes: Amount,
    pub(super) inodes: Amount,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amount {
    pub(super) used: Option<u64>,
    pub(super) limit: Option<u64>,
    pub(super) share: Option<f64>,
    pub(super) pressure: Option<Shown>,
    pub(super) full_in_seconds: Option<u64>,
    pub(super) unmeasured: Option<Shown>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) limit_bytes: Option<u64>,
    pub(super) tmpfs_bytes: u64,
    pub(super) share: Option<f64>,
    pub(super) pressure: Shown,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Postures {
    pub(super) postures: Vec<Posture>,
}

/// How a container stands.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Posture {
    pub(super) container: Named,
    pub(super) root: Shown,
    pub(super) root_unknown: Option<Shown>,
    pub(super) writable_mounts: Vec<Writable>,
    pub(super) writable_mounts_left_out: u64,
    pub(super) uid: Option<u32>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Writable {
    pub(super) target: Shown,
    pub(super) kind: Shown,
    pub(super) source: Option<Shown>,
    pub(super) fs_type: Shown,
    pub(super) options: Shown,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) sentence: Shown,
    pub(super) fix: Shown,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Layers {
    pub(super) layers: Vec<Layer>,
}

/// A container's writable layer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Layer {
    pub(super) container: Named,
    pub(super) writable: bool,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) truncated: bool,
}
