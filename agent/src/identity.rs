//! Control groups and the runtimes' answers become owners of denials.
//!
//! In: births and deaths of control groups, and [`Description`]s, in any order.
//! Out: an [`Owner`] for every control group id, and which look-ups are wanted.
//! Invariant: no I/O and no clock (CLOCK_MONOTONIC nanoseconds are an argument);
//! every table is bounded, and what does not fit is counted; a dead container
//! keeps its name for the grace time, so that late events still get it; a
//! runtime's silence costs names, never counts. Lacks on purpose: asking the
//! runtimes, which [`runtimes`] does beside the hot path.
//!
//! Where containers lie in containers (kind, Docker in Docker), the outermost
//! one that a runtime has described is the owner, otherwise the innermost: an
//! agent inside a kind node knows the pods and not the node; one outside knows
//! the node and not what runs in it. It also keeps a container that may make
//! control groups from passing for another by naming one after it.

pub mod cgroup;
pub mod cri;
mod description;
pub mod docker;
pub mod hierarchy;
mod inquiry;
pub mod introduction;
mod labels;
mod life;
mod limits;
mod nest;
pub mod runtimes;
pub mod status;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::denial::{CgroupId, Container, Loss, Owner, Stage, Unresolved};
use cgroup::{Parsed, parse};
use description::merge;
pub use description::{Description, Ended, LookUp};
pub use hierarchy::Scan;
use life::Lives;
pub use life::{LIVES_MAX, Life};
pub use limits::Limits;
use nest::{Group, Known, Levels, Place};

/// What a control group turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The host's: its refusals can be left out in the kernel.
    Host,
    /// A container's, with the questions to hand to the runtimes, if any.
    Container {
        /// For the containers not described yet.
        look_ups: Vec<LookUp>,
    },
    /// Its path says nothing.
    Unparsable,
    /// A table is full; counted in [`Identity::losses`].
    Overflow,
}

/// What [`Identity::expire`] let go of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Control groups of any owner: their counters can be forgotten.
    pub cgroups: Vec<CgroupId>,
    /// Ids of containers: their series can leave.
    pub containers: Vec<String>,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Control groups, the host's included.
    pub cgroups: usize,
    /// Containers with a control group.
    pub containers: usize,
    /// Those of them that no runtime has described.
    pub undescribed: usize,
}

/// Who is behind which control group.
pub struct Identity {
    limits: Limits,
    groups: HashMap<CgroupId, Group>,
    containers: HashMap<Arc<str>, Known>,
    lives: Lives,
    cgroup_overflow: u64,
    container_overflow: u64,
    scan_skipped: u64,
}

impl Identity {
    /// Knows nobody yet.
    pub fn new(limits: Limits) -> Self {
        Identity {
            limits,
            groups: HashMap::new(),
            containers: HashMap::new(),
            lives: Lives::default(),
            cgroup_overflow: 0,
            container_overflow: 0,
            scan_skipped: 0,
        }
    }

    /// Takes in a control group that was made just now; again for a known one is
    /// harmless, and does not bring a removed one back (a scan and the events overlap).
    pub fn cgroup_created(&mut self, id: CgroupId, path: &[u8], now_ns: u64) -> Seen {
        self.take_in(id, path, Some(now_ns), now_ns)
    }

    /// `born_ns` is missing where the birth was not seen.
    fn take_in(&mut self, id: CgroupId, path: &[u8], born_ns: Option<u64>, now_ns: u64) -> Seen {
        if let Some(group) = self.groups.get(&id) {
            return match &group.place {
                Place::Host => Seen::Host,
                Place::Unparsable => Seen::Unparsable,
                Place::Container(levels) => {
                    let levels = levels.clone();
                    self.ask(&levels, now_ns)
                }
            };
        }
        if self.groups.len() >= self.limits.cgroups {
            self.cgroup_overflow += 1;
            return Seen::Overflow;
        }
        let (place, seen) = match parse(path) {
            Parsed::Host => (Place::Host, Seen::Host),
            Parsed::Unparsable => (Place::Unparsable, Seen::Unparsable),
            Parsed::Container(nest) => {
                let ids: Vec<Arc<str>> = nest.levels.iter().map(|l| l.id.as_str().into()).collect();
                let outermost = self.containers.get(&ids[0]);
                if outermost.is_some_and(|known| known.groups >= self.limits.cgroups_per_container)
                {
                    self.cgroup_overflow += 1;
                    return Seen::Overflow;
                }
                // All or nothing: a half entered nest would never be let go of.
                let new = ids.iter().collect::<HashSet<_>>();
                let new = new.iter().filter(|id| !self.containers.contains_key(**id));
                if !self.make_room(new.count(), &ids) {
                    self.container_overflow += 1;
                    return Seen::Overflow;
                }
                for (at, level) in nest.levels.iter().enumerate() {
                    self.enter(&ids[..=at], level.runtime, now_ns);
                    if level.group_len == path.len() {
                        self.begin(&ids[at], id, path, born_ns);
                    }
                }
                let levels: Levels = ids.into();
                (Place::Container(levels.clone()), self.ask(&levels, now_ns))
            }
        };
        let group = Group {
            place,
            seen_ns: now_ns,
            removed_ns: None,
        };
        self.groups.insert(id, group);
        seen
    }

    /// Takes in the end of a control group; its name stays for the grace time.
    pub fn cgroup_removed(&mut self, id: CgroupId, now_ns: u64) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        if group.removed_ns.replace(now_ns).is_some() {
            return;
        }
        let Place::Container(levels) = &group.place else {
            return;
        };
        for id in levels.iter() {
            let Some(known) = self.containers.get_mut(id) else {
                continue;
            };
            known.live = known.live.saturating_sub(1);
            if known.live == 0 {
                self.lives.push(Life::Ended {
                    container: id.clone(),
                });
            }
        }
    }

    /// Takes in a whole scan that was started at `started_ns`: adds what no
    /// event told, and marks as removed what was there before and is gone.
    pub fn reconcile(
        &mut self,
        scan: &Scan,
        started_ns: u64,
        now_ns: u64,
    ) -> Vec<(CgroupId, Seen)> {
        self.scan_skipped += scan.skipped;
        let found: HashSet<CgroupId> = scan.groups.iter().map(|(id, _)| *id).collect();
        if scan.complete {
            let gone = self
                .groups
                .iter()
                .filter(|(id, group)| group.seen_ns < started_ns && !found.contains(id));
            let gone: Vec<CgroupId> = gone.map(|(id, _)| *id).collect();
            gone.into_iter()
                .for_each(|id| self.cgroup_removed(id, now_ns));
        }
        let take_in =
            |(id, path): &(CgroupId, Vec<u8>)| (*id, self.take_in(*id, path, None, now_ns));
        scan.groups.iter().map(take_in).collect()
    }

    /// Takes in a runtime's answer, before or after the control group.
    pub fn described(&mut self, description: Description, now_ns: u64) {
        let told = description.container;
        if let Some(known) = self.containers.get_mut(told.id.as_str()) {
            merge(Arc::make_mut(&mut known.container), told);
            known.touched_ns = now_ns;
            return;
        }
        if !self.make_room(1, &[]) {
            self.container_overflow += 1;
            return;
        }
        let id: Arc<str> = told.id.as_str().into();
        let mut container = Container::unnamed(&id, told.runtime);
        merge(&mut container, told);
        let known = Known {
            container: Arc::new(container),
            levels: Arc::new([]),
            home: None,
            groups: 0,
            live: 0,
            asked_ns: None,
            touched_ns: now_ns,
        };
        self.containers.insert(id, known);
    }

    /// Whose a control group is, or was within the grace time.
    pub fn owner(&self, id: CgroupId) -> Owner {
        if id.0 == 0 {
            return Owner::Unknown(Unresolved::CgroupUnreadable);
        }
        match self.groups.get(&id).map(|group| &group.place) {
            None => Owner::Unknown(Unresolved::CgroupUnseen),
            Some(Place::Host) => Owner::Host,
            Some(Place::Unparsable) => Owner::Unknown(Unresolved::PathUnparsable),
            Some(Place::Container(levels)) => match self.innermost_told(levels) {
                Some(known) => Owner::Container(known.container.clone()),
                None => Owner::Unknown(Unresolved::CgroupUnseen),
            },
        }
    }

    /// The own group of the innermost container that a group lies in: the first
    /// process there has the container's view of the mounts.
    pub fn home(&self, id: CgroupId) -> Option<&[u8]> {
        let Place::Container(levels) = &self.groups.get(&id)?.place else {
            return None;
        };
        self.containers.get(levels.last()?)?.home.as_deref()
    }

    /// The control groups that are there and lie in a container, with the
    /// container that owns them.
    pub fn living(&self) -> impl Iterator<Item = (CgroupId, &Arc<Container>)> {
        self.groups.iter().filter_map(|(id, group)| {
            let Place::Container(levels) = &group.place else {
                return None;
            };
            let known = self.innermost_told(levels)?;
            group
                .removed_ns
                .is_none()
                .then_some((*id, &known.container))
        })
    }

    /// What is known of a container, by its runtime's id.
    pub fn container(&self, id: &str) -> Option<&Arc<Container>> {
        self.containers.get(id).map(|known| &known.container)
    }

    /// The beginnings and ends of containers since the last time, in their order.
    pub fn take_lives(&mut self) -> Vec<Life> {
        self.lives.take()
    }

    /// Lets go of control groups that died longer than the grace time ago, and
    /// of containers without any. The caller has read their counters before.
    pub fn expire(&mut self, now_ns: u64) -> Expired {
        let grace_ns = self.limits.grace_ns;
        let old = |since_ns: u64| now_ns.saturating_sub(since_ns) > grace_ns;
        let mut expired = Expired::default();
        let containers = &mut self.containers;
        self.groups.retain(|id, group| {
            if !group.removed_ns.is_some_and(old) {
                return true;
            }
            expired.cgroups.push(*id);
            if let Place::Container(levels) = &group.place {
                for level in levels.iter() {
                    if let Some(known) = containers.get_mut(level) {
                        known.groups = known.groups.saturating_sub(1);
                        // Its own grace time is over with its last group's.
                        if known.groups == 0 {
                            known.touched_ns = 0;
                        }
                    }
                }
            }
            false
        });
        self.containers.retain(|id, known| {
            let stays = known.groups > 0 || !old(known.touched_ns);
            if !stays {
                expired.containers.push(id.to_string());
            }
            stays
        });
        expired
    }

    /// The containers that own a control group, each once.
    pub fn containers(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.owners().map(|known| &known.container)
    }

    /// What was left out, cumulative.
    pub fn losses(&self) -> [Loss; 4] {
        [
            ("cgroup_table_full", self.cgroup_overflow),
            ("container_table_full", self.container_overflow),
            ("scan_skipped", self.scan_skipped),
            ("life_queue_full", self.lives.lost()),
        ]
        .map(|(reason, count)| Loss {
            stage: Stage::Identity,
            reason,
            count,
        })
    }

    /// How full the tables are.
    pub fn tracked(&self) -> Tracked {
        let mut tracked = Tracked {
            cgroups: self.groups.len(),
            ..Tracked::default()
        };
        for known in self.owners() {
            tracked.containers += 1;
            tracked.undescribed += usize::from(!known.container.described);
        }
        tracked
    }

    fn owners(&self) -> impl Iterator<Item = &Known> {
        self.containers.values().filter(|known| {
            known.groups > 0
                && self
                    .innermost_told(&known.levels)
                    .is_some_and(|owner| std::ptr::eq(owner, *known))
        })
    }
}

#[cfg(test)]
mod tests;
