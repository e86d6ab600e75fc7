//! One container's turn: its control group becomes what was seen of its mounts.
//!
//! In: where its control groups are, and what is known from the last turn. Out:
//! [`Seen`]. Invariant: what is known is read anew when it fails to fit, and at
//! a slow rate besides, so that no descriptor needs to stay open; of a table
//! that a container changes all the time, one reading a turn is the most. Lacks
//! on purpose: a deadline, which `worker` sets.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::memory::{Limit, MemoryRoot};
use super::read::Root;
use super::{HostTmpfs, Ownership, Unmeasured, Usage, owned};
use crate::mountinfo::{self, process};

/// The mount table is read again so long after it was first read, and after
/// twice the time each time it has not changed: a container's mounts come
/// after its control group, and hardly change later.
const AGAIN_NS: u64 = 1_000_000_000;
const AGAIN_MAX_NS: u64 = 60_000_000_000;

/// What all turns share.
pub struct Surroundings {
    /// The host's tmpfs mounts.
    pub host: HostTmpfs,
    /// Differs whenever they do.
    pub host_version: u64,
    /// The host's mount namespace, where it could be read.
    pub host_namespace: Option<u64>,
    /// Where the memory controller is.
    pub memory: Option<MemoryRoot>,
}

/// Where a container's control groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory whose processes are the container's.
    pub group: PathBuf,
    /// The directory of the memory controller.
    pub memory: Option<PathBuf>,
}

/// What is known of a container between turns.
#[derive(Clone, Debug)]
pub struct Known {
    pid: Option<u32>,
    /// Hash of the text and the host's version that the ownership is made of;
    /// reading what has not changed would cost as much as the kernel's writing it.
    text: Option<u64>,
    ownership: Arc<Ownership>,
    /// The table was longer than what is read of one.
    table_cut: bool,
    limit: Limit,
    /// Why there is no table.
    why: Option<Unmeasured>,
    read_ns: Option<u64>,
    wait_ns: u64,
}

impl Default for Known {
    fn default() -> Self {
        Known {
            pid: None,
            text: None,
            ownership: Arc::default(),
            table_cut: false,
            limit: Limit::NotMeasured,
            why: None,
            read_ns: None,
            wait_ns: AGAIN_NS,
        }
    }
}

/// What a turn found.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its mounts.
    pub ownership: Arc<Ownership>,
    /// The table was longer than what is read of one.
    pub table_cut: bool,
    /// How full each of them is, in the same order.
    pub usage: Vec<Result<Usage, Unmeasured>>,
    /// Why nothing is known of its mounts.
    pub unmeasured: Option<Unmeasured>,
    /// Its memory limit.
    pub limit: Limit,
    /// Its kills since its control group was made.
    pub oom_kills: Option<u64>,
}

/// Takes a turn at `now_ns` of CLOCK_MONOTONIC.
pub fn visit(known: &mut Known, place: &Place, around: &Surroundings, now_ns: u64) -> Seen {
    let due = known
        .read_ns
        .is_none_or(|read_ns| now_ns.saturating_sub(read_ns) >= known.wait_ns);
    if due {
        known.read_table(place, around, now_ns);
    }
    let mut usage = known.usage();
    let does_not_fit = match &usage {
        Ok(each) => each.contains(&Err(Unmeasured::Swapped)),
        Err(why) => *why == Unmeasured::NoProcess,
    };
    if does_not_fit && !due {
        known.read_table(place, around, now_ns);
        usage = known.usage();
    }
    let memory = around.memory.as_ref().zip(place.memory.as_deref());
    let (usage, unmeasured) = match usage {
        Ok(usage) => (usage, None),
        Err(why) => (
            vec![Err(why.clone()); known.ownership.mounts.len()],
            Some(why),
        ),
    };
    Seen {
        ownership: Arc::clone(&known.ownership),
        table_cut: known.table_cut,
        usage,
        unmeasured,
        limit: known.limit,
        oom_kills: memory.and_then(|(root, directory)| root.oom_kills(directory)),
    }
}

impl Known {
    /// Asks every mount through one descriptor, which is closed at the end.
    fn usage(&self) -> Result<Vec<Result<Usage, Unmeasured>>, Unmeasured> {
        if let Some(why) = &self.why {
            return Err(why.clone());
        }
        let mounts = &self.ownership.mounts;
        if mounts.is_empty() {
            return Ok(Vec::new());
        }
        let root = Root::of(self.pid.ok_or(Unmeasured::NoProcess)?)?;
        let usage = mounts.iter().map(|mount| {
            mount.way.clone()?;
            root.usage(&mount.target, mount.mount, mount.device)
        });
        Ok(usage.collect())
    }

    /// Finds a process and reads its mount table. What was known of the mounts
    /// stays where that fails, so that a report can still name them.
    fn read_table(&mut self, place: &Place, around: &Surroundings, now_ns: u64) {
        self.read_ns = Some(now_ns);
        let before = Arc::clone(&self.ownership);
        self.pid = process::of_group(&place.group);
        self.why = match self.pid {
            None => Some(Unmeasured::NoProcess),
            Some(pid) => self.read_table_of(pid, around).err(),
        };
        if let Some((root, directory)) = around.memory.as_ref().zip(place.memory.as_deref()) {
            // A container that is gone keeps its limit, for what is told of its end.
            match root.limit(directory) {
                Limit::NotMeasured => {}
                limit => self.limit = limit,
            }
        }
        self.wait_ns = if *before == *self.ownership && self.why.is_none() {
            (self.wait_ns * 2).min(AGAIN_MAX_NS)
        } else {
            AGAIN_NS
        };
    }

    fn read_table_of(&mut self, pid: u32, around: &Surroundings) -> Result<(), Unmeasured> {
        let failed = |error: std::io::Error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ESRCH) | None => Unmeasured::NoProcess,
            Some(libc::EACCES | libc::EPERM) => Unmeasured::NotPermitted,
            Some(errno) => Unmeasured::Failed(errno),
        };
        let namespace = process::mount_namespace(pid).map_err(failed)?;
        if Some(namespace) == around.host_namespace {
            return Err(Unmeasured::HostMounts);
        }
        let (text, whole) = process::mount_table(pid).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        (&text, around.host_version).hash(&mut hasher);
        let hash = Some(hasher.finish());
        if self.text != hash {
            let rows = mountinfo::parse(&text);
            if around.host.has_root_of(&rows) {
                return Err(Unmeasured::HostMounts);
            }
            let ownership = owned(&rows, &around.host);
            self.text = hash;
            self.table_cut = !whole;
            if ownership != *self.ownership {
                self.ownership = Arc::new(ownership);
            }
        }
        Ok(())
    }
}
