//! Successful writes, summed by the directory under which they belong and by
//! where they went.
//!
//! In: the kernel's counters as read, the path and mount of each, owners. Out:
//! [`ContainerWrites`], the input of a write contract. Invariant: every write
//! that the kernel counted is in exactly one row, `_unresolved` or `_other`
//! where nothing better is known; nothing in a row ever decreases while its
//! container is there. Lacks on purpose: reading, and judging what is found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sealwatch_ebpf::wire::{PATH_KEY_OTHER, WRITES_MAX, WriteKey, WriteValue};

use crate::denial::{CgroupId, Container, ContainerPath, Loss, Operation, Owner, Stage};
use crate::mounts::{Mount, kind_label};
use crate::remedy::MountKind;
use crate::write_root;

/// The write root of what shares a counter or is past the limit.
pub const OTHER: &str = "_other";
/// Loss: a counter that found no room here.
pub const REASON_FULL: &str = "inventory_full";
/// Most paths that a row shows.
pub const PATHS_MAX: usize = 5;
/// Most counters: what the kernel's table holds, and as many of containers that are gone.
const TRACKED_MAX: usize = 2 * WRITES_MAX as usize;

/// Asks for a container's writes to be counted for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whose, as [`crate::config::fits`] reads it. A new lease of the same
    /// pattern takes the old one's place.
    pub pattern: String,
    /// For how long from now; zero ends it.
    pub lease: Duration,
}

/// Where writes went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// `upper_layer`, a kind of mount, or `unknown`.
    pub kind: &'static str,
    /// Where it is mounted, escaped; empty where that is not known.
    pub target: String,
}

impl Destination {
    fn of(mount: Option<&Mount>) -> Destination {
        let kind = match mount.map(|mount| mount.kind) {
            None => "unknown",
            Some(MountKind::Root) => "upper_layer",
            Some(kind) => kind_label(kind),
        };
        Destination {
            kind,
            target: mount.map(|mount| mount.target.clone()).unwrap_or_default(),
        }
    }
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
    /// CLOCK_MONOTONIC nanoseconds of the first.
    pub first_ns: u64,
    /// The same of the last.
    pub last_ns: u64,
    /// Some of the paths, escaped: one of each directory.
    pub paths: Vec<String>,
}

/// The writes of one container.
#[derive(Clone, Debug)]
pub struct ContainerWrites {
    /// Whose.
    pub container: Arc<Container>,
    /// Ordered by write root and destination.
    pub rows: Vec<Row>,
}

#[derive(Debug)]
struct Told {
    path: ContainerPath,
    mount: Option<Arc<Mount>>,
}

#[derive(Debug, Default)]
struct Tracked {
    seen: WriteValue,
    total: WriteValue,
    told: Option<Told>,
}

/// The counters, as far as they were read.
#[derive(Debug, Default)]
pub struct Inventory {
    tracked: HashMap<WriteKey, Tracked>,
    lost: u64,
}

impl Inventory {
    /// Takes in one counter as read, any number of times.
    pub fn count(&mut self, key: &WriteKey, value: &WriteValue) {
        let Some(tracked) = self.tracked(key) else {
            return;
        };
        // A value below the one before is a new counter under an old key.
        if value.count < tracked.seen.count {
            tracked.seen = WriteValue::default();
        }
        let total = &mut tracked.total;
        total.count += value.count - tracked.seen.count;
        total.bytes += value.bytes.saturating_sub(tracked.seen.bytes);
        if total.first_ns == 0 {
            total.first_ns = value.first_ns;
        }
        total.last_ns = total.last_ns.max(value.last_ns);
        tracked.seen = *value;
    }

    /// Takes in where the writes of a counter went.
    pub fn tell(&mut self, key: &WriteKey, path: ContainerPath, mount: Option<Arc<Mount>>) {
        if let Some(tracked) = self.tracked(key) {
            tracked.told = Some(Told { path, mount });
        }
    }

    fn tracked(&mut self, key: &WriteKey) -> Option<&mut Tracked> {
        if !self.tracked.contains_key(key) && self.tracked.len() >= TRACKED_MAX {
            self.lost += 1;
            return None;
        }
        Some(self.tracked.entry(*key).or_default())
    }

    /// Control groups whose grace time is over.
    pub fn forget(&mut self, cgroups: &HashSet<CgroupId>) {
        self.tracked
            .retain(|key, _| !cgroups.contains(&CgroupId(key.cgroup)));
    }

    /// Readings of counters that found no room, cumulative.
    pub fn losses(&self) -> Loss {
        Loss {
            stage: Stage::Aggregate,
            reason: REASON_FULL,
            count: self.lost,
        }
    }

    /// The sums, ordered by the containers' names and ids. `roots_max` bounds the
    /// write roots of a container; what is past it goes to [`OTHER`].
    pub fn sum(
        &self,
        roots_max: usize,
        owner_of: impl Fn(CgroupId) -> Owner,
    ) -> Vec<ContainerWrites> {
        let mut containers: BTreeMap<(String, String), Sums> = BTreeMap::new();
        let mut keys: Vec<_> = self.tracked.keys().collect();
        // The order in which roots find room is that of their first write.
        keys.sort_unstable_by_key(|key| (self.tracked[*key].total.first_ns, **key));
        for key in keys {
            let tracked = &self.tracked[key];
            let Owner::Container(container) = owner_of(CgroupId(key.cgroup)) else {
                continue;
            };
            let sums = containers
                .entry((container.name.clone(), container.id.clone()))
                .or_insert_with(|| Sums {
                    container,
                    roots: HashSet::new(),
                    rows: BTreeMap::new(),
                });
            sums.add(key, tracked, roots_max);
        }
        let containers = containers.into_values();
        containers
            .map(|sums| ContainerWrites {
                container: sums.container,
                rows: sums.rows.into_values().collect(),
            })
            .collect()
    }
}

struct Sums {
    container: Arc<Container>,
    roots: HashSet<Arc<str>>,
    rows: BTreeMap<(Arc<str>, Destination), Row>,
}

impl Sums {
    fn add(&mut self, key: &WriteKey, tracked: &Tracked, roots_max: usize) {
        let told = tracked.told.as_ref();
        let mut root: Arc<str> = match told {
            Some(told) => write_root::of(&told.path, Some(&self.container)).into(),
            None if key.directory == PATH_KEY_OTHER => OTHER.into(),
            None => write_root::UNRESOLVED.into(),
        };
        if root.starts_with('/') && !self.roots.contains(&root) {
            if self.roots.len() >= roots_max {
                root = OTHER.into();
            } else {
                self.roots.insert(Arc::clone(&root));
            }
        }
        let destination = Destination::of(told.and_then(|told| told.mount.as_deref()));
        let row = self
            .rows
            .entry((Arc::clone(&root), destination.clone()))
            .or_insert_with(|| Row {
                write_root: root,
                destination,
                opens: 0,
                creates: 0,
                directories: 0,
                renames: 0,
                writes: 0,
                bytes: 0,
                first_ns: u64::MAX,
                last_ns: 0,
                paths: Vec::new(),
            });
        let total = &tracked.total;
        if let Some(counter) = row.counter(key.operation) {
            *counter += total.count;
        }
        row.bytes += total.bytes;
        row.first_ns = row.first_ns.min(total.first_ns);
        row.last_ns = row.last_ns.max(total.last_ns);
        if let Some(path) = told.map(|told| told.path.to_string())
            && row.paths.len() < PATHS_MAX
            && !row.paths.contains(&path)
        {
            row.paths.push(path);
        }
    }
}

impl Row {
    /// Where an operation is counted; nowhere for one that is no part of the inventory.
    fn counter(&mut self, operation: u8) -> Option<&mut u64> {
        match Operation::try_from(operation).ok()? {
            Operation::Open => Some(&mut self.opens),
            Operation::Create | Operation::Mknod | Operation::Symlink | Operation::Link => {
                Some(&mut self.creates)
            }
            Operation::Mkdir => Some(&mut self.directories),
            Operation::Rename => Some(&mut self.renames),
            Operation::Write => Some(&mut self.writes),
            Operation::Unlink
            | Operation::Rmdir
            | Operation::Chmod
            | Operation::Chown
            | Operation::Utime
            | Operation::Truncate
            | Operation::Fallocate
            | Operation::Setxattr
            | Operation::Bind
            | Operation::Exec
            | Operation::Mmap
            | Operation::Ptrace
            | Operation::Mount
            | Operation::Signal
            | Operation::Capability => None,
        }
    }
}

#[cfg(test)]
mod tests;
