//! What is told of the containers' tmpfs mounts.
//!
//! In: nothing but its fields. Out: [`Report`]. Invariant: plain data; what was
//! not measured holds the reason in the number's place. Lacks on purpose:
//! labels and formats, which belong to the sinks.

use std::collections::HashMap;
use std::sync::Arc;

use super::history::Past;
use super::memory::Limit;
use super::{Asked, Fill, Origin, Pressure, Unmeasured};
use crate::mountinfo::Device;

/// All containers that are watched.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By id.
    pub containers: Vec<Arc<ContainerTmpfs>>,
    /// How many containers have it, for each file system that several have.
    pub shared: Arc<HashMap<Device, usize>>,
    /// Containers that are not watched as there are too many.
    pub overflow: u64,
    /// Readers that were given up, ever: each lost its container's numbers
    /// until it came back.
    pub stuck: u64,
    /// Readers that have not come back by now.
    pub stuck_now: usize,
    /// Processor time that sampling took, ever.
    pub cpu_ns: u64,
}

/// One container.
#[derive(Clone, Debug)]
pub struct ContainerTmpfs {
    /// The runtime's id.
    pub container: Arc<str>,
    /// By path.
    pub mounts: Vec<MountTmpfs>,
    /// Mounts past the limit of one container.
    pub dropped: usize,
    /// Its mount table is longer than what is read of one.
    pub table_cut: bool,
    /// Why nothing is known of its mounts, where that is so.
    pub unmeasured: Option<Unmeasured>,
    /// What its tmpfs mounts mean for its memory.
    pub memory: Memory,
    /// Its processes that were killed for want of memory.
    pub oom: Oom,
    /// CLOCK_MONOTONIC of the sample.
    pub sampled_ns: u64,
}

impl ContainerTmpfs {
    /// Whether it tells the same, whenever it was sampled.
    pub fn is_as(&self, other: &ContainerTmpfs) -> bool {
        let parts = |told: &ContainerTmpfs| (told.dropped, told.table_cut, told.memory);
        self.container == other.container
            && self.mounts == other.mounts
            && parts(self) == parts(other)
            && self.unmeasured == other.unmeasured
            && self.oom == other.oom
    }

    /// The mount with the most bytes in it.
    pub fn largest(&self) -> Option<&MountTmpfs> {
        largest(&self.mounts)
    }
}

/// The mount with the most bytes in it; none where all are empty.
pub(super) fn largest(mounts: &[MountTmpfs]) -> Option<&MountTmpfs> {
    let fullest = mounts.iter().max_by_key(|mount| mount.used_bytes());
    fullest.filter(|mount| mount.used_bytes() > 0)
}

impl MountTmpfs {
    /// Bytes in it, as far as they are measured.
    pub fn used_bytes(&self) -> u64 {
        match &self.bytes {
            Sampled::Measured { fill, .. } => fill.used,
            Sampled::Not(_) => 0,
        }
    }
}

/// One tmpfs of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct MountTmpfs {
    /// Where, from the container's root, as printable text.
    pub target: String,
    /// The file system.
    pub device: Device,
    /// How many more mounts of it the container has.
    pub elsewhere: usize,
    /// Who made it.
    pub origin: Origin,
    /// The size that was asked for.
    pub bytes_asked: Asked,
    /// The number of inodes that was asked for.
    pub inodes_asked: Asked,
    /// Bytes in use over the last half hour, the oldest first.
    pub history: Arc<[Past]>,
    /// In bytes.
    pub bytes: Sampled,
    /// In inodes.
    pub inodes: Sampled,
}

/// One amount of a tmpfs.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampled {
    /// It is known.
    Measured {
        /// How much of how much.
        fill: Fill,
        /// What that means.
        pressure: Pressure,
        /// Seconds until it is full at the recent slope.
        full_in_s: Option<u64>,
    },
    /// It is not.
    Not(Unmeasured),
}

/// What the tmpfs mounts of a container take of its memory limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The lowest limit that binds the container.
    pub limit: Limit,
    /// Bytes in all its tmpfs mounts that could be measured.
    pub tmpfs_bytes: u64,
    /// Of the limit, where there is one.
    pub share: Option<f64>,
    /// What that means.
    pub pressure: Pressure,
}

/// Kills for want of memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oom {
    /// Processes killed since the container is watched; none where the kernel
    /// does not tell.
    pub kills: Option<u64>,
    /// The last of them.
    pub last: Option<Killed>,
}

/// What was seen with a kill.
#[derive(Clone, Debug, PartialEq)]
pub struct Killed {
    /// CLOCK_MONOTONIC of the sample that found it.
    pub seen_ns: u64,
    /// The container's memory as of then, or of the last sample before where
    /// the mounts were gone.
    pub memory: Memory,
    /// The mount with the most bytes in it.
    pub largest: Option<String>,
}
