//! Successful writes, summed by the directory under which they belong and by
//! where they went.
//!
//! In: the kernel's counters as read, what is told of each, owners. Out:
//! [`ContainerWrites`], the input of a write contract. Invariant: every write
//! that the kernel counted is in exactly one row, `_unresolved` or `_other`
//! where nothing better is known, and `_runtime` where a runtime wrote while it
//! set a process up; nothing in a row ever decreases while its container is
//! there. Lacks on purpose: reading, and judging what is found.

mod row;
mod told;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Author, PATH_KEY_OTHER, WRITES_MAX, WriteKey, WriteValue};

use crate::denial::{CgroupId, Container, Loss, Operation, Owner, Stage};
use crate::write_root;
pub use row::{COMMANDS_MAX, Destination, Ids, Owned, PATHS_MAX, Row, WRITERS_MAX, add_new};
pub use told::{Real, Told};

/// The write root of what shares a counter or is past the limit.
pub const OTHER: &str = "_other";
/// The write root of all that a runtime wrote while it set a process up.
pub const RUNTIME: &str = "_runtime";
/// Loss: a counter that found no room here.
pub const REASON_FULL: &str = "inventory_full";
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

/// The writes of one container.
#[derive(Clone, Debug)]
pub struct ContainerWrites {
    /// Whose.
    pub container: Arc<Container>,
    /// Ordered by write root and destination.
    pub rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct Tracked {
    seen: WriteValue,
    total: WriteValue,
    told: Option<Told>,
    /// Writes that were taken by [`Inventory::hand_on`].
    taken: u64,
}

/// The counters, as far as they were read.
#[derive(Debug, Default)]
pub struct Inventory {
    tracked: HashMap<WriteKey, Tracked>,
    /// Counters with writes that were not taken yet.
    fresh: HashSet<WriteKey>,
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
        let of_container = key.author == Author::Container as u8;
        if of_container && !gate::is_execution(key.operation) && tracked.taken < total.count {
            self.fresh.insert(*key);
        }
    }

    /// Hands on what the containers have written since it was taken: `take` is
    /// given a counter, what is told of it, the number of writes and the time of
    /// the last, and says whether it takes them.
    pub fn hand_on(&mut self, mut take: impl FnMut(&WriteKey, Option<&Told>, u64, u64) -> bool) {
        self.fresh.retain(|key| {
            let Some(tracked) = self.tracked.get_mut(key) else {
                return false;
            };
            let WriteValue { count, last_ns, .. } = tracked.total;
            let taken = take(key, tracked.told.as_ref(), count - tracked.taken, last_ns);
            if taken {
                tracked.taken = count;
            }
            !taken
        });
    }

    /// Takes in where the writes of a counter went.
    pub fn tell(&mut self, key: &WriteKey, told: Told) {
        if let Some(tracked) = self.tracked(key) {
            tracked.told = Some(told);
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
        self.fresh
            .retain(|key| !cgroups.contains(&CgroupId(key.cgroup)));
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
        let (executions, mut writes): (Vec<&WriteKey>, Vec<&WriteKey>) = self
            .tracked
            .keys()
            .partition(|key| gate::is_execution(key.operation));
        // The order in which roots find room is that of their first write.
        writes.sort_unstable_by_key(|key| (self.tracked[*key].total.first_ns, **key));
        for key in writes {
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
            sums.add(key, &self.tracked[key], roots_max);
        }
        for key in executions {
            let Owner::Container(container) = owner_of(CgroupId(key.cgroup)) else {
                continue;
            };
            let whose = (container.name.clone(), container.id.clone());
            if let Some(sums) = containers.get_mut(&whose) {
                sums.add_execution(&self.tracked[key]);
            }
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
        let (root, destination) = self.place(key, told, roots_max);
        let row = self
            .rows
            .entry((Arc::clone(&root), destination.clone()))
            .or_insert_with(|| Row::new(Arc::clone(&root), destination));
        let total = &tracked.total;
        let operation = Operation::try_from(key.operation).ok();
        if let Some(counter) = operation.and_then(|operation| row.counter(operation)) {
            *counter += total.count;
        }
        row.bytes += total.bytes;
        row.first_ns = row.first_ns.min(total.first_ns);
        row.last_ns = row.last_ns.max(total.last_ns);
        let Some(told) = told else { return };
        add_new(&mut row.paths, told.path.to_string(), PATHS_MAX);
        add_new(&mut row.commands, told.command.clone(), COMMANDS_MAX);
        row.more_writers |= !add_new(&mut row.writers, told.writer, WRITERS_MAX);
        if root.starts_with('/') {
            row.owner = row.owner.or_else(|| told.owner_of(&root));
            row.directory_owner = row.directory_owner.or_else(|| told.directory_owner());
        }
    }

    /// The row's key.
    fn place(
        &mut self,
        key: &WriteKey,
        told: Option<&Told>,
        roots_max: usize,
    ) -> (Arc<str>, Destination) {
        if key.author != Author::Container as u8 {
            return (RUNTIME.into(), Destination::RUNTIME);
        }
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
        let destination = told.map_or(Destination::UNKNOWN, |told| told.destination.clone());
        (root, destination)
    }

    /// What is executed is told only where something was written.
    fn add_execution(&mut self, tracked: &Tracked) {
        let Some(told) = &tracked.told else { return };
        let root: Arc<str> = write_root::of(&told.path, Some(&self.container)).into();
        if let Some(row) = self.rows.get_mut(&(root, told.destination.clone())) {
            row.executions += tracked.total.count;
        }
    }
}

#[cfg(test)]
mod tests;
