//! Cumulative kernel counters and explained samples become one [`Snapshot`].
//!
//! In: counters as read, samples with owner and verdict, losses, the names of
//! containers that are gone; CLOCK_MONOTONIC nanoseconds as an argument. Out:
//! [`Snapshot`]. Invariant: conservation; every refusal that the kernel counted
//! is in exactly one exported series, or pending, or retired, and sampled +
//! suppressed + lost is what was counted. Nothing exported ever decreases, and
//! no count moves from one cause to another. Lacks on purpose: I/O, a clock,
//! naming, classifying of samples.
//!
//! A counter's key does not hold all evidence, so a new counter waits for its
//! first sample, which tells cause and write root; after [`SETTLE_NS`] it is
//! settled without one. Later counts go where the latest sample points.

mod attributed;
mod counter;
pub mod filling;
mod forget;
pub mod layers;
mod memory;
mod recent;
mod saved;
mod series;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sealwatch_ebpf::wire::{COUNTS_MAX, CountKey, CountValue, PATH_KEY_OTHER};

use crate::classify::{Question, classify};
use crate::config::Limits;
use crate::denial::{Cause, CgroupId, Container, Errno, Loss, Operation, Owner, Stage, Unresolved};
use crate::write_root;
use attributed::Ledger;
use counter::{Share, Told, Tracked};
use memory::OomKills;
use recent::{RecentTable, RowKey};
use series::Series;

pub use attributed::Attributed;
pub use counter::key_of;
pub use memory::{Killed, NAME_WAIT_NS};
pub use recent::{ROWS_MAX, ROWS_PER_OWNER_MAX};
pub use saved::{Former, SavedError, VERSION};
pub use series::{Limited, OTHER};
pub use snapshot::{
    Alerts, Ended, Explained, GroupSeries, HookState, Kind, KubernetesEvents, Labels, Loaded,
    ReceiverState, Recent, RuntimeState, SeriesMax, Snapshot, Totals,
};

/// Longest that a count waits for its first sample.
pub const SETTLE_NS: u64 = 5_000_000_000;

/// A counter of a control group that nobody knows is forgotten after this time
/// without a refusal, since nothing will tell of the group's death.
pub const UNSEEN_IDLE_NS: u64 = 120_000_000_000;

/// Most counters tracked: what the kernel's table holds, and room for samples
/// that arrive before their counters.
const TRACKED_MAX: usize = 2 * COUNTS_MAX as usize;

/// Loss: a sample whose counter found no room here.
pub const REASON_TRACKED_FULL: &str = "tracked_table_full";
/// Loss: a sample that found the kernel's ring buffer full.
pub const REASON_RING_FULL: &str = "sample_ring_full";

/// The state behind the metrics.
#[derive(Debug)]
pub struct Aggregate {
    include_host: bool,
    keys: HashMap<CountKey, Tracked>,
    /// Keys with pending counts.
    waiting: HashSet<CountKey>,
    /// Cumulative refusals past the kernel's table, by operation number and errno.
    overflow: HashMap<(u8, u8), u64>,
    series: Series,
    ledger: Ledger,
    recent: RecentTable,
    oom_kills: OomKills,
    oom_unresolved: u64,
    host: BTreeMap<Kind, u64>,
    unresolved: BTreeMap<(Unresolved, Kind), u64>,
    losses: BTreeMap<(Stage, &'static str), u64>,
    totals: Totals,
    changed: bool,
}

impl Aggregate {
    /// Empty; `include_host` exports the host's counts.
    pub fn new(limits: Limits, include_host: bool) -> Self {
        Aggregate {
            include_host,
            keys: HashMap::new(),
            waiting: HashSet::new(),
            overflow: HashMap::new(),
            series: Series::new(limits),
            ledger: Ledger::default(),
            recent: RecentTable::default(),
            oom_kills: OomKills::default(),
            oom_unresolved: 0,
            host: BTreeMap::new(),
            unresolved: BTreeMap::new(),
            losses: BTreeMap::new(),
            totals: Totals::default(),
            changed: true,
        }
    }

    /// Takes in one counter as read. May be called any number of times with the
    /// same value.
    pub fn count(
        &mut self,
        key: &CountKey,
        value: &CountValue,
        now_ns: u64,
        owner_of: impl Fn(CgroupId) -> Owner,
    ) {
        let tracked = self.keys.entry(*key).or_default();
        // A value below the one before is a new counter under an old key.
        let before = match value.count < tracked.seen.count {
            true => CountValue::default(),
            false => tracked.seen,
        };
        tracked.seen = *value;
        let count = value.count - before.count;
        let sampled = value.sampled.saturating_sub(before.sampled);
        let lost = value.lost.saturating_sub(before.lost);
        if count == 0 && sampled == 0 && lost == 0 {
            return;
        }
        self.changed = true;
        self.totals.recorded += count;
        self.totals.sampled += sampled;
        if count > 0 {
            if let Some(row) = tracked.told.as_ref().and_then(|told| told.row.as_ref()) {
                self.recent.count(row, count);
            }
            if tracked.settled {
                let share = Share::of(key, tracked, count);
                let owner = owner_of(CgroupId(key.cgroup));
                self.add(&owner, share);
            } else {
                if tracked.pending == 0 {
                    tracked.since_ns = now_ns;
                    self.waiting.insert(*key);
                }
                tracked.pending += count;
                self.totals.pending += count;
            }
        }
        if lost > 0 {
            self.lose(Loss {
                stage: Stage::Kernel,
                reason: REASON_RING_FULL,
                count: lost,
            });
        }
    }

    /// Takes in the refusals that found the kernel's table full, cumulative.
    pub fn overflow(&mut self, operation: u8, errno: u8, cumulative: u64) {
        let seen = self.overflow.entry((operation, errno)).or_default();
        let count = cumulative.saturating_sub(*seen);
        if count == 0 {
            return;
        }
        *seen = cumulative;
        self.changed = true;
        self.totals.recorded += count;
        let aim = match (Operation::try_from(operation), Errno::try_from(errno)) {
            (Ok(operation), Ok(errno)) => {
                let kind = Kind {
                    operation,
                    errno,
                    cause: Cause::Unknown,
                    lsm: None,
                };
                Some((kind, Arc::from(write_root::UNRESOLVED)))
            }
            _ => None,
        };
        let share = Share {
            aim,
            count,
            last_ns: 0,
            open_flags: None,
        };
        self.add(&Owner::Unknown(Unresolved::CounterOverflow), share);
    }

    /// Takes in a sample and tells how many refusals its counter had when it was last read.
    pub fn sample(&mut self, sample: &Arc<Explained>) -> u64 {
        self.changed = true;
        let key = key_of(&sample.denial);
        let row = RowKey::of(sample);
        let exact = key.path != PATH_KEY_OTHER;
        self.recent.sample(&row, Arc::clone(sample), exact);
        if !self.keys.contains_key(&key) && self.keys.len() >= TRACKED_MAX {
            self.lose(Loss {
                stage: Stage::Aggregate,
                reason: REASON_TRACKED_FULL,
                count: 1,
            });
            return 1;
        }
        let tracked = self.keys.entry(key).or_default();
        if exact {
            let counted_there = tracked.told.as_ref().is_some_and(|told| told.row.is_some());
            if !counted_there {
                self.recent.count(&row, tracked.seen.count);
            }
            tracked.told = Some(Told {
                cause: sample.verdict.cause,
                write_root: Arc::clone(&sample.write_root),
                open_flags: Some(sample.denial.open_flags),
                row: Some(row),
            });
        } else if tracked.told.is_none() {
            // The counter stands for many paths; one sample does not speak for them.
            let cause = Question::of_key(&key).map_or(Cause::Unknown, |q| classify(&q).cause);
            tracked.told = Some(Told {
                cause,
                write_root: Arc::from(OTHER),
                open_flags: None,
                row: None,
            });
        }
        tracked.seen.count.max(1)
    }

    /// Settles what has its first sample or has waited long enough.
    pub fn settle(&mut self, now_ns: u64, owner_of: impl Fn(CgroupId) -> Owner) {
        self.settle_where(&owner_of, |tracked| {
            tracked.told.is_some() || now_ns.saturating_sub(tracked.since_ns) >= SETTLE_NS
        });
    }

    /// Settles everything: at the end.
    pub fn settle_all(&mut self, owner_of: impl Fn(CgroupId) -> Owner) {
        self.settle_where(&owner_of, |_| true);
    }

    fn settle_where(
        &mut self,
        owner_of: &impl Fn(CgroupId) -> Owner,
        ready: impl Fn(&Tracked) -> bool,
    ) {
        let chosen: Vec<CountKey> = self
            .waiting
            .iter()
            .filter(|key| self.keys.get(key).is_some_and(&ready))
            .copied()
            .collect();
        for key in chosen {
            self.waiting.remove(&key);
            let Some(tracked) = self.keys.get_mut(&key) else {
                continue;
            };
            tracked.settled = true;
            let count = std::mem::take(&mut tracked.pending);
            let share = Share::of(&key, tracked, count);
            self.totals.pending -= count;
            self.changed = true;
            self.add(&owner_of(CgroupId(key.cgroup)), share);
        }
    }

    fn add(&mut self, owner: &Owner, share: Share) {
        let count = share.count;
        let Some((kind, write_root)) = &share.aim else {
            self.totals.unreadable += count;
            return;
        };
        let kind = *kind;
        match owner {
            Owner::Container(container) => {
                self.series.add(container, kind, write_root, count);
                self.ledger.add(container, kind, write_root, &share);
            }
            Owner::Host if self.include_host => *self.host.entry(kind).or_default() += count,
            Owner::Host => self.totals.ignored += count,
            Owner::Unknown(reason) => {
                *self.unresolved.entry((*reason, kind)).or_default() += count;
            }
        }
    }

    /// What has been added to containers' series since the last time.
    pub fn take_attributed(&mut self) -> Vec<Attributed> {
        self.ledger.take()
    }

    /// Makes a container known, denied or not, or takes note of its new name.
    pub fn meet(&mut self, container: &Arc<Container>) {
        self.series.meet(container);
        self.changed = true;
    }

    /// A container has been gone for its grace time: its series leave.
    pub fn retire(&mut self, container_id: &str) {
        self.series.retire(container_id);
        self.recent.retire(container_id);
        self.changed = true;
    }

    /// Something was not delivered.
    pub fn lose(&mut self, loss: Loss) {
        *self.losses.entry((loss.stage, loss.reason)).or_default() += loss.count;
        self.changed = true;
    }

    /// The same for a stage that keeps its own cumulative count.
    pub fn lost_in_all(&mut self, loss: Loss) {
        let seen = self.losses.entry((loss.stage, loss.reason)).or_default();
        self.changed |= loss.count > *seen;
        *seen = loss.count.max(*seen);
    }

    /// Has anything changed since [`Aggregate::snapshot`]?
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The state as the sinks see it; hooks, runtimes and containers are the caller's to add.
    pub fn snapshot(&mut self) -> Snapshot {
        self.changed = false;
        let mut groups = self.series.groups();
        groups.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let lost = self
            .losses
            .get(&(Stage::Kernel, REASON_RING_FULL))
            .copied()
            .unwrap_or(0);
        let suppressed = self
            .totals
            .recorded
            .saturating_sub(self.totals.sampled + lost);
        // The kernel's words of one counter are not read at one instant.
        self.totals.suppressed = self.totals.suppressed.max(suppressed);
        self.totals.retired = self.series.retired;
        let losses = self.losses.iter();
        Snapshot {
            groups,
            host: self
                .host
                .iter()
                .map(|(kind, count)| (*kind, *count))
                .collect(),
            unresolved: self
                .unresolved
                .iter()
                .map(|((reason, kind), count)| (*reason, *kind, *count))
                .collect(),
            limited: self
                .series
                .limited
                .iter()
                .map(|(limit, count)| (*limit, *count))
                .collect(),
            totals: self.totals,
            series: self.series.size(),
            series_max: SeriesMax(self.series.max()),
            losses: losses
                .map(|((stage, reason), count)| Loss {
                    stage: *stage,
                    reason,
                    count: *count,
                })
                .collect(),
            recent: self.recent.rows(),
            oom_kills: self.oom_kills.recent(),
            oom_unresolved: self.oom_unresolved,
            ..Snapshot::default()
        }
    }
}
