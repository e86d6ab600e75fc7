//! The daemon's lists become one record per container, the worst first.
//!
//! In: [`Answers`], rates. Out: [`Container`]s. Invariant: pure; everything that
//! an answer tells of a container is in its record; those without a name have one
//! too. Lacks on purpose: how it looks.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::answers::{
    Answers, Count, Denial, Filled, Layer, Mount, Named, Posture, Root, Start, Status,
};
use super::rate::Rates;
use super::shown::Shown;
use crate::tmpfs::Pressure;
use crate::write_root::UNRESOLVED;

/// How a container fares, the worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Degraded,
    FailingToStart,
    Full,
    Near,
    Refused,
    WritableRoot,
    WasRefused,
    #[default]
    Unknown,
    Sealed,
}

impl Standing {
    /// In words.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Standing::Degraded => "degraded",
            Standing::FailingToStart => "failing to start",
            Standing::Full => "tmpfs full",
            Standing::Near => "tmpfs near full",
            Standing::Refused => "refused now",
            Standing::WritableRoot => "writable root",
            Standing::WasRefused => "refused before",
            Standing::Unknown => "-",
            Standing::Sealed => "sealed",
        }
    }

    /// Those that are shown before all others, whatever the others' rates are.
    const fn rank(self) -> u8 {
        match self {
            Standing::Degraded | Standing::FailingToStart => 0,
            Standing::Full | Standing::Near => 1,
            Standing::Refused
            | Standing::WritableRoot
            | Standing::WasRefused
            | Standing::Unknown
            | Standing::Sealed => 2,
        }
    }
}

/// By what the containers are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    State,
    Rate,
    Denials,
    Tmpfs,
    Name,
}

impl Sort {
    /// In the order of the keys.
    pub(super) const ALL: [Sort; 5] = [
        Sort::State,
        Sort::Rate,
        Sort::Denials,
        Sort::Tmpfs,
        Sort::Name,
    ];

    /// In words.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Sort::State => "state",
            Sort::Rate => "rate",
            Sort::Denials => "denials",
            Sort::Tmpfs => "tmpfs",
            Sort::Name => "name",
        }
    }
}

/// All that is known of one container.
#[derive(Clone, Debug, Default)]
pub(super) struct Container {
    pub(super) name: Shown,
    pub(super) image: Shown,
    pub(super) runtime: Shown,
    pub(super) standing: Standing,
    /// Denials per second; none where it is not known yet.
    pub(super) rate: Option<f64>,
    pub(super) denials: u64,
    /// The latest first.
    pub(super) refused: Vec<Denial>,
    pub(super) degraded: Vec<Root>,
    pub(super) starts: Vec<Start>,
    pub(super) tmpfs: Vec<Filled>,
    pub(super) posture: Option<Posture>,
    pub(super) layer: Option<Layer>,
    /// Processes killed for want of memory lately.
    pub(super) killed: u64,
}

impl Container {
    /// Its tmpfs mounts, the fullest first.
    pub(super) fn mounts(&self) -> Vec<&Mount> {
        let mut mounts: Vec<_> = self
            .tmpfs
            .iter()
            .flat_map(|filled| &filled.mounts)
            .collect();
        mounts.sort_by(|one, other| other.share().total_cmp(&one.share()));
        mounts
    }

    /// How full the fullest is.
    pub(super) fn fullest(&self) -> Option<f64> {
        let measured = |mount: &&Mount| mount.bytes.share.or(mount.inodes.share).is_some();
        self.mounts().into_iter().find(measured).map(Mount::share)
    }

    fn judge(&mut self, rate: Option<f64>) {
        self.rate = rate;
        self.standing = self.stands();
    }

    fn stands(&self) -> Standing {
        let under = |pressure: Pressure| {
            let mounts = self.tmpfs.iter().flat_map(|filled| &filled.mounts);
            let mut amounts = mounts.flat_map(|mount| [&mount.bytes, &mount.inodes]);
            let label = pressure.label();
            amounts.any(|amount| amount.pressure.as_deref() == Some(label))
                || self
                    .tmpfs
                    .iter()
                    .any(|filled| &*filled.memory.pressure == label)
        };
        if !self.degraded.is_empty() {
            return Standing::Degraded;
        }
        if !self.starts.is_empty() {
            return Standing::FailingToStart;
        }
        if under(Pressure::Full) {
            return Standing::Full;
        }
        if under(Pressure::Near) {
            return Standing::Near;
        }
        if self.rate.is_some_and(|rate| rate > 0.0) {
            return Standing::Refused;
        }
        match self.posture.as_ref().map(|posture| &*posture.root) {
            Some("writable") => Standing::WritableRoot,
            _ if self.denials > 0 => Standing::WasRefused,
            Some("read_only") => Standing::Sealed,
            Some(_) | None => Standing::Unknown,
        }
    }
}

impl Mount {
    /// The larger of both shares.
    pub(super) fn share(&self) -> f64 {
        let share = |share: Option<f64>| share.unwrap_or(0.0);
        share(self.bytes.share).max(share(self.inodes.share))
    }
}

/// Everything, joined.
pub(super) struct Joined {
    pub(super) status: Status,
    pub(super) containers: Vec<Container>,
}

#[derive(Default)]
struct Table(BTreeMap<Shown, Container>);

impl Table {
    fn of(&mut self, named: &Named) -> &mut Container {
        let name = named.full();
        let container = self.0.entry(name.clone()).or_default();
        container.name = name;
        if container.image.is_empty() {
            container.image = named.image.clone();
            container.runtime = named.runtime.clone();
        }
        container
    }
}

/// The name under which a list without containers' names speaks of somebody.
fn nobody(owner: &str) -> Named {
    Named {
        name: Shown::from(&*format!("({owner})")),
        ..Named::default()
    }
}

fn counted(count: &Count) -> Named {
    match &*count.container.name == UNRESOLVED && count.container.pod.is_empty() {
        true => nobody("unknown"),
        false => count.container.clone(),
    }
}

/// The counts, by the names that [`joined`] uses.
pub(super) fn counts(answers: &Answers) -> BTreeMap<Shown, u64> {
    let counts = answers.denials.counts.iter();
    counts
        .map(|count| (counted(count).full(), count.count))
        .collect()
}

/// Joins the lists by the containers' names.
pub(super) fn joined(answers: Answers, rates: &Rates) -> Joined {
    let mut table = Table::default();
    for count in &answers.denials.counts {
        table.of(&counted(count)).denials = count.count;
    }
    for denial in answers.denials.denials {
        let named = match &denial.container {
            Some(named) => named.clone(),
            None => nobody(&denial.owner),
        };
        let container = table.of(&named);
        // The host's are in no series of a container.
        if denial.container.is_none() && &*denial.owner == "host" {
            container.denials = container.denials.saturating_add(denial.count);
        }
        container.refused.push(denial);
    }
    for kill in answers.denials.oom_kills {
        let container = table.of(&kill.container.unwrap_or_else(|| nobody("unknown")));
        container.killed = container.killed.saturating_add(kill.killed);
    }
    for root in answers.degraded.degraded {
        table.of(&root.container).degraded.push(root);
    }
    for start in answers.degraded.failing_to_start {
        table.of(&start.container).starts.push(start);
    }
    for filled in answers.tmpfs.tmpfs {
        table.of(&filled.container).tmpfs.push(filled);
    }
    for posture in answers.postures.postures {
        let container = table.of(&posture.container);
        container.posture = Some(posture);
    }
    for layer in answers.layers.layers {
        let container = table.of(&layer.container);
        container.layer = Some(layer);
    }
    let mut containers: Vec<Container> = table.0.into_values().collect();
    for container in &mut containers {
        let rate = rates.of(&container.name);
        container.judge(rate);
    }
    Joined {
        status: answers.status,
        containers,
    }
}

/// Orders the containers; equal ones by name.
pub(super) fn sort(containers: &mut [Container], by: Sort) {
    let rate = |container: &Container| container.rate.unwrap_or(0.0);
    let fullest = |container: &Container| container.fullest().unwrap_or(-1.0);
    containers.sort_by(|one, other| {
        let busy = || {
            let rates = rate(other).total_cmp(&rate(one));
            rates.then(Reverse(one.denials).cmp(&Reverse(other.denials)))
        };
        let order = match by {
            Sort::State => {
                let ranks = one.standing.rank().cmp(&other.standing.rank());
                let standings = || one.standing.cmp(&other.standing);
                ranks.then_with(busy).then_with(standings)
            }
            Sort::Rate => busy(),
            Sort::Denials => Reverse(one.denials).cmp(&Reverse(other.denials)),
            Sort::Tmpfs => fullest(other).total_cmp(&fullest(one)),
            Sort::Name => std::cmp::Ordering::Equal,
        };
        order.then_with(|| one.name.cmp(&other.name))
    });
}
