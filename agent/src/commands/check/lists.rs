//! What a daemon serves becomes one [`Reading`].
//!
//! In: a daemon's answers. Out: counts, rows and names, as far as a check needs
//! them. Invariant: fields that are not known are left aside, and texts stay
//! escaped as they were served. Lacks on purpose: whose they are.

use serde::Deserialize;

use super::exposition;
use crate::commands::client::{Client, ClientError};

const DENIALS: &str = "sealwatch_write_root_denials_total";
const INFO: &str = "sealwatch_container_info";
const PENDING: &str = "sealwatch_pending_denials";
const UNRESOLVED: &str = "sealwatch_unresolved_denials_total";
const LOST: &str = "sealwatch_lost_total";
const ATTACHED: &str = "sealwatch_hooks_attached";
const MISSING: &str = "sealwatch_hooks_missing";
const METRICS: [&str; 7] = [DENIALS, INFO, PENDING, UNRESOLVED, LOST, ATTACHED, MISSING];

/// The labels by which a container's series are found: namespace, pod, name.
pub(super) type Labels = [String; 3];

/// What was refused and why, as labels: operation, errno, cause, security module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) operation: String,
    pub(super) errno: String,
    pub(super) cause: String,
    pub(super) lsm: String,
}

/// A container's name, as the daemon's metrics tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) labels: Labels,
    pub(super) id: String,
    pub(super) image: String,
}

/// A row of the list of denials.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    pub(super) container: Option<Named>,
    pub(super) operation: String,
    pub(super) errno: String,
    pub(super) cause: String,
    #[serde(default)]
    pub(super) lsm: Option<String>,
    #[serde(default)]
    pub(super) evidence: String,
    #[serde(default)]
    pub(super) details: Details,
    #[serde(default)]
    pub(super) remedy: Option<String>,
    #[serde(default)]
    pub(super) changes: Vec<Change>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) write_root: String,
    #[serde(default)]
    pub(super) comm: String,
    pub(super) count: u64,
    pub(super) exact: bool,
}

impl Row {
    pub(super) fn kind(&self) -> Kind {
        Kind {
            operation: self.operation.clone(),
            errno: self.errno.clone(),
            cause: self.cause.clone(),
            lsm: self.lsm.clone().unwrap_or_default(),
        }
    }
}

/// A container in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) image: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) pod: String,
    #[serde(default)]
    pub(super) read_only_root: Option<bool>,
}

/// What a suggestion needs of a row's evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) task: Task,
    pub(super) mount: Option<Mount>,
}

/// The task, as the container counts users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Task {
    pub(super) uid_in_container: Option<u32>,
    pub(super) gid_in_container: Option<u32>,
}

/// The mount that the path lies on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Mount {
    pub(super) kind: Option<String>,
}

/// A change to copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
pub(super) struct Change {
    /// Where it is written: `docker`, `compose`, `kubernetes` and so on.
    pub(super) target: String,
    /// What is written there.
    pub(super) text: String,
}

/// Successful writes of a container.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Writes {
    pub(super) container: Named,
    pub(super) write_roots: Vec<Written>,
}

/// Those under one write root.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Written {
    pub(super) write_root: String,
    pub(super) destination: String,
    pub(super) opens: u64,
    pub(super) creates: u64,
    pub(super) directories: u64,
    pub(super) renames: u64,
    pub(super) writes: u64,
    pub(super) last_monotonic_ns: u64,
    pub(super) paths: Vec<String>,
}

/// A container's posture.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stance {
    pub(super) container: Named,
    pub(super) root: String,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// Refusals by container, kind and write root.
    pub(super) counts: Vec<(Labels, Kind, String, u64)>,
    pub(super) infos: Vec<Info>,
    pub(super) pending: u64,
    pub(super) unresolved: u64,
    /// Losses by stage and reason that are not zero.
    pub(super) lost: Vec<(String, String, u64)>,
    /// Hooks with their backend.
    pub(super) attached: Vec<(String, String)>,
    /// Hooks with the reason.
    pub(super) missing: Vec<(String, String)>,
    pub(super) rows: Vec<Row>,
    pub(super) writes: Vec<Writes>,
    pub(super) stances: Vec<Stance>,
}

#[derive(Deserialize)]
struct Denials {
    denials: Vec<Row>,
}

#[derive(Deserialize)]
struct Postures {
    postures: Vec<Stance>,
}

#[derive(Deserialize)]
struct Inventory {
    containers: Vec<Writes>,
}

/// Asks a daemon for everything; the inventory only where it is wanted.
pub(super) async fn read(client: &Client, inventory: bool) -> Result<Reading, ClientError> {
    // The rows before the counts: what has a row has been counted.
    let mut reading = Reading {
        rows: client.get::<Denials>("/api/v1/denials").await?.denials,
        ..Reading::default()
    };
    reading.stances = client.get::<Postures>("/api/v1/posture").await?.postures;
    if inventory {
        reading.writes = client
            .get::<Inventory>("/api/v1/inventory")
            .await?
            .containers;
    }
    reading.take_metrics(&client.text("/metrics").await?);
    Ok(reading)
}

impl Reading {
    pub(super) fn take_metrics(&mut self, text: &str) {
        for series in exposition::parse(text, &METRICS) {
            let label = |name: &str| series.label(name).to_owned();
            let labels = || [label("namespace"), label("pod"), label("container")];
            match series.name {
                DENIALS => {
                    let kind = Kind {
                        operation: label("operation"),
                        errno: label("errno"),
                        cause: label("cause"),
                        lsm: label("lsm"),
                    };
                    let root = label("write_root");
                    self.counts.push((labels(), kind, root, series.value));
                }
                INFO => self.infos.push(Info {
                    labels: labels(),
                    id: label("container_id"),
                    image: label("image"),
                }),
                PENDING => self.pending = series.value,
                UNRESOLVED => self.unresolved += series.value,
                LOST if series.value > 0 => {
                    self.lost
                        .push((label("stage"), label("reason"), series.value));
                }
                ATTACHED => self.attached.push((label("hook"), label("backend"))),
                MISSING => self.missing.push((label("hook"), label("reason"))),
                _ => {}
            }
        }
    }
}
