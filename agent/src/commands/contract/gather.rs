//! Readings become what was observed of each container, from the first to the last.
//!
//! In: a pattern, readings. Out: [`Observed`] for each container of a pod, or for
//! all that fit together, since those are copies of one. Invariant: a container
//! that has gone stays with what it did; of copies and repeated starts the
//! largest numbers count, not their sum; everything is bounded. Lacks on purpose:
//! asking, and time.

use std::collections::{BTreeMap, BTreeSet};

use super::served::{Named, Reading};
use crate::config::fits;
use crate::contract::observed::{Destination, Mounted, Observed, Refused, Written};

/// What a pod's sandbox is called.
const SANDBOX: &str = "POD";
/// Containers that are followed.
const CONTAINERS_MAX: usize = 256;
/// Rows, refusals and mounts of one.
const ENTRIES_MAX: usize = 4_096;
/// Paths, users and commands of a row.
const WORDS_MAX: usize = 64;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pattern: String,
    /// Ids at the first reading; none before it.
    before: Option<BTreeSet<String>>,
    groups: BTreeMap<String, Group>,
    pub(super) not_measured: Vec<String>,
}

/// A container of a pod, or copies of one.
#[derive(Debug, Default)]
struct Group {
    named: Named,
    ids: BTreeSet<String>,
    writes: BTreeMap<(String, u8, String), Written>,
    refusals: BTreeMap<(String, u8, u8, usize), Refused>,
    mounts: BTreeMap<String, Mounted>,
}

/// One that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// What it is called where it is run.
    pub(super) name: String,
    pub(super) image: String,
    /// Does it belong to a pod?
    pub(super) pod: bool,
    /// Was a read-only root asked for?
    pub(super) read_only_root: Option<bool>,
    pub(super) observed: Observed,
}

/// How much was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) containers: usize,
    pub(super) names: Vec<String>,
    pub(super) roots: usize,
    pub(super) bytes: u64,
    pub(super) refusals: u64,
}

impl Gathered {
    pub(super) fn of(pattern: &str) -> Self {
        Gathered {
            pattern: pattern.to_owned(),
            ..Gathered::default()
        }
    }

    /// Before the first reading.
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_none()
    }

    pub(super) fn take(&mut self, reading: &Reading) {
        let listed = reading.postures.iter().map(|posture| &posture.container.id);
        let ids = reading.there.iter().chain(listed).cloned();
        self.before.get_or_insert_with(|| ids.collect());
        self.not_measured
            .clone_from(&reading.inventory.not_measured);
        for posture in &reading.postures {
            if let Some(group) = self.group(&posture.container) {
                posture.mounts().for_each(|mount| group.mount(mount));
            }
        }
        for tmpfs in &reading.tmpfs {
            if let Some(group) = self.group(&tmpfs.container) {
                tmpfs
                    .used()
                    .for_each(|(target, used)| group.used(target, used));
            }
        }
        for writes in &reading.inventory.containers {
            if let Some(group) = self.group(&writes.container) {
                let rows = writes.write_roots.iter().filter_map(|row| row.written());
                rows.for_each(|written| group.written(written));
            }
        }
        for denial in &reading.denials {
            let container = denial.container.as_ref();
            let group = container.and_then(|container| self.group(container));
            if let (Some(group), Some(refused)) = (group, denial.refused()) {
                group.refused(refused);
            }
        }
    }

    /// Whose a container's are, if the pattern fits it.
    fn group(&mut self, named: &Named) -> Option<&mut Group> {
        // A pod's sandbox is no container that a manifest could name.
        let sandbox = !named.pod.is_empty() && named.name == SANDBOX;
        if sandbox || !fits(&self.pattern, &named.container()) {
            return None;
        }
        let key = match named.pod.is_empty() {
            true => String::new(),
            false => named.name.clone(),
        };
        if !self.groups.contains_key(&key) && self.groups.len() >= CONTAINERS_MAX {
            return None;
        }
        let group = self.groups.entry(key).or_default();
        if !group.ids.contains(&named.id) && group.ids.len() < CONTAINERS_MAX {
            group.ids.insert(named.id.clone());
            group.named = named.clone();
        }
        Some(group)
    }

    pub(super) fn tally(&self) -> Tally {
        let groups = || self.groups.values();
        let writes = || groups().flat_map(|group| group.writes.values());
        let own = || {
            writes().filter(|written| {
                matches!(
                    written.destination,
                    Destination::Root | Destination::Unknown
                )
            })
        };
        Tally {
            containers: groups().map(|group| group.ids.len()).sum(),
            names: groups().map(|group| group.named.name.clone()).collect(),
            roots: own()
                .map(|written| &written.write_root)
                .collect::<BTreeSet<_>>()
                .len(),
            bytes: own().map(|written| written.bytes).sum(),
            refusals: groups()
                .flat_map(|group| group.refusals.values())
                .map(|r| r.count)
                .sum(),
        }
    }

    /// What was found, ordered by name.
    pub(super) fn found(self) -> Vec<Found> {
        let before = self.before.unwrap_or_default();
        let pattern = &self.pattern;
        let groups = self.groups.into_values();
        groups
            .map(|group| {
                let named = group.named;
                Found {
                    observed: Observed {
                        container: contract_name(pattern, &named),
                        image: named.image.clone(),
                        start_seen: group.ids.is_disjoint(&before),
                        writes: group.writes.into_values().collect(),
                        refusals: group.refusals.into_values().collect(),
                        mounts: group.mounts.into_values().collect(),
                    },
                    name: match named.project.is_empty() {
                        true => named.name,
                        false => named.workload,
                    },
                    image: named.image,
                    pod: !named.pod.is_empty(),
                    read_only_root: named.read_only_root,
                }
            })
            .collect()
    }
}

/// What a contract calls the container: by what was told, but never by an id,
/// which the next one will not have.
fn contract_name(pattern: &str, named: &Named) -> String {
    match pattern.split('/').collect::<Vec<_>>()[..] {
        [namespace, pod, ..] => format!("{namespace}/{pod}/{}", named.name),
        _ if pattern.contains('*') && named.pod.is_empty() => pattern.to_owned(),
        _ => named.name.clone(),
    }
}

impl Group {
    fn mount(&mut self, mount: Mounted) {
        if self.mounts.len() < ENTRIES_MAX || self.mounts.contains_key(&mount.target) {
            let known = self
                .mounts
                .entry(mount.target.clone())
                .or_insert_with(|| mount.clone());
            known.limit = mount.limit.or(known.limit);
        }
    }

    fn used(&mut self, target: &str, used: u64) {
        if let Some(mount) = self.mounts.get_mut(target) {
            mount.used = mount.used.max(Some(used));
        }
    }

    fn written(&mut self, written: Written) {
        let key = (
            written.write_root.clone(),
            written.destination as u8,
            written.target.clone(),
        );
        if self.writes.len() >= ENTRIES_MAX && !self.writes.contains_key(&key) {
            return;
        }
        let known = self.writes.entry(key).or_insert_with(|| written.clone());
        known.opens = known.opens.max(written.opens);
        known.creates = known.creates.max(written.creates);
        known.directories = known.directories.max(written.directories);
        known.renames = known.renames.max(written.renames);
        known.writes = known.writes.max(written.writes);
        known.bytes = known.bytes.max(written.bytes);
        known.executions = known.executions.max(written.executions);
        known.owner = known.owner.or(written.owner);
        add_new(&mut known.paths, written.paths);
        add_new(&mut known.writers, written.writers);
        add_new(&mut known.commands, written.commands);
    }

    fn refused(&mut self, refused: Refused) {
        let cause = refused.cause as usize;
        let operation = refused.operation as u8;
        let key = (
            refused.path.clone(),
            operation,
            refused.errno.number(),
            cause,
        );
        if self.refusals.len() >= ENTRIES_MAX && !self.refusals.contains_key(&key) {
            return;
        }
        let known = self.refusals.entry(key).or_insert_with(|| refused.clone());
        known.count = known.count.max(refused.count);
    }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, values: Vec<T>) {
    for value in values {
        if list.len() < WORDS_MAX && !list.contains(&value) {
            list.push(value);
        }
    }
}
