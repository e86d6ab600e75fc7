//! What the sampler tells of tmpfs mounts, and who is who, become what is shown.
//!
//! In: [`Report`]s, the containers that own denials, the end of their grace
//! time. Out: [`Filling`]. Invariant: pure; no more containers and series than
//! the settings allow, and who was shown once keeps the place; no two
//! containers are shown under the same labels; what is left out is counted by
//! its reason. Lacks on purpose: reading anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Labels;
use crate::config::Limits;
use crate::denial::Container;
use crate::mountinfo::Device;
use crate::tmpfs::{ContainerTmpfs, Killed, MountTmpfs, Report, Sampled, Unmeasured};

/// Most series that one mount can have.
const SERIES_PER_MOUNT: usize = 9;
/// Most series that a container has besides.
const SERIES_PER_CONTAINER: usize = 4;

/// Why something is not shown though it may be measured; `Unmeasured` has the
/// other reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshown {
    /// No runtime has told the container's name.
    Undescribed,
    /// The place of another container with the same labels.
    SameName,
    /// More containers than are watched or shown.
    ContainerLimit,
    /// More mounts than are told of one container.
    MountLimit,
    /// A mount table longer than what is read of one.
    TableLimit,
    /// More series than are allowed.
    SeriesLimit,
}

impl Unshown {
    /// Every member.
    pub const ALL: [Unshown; 6] = [
        Unshown::Undescribed,
        Unshown::SameName,
        Unshown::ContainerLimit,
        Unshown::MountLimit,
        Unshown::TableLimit,
        Unshown::SeriesLimit,
    ];

    /// The name used in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Unshown::Undescribed => "undescribed",
            Unshown::SameName => "same_name",
            Unshown::ContainerLimit => "container_limit",
            Unshown::MountLimit => "mount_limit",
            Unshown::TableLimit => "table_limit",
            Unshown::SeriesLimit => "series_limit",
        }
    }
}

/// One container with a name.
#[derive(Clone, Debug)]
pub struct Filled {
    /// Whose mounts.
    pub container: Arc<Container>,
    /// Its name as labels.
    pub labels: Labels,
    /// How full they are.
    pub told: Arc<ContainerTmpfs>,
}

/// The last kill for want of memory in a container, which may be gone by now.
#[derive(Clone, Debug, PartialEq)]
pub struct OomShare {
    /// Where.
    pub container: Arc<Container>,
    /// Its name as labels.
    pub labels: Labels,
    /// What its tmpfs mounts took.
    pub killed: Killed,
}

/// All that is shown of tmpfs mounts at one moment.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    /// By the runtime's id.
    pub containers: Vec<Filled>,
    /// The last kill of each name, by labels.
    pub kills: Vec<OomShare>,
    /// How many containers have it, for each file system that several have.
    pub shared: Arc<HashMap<Device, usize>>,
    /// What is not measured or not shown, in mounts, or in containers where no
    /// mount of theirs is known.
    pub unmeasured: BTreeMap<&'static str, u64>,
    /// Readers given up, ever.
    pub stuck: u64,
}

impl Filling {
    /// Whether it shows the same; the time of a sample is not shown.
    fn is_as(&self, other: &Filling) -> bool {
        let same = |(a, b): (&Filled, &Filled)| {
            a.labels == b.labels && (Arc::ptr_eq(&a.told, &b.told) || a.told.is_as(&b.told))
        };
        self.containers.len() == other.containers.len()
            && self.containers.iter().zip(&other.containers).all(same)
            && self.kills == other.kills
            && self.shared == other.shared
            && self.unmeasured == other.unmeasured
            && self.stuck == other.stuck
    }

    fn leave_out(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.unmeasured.entry(reason).or_default() += count;
        }
    }
}

/// The state between reports.
#[derive(Debug)]
pub struct Fillings {
    limits: Limits,
    /// Who is shown, by the runtime's id.
    admitted: HashSet<Arc<str>>,
    kills: BTreeMap<Arc<str>, OomShare>,
    latest: Arc<Filling>,
}

impl Fillings {
    /// Nothing seen yet.
    pub fn new(limits: Limits) -> Self {
        Fillings {
            limits,
            admitted: HashSet::new(),
            kills: BTreeMap::new(),
            latest: Arc::default(),
        }
    }

    /// What is shown.
    pub fn latest(&self) -> &Arc<Filling> {
        &self.latest
    }

    /// Takes in a report; `owners` are the containers by the runtime's id. Tells
    /// whether anything that is shown has changed.
    pub fn take(&mut self, report: &Report, owners: &HashMap<&str, &Arc<Container>>) -> bool {
        let mut filling = Filling {
            shared: Arc::clone(&report.shared),
            stuck: report.stuck,
            ..Filling::default()
        };
        filling.leave_out(Unshown::ContainerLimit.label(), report.overflow);
        let mut named: Vec<Filled> = Vec::new();
        for told in &report.containers {
            match owners.get(&*told.container) {
                Some(container) if container.described => named.push(Filled {
                    container: Arc::clone(container),
                    labels: Labels::of(container),
                    told: Arc::clone(told),
                }),
                Some(_) => filling.leave_out(Unshown::Undescribed.label(), 1),
                // Of a container in a container that owns all of its denials.
                None => {}
            }
        }
        // Stable: among equals the order of ids stays.
        named.sort_by_key(|filled| !self.admitted.contains(&filled.told.container));
        self.admitted.clear();
        let mut labels = HashSet::new();
        let mut series = 0;
        for filled in named {
            let more = SERIES_PER_CONTAINER + filled.told.mounts.len() * SERIES_PER_MOUNT;
            let why_not = if !labels.insert(filled.labels.clone()) {
                Some(Unshown::SameName)
            } else if self.admitted.len() >= self.limits.containers {
                Some(Unshown::ContainerLimit)
            } else if series + more > self.limits.series {
                Some(Unshown::SeriesLimit)
            } else {
                None
            };
            if let Some(why_not) = why_not {
                let mounts = filled.told.mounts.len().max(1);
                filling.leave_out(why_not.label(), mounts as u64);
                continue;
            }
            series += more;
            self.admitted.insert(Arc::clone(&filled.told.container));
            count_unmeasured(&mut filling, &filled.told);
            if let Some(killed) = &filled.told.oom.last {
                let share = OomShare {
                    container: Arc::clone(&filled.container),
                    labels: filled.labels.clone(),
                    killed: killed.clone(),
                };
                let last = self.kills.get(&filled.told.container);
                if last.is_none_or(|last| last.killed.seen_ns < killed.seen_ns) {
                    self.kills.insert(Arc::clone(&filled.told.container), share);
                }
            }
            filling.containers.push(filled);
        }
        let id = |filled: &Filled| Arc::clone(&filled.told.container);
        filling.containers.sort_by_key(id);
        self.show(filling)
    }

    /// The kernel has killed a process of a container at a time: what is shown
    /// now is what its mounts took then.
    pub fn killed(&mut self, container: &Arc<str>, time_ns: u64) -> bool {
        let shown = &self.latest.containers;
        let at = shown.binary_search_by(|filled| filled.told.container.cmp(container));
        let Some(filled) = at.ok().map(|at| &shown[at]) else {
            return false;
        };
        let last = self.kills.get(container);
        let known = last.is_some_and(|last| last.killed.seen_ns >= time_ns);
        if known || filled.told.unmeasured.is_some() {
            return false;
        }
        let share = OomShare {
            container: Arc::clone(&filled.container),
            labels: filled.labels.clone(),
            killed: Killed {
                seen_ns: time_ns,
                memory: filled.told.memory,
                largest: filled.told.largest().map(|mount| mount.target.clone()),
            },
        };
        self.kills.insert(Arc::clone(container), share);
        let filling = Filling::clone(&self.latest);
        self.show(filling)
    }

    /// A container has been gone for its grace time.
    pub fn retire(&mut self, container: &str) -> bool {
        if self.kills.remove(container).is_none() {
            return false;
        }
        let filling = Filling::clone(&self.latest);
        self.show(filling)
    }

    fn show(&mut self, mut filling: Filling) -> bool {
        // A container that is started anew has another id under its old name.
        let mut kills: BTreeMap<&Labels, &OomShare> = BTreeMap::new();
        for share in self.kills.values() {
            let last = kills.entry(&share.labels).or_insert(share);
            if share.killed.seen_ns >= last.killed.seen_ns {
                *last = share;
            }
        }
        filling.kills = kills.into_values().cloned().collect();
        if filling.is_as(&self.latest) {
            return false;
        }
        self.latest = Arc::new(filling);
        true
    }
}

fn count_unmeasured(filling: &mut Filling, told: &ContainerTmpfs) {
    filling.leave_out(Unshown::MountLimit.label(), told.dropped as u64);
    filling.leave_out(Unshown::TableLimit.label(), u64::from(told.table_cut));
    if let Some(why) = &told.unmeasured {
        return filling.leave_out(why.label(), told.mounts.len().max(1) as u64);
    }
    for mount in &told.mounts {
        if let Some(why) = why_not(mount) {
            filling.leave_out(why.label(), 1);
        }
    }
}

fn why_not(mount: &MountTmpfs) -> Option<&Unmeasured> {
    [&mount.bytes, &mount.inodes]
        .into_iter()
        .find_map(|amount| match amount {
            Sampled::Measured { .. } => None,
            Sampled::Not(why) => Some(why),
        })
}

#[cfg(test)]
pub(crate) mod tests;
