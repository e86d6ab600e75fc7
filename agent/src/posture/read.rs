//! One container's turn: its control group becomes [`Facts`].
//!
//! In: where its control group is, and what the last turn left. Out: what is to
//! be told, where that has changed. Invariant: five small files of /proc are
//! read, none of which waits for a file system of the container; nothing is told
//! before two readings agreed, since a runtime puts a container's mounts and user
//! together step by step. Lacks on purpose: descriptors that stay open.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pace::Found;
use super::{Facts, HostMounts, Unknown, User, table, user};
use crate::mountinfo::{self, process};

/// Bytes of `status`, `stat` and `uid_map` that are looked at.
const FILE_MAX: u64 = 16 * 1024;

/// What all turns share.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// The host's mounts.
    pub(super) host: HostMounts,
    /// Differs whenever they do.
    pub(super) host_version: u64,
    /// The host's mount namespace, where it could be read.
    pub(super) host_namespace: Option<u64>,
}

/// What is known of a container between turns.
#[derive(Debug)]
pub(super) struct Known {
    /// Directory of its control group.
    group: PathBuf,
    /// Its first process, with the tick at which that was started.
    first: Option<(u32, u64)>,
    /// Hash of all that was read the last time.
    hash: Option<u64>,
    /// Two readings of this process agreed.
    settled: bool,
    told: Arc<Facts>,
}

/// What a turn read, before it is understood.
struct Reading {
    first: (u32, u64),
    text: Vec<u8>,
    whole: bool,
    user: Option<User>,
}

impl Known {
    pub(super) fn new(group: PathBuf) -> Known {
        Known {
            group,
            first: None,
            hash: None,
            settled: false,
            told: Arc::new(Facts::unknown(Unknown::Starting)),
        }
    }

    /// What is to be told of it.
    pub(super) fn told(&self) -> &Arc<Facts> {
        &self.told
    }

    /// Is its start over?
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Takes a turn.
    pub(super) fn visit(&mut self, around: &Around) -> Found {
        let reading = match self.read(around) {
            Ok(reading) => reading,
            Err(why) => {
                self.first = None;
                self.hash = None;
                self.settled = false;
                self.tell(Facts::unknown(why));
                return Found::Unsettled;
            }
        };
        if self.first.replace(reading.first) != Some(reading.first) {
            self.settled = false;
            self.hash = None;
        }
        let mut hasher = DefaultHasher::new();
        (
            &reading.text,
            reading.user.map(|user| (user.host_uid, user.uid)),
        )
            .hash(&mut hasher);
        around.host_version.hash(&mut hasher);
        let hash = Some(hasher.finish());
        let same = self.hash == hash;
        self.hash = hash;
        if same && self.settled {
            return Found::Still;
        }
        let rows = mountinfo::parse(&reading.text);
        let table = table(&rows, &around.host, !reading.whole);
        self.settled |= same && table != Err(Unknown::Starting);
        if !self.settled {
            self.tell(Facts::unknown(Unknown::Starting));
            return Found::Unsettled;
        }
        let user = reading.user.ok_or(Unknown::Unreadable);
        match self.tell(Facts { table, user }) {
            true => Found::Changed,
            false => Found::Still,
        }
    }

    fn tell(&mut self, facts: Facts) -> bool {
        let differs = *self.told != facts;
        if differs {
            self.told = Arc::new(facts);
        }
        differs
    }

    /// Of the process of the last turn while it is there, otherwise of the
    /// group's lowest.
    fn read(&self, around: &Around) -> Result<Reading, Unknown> {
        let known = self.first.map(|first| read(first, around));
        if let Some(Ok(reading)) = known {
            return Ok(reading);
        }
        let pid = process::of_group(&self.group).ok_or(Unknown::NoProcess)?;
        read((pid, started(pid).ok_or(Unknown::NoProcess)?), around)
    }
}

/// Reads of a process that was started at that tick.
fn read(first: (u32, u64), around: &Around) -> Result<Reading, Unknown> {
    let (pid, _) = first;
    let namespace = process::mount_namespace(pid).map_err(because)?;
    if Some(namespace) == around.host_namespace {
        return Err(Unknown::HostMounts);
    }
    let (text, whole) = process::mount_table(pid).map_err(because)?;
    let status = file(pid, "status").map_err(because)?;
    let uid_map = file(pid, "uid_map").map_err(because)?;
    // Its number may have become another process's since.
    if started(pid) != Some(first.1) {
        return Err(Unknown::NoProcess);
    }
    Ok(Reading {
        first,
        text,
        whole,
        user: user::user(&status, &uid_map),
    })
}

fn started(pid: u32) -> Option<u64> {
    user::started(&file(pid, "stat").ok()?)
}

fn file(pid: u32, name: &str) -> io::Result<Vec<u8>> {
    process::read_at_most(Path::new(&format!("/proc/{pid}/{name}")), FILE_MAX)
}

fn because(error: io::Error) -> Unknown {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) | None => Unknown::NoProcess,
        Some(libc::EACCES | libc::EPERM) => Unknown::NotPermitted,
        Some(errno) => Unknown::Failed(errno),
    }
}
