//! The containers that a control group lies in, and what is known of each.
//!
//! In: the levels of a path. Out: entries of [`Identity`]'s tables, and the questions
//! for runtimes. Invariant: a container is let go of only when no control group
//! lies in it. Lacks on purpose: the order of events, which [`Identity`] sees to.

use std::sync::Arc;

use super::{Identity, Life, LookUp, Seen};
use crate::denial::{CgroupId, Container, Runtime};

/// A container that stays undescribed is asked for again at most this often.
const ASK_AGAIN_NS: u64 = 5_000_000_000;

/// Ids of the containers a group lies in, outermost first.
pub(super) type Levels = Arc<[Arc<str>]>;

pub(super) enum Place {
    Host,
    Unparsable,
    Container(Levels),
}

pub(super) struct Group {
    pub(super) place: Place,
    pub(super) seen_ns: u64,
    pub(super) removed_ns: Option<u64>,
}

pub(super) struct Known {
    pub(super) container: Arc<Container>,
    /// Itself, and the containers around it; empty until a control group was seen.
    pub(super) levels: Levels,
    /// Path of its own control group, where that was seen.
    pub(super) home: Option<Arc<[u8]>>,
    /// Control groups that lie in it, the dead ones of the grace time included.
    pub(super) groups: usize,
    /// Those of them that are there.
    pub(super) live: usize,
    pub(super) asked_ns: Option<u64>,
    pub(super) touched_ns: u64,
}

impl Identity {
    /// The rule of the file's head.
    pub(super) fn innermost_told(&self, levels: &Levels) -> Option<&Known> {
        let known = || levels.iter().filter_map(|id| self.containers.get(id));
        known()
            .find(|known| known.container.described)
            .or_else(|| known().next_back())
    }

    /// Enters the last of `ids`, whose other members lie around it.
    pub(super) fn enter(&mut self, ids: &[Arc<str>], runtime: Runtime, now_ns: u64) {
        let Some(id) = ids.last() else { return };
        let known = self.containers.entry(id.clone()).or_insert_with(|| Known {
            container: Arc::new(Container::unnamed(id, runtime)),
            levels: Arc::new([]),
            home: None,
            groups: 0,
            live: 0,
            asked_ns: None,
            touched_ns: now_ns,
        });
        // A shorter nest is nearer to the root and cannot be made from inside.
        if known.levels.is_empty() || ids.len() < known.levels.len() {
            known.levels = ids.into();
        }
        known.groups += 1;
        known.live += 1;
    }

    /// A container that an earlier daemon knew, with control groups of its, and that
    /// is not there any more: it died while nobody looked. It keeps its name for the
    /// grace time, as all dead ones do.
    pub fn bury(&mut self, id: &str, cgroups: &[CgroupId], now_ns: u64) {
        let id: Arc<str> = id.into();
        let unknown = cgroups.iter().filter(|one| !self.groups.contains_key(*one));
        let unknown: Vec<CgroupId> = unknown.copied().collect();
        if self.containers.contains_key(&id) && unknown.is_empty() {
            return;
        }
        if !self.make_room(1, std::slice::from_ref(&id)) {
            self.container_overflow += 1;
            return;
        }
        let known = self.containers.entry(id.clone()).or_insert_with(|| Known {
            container: Arc::new(Container::unnamed(&id, Runtime::Unspecified)),
            levels: Arc::new([id.clone()]),
            home: None,
            groups: 0,
            live: 0,
            // No runtime tells of one that is gone.
            asked_ns: Some(now_ns),
            touched_ns: now_ns,
        });
        known.groups += unknown.len();
        for cgroup in unknown {
            let group = Group {
                place: Place::Container(Arc::new([id.clone()])),
                seen_ns: now_ns,
                removed_ns: Some(now_ns),
            };
            self.groups.insert(cgroup, group);
        }
    }

    /// Takes in the end of a control group as its event tells it, path and all, so
    /// that one whose birth no daemon saw, or an earlier one, has its owner as well.
    /// What it turned out to be is told where it was not known.
    pub fn cgroup_gone(&mut self, id: CgroupId, path: &[u8], now_ns: u64) -> Option<Seen> {
        let mut seen = None;
        if !self.groups.contains_key(&id) && !path.is_empty() {
            let counted = (self.cgroup_overflow, self.container_overflow);
            seen = Some(self.take_in(id, path, None, now_ns));
            // One that finds no room was counted at its birth.
            (self.cgroup_overflow, self.container_overflow) = counted;
        }
        self.cgroup_removed(id, now_ns);
        seen
    }

    /// A container's own group is there.
    pub(super) fn begin(
        &mut self,
        id: &Arc<str>,
        cgroup: CgroupId,
        path: &[u8],
        born_ns: Option<u64>,
    ) {
        let home: Arc<[u8]> = path.into();
        if let Some(known) = self.containers.get_mut(id) {
            known.home = Some(Arc::clone(&home));
        }
        self.lives.push(Life::Begun {
            container: id.clone(),
            cgroup,
            home,
            born_ns,
        });
    }

    pub(super) fn ask(&mut self, levels: &Levels, now_ns: u64) -> Seen {
        let mut look_ups = Vec::new();
        for id in levels.iter() {
            let Some(known) = self.containers.get_mut(id) else {
                continue;
            };
            let waited = known
                .asked_ns
                .is_none_or(|asked_ns| now_ns.saturating_sub(asked_ns) >= ASK_AGAIN_NS);
            // What is only listed so far (no root, no mounts) is asked for too.
            if known.container.read_only_root.is_none() && waited {
                known.asked_ns = Some(now_ns);
                look_ups.push(LookUp {
                    id: id.to_string(),
                    runtime: known.container.runtime,
                });
            }
        }
        Seen::Container { look_ups }
    }

    /// Makes room for `count` containers by letting go of described ones without
    /// a control group, oldest first, `except` those about to get one.
    pub(super) fn make_room(&mut self, count: usize, except: &[Arc<str>]) -> bool {
        while self.containers.len() + count > self.limits.containers {
            let oldest = self
                .containers
                .iter()
                .filter(|(id, known)| known.groups == 0 && !except.contains(id))
                .min_by_key(|(_, known)| known.touched_ns)
                .map(|(id, _)| id.clone());
            match oldest {
                Some(id) => self.containers.remove(&id),
                None => return false,
            };
        }
        true
    }
}
