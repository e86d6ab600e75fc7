//! Whose successful writes are counted, and what was counted.
//!
//! In: patterns of containers, [`Watch`] commands, names as they come. Out: the
//! source's switches; sums for the snapshot. Invariant: a container without a
//! name yet is watched as long as any pattern might fit it, so that its first
//! writes are there; where no pattern is given, nothing is watched; a command
//! ends with its lease, whatever became of who gave it. Counters are read before
//! they are deleted. Lacks on purpose: the sums themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Now, Pipeline};
use crate::breach::Breaches;
use crate::config::fits;
use crate::decode::Written;
use crate::denial::{CgroupId, Container};
use crate::inventory::{ContainerWrites, Inventory, Told, Watch};
use crate::source::{Source, SourceError};
use sealwatch_ebpf::wire::{Author, Stat};

/// Loss: the kernel's table of the inventory was full.
pub const REASON_INVENTORY_FULL: &str = "inventory_table_full";
/// Loss: the record with a path found its ring buffer full.
pub const REASON_INVENTORY_RING_FULL: &str = "inventory_ring_full";
/// Most leases at once.
const LEASES_MAX: usize = 256;

/// The state of the switches.
#[derive(Default)]
pub(super) struct Switches {
    patterns: Vec<String>,
    commands: Option<mpsc::Receiver<Watch>>,
    /// Patterns with the time at which they end, CLOCK_MONOTONIC nanoseconds.
    leases: Vec<(String, u64)>,
    /// With the id of the container.
    pub(super) watched: BTreeMap<CgroupId, String>,
    pub(super) inventory: Inventory,
    pub(super) sums: Arc<[ContainerWrites]>,
    /// The statistic up to which counters were read.
    read: u64,
    changed: bool,
    /// Names or control groups may have changed.
    pub(super) dirty: bool,
}

impl Switches {
    pub(super) fn new(patterns: Vec<String>, commands: Option<mpsc::Receiver<Watch>>) -> Self {
        Switches {
            patterns,
            commands,
            dirty: true,
            ..Switches::default()
        }
    }

    /// Goes by other patterns from now on.
    pub(super) fn replace(&mut self, patterns: Vec<String>) {
        self.patterns = patterns;
        self.dirty = true;
        self.changed = true;
    }

    fn wants(&self, container: &Container, breaches: &Breaches) -> bool {
        let leased = self.leases.iter().map(|(pattern, _)| pattern);
        let mut patterns = self.patterns.iter().chain(leased).peekable();
        if !container.described {
            return patterns.peek().is_some() || breaches.any();
        }
        patterns.any(|pattern| fits(pattern, container)) || breaches.applies_to(container)
    }

    fn obey(&mut self, now: Now) {
        let now_ns = now.monotonic_ns;
        while let Some(Ok(watch)) = self.commands.as_mut().map(mpsc::Receiver::try_recv) {
            self.leases.retain(|(pattern, _)| *pattern != watch.pattern);
            let lease_ns = u64::try_from(watch.lease.as_nanos()).unwrap_or(u64::MAX);
            if lease_ns > 0 && self.leases.len() < LEASES_MAX {
                let until_ns = now_ns.saturating_add(lease_ns);
                self.leases.push((watch.pattern, until_ns));
            }
            self.dirty = true;
        }
        let leases = self.leases.len();
        self.leases.retain(|(_, until_ns)| *until_ns > now_ns);
        self.dirty |= self.leases.len() < leases;
    }

    /// Containers that are watched.
    pub(super) fn containers(&self) -> usize {
        self.watched.values().collect::<HashSet<_>>().len()
    }
}

impl<S: Source> Pipeline<S> {
    /// Counts the successful writes of the containers that fit a pattern.
    pub fn with_inventory(
        mut self,
        patterns: Vec<String>,
        commands: Option<mpsc::Receiver<Watch>>,
    ) -> Self {
        self.switches = Switches::new(patterns, commands);
        self
    }

    /// Takes in where the writes of a counter went.
    pub(super) fn take_in_written(&mut self, written: Written, now: Now) {
        let cgroup = CgroupId(written.key.cgroup);
        let home = self.identity.home(cgroup);
        // What a runtime writes goes into one row, wherever it goes.
        let own = written.key.author == Author::Container as u8;
        let mounts = self.mounts.as_mut().filter(|_| own);
        let place = mounts.map(|mounts| mounts.of_written(&written, home, now));
        let (mount, real) = place.unwrap_or_default();
        let key = written.key;
        let told = Told::of(written, mount, real);
        self.switches.inventory.tell(&key, told);
        self.switches.changed = true;
    }

    /// Reads the counters where one has moved.
    pub(super) fn read_inventory(&mut self) -> Result<(), SourceError> {
        let inventoried = self.stats[Stat::Inventoried as usize];
        if inventoried == self.switches.read {
            return Ok(());
        }
        let inventory = &mut self.switches.inventory;
        self.source
            .inventory(&mut |key, value| inventory.count(key, value))?;
        self.switches.read = inventoried;
        self.switches.changed = true;
        Ok(())
    }

    /// Switches on and off what names, births, deaths and commands ask for.
    pub(super) fn follow_switches(&mut self, now: Now) {
        self.switches.obey(now);
        if !std::mem::take(&mut self.switches.dirty) {
            return;
        }
        let living = self.identity.living().map(|(_, container)| container);
        self.breaches
            .meet(living.filter(|container| container.described));
        let living = self.identity.living();
        let wanted: BTreeMap<CgroupId, String> = living
            .filter(|(_, container)| self.switches.wants(container, &self.breaches))
            .map(|(cgroup, container)| (cgroup, container.id.clone()))
            .collect();
        let over: Vec<CgroupId> = self.switches.watched.keys().copied().collect();
        let over = over
            .into_iter()
            .filter(|cgroup| !wanted.contains_key(cgroup));
        let mut failed = Vec::new();
        for cgroup in over {
            // What was written since the last reading is deleted with the rest.
            let inventory = &mut self.switches.inventory;
            let read = self
                .source
                .inventory(&mut |key, value| inventory.count(key, value));
            failed.extend(read.err());
            failed.extend(self.source.watch_writes(cgroup.0, false).err());
            self.switches.watched.remove(&cgroup);
            self.switches.changed = true;
        }
        for (cgroup, container) in wanted {
            if let Some(known) = self.switches.watched.get_mut(&cgroup) {
                *known = container;
                continue;
            }
            match self.source.watch_writes(cgroup.0, true) {
                Ok(()) => {
                    self.judge.watched(&container, now);
                    self.switches.watched.insert(cgroup, container);
                }
                Err(error) => failed.push(error),
            }
            self.switches.changed = true;
        }
        for error in failed {
            self.map_failed(&error);
        }
    }

    /// Sums anew where something has changed.
    pub(super) fn sum_inventory(&mut self, now: Now) {
        if !std::mem::take(&mut self.switches.changed) {
            return;
        }
        let identity = &self.identity;
        let sums = self
            .switches
            .inventory
            .sum(self.write_roots_max, |cgroup| identity.owner(cgroup));
        // One that was watched only until its name came is not shown.
        let fits = |sum: &ContainerWrites| self.switches.wants(&sum.container, &self.breaches);
        self.switches.sums = sums.into_iter().filter(fits).collect();
        self.judge.successes(&self.switches.sums, now);
        let lost = self.switches.inventory.losses();
        self.aggregate.lost_in_all(lost);
        self.names_changed = true;
    }
}
