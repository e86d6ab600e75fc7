//! What a snapshot holds of each container, side by side, and how the container
//! is in one word.
//!
//! In: a [`Snapshot`]. Out: [`Standing`]s, the worst first. Invariant: pure; a
//! container stands once; one is never called sealed where its root is not known
//! to be, and what is not known is said. Lacks on purpose: formats, and
//! containers that no stage of the snapshot tells of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use crate::aggregate::filling::Filled;
use crate::aggregate::layers::Layered;
use crate::aggregate::{GroupSeries, Killed, Labels, Recent, Snapshot};
use crate::degrade::{RootView, StartView};
use crate::denial::{Container, Owner, Runtime};
use crate::posture::{Posture, Root};
use crate::tmpfs::{MountTmpfs, Pressure, Sampled};

/// Shortest beginning of an id that finds its container.
const ID_MIN: usize = 12;

/// How a container is, the worst first. One container can be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It is refused something and ends at once.
    FailingToStart,
    /// It runs, and writes under a root keep failing.
    Degraded,
    /// A tmpfs of it is nearly full, or takes much of its memory limit.
    Pressure,
    /// Something was refused, without lasting.
    Refused,
    /// Its root can be written.
    WritableRoot,
    /// Whether its root can be written is not known.
    Unknown,
    /// Its root is read-only, and none of the above is so.
    Sealed,
}

impl State {
    /// Every member, the worst first.
    pub const ALL: [State; 7] = [
        State::FailingToStart,
        State::Degraded,
        State::Pressure,
        State::Refused,
        State::WritableRoot,
        State::Unknown,
        State::Sealed,
    ];

    /// The name used in lists and queries.
    pub const fn label(self) -> &'static str {
        match self {
            State::FailingToStart => "failing_to_start",
            State::Degraded => "degraded",
            State::Pressure => "pressure",
            State::Refused => "refused",
            State::WritableRoot => "writable_root",
            State::Unknown => "unknown",
            State::Sealed => "sealed",
        }
    }
}

/// All that is known of one container.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// Which.
    pub container: Arc<Container>,
    /// The worst first; none where it has ended and left nothing to tell.
    pub states: Vec<State>,
    /// When it ended, if it has.
    pub ended: Option<SystemTime>,
    /// Its mounts and user.
    pub posture: Option<&'a Posture>,
    /// How full its tmpfs mounts are.
    pub tmpfs: Option<&'a Filled>,
    /// What its writable layer keeps.
    pub layer: Option<&'a Layered>,
    /// The write roots whose writes keep failing.
    pub degraded: Vec<&'a RootView>,
    /// How it fails to start.
    pub start: Option<&'a StartView>,
    /// Exact counts of all containers with its labels, of which it is the newest.
    pub group: Option<&'a GroupSeries>,
    /// What was refused lately, the latest first.
    pub recent: Vec<&'a Recent>,
    /// Its processes that were killed for want of memory, the latest first.
    pub oom_kills: Vec<&'a Killed>,
}

impl<'a> Standing<'a> {
    fn new(container: Arc<Container>) -> Self {
        Standing {
            container,
            states: Vec::new(),
            ended: None,
            posture: None,
            tmpfs: None,
            layer: None,
            degraded: Vec::new(),
            start: None,
            group: None,
            recent: Vec::new(),
            oom_kills: Vec::new(),
        }
    }

    /// The worst of its states; sealed only where that is known.
    pub fn state(&self) -> State {
        self.states.first().copied().unwrap_or(State::Unknown)
    }

    /// Refusals counted under its name; of this container alone, as far as its
    /// rows reach, where a newer one has the name.
    pub fn refusals(&self) -> u64 {
        let counted = |group: &GroupSeries| group.counts.iter().map(|(.., count)| count).sum();
        let listed = || self.recent.iter().map(|row| row.count.max(1)).sum();
        self.group.map_or_else(listed, counted)
    }

    /// The mount with the largest share of bytes or inodes in use, with that share.
    pub fn fullest(&self) -> Option<(&'a MountTmpfs, f64)> {
        let mounts = &self.tmpfs?.told.mounts;
        let share = |mount: &'a MountTmpfs| {
            let share = |sampled: &Sampled| match sampled {
                Sampled::Measured { fill, .. } => Some(fill.share()),
                Sampled::Not(_) => None,
            };
            let shares = [share(&mount.bytes), share(&mount.inodes)];
            let most = shares.into_iter().flatten().reduce(f64::max)?;
            Some((mount, most))
        };
        let shares = mounts.iter().filter_map(share);
        shares.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    fn judge(&mut self) {
        let root = self.posture.map(|posture| posture.root);
        let refused = self.refusals() > 0;
        let states = State::ALL.into_iter().filter(|state| match state {
            State::FailingToStart => self.start.is_some(),
            State::Degraded => !self.degraded.is_empty(),
            State::Pressure => self.tmpfs.is_some_and(under_pressure),
            State::Refused => refused,
            State::WritableRoot => root == Some(Root::Writable),
            State::Unknown => {
                // One that fails to start is hardly ever there to be read.
                let absent = self.ended.is_some() || self.start.is_some();
                !absent && matches!(root, None | Some(Root::Unknown(_)))
            }
            State::Sealed => false,
        });
        self.states = states.collect();
        if self.states.is_empty() && root == Some(Root::ReadOnly) {
            self.states.push(State::Sealed);
        }
    }
}

fn under_pressure(filled: &Filled) -> bool {
    let pressed = |sampled: &Sampled| match sampled {
        Sampled::Measured { pressure, .. } => *pressure != Pressure::Calm,
        Sampled::Not(_) => false,
    };
    let told = &filled.told;
    let mut mounts = told.mounts.iter();
    told.memory.pressure != Pressure::Calm
        || mounts.any(|mount| pressed(&mount.bytes) || pressed(&mount.inodes))
}

/// The containers of a snapshot, the worst first, then those with the most
/// refusals, then by name. One that has ended is left out where nothing of it
/// is worth telling.
pub fn containers(snapshot: &Snapshot) -> Vec<Standing<'_>> {
    let mut all: Vec<_> = joined(snapshot).into_values().collect();
    all.retain(|standing| !standing.states.is_empty());
    all.sort_by_cached_key(|standing| {
        let refusals = std::cmp::Reverse(standing.refusals());
        let (labels, id) = (Labels::of(&standing.container), &standing.container.id);
        (standing.state(), refusals, labels, id.clone())
    });
    all
}

/// The container with this id, or the only one whose id begins so.
pub fn container<'a>(snapshot: &'a Snapshot, id: &str) -> Option<Standing<'a>> {
    let mut all = joined(snapshot);
    if let Some(standing) = all.remove(id) {
        return Some(standing);
    }
    if id.len() < ID_MIN {
        return None;
    }
    let mut fitting = all.into_iter().filter(|(own, _)| own.starts_with(id));
    let (_, standing) = fitting.next()?;
    fitting.next().is_none().then_some(standing)
}

fn joined(snapshot: &Snapshot) -> BTreeMap<String, Standing<'_>> {
    let mut all = Joined::default();
    for posture in snapshot.postures.iter() {
        all.of(&posture.container).posture = Some(posture);
    }
    for group in &snapshot.groups {
        if let Some(container) = &group.container {
            all.of(container).group = Some(group);
        }
    }
    for filled in &snapshot.tmpfs.containers {
        all.of(&filled.container).tmpfs = Some(filled);
    }
    for layered in &snapshot.layers.containers {
        all.of(&layered.container).layer = Some(layered);
    }
    for root in &snapshot.state.degraded {
        all.of(&root.container).degraded.push(root);
    }
    for recent in &snapshot.recent {
        if let Owner::Container(container) = &recent.sample.owner {
            all.of(container).recent.push(recent);
        }
    }
    for killed in &snapshot.oom_kills {
        if let Owner::Container(container) = &killed.owner {
            all.of(container).oom_kills.push(killed);
        }
    }
    for start in &snapshot.state.starts {
        all.failing(start).start = Some(start);
    }
    let mut all = all.by_id;
    let ends = snapshot.ended.iter().map(|one| (&*one.id, one.time));
    let ends: HashMap<&str, SystemTime> = ends.collect();
    for (id, standing) in &mut all {
        standing.ended = ends.get(id.as_str()).copied();
        standing.judge();
    }
    all
}

#[derive(Default)]
struct Joined<'a> {
    by_id: BTreeMap<String, Standing<'a>>,
}

impl<'a> Joined<'a> {
    /// The place of a container; whoever describes it is believed most.
    fn of(&mut self, container: &Arc<Container>) -> &mut Standing<'a> {
        let place = self.by_id.entry(container.id.clone());
        let standing = place.or_insert_with(|| Standing::new(Arc::clone(container)));
        if container.described && !standing.container.described {
            standing.container = Arc::clone(container);
        }
        standing
    }

    /// The latest container of a workload, which may be gone from all else.
    fn failing(&mut self, start: &StartView) -> &mut Standing<'a> {
        self.of(&Arc::new(Container {
            namespace: start.workload.namespace.clone(),
            pod: start.workload.pod.clone(),
            name: start.workload.container.clone(),
            ..Container::unnamed(&start.container_id, Runtime::Unspecified)
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests;
