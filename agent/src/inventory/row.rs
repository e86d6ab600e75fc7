//! What one container wrote under one write root to one place.
//!
//! In: nothing. Out: [`Row`] and its parts. Invariant: every list is bounded,
//! and a row says where one of them is not whole; texts are escaped. Lacks on
//! purpose: summing.

use std::sync::Arc;

use crate::denial::Operation;
use crate::mounts::{Mount, is_of_the_kernel, kind_label};
use crate::remedy::MountKind;

/// Most paths that a row shows.
pub const PATHS_MAX: usize = 5;
/// Most users that a row shows.
pub const WRITERS_MAX: usize = 8;
/// Most commands that a row shows.
pub const COMMANDS_MAX: usize = 5;

/// Where devices are, on a tmpfs that every runtime makes.
const DEVICES: &str = "/dev";

/// Where writes went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// `upper_layer`, a kind of mount, `runtime`, or `unknown`. What is `kernel`
    /// needs no mount: proc, sysfs and their like, and the directory of devices.
    pub kind: &'static str,
    /// Where it is mounted, escaped; empty where that is not known.
    pub target: String,
}

impl Destination {
    /// Not known.
    pub const UNKNOWN: Destination = Destination {
        kind: "unknown",
        target: String::new(),
    };

    /// Wherever a runtime writes.
    pub const RUNTIME: Destination = Destination {
        kind: "runtime",
        target: String::new(),
    };

    /// By the mount, or where its table could not be read any more, by the
    /// `super_block.s_magic` of the file system.
    pub fn of(mount: Option<&Mount>, fs_magic: Option<u64>) -> Destination {
        let Some(mount) = mount else {
            return match fs_magic.is_some_and(is_of_the_kernel) {
                true => Destination {
                    kind: kind_label(MountKind::Kernel),
                    ..Destination::UNKNOWN
                },
                false => Destination::UNKNOWN,
            };
        };
        let kind = match mount.kind {
            MountKind::Root => "upper_layer",
            MountKind::Tmpfs if mount.target == DEVICES => kind_label(MountKind::Kernel),
            kind => kind_label(kind),
        };
        Destination {
            kind,
            target: mount.target.clone(),
        }
    }
}

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ids {
    /// In the initial user namespace.
    pub uid: u32,
    /// In the initial user namespace.
    pub gid: u32,
    /// As the container calls it, where it does and that is known.
    pub uid_in_container: Option<u32>,
    /// The same of the group.
    pub gid_in_container: Option<u32>,
}

/// Whose a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Owner and group.
    pub by: Ids,
    /// Permission bits.
    pub mode: u32,
}

/// The writes of one container under one write root to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The directory under which they belong.
    pub write_root: Arc<str>,
    /// Where they went.
    pub destination: Destination,
    /// Opens for writing of files that were there.
    pub opens: u64,
    /// Files made, links and devices included.
    pub creates: u64,
    /// Directories made.
    pub directories: u64,
    /// Renames to a name under the root.
    pub renames: u64,
    /// Calls that wrote.
    pub writes: u64,
    /// Bytes they wrote.
    pub bytes: u64,
    /// Files executed, or mapped to be: no writes.
    pub executions: u64,
    /// CLOCK_MONOTONIC nanoseconds of the first write.
    pub first_ns: u64,
    /// The same of the last.
    pub last_ns: u64,
    /// Some of the paths, escaped: one of each directory.
    pub paths: Vec<String>,
    /// Whose the write root is, where that was seen at a write.
    pub owner: Option<Owned>,
    /// Whose the directory of the first write is, the root or below it.
    pub directory_owner: Option<Owned>,
    /// The users that wrote, in the order in which they began.
    pub writers: Vec<Ids>,
    /// Were there more users?
    pub more_writers: bool,
    /// Some of the commands that wrote, escaped.
    pub commands: Vec<String>,
}

impl Row {
    /// Without any write.
    pub fn new(write_root: Arc<str>, destination: Destination) -> Row {
        Row {
            write_root,
            destination,
            opens: 0,
            creates: 0,
            directories: 0,
            renames: 0,
            writes: 0,
            bytes: 0,
            executions: 0,
            first_ns: u64::MAX,
            last_ns: 0,
            paths: Vec::new(),
            owner: None,
            directory_owner: None,
            writers: Vec::new(),
            more_writers: false,
            commands: Vec::new(),
        }
    }

    /// All writes, whatever the operation.
    pub fn operations(&self) -> u64 {
        self.opens + self.creates + self.directories + self.renames + self.writes
    }

    /// Where an operation is counted; nowhere for one that is no part of the inventory.
    pub(super) fn counter(&mut self, operation: Operation) -> Option<&mut u64> {
        match operation {
            Operation::Open => Some(&mut self.opens),
            Operation::Create | Operation::Mknod | Operation::Symlink | Operation::Link => {
                Some(&mut self.creates)
            }
            Operation::Mkdir => Some(&mut self.directories),
            Operation::Rename => Some(&mut self.renames),
            Operation::Write => Some(&mut self.writes),
            Operation::Exec | Operation::Mmap => Some(&mut self.executions),
            Operation::Unlink
            | Operation::Rmdir
            | Operation::Chmod
            | Operation::Chown
            | Operation::Utime
            | Operation::Truncate
            | Operation::Fallocate
            | Operation::Setxattr
            | Operation::Bind
            | Operation::Ptrace
            | Operation::Mount
            | Operation::Signal
            | Operation::Capability => None,
        }
    }
}

/// Adds what is not there yet, as far as there is room. False where there is none.
pub fn add_new<T: PartialEq>(list: &mut Vec<T>, value: T, max: usize) -> bool {
    if list.contains(&value) {
        return true;
    }
    let room = list.len() < max;
    if room {
        list.push(value);
    }
    room
}
