//! Counts become bounded series, grouped by the labels that a container shows.
//!
//! In: settled counts with their container and write root; births and deaths of
//! containers. Out: groups of series. Invariant: no count disappears; what does
//! not fit goes to an `_other` series, and what leaves with its container goes
//! to `retired`. Lacks on purpose: deciding when a count is settled (`keys`).
//!
//! A group is all containers with the same namespace, pod and name: a container
//! that is replaced by its successor goes on counting where the old one was, as
//! a counter must. It leaves when the last of them is gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::saved::{Former, SavedError, SavedKind};
use super::snapshot::{GroupSeries, Kind, Labels};
use crate::config::Limits;
use crate::denial::Container;

/// The write root and the container name that stand for all past a limit. No
/// path and no container's name start with an underscore.
pub const OTHER: &str = "_other";

/// Which bound made a count go to [`OTHER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limited {
    /// `limits.containers`.
    Containers,
    /// `limits.write-roots-per-container`.
    WriteRoots,
    /// `limits.series`.
    Series,
}

impl Limited {
    /// Every member.
    pub const ALL: [Limited; 3] = [Limited::Containers, Limited::WriteRoots, Limited::Series];

    /// The name used in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Limited::Containers => "containers",
            Limited::WriteRoots => "write_roots",
            Limited::Series => "series",
        }
    }
}

#[derive(Debug, Default)]
struct Group {
    /// Ids of the containers, and the newest one's description.
    members: HashSet<String>,
    newest: Option<Arc<Container>>,
    roots: HashSet<Arc<str>>,
    counts: BTreeMap<(Kind, Arc<str>), u64>,
    oom_kills: u64,
}

/// A group, as it outlives the daemon.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedGroup {
    /// namespace, pod, container.
    labels: (String, String, String),
    members: Vec<String>,
    counts: Vec<(SavedKind, String, u64)>,
    oom_kills: u64,
}

/// All containers' series.
#[derive(Debug)]
pub(super) struct Series {
    limits: Limits,
    groups: HashMap<Labels, Group>,
    /// Which group a container is in.
    homes: HashMap<String, Labels>,
    other: Group,
    /// Entries of all groups but `other`.
    size: usize,
    pub(super) retired: u64,
    pub(super) limited: BTreeMap<Limited, u64>,
}

impl Series {
    pub(super) fn new(limits: Limits) -> Self {
        Series {
            limits,
            groups: HashMap::new(),
            homes: HashMap::new(),
            other: Group::default(),
            size: 0,
            retired: 0,
            limited: Limited::ALL.into_iter().map(|limit| (limit, 0)).collect(),
        }
    }

    /// Entries of all containers' groups.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Most entries, and most series of anything else.
    pub(super) fn max(&self) -> usize {
        self.limits.series
    }

    /// Makes a container known, or takes note of what has been learnt of it.
    pub(super) fn meet(&mut self, container: &Arc<Container>) {
        let labels = Labels::of(container);
        let old = self.homes.get(&container.id).cloned();
        if old.is_some() && !container.described {
            // An earlier daemon knew its name; nobody has told it again yet.
            return;
        }
        if old.as_ref() == Some(&labels) {
            if let Some(group) = self.groups.get_mut(&labels) {
                match &group.newest {
                    Some(newest) if newest.id != container.id => {}
                    _ => group.newest = Some(Arc::clone(container)),
                }
            }
            return;
        }
        if !self.groups.contains_key(&labels) && self.groups.len() >= self.limits.containers {
            // A renamed container stays where it was rather than losing its place.
            return;
        }
        let group = self.groups.entry(labels.clone()).or_default();
        group.members.insert(container.id.clone());
        group.newest = Some(Arc::clone(container));
        self.homes.insert(container.id.clone(), labels.clone());
        if let Some(old) = old {
            self.leave(&old, &container.id, Some(&labels));
        }
    }

    /// Counts of a container under a write root.
    pub(super) fn add(&mut self, container: &Arc<Container>, kind: Kind, root: &str, count: u64) {
        self.meet(container);
        match self.homes.get(&container.id).cloned() {
            Some(labels) => self.add_to(&labels, kind, root, count),
            None => self.add_to_other(Limited::Containers, kind, count),
        }
    }

    /// Processes of a container were killed for want of memory.
    pub(super) fn killed(&mut self, container: &Arc<Container>, count: u64) {
        self.meet(container);
        let labels = self.homes.get(&container.id);
        match labels.and_then(|labels| self.groups.get_mut(labels)) {
            Some(group) => group.oom_kills += count,
            None => self.other.oom_kills += count,
        }
    }

    fn add_to(&mut self, labels: &Labels, kind: Kind, root: &str, count: u64) {
        let Some(group) = self.groups.get_mut(labels) else {
            return self.add_to_other(Limited::Containers, kind, count);
        };
        let mut root: Arc<str> = match group.roots.get(root) {
            Some(known) => Arc::clone(known),
            None => Arc::from(root),
        };
        if !group.roots.contains(&root) {
            if root.starts_with('/') && group.roots.len() >= self.limits.write_roots_per_container {
                *self.limited.entry(Limited::WriteRoots).or_default() += count;
                root = Arc::from(OTHER);
            } else if root.starts_with('/') {
                group.roots.insert(Arc::clone(&root));
            }
        }
        match group.counts.get_mut(&(kind, Arc::clone(&root))) {
            Some(total) => *total += count,
            None if self.size >= self.limits.series => {
                self.add_to_other(Limited::Series, kind, count);
            }
            None => {
                group.counts.insert((kind, root), count);
                self.size += 1;
            }
        }
    }

    fn add_to_other(&mut self, limit: Limited, kind: Kind, count: u64) {
        *self.limited.entry(limit).or_default() += count;
        *self
            .other
            .counts
            .entry((kind, Arc::from(OTHER)))
            .or_default() += count;
    }

    /// A container is gone for good.
    pub(super) fn retire(&mut self, id: &str) {
        if let Some(labels) = self.homes.remove(id) {
            self.leave(&labels, id, None);
        }
    }

    /// Takes a container out of a group; what an empty group has counted goes to
    /// its heir, or is retired.
    fn leave(&mut self, labels: &Labels, id: &str, heir: Option<&Labels>) {
        let Some(group) = self.groups.get_mut(labels) else {
            return;
        };
        group.members.remove(id);
        if !group.members.is_empty() {
            return;
        }
        let Some(group) = self.groups.remove(labels) else {
            return;
        };
        self.size -= group.counts.len();
        if let Some(heir) = heir.and_then(|heir| self.groups.get_mut(heir)) {
            heir.oom_kills += group.oom_kills;
        }
        for ((kind, root), count) in group.counts {
            match heir {
                Some(heir) => self.add_to(heir, kind, &root, count),
                None => self.retired += count,
            }
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// The groups that have counted anything, and the one past the limits.
    pub(super) fn save(&self) -> (Vec<SavedGroup>, SavedGroup) {
        let counted = |group: &&Group| !group.counts.is_empty() || group.oom_kills > 0;
        let groups = self.groups.iter().filter(|(_, group)| counted(group));
        let groups = groups.map(|(labels, group)| saved(labels, group)).collect();
        (groups, saved(&Labels::other(), &self.other))
    }

    /// Takes in what was saved; returns whose it is.
    pub(super) fn restore(
        &mut self,
        groups: &[SavedGroup],
        other: &SavedGroup,
    ) -> Result<Former, SavedError> {
        let mut former = Former::new();
        for saved in groups {
            let (namespace, pod, container) = saved.labels.clone();
            let labels = Labels {
                namespace,
                pod,
                container,
            };
            let group = restored(saved)?;
            for id in &saved.members {
                self.homes.insert(id.clone(), labels.clone());
                former.insert(id.clone(), Vec::new());
            }
            self.size += group.counts.len();
            self.groups.insert(labels, group);
        }
        self.other = restored(other)?;
        Ok(former)
    }

    /// Every group with what it shows, in no order.
    pub(super) fn groups(&self) -> Vec<GroupSeries> {
        let shown = |labels: Labels, group: &Group| GroupSeries {
            labels,
            container: group.newest.clone(),
            oom_kills: group.oom_kills,
            counts: group
                .counts
                .iter()
                .map(|((kind, root), count)| (*kind, Arc::clone(root), *count))
                .collect(),
        };
        let mut groups: Vec<_> = self
            .groups
            .iter()
            .map(|(labels, group)| shown(labels.clone(), group))
            .collect();
        if !self.other.counts.is_empty() || self.other.oom_kills > 0 {
            groups.push(shown(Labels::other(), &self.other));
        }
        groups
    }
}

fn saved(labels: &Labels, group: &Group) -> SavedGroup {
    let Labels {
        namespace,
        pod,
        container,
    } = labels.clone();
    let counts = group.counts.iter();
    SavedGroup {
        labels: (namespace, pod, container),
        members: group.members.iter().cloned().collect(),
        counts: counts
            .map(|((kind, root), count)| (SavedKind::of(*kind), root.to_string(), *count))
            .collect(),
        oom_kills: group.oom_kills,
    }
}

fn restored(saved: &SavedGroup) -> Result<Group, SavedError> {
    let mut group = Group {
        members: saved.members.iter().cloned().collect(),
        oom_kills: saved.oom_kills,
        ..Group::default()
    };
    for (kind, root, count) in &saved.counts {
        let root: Arc<str> = root.as_str().into();
        if root.starts_with('/') {
            group.roots.insert(Arc::clone(&root));
        }
        group.counts.insert((kind.kind()?, root), *count);
    }
    Ok(group)
}
