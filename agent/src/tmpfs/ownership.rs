//! A container's mount table becomes the tmpfs mounts that are its own.
//!
//! In: the rows of its table, and the tmpfs mounts of the host. Out:
//! [`Ownership`]. Invariant: pure; each file system appears once, however often
//! it is mounted, and [`MOUNTS_MAX`] at most. Lacks on purpose: `/dev` and what
//! lies below `/proc` and `/sys`, which runtimes make and mask; mounts that the
//! container cannot write; the host's own, which a bind hands in.

use std::collections::{BTreeMap, HashMap};

use super::Unmeasured;
use super::reach::Tree;
use crate::mountinfo::{Device, HostRoot, MountRow};

/// Most tmpfs mounts of one container that are told.
pub const MOUNTS_MAX: usize = 32;

/// What a mount was asked to hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing was said: the kernel takes half of the memory.
    Unbounded,
    /// Zero was said: there is no limit at all.
    Unlimited,
    /// So many bytes, or inodes.
    AtMost(u64),
}

/// Who made a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It exists in the container's mounts alone, such as Docker's `--tmpfs`.
    Container,
    /// A runtime or the kubelet made it outside and handed it in, such as an
    /// emptyDir in memory, or the /dev/shm of a pod.
    HandedIn,
}

/// A tmpfs that a container may fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The file system.
    pub device: Device,
    /// The mount of it that is asked.
    pub mount: u64,
    /// Where that is, from the container's root; any bytes.
    pub target: Vec<u8>,
    /// How many more mounts of it the container has.
    pub elsewhere: usize,
    /// Who made it.
    pub origin: Origin,
    /// `size=`.
    pub bytes: Asked,
    /// `nr_inodes=`.
    pub inodes: Asked,
    /// Whether it is safe to go there.
    pub way: Result<(), Unmeasured>,
}

/// The tmpfs mounts of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// By target.
    pub mounts: Vec<Owned>,
    /// Left out as there are more than [`MOUNTS_MAX`].
    pub dropped: usize,
}

/// The tmpfs file systems in the host's mount table, and what lies at its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostTmpfs {
    /// Whether one is there for a container.
    for_container: HashMap<Device, bool>,
    root: HostRoot,
}

impl HostTmpfs {
    /// From the rows of the host's table.
    pub fn of(rows: &[MountRow]) -> HostTmpfs {
        let mut for_container = HashMap::new();
        for row in rows.iter().filter(|row| row.fs_type == "tmpfs") {
            *for_container.entry(row.device).or_insert(false) |= is_for_container(&row.target);
        }
        HostTmpfs {
            for_container,
            root: HostRoot::of(rows),
        }
    }

    /// Is a table of a container that still has the host's root?
    pub fn has_root_of(&self, rows: &[MountRow]) -> bool {
        self.root.is_in(rows)
    }
}

/// Is a place on the host one where the kubelet makes an emptyDir, or a runtime
/// a /dev/shm? Docker: `.../containers/ID/mounts/shm`; containerd:
/// `.../sandboxes/ID/shm`; CRI-O and Podman: `.../overlay-containers/ID/userdata/shm`.
fn is_for_container(target: &[u8]) -> bool {
    let parts: Vec<&[u8]> = target.split(|byte| *byte == b'/').collect();
    if parts.contains(&b"kubernetes.io~empty-dir".as_slice()) {
        return true;
    }
    matches!(
        parts.as_slice(),
        [.., b"containers", _, b"mounts", b"shm"]
            | [.., b"sandboxes", _, b"shm"]
            | [.., b"overlay-containers", _, b"userdata", b"shm"]
    )
}

/// The tmpfs mounts among a container's `rows` that are its own.
pub fn owned(rows: &[MountRow], host: &HostTmpfs) -> Ownership {
    let mut by_device: BTreeMap<Device, Vec<(&MountRow, Origin)>> = BTreeMap::new();
    for row in rows {
        if let Some(origin) = origin(row, host) {
            by_device.entry(row.device).or_default().push((row, origin));
        }
    }
    let tree = Tree::new(rows);
    let mut mounts: Vec<Owned> = by_device
        .into_values()
        .filter_map(|same| one(&tree, &same))
        .collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    let dropped = mounts.len().saturating_sub(MOUNTS_MAX);
    mounts.truncate(MOUNTS_MAX);
    Ownership { mounts, dropped }
}

/// The mount that stands for all of one file system: one that can be asked,
/// then the shortest path.
fn one(tree: &Tree, same: &[(&MountRow, Origin)]) -> Option<Owned> {
    let judged = same
        .iter()
        .map(|(row, origin)| (*row, *origin, tree.way_to(row)));
    let (row, origin, way) =
        judged.min_by_key(|(row, _, way)| (way.is_err(), row.target.len(), row.id))?;
    Some(Owned {
        device: row.device,
        mount: row.id,
        target: row.target.clone(),
        elsewhere: same.len() - 1,
        origin,
        bytes: asked(&row.super_options, "size="),
        inodes: asked(&row.super_options, "nr_inodes="),
        way,
    })
}

/// Whose a mount is; none where it is not the container's.
fn origin(row: &MountRow, host: &HostTmpfs) -> Option<Origin> {
    let below = |place: &[u8]| {
        let rest = row.target.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    };
    if row.fs_type != "tmpfs" || !row.is_writable() {
        return None;
    }
    if row.target == b"/dev" || below(b"/proc") || below(b"/sys") {
        return None;
    }
    match host.for_container.get(&row.device) {
        Some(true) => Some(Origin::HandedIn),
        Some(false) => None,
        // A part of a file system that nobody knows is a file or a directory
        // of another's tmpfs, such as /etc/hosts.
        None => (row.root == b"/").then_some(Origin::Container),
    }
}

/// The number after `key`; the kernel writes sizes with a `k`.
fn asked(options: &str, key: &str) -> Asked {
    let value = options
        .split(',')
        .find_map(|option| option.strip_prefix(key));
    let Some(value) = value else {
        return Asked::Unbounded;
    };
    let (digits, unit) = match value.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => (value, 1),
    };
    match digits.parse::<u64>() {
        Ok(0) => Asked::Unlimited,
        Ok(number) => Asked::AtMost(number.saturating_mul(unit)),
        Err(_) => Asked::Unbounded,
    }
}

#[cfg(test)]
mod tests;
