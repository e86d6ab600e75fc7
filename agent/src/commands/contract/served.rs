//! What the daemon serves, as far as a contract needs it.
//!
//! In: answers of the API. Out: plain types. Invariant: fields that are not
//! known are left aside, and what is missing has a default, so that another
//! version's answer still serves. Lacks on purpose: summing.

use serde::Deserialize;

use crate::commands::client::{Client, ClientError};
use crate::contract::Ids;
use crate::contract::observed::{Destination, Mounted, Owned, Refused, Written};
use crate::denial::{Cause, Container, Errno, Operation, Runtime};

/// The metric that names every container, from its birth on.
const INFO: &str = "sealwatch_container_info{";
/// The label that has its id.
const ID: &str = "container_id=\"";

/// All that is asked for at once.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Ids of the containers that are there, as far as the metrics are where
    /// they usually are.
    pub(super) there: Vec<String>,
    pub(super) inventory: Inventory,
    pub(super) denials: Vec<Denial>,
    pub(super) postures: Vec<Posture>,
    pub(super) tmpfs: Vec<Tmpfs>,
}

impl Reading {
    /// Asks; the first time, for who is there as well.
    pub(super) async fn take(client: &Client, first: bool) -> Result<Reading, ClientError> {
        let denials: Denials = client.get("/api/v1/denials").await?;
        let postures: Postures = client.get("/api/v1/posture").await?;
        let tmpfs: Fillings = client.get("/api/v1/tmpfs").await?;
        let metrics = match first {
            true => client.text("/metrics").await.unwrap_or_default(),
            false => String::new(),
        };
        Ok(Reading {
            there: ids(&metrics),
            inventory: client.get("/api/v1/inventory").await?,
            denials: denials.denials,
            postures: postures.postures,
            tmpfs: tmpfs.tmpfs,
        })
    }
}

/// The ids of a text of metrics; hexadecimal digits need no unescaping.
pub(super) fn ids(metrics: &str) -> Vec<String> {
    let lines = metrics.lines().filter(|line| line.starts_with(INFO));
    lines
        .filter_map(|line| line.split_once(ID)?.1.split_once('"'))
        .map(|(id, _)| id.to_owned())
        .collect()
}

/// A container in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) workload: String,
    pub(super) project: String,
    pub(super) read_only_root: Option<bool>,
}

impl Named {
    /// As patterns are tried on it.
    pub(super) fn container(&self) -> Container {
        Container {
            name: self.name.clone(),
            image: self.image.clone(),
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            ..Container::unnamed(&self.id, Runtime::Unspecified)
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Inventory {
    pub(super) not_measured: Vec<String>,
    pub(super) containers: Vec<Writes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Writes {
    pub(super) container: Named,
    pub(super) write_roots: Vec<Row>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    write_root: String,
    destination: String,
    target: String,
    opens: u64,
    creates: u64,
    directories: u64,
    renames: u64,
    writes: u64,
    bytes: u64,
    executions: u64,
    paths: Vec<String>,
    owner: Option<Ownership>,
    writers: Vec<User>,
    commands: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    uid: u32,
    gid: u32,
    uid_in_container: Option<u32>,
    gid_in_container: Option<u32>,
}

impl User {
    /// As the container counts them; the host's where that is not known, which is
    /// the same without a user namespace.
    fn ids(&self) -> Ids {
        Ids {
            uid: self.uid_in_container.unwrap_or(self.uid),
            gid: self.gid_in_container.unwrap_or(self.gid),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Ownership {
    #[serde(flatten)]
    by: User,
    mode: String,
}

impl Row {
    /// None where the runtime wrote it.
    pub(super) fn written(&self) -> Option<Written> {
        let destination = match self.destination.as_str() {
            "runtime" => return None,
            // A read-only root seals the runtime's own files as well.
            "upper_layer" | "runtime_file" => Destination::Root,
            "tmpfs" => Destination::Tmpfs,
            "kernel" => Destination::Provided,
            "unknown" => Destination::Unknown,
            _ => Destination::Volume,
        };
        let owner = self.owner.as_ref().and_then(|owner| {
            let mode = u16::from_str_radix(&owner.mode, 8).ok()?;
            let by = owner.by.ids();
            Some(Owned { by, mode })
        });
        Some(Written {
            write_root: self.write_root.clone(),
            destination,
            target: self.target.clone(),
            opens: self.opens,
            creates: self.creates,
            directories: self.directories,
            renames: self.renames,
            writes: self.writes,
            bytes: self.bytes,
            executions: self.executions,
            paths: self.paths.clone(),
            owner,
            writers: self.writers.iter().map(User::ids).collect(),
            commands: self.commands.clone(),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Denials {
    denials: Vec<Denial>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Denial {
    pub(super) container: Option<Named>,
    operation: String,
    errno: String,
    cause: String,
    path: String,
    write_root: String,
    uid: u32,
    gid: u32,
    details: Details,
    comm: String,
    count: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    task: User,
}

impl Denial {
    /// None where it is of a kind that this version does not know.
    pub(super) fn refused(&self) -> Option<Refused> {
        let operations = || Operation::ALL.iter().copied();
        let task = User {
            uid: self.uid,
            gid: self.gid,
            ..self.details.task.clone()
        };
        Some(Refused {
            path: self.path.clone(),
            write_root: self.write_root.clone(),
            operation: operations().find(|known| known.label() == self.operation)?,
            errno: Errno::ALL
                .into_iter()
                .find(|known| known.label() == self.errno)?,
            cause: Cause::ALL
                .into_iter()
                .find(|known| known.label() == self.cause)?,
            count: self.count,
            task: Some(task.ids()),
            command: self.comm.clone(),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Postures {
    postures: Vec<Posture>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Posture {
    pub(super) container: Named,
    writable_mounts: Vec<Mount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mount {
    target: String,
    kind: String,
    size_bytes: Option<u64>,
}

impl Posture {
    pub(super) fn mounts(&self) -> impl Iterator<Item = Mounted> {
        self.writable_mounts.iter().map(|mount| Mounted {
            target: mount.target.clone(),
            tmpfs: mount.kind == "tmpfs",
            used: None,
            limit: mount.size_bytes,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fillings {
    tmpfs: Vec<Tmpfs>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tmpfs {
    pub(super) container: Named,
    mounts: Vec<Filled>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filled {
    mount: String,
    bytes: Amount,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Amount {
    used: Option<u64>,
}

impl Tmpfs {
    /// Mounts and what lies in them.
    pub(super) fn used(&self) -> impl Iterator<Item = (&str, u64)> {
        let mounts = self.mounts.iter();
        mounts.filter_map(|filled| Some((filled.mount.as_str(), filled.bytes.used?)))
    }
}
