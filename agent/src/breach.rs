//! Successful writes, held against the contract of their container.
//!
//! In: contracts, the containers that are there, what the inventory counted and
//! where, time. Out: which container has which contract; writes outside of it,
//! by write root; when to tell of them. Invariant: pure; every write that is
//! handed over is inside, outside, or not judged, and the latter two are
//! counted; nothing counted ever decreases while a container of its name is
//! there. Lacks on purpose: denials, which are no breach: nothing was written.
//!
//! A write is judged by the first path of its directory: a contract names
//! directories, and a file that is mounted by itself is told by itself.

mod shown;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::Limits;
use crate::contract::{Declared, Permit};
use crate::degrade::Workload;
use crate::denial::{Container, Resolution};
use crate::inventory::{Destination, OTHER, PATHS_MAX, Told, add_new};
use crate::mounts::kind_label;
use crate::remedy::MountKind;
use crate::write_root;

pub use shown::{Breach, Contracted, Counted, Shown, Why};

/// Least time between two events of one container and write root.
pub const QUIET_NS: u64 = 60_000_000_000;

/// Writes of one counter since it was last handed on.
#[derive(Clone, Copy, Debug)]
pub struct Writes<'a> {
    /// Where; none where no record came.
    pub told: Option<&'a Told>,
    /// Will none come? Then they are not judged.
    pub untold: bool,
    /// How many.
    pub count: u64,
    /// When the last of them was.
    pub last: SystemTime,
}

/// A container with a contract.
#[derive(Debug)]
struct Under {
    container: Arc<Container>,
    contract: usize,
    lives: bool,
    roots: BTreeMap<Arc<str>, Root>,
}

/// What it wrote outside, under one write root.
#[derive(Debug)]
struct Root {
    breach: Breach,
    /// CLOCK_MONOTONIC nanoseconds of the last event.
    told_ns: Option<u64>,
}

/// The containers of one name, one after the other.
#[derive(Debug, Default)]
struct Series {
    containers: HashSet<String>,
    roots: BTreeMap<Arc<str>, u64>,
    unjudged: u64,
}

/// Contracts, and what is outside of them.
#[derive(Debug)]
pub struct Breaches {
    contracts: Vec<Declared>,
    limits: Limits,
    under: BTreeMap<String, Under>,
    series: BTreeMap<Workload, Series>,
    changed: bool,
}

impl Breaches {
    /// Of these contracts; where several apply to a container, the first does.
    pub fn new(contracts: Vec<Declared>, limits: Limits) -> Self {
        Breaches {
            changed: !contracts.is_empty(),
            contracts,
            limits,
            under: BTreeMap::new(),
            series: BTreeMap::new(),
        }
    }

    /// Goes by other contracts from now on. What a container has written outside
    /// is kept where its contract stays the same, and begins anew where not; what
    /// was counted stays counted.
    pub fn replace(&mut self, contracts: Vec<Declared>) {
        let before = std::mem::replace(&mut self.contracts, contracts);
        self.changed |= before != self.contracts;
        let contracts = &self.contracts;
        self.under.retain(|_, under| {
            let mut applying = contracts.iter();
            let now = applying.position(|one| one.contract.applies_to(&under.container));
            match now {
                Some(now) if contracts[now] == before[under.contract] => {
                    under.contract = now;
                    true
                }
                _ => false,
            }
        });
    }

    /// Is there any contract?
    pub fn any(&self) -> bool {
        !self.contracts.is_empty()
    }

    /// Has a container a contract? It must be described.
    pub fn applies_to(&self, container: &Container) -> bool {
        self.contract_of(container).is_some()
    }

    fn contract_of(&self, container: &Container) -> Option<usize> {
        let mut contracts = self.contracts.iter();
        contracts.position(|declared| declared.contract.applies_to(container))
    }

    /// Takes in which containers are there, as far as they are described.
    pub fn meet<'a>(&mut self, living: impl Iterator<Item = &'a Arc<Container>>) {
        let mut there = HashSet::new();
        for container in living {
            if self.take_on(container) {
                there.insert(&container.id);
            }
        }
        for (id, under) in &mut self.under {
            let lives = there.contains(id);
            self.changed |= under.lives != lives;
            under.lives = lives;
        }
    }

    /// Knows a container, if it has a contract and there is room.
    fn take_on(&mut self, container: &Arc<Container>) -> bool {
        if !self.any() {
            return false;
        }
        if let Some(under) = self.under.get_mut(&container.id)
            && under.container == *container
        {
            return true;
        }
        let Some(contract) = self.contract_of(container) else {
            return false;
        };
        let full = self.under.len() >= self.limits.containers;
        if full && !self.under.contains_key(&container.id) {
            return false;
        }
        self.changed = true;
        let under = self
            .under
            .entry(container.id.clone())
            .or_insert_with(|| Under {
                container: Arc::clone(container),
                contract,
                lives: true,
                roots: BTreeMap::new(),
            });
        under.container = Arc::clone(container);
        under.contract = contract;
        let series = self.series.entry(Workload::of(container)).or_default();
        series.containers.insert(container.id.clone());
        true
    }

    /// Takes in writes of a described container. False where they must be handed
    /// over again, since it is not told yet where they went.
    pub fn take(&mut self, container: &Arc<Container>, writes: &Writes) -> bool {
        if !self.take_on(container) {
            if self.applies_to(container) {
                // Past the limit of containers.
                self.unjudged(other(), writes.count);
            }
            return true;
        }
        let Some(told) = writes.told else {
            if writes.untold {
                self.unjudged(Workload::of(container), writes.count);
            }
            return writes.untold;
        };
        let Some(under) = self.under.get_mut(&container.id) else {
            return true;
        };
        let declared = &self.contracts[under.contract];
        let why = match judge(declared, told) {
            Verdict::Inside => return true,
            Verdict::Unknown => {
                self.unjudged(Workload::of(container), writes.count);
                return true;
            }
            Verdict::Outside(why) => why,
        };
        let mut root: Arc<str> = write_root::of(&told.path, Some(container)).into();
        let roots_max = self.limits.write_roots_per_container;
        if !under.roots.contains_key(&root) && under.roots.len() >= roots_max {
            root = OTHER.into();
        }
        let row = under
            .roots
            .entry(Arc::clone(&root))
            .or_insert_with(|| Root {
                breach: Breach {
                    container: Arc::clone(container),
                    contract: declared.name.as_str().into(),
                    write_root: Arc::clone(&root),
                    destination: told.destination.clone(),
                    why: why.clone(),
                    count: 0,
                    new: 0,
                    first: writes.last,
                    last: writes.last,
                    paths: Vec::new(),
                },
                told_ns: None,
            });
        let breach = &mut row.breach;
        breach.count += writes.count;
        breach.new += writes.count;
        breach.first = breach.first.min(writes.last);
        breach.last = breach.last.max(writes.last);
        breach.destination = told.destination.clone();
        breach.why = why;
        add_new(&mut breach.paths, told.path.to_string(), PATHS_MAX);
        self.count(Workload::of(container), root, writes.count);
        true
    }

    fn count(&mut self, workload: Workload, mut root: Arc<str>, count: u64) {
        let series = self.series.entry(workload).or_default();
        let room = series.roots.len() < self.limits.write_roots_per_container;
        if !series.roots.contains_key(&root) && !room {
            root = OTHER.into();
        }
        *series.roots.entry(root).or_default() += count;
        self.changed = true;
    }

    fn unjudged(&mut self, workload: Workload, count: u64) {
        self.series.entry(workload).or_default().unjudged += count;
        self.changed |= count > 0;
    }

    /// What is to be told now: the first breach of a container under a write
    /// root, and then those of each minute; at the end, `all` that are left.
    pub fn due(&mut self, now_ns: u64, all: bool) -> Vec<Breach> {
        let mut due = Vec::new();
        let roots = self.under.values_mut().flat_map(|under| &mut under.roots);
        for (_, root) in roots {
            let quiet = root
                .told_ns
                .is_some_and(|told_ns| now_ns.saturating_sub(told_ns) < QUIET_NS);
            if root.breach.new == 0 || (quiet && !all) {
                continue;
            }
            root.told_ns = Some(now_ns);
            due.push(root.breach.clone());
            root.breach.new = 0;
        }
        due
    }

    /// A container has been gone for its grace time: it leaves, and its series
    /// with the last of its name.
    pub fn retire(&mut self, container_id: &str) {
        let before = self.series.len();
        let left = self.under.remove(container_id).is_some();
        self.series.retain(|_, series| {
            let left = series.containers.remove(container_id);
            !left || !series.containers.is_empty()
        });
        self.changed |= left || self.series.len() < before;
    }

    /// Has anything changed since the last time this was asked?
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

enum Verdict {
    Inside,
    Outside(Why),
    Unknown,
}

/// Where is a write? What the kernel makes up needs no contract.
fn judge(declared: &Declared, told: &Told) -> Verdict {
    if told.destination.kind == kind_label(MountKind::Kernel) {
        return Verdict::Inside;
    }
    let path = match told.path.resolution {
        Resolution::Absolute => told.path.to_string(),
        // What lies on a mount that is granted is inside, wherever it is there.
        Resolution::Relative | Resolution::Partial | Resolution::Absent => {
            match is_mount(&told.destination) {
                true if declared.contract.permits(&told.destination.target).inside() => {
                    return Verdict::Inside;
                }
                _ => return Verdict::Unknown,
            }
        }
    };
    match declared.contract.permits(&path) {
        Permit::Granted(_) | Permit::Provided => Verdict::Inside,
        Permit::Refused(root) => Verdict::Outside(Why::ShouldNotExist {
            path: root.path.clone(),
            reason: root.reason.clone(),
        }),
        Permit::Undeclared => Verdict::Outside(Why::Undeclared),
    }
}

/// Is it a mount below the root, whose target is known?
fn is_mount(destination: &Destination) -> bool {
    destination.target.len() > 1
}

/// All containers past the limit.
fn other() -> Workload {
    Workload {
        namespace: String::new(),
        pod: String::new(),
        container: OTHER.to_owned(),
    }
}
