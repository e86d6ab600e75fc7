//! What was observed of a container, as a proposal needs it.
//!
//! In: nothing. Out: [`Observed`] and its parts. Invariant: paths and names are
//! escaped, as the API serves them; ids are those of the container. Lacks on
//! purpose: where it comes from.

use super::Ids;
use crate::denial::{Cause, Errno, Operation};

/// A container, what it wrote, and what it was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What the contract calls it: see [`super::Contract::container`].
    pub container: String,
    /// Image as the user named it; empty where that is not known.
    pub image: String,
    /// Was its start seen? Otherwise what it had written before is not told from
    /// what the image has.
    pub start_seen: bool,
    /// What it wrote with success.
    pub writes: Vec<Written>,
    /// What it was refused.
    pub refusals: Vec<Refused>,
    /// What is mounted for it, the root left out.
    pub mounts: Vec<Mounted>,
}

/// Where writes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The root: the image and the container's own layer.
    Root,
    /// A tmpfs.
    Tmpfs,
    /// A volume, or anything else that was mounted for it.
    Volume,
    /// What the runtime or the kernel provides.
    Provided,
    /// Not known.
    Unknown,
}

/// Whose a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// User and group.
    pub by: Ids,
    /// Permission bits.
    pub mode: u16,
}

/// The writes under one write root to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The write root.
    pub write_root: String,
    /// Where they went.
    pub destination: Destination,
    /// Where that is mounted; empty where it is not known.
    pub target: String,
    /// Opens of files that were there.
    pub opens: u64,
    /// Files made.
    pub creates: u64,
    /// Directories made.
    pub directories: u64,
    /// Renames.
    pub renames: u64,
    /// Calls that wrote.
    pub writes: u64,
    /// Bytes they wrote.
    pub bytes: u64,
    /// Files executed there.
    pub executions: u64,
    /// Some of the paths.
    pub paths: Vec<String>,
    /// Whose the write root is.
    pub owner: Option<Owned>,
    /// The users that wrote.
    pub writers: Vec<Ids>,
    /// Some of the commands that wrote.
    pub commands: Vec<String>,
}

impl Written {
    /// A row without any number.
    pub fn new(write_root: &str, destination: Destination) -> Self {
        Written {
            write_root: write_root.to_owned(),
            destination,
            target: String::new(),
            opens: 0,
            creates: 0,
            directories: 0,
            renames: 0,
            writes: 0,
            bytes: 0,
            executions: 0,
            paths: Vec::new(),
            owner: None,
            writers: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// All writes.
    pub(super) const fn operations(&self) -> u64 {
        self.opens + self.creates + self.directories + self.renames + self.writes
    }

    /// Were directories made, and nothing else?
    pub(super) const fn only_directories(&self) -> bool {
        self.directories > 0 && self.opens + self.creates + self.renames + self.writes == 0
    }
}

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The path.
    pub path: String,
    /// The write root.
    pub write_root: String,
    /// What was tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// Why.
    pub cause: Cause,
    /// How often.
    pub count: u64,
    /// Who was refused, where that is known.
    pub task: Option<Ids>,
    /// The command.
    pub command: String,
}

/// A mount that the container has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub target: String,
    /// Is it a tmpfs?
    pub tmpfs: bool,
    /// Most bytes in it that were seen, of a tmpfs.
    pub used: Option<u64>,
    /// Most bytes that it may hold, of a tmpfs.
    pub limit: Option<u64>,
}
