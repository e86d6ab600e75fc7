//! The one task of the hot path: records and counters become what is published.
//!
//! In: a [`Source`], what the runtimes tell, time. Out: snapshots, events.
//! Invariant: plain calls in one order, never waiting for a reader, a runtime
//! or a scrape; where nothing was refused, a tick reads a few numbers and no
//! more. Lacks on purpose: deciding; each stage does its own.
//!
//! A tick drains the records first and reads the counters after, so that the
//! sample of a new counter is there before the counter, or one tick later.

mod alerts;
mod breach;
mod build;
mod degrade;
mod end;
mod ended;
mod expire;
mod held;
mod inventory;
mod keep;
mod layers;
mod lives;
mod memory;
mod mounts;
mod now;
mod place;
mod posture;
mod publish;
mod reload;
mod resume;
mod task;
#[cfg(test)]
mod tests;
mod tmpfs;

use std::sync::Arc;

use crate::aggregate::{Aggregate, Alerts, Explained, HookState, RuntimeState};
use crate::alert::Delivery;
use crate::breach::{Breaches, Shown};
use crate::classify::{Question, Sampled, classify};
use crate::decode;
use crate::denial::{CgroupId, Loss, Owner, Stage};
use crate::events::{Event, EventWriter};
use crate::http::Published;
use crate::identity::hierarchy::Scan;
use crate::identity::{Identity, Seen};
use crate::source::{RecordKind, Source, SourceError};
use crate::write_root;
use degrade::Judge;
use ended::Ends;
use held::{Held, Waiting};
use inventory::Switches;
use layers::Layering;
use mounts::Mounts;
use posture::Postures;
use reload::Orders;
use resume::Resumption;
use sealwatch_ebpf::wire::{STATS_MAX, Stat};
use tmpfs::Tmpfs;

pub use crate::aggregate::NAME_WAIT_NS;
pub use held::REST_WAIT_NS;
pub use inventory::{REASON_INVENTORY_FULL, REASON_INVENTORY_RING_FULL};
pub use keep::Keeper;
pub use memory::REASON_OOM_TABLE_FULL;
pub use now::Now;
pub use posture::REASON_POSTURE_TABLE_FULL;
pub use publish::{REASON_LOOK_UP_DROPPED, RuntimeEnds};
pub use reload::{Order, Reload};
pub use resume::{REASON_UNREADABLE_COUNTS, REASON_UNREADABLE_TABLES};
pub use task::{SCAN_MAX, start_scan};

/// How often the dead are looked for.
const EXPIRE_NS: u64 = 1_000_000_000;
/// How long the series of a dead container stay: two scrapes a minute apart see them.
pub const GRACE_NS: u64 = 120_000_000_000;

/// Loss: a map could not be read or written.
pub const REASON_MAP_FAILED: &str = "map_failed";
/// Loss: births and deaths that found their ring buffer full.
pub const REASON_CGROUP_RING_FULL: &str = "cgroup_ring_full";
/// Loss: the kernel skipped a program that was active on that processor.
pub const REASON_PROGRAM_SKIPPED: &str = "program_skipped";

/// The stages, wired.
pub struct Pipeline<S> {
    source: S,
    identity: Identity,
    aggregate: Aggregate,
    held: Held,
    /// None where no task's mounts are looked at, as with a recording.
    mounts: Option<Mounts>,
    tmpfs: Option<Tmpfs>,
    layering: Option<Layering>,
    judge: Judge,
    postures: Option<Postures>,
    ends: Ends,
    runtimes: Option<RuntimeEnds>,
    events: Option<EventWriter>,
    published: Arc<Published>,
    hooks: Arc<[HookState]>,
    include_host: bool,
    /// Statistics as last read; their change is what makes a tick read more.
    stats: [u64; STATS_MAX as usize],
    /// The counters that changed with the statistics may not all have been read.
    unread: bool,
    /// The statistic up to which kills were read.
    oom_kills_read: u64,
    switches: Switches,
    orders: Orders,
    resumption: Resumption,
    breaches: Breaches,
    breaches_shown: Arc<Shown>,
    write_roots_max: usize,
    look_ups_dropped: u64,
    names_changed: bool,
    wants_scan: bool,
    runtime_states: Vec<RuntimeState>,
    alerting: Option<Arc<Delivery>>,
    alerts_shown: Alerts,
    expired_ns: u64,
    swept_ns: u64,
}

impl<S: Source> Pipeline<S> {
    /// Takes in a scan of the control groups that was begun at `started_ns`.
    pub fn reconcile(&mut self, scan: &Scan, started_ns: u64, now: Now) {
        // Births since the scan began wait in the ring buffer; they come first.
        self.drain(now);
        let seen = self.identity.reconcile(scan, started_ns, now.monotonic_ns);
        for (cgroup, seen) in seen {
            self.note(cgroup, seen);
        }
        self.tell_lives(now);
        self.wants_scan |= scan.failed;
    }

    /// Takes in every record that waits.
    pub fn drain(&mut self, now: Now) {
        let Self {
            source,
            identity,
            aggregate,
            held,
            mounts,
            switches,
            ..
        } = self;
        let mut births = Vec::new();
        let mut written = Vec::new();
        source.drain(&mut |kind, bytes| {
            let lost = match kind {
                RecordKind::Sample => match decode::sample(bytes) {
                    Ok(denial) => {
                        let home = identity.home(denial.cgroup);
                        let mounts = mounts.as_mut();
                        let mount = mounts.and_then(|mounts| mounts.of(&denial, home, now));
                        held.push(denial, mount, now.monotonic_ns);
                        return;
                    }
                    Err(error) => error.reason(),
                },
                RecordKind::Write => match decode::written(bytes) {
                    Ok(one) => {
                        written.push(one);
                        return;
                    }
                    Err(error) => error.reason(),
                },
                RecordKind::Cgroup => match decode::cgroup(bytes) {
                    Ok(change) if change.created => {
                        let time_ns = now.monotonic_ns;
                        let seen = identity.cgroup_created(change.cgroup, &change.path, time_ns);
                        births.push((change.cgroup, seen));
                        return;
                    }
                    Ok(change) => {
                        let (cgroup, time_ns) = (change.cgroup, now.monotonic_ns);
                        let seen = identity.cgroup_gone(cgroup, &change.path, time_ns);
                        // The kernel need not leave out a host's group that is gone.
                        let seen = seen.filter(|seen| *seen != Seen::Host);
                        births.extend(seen.map(|seen| (cgroup, seen)));
                        switches.dirty = true;
                        return;
                    }
                    Err(error) => error.reason(),
                },
            };
            aggregate.lose(Loss {
                stage: Stage::Decode,
                reason: lost,
                count: 1,
            });
        });
        for (cgroup, seen) in births {
            self.note(cgroup, seen);
        }
        self.tell_lives(now);
        for one in written {
            self.take_in_written(one, now);
        }
        self.follow_switches(now);
        if self.held.is_crowded() {
            self.explain(now, false);
        }
    }

    /// Does what a control group's nature asks for.
    fn note(&mut self, cgroup: CgroupId, seen: Seen) {
        match seen {
            Seen::Host if !self.include_host => {
                if let Err(error) = self.source.ignore(cgroup.0) {
                    self.map_failed(&error);
                }
            }
            Seen::Host | Seen::Unparsable | Seen::Overflow => {}
            Seen::Container { look_ups } => {
                self.names_changed = true;
                self.switches.dirty = true;
                for look_up in look_ups {
                    let Some(runtimes) = &self.runtimes else {
                        continue;
                    };
                    if runtimes.look_ups.try_send(look_up).is_err() {
                        self.look_ups_dropped += 1;
                    }
                }
            }
        }
    }

    fn map_failed(&mut self, error: &SourceError) {
        tracing::warn!(%error, "the kernel half could not be read");
        self.aggregate.lose(Loss {
            stage: Stage::Source,
            reason: REASON_MAP_FAILED,
            count: 1,
        });
    }

    /// Takes in everything there is and publishes what has changed.
    pub fn tick(&mut self, now: Now) {
        self.follow_orders(now);
        self.drain(now);
        self.read_counters(now);
        self.explain(now, false);
        let Self {
            identity,
            aggregate,
            ..
        } = self;
        aggregate.settle(now.monotonic_ns, |cgroup| identity.owner(cgroup));
        self.tell_oom_kills(now, false);
        self.judge_denials(now);
        if now.monotonic_ns.saturating_sub(self.expired_ns) >= EXPIRE_NS {
            self.expired_ns = now.monotonic_ns;
            self.expire(now);
            self.sum_inventory(now);
            self.judge_writes(now, false);
            self.tell_transitions(now);
            self.note_runtimes();
            self.note_alerts();
            self.note_hooks();
            self.note_postures();
        }
        self.publish(now);
    }

    fn read_counters(&mut self, now: Now) {
        let moved = match self.source.stats() {
            Ok(stats) if stats == self.stats && !self.unread => return,
            Ok(stats) => {
                let lost = Stat::CgroupLost as usize;
                self.wants_scan |= stats[lost] > self.stats[lost];
                std::mem::replace(&mut self.stats, stats) != stats
            }
            Err(error) => return self.map_failed(&error),
        };
        for (reason, stat) in [
            (REASON_CGROUP_RING_FULL, Stat::CgroupLost),
            (REASON_PROGRAM_SKIPPED, Stat::Skipped),
            (REASON_OOM_TABLE_FULL, Stat::OomOverflow),
            (REASON_INVENTORY_FULL, Stat::InventoryOverflow),
            (REASON_INVENTORY_RING_FULL, Stat::InventorySampleLost),
        ] {
            self.aggregate.lost_in_all(Loss {
                stage: Stage::Kernel,
                reason,
                count: self.resumption.in_all(&self.stats, stat),
            });
        }
        let Self {
            source,
            identity,
            aggregate,
            tmpfs,
            ..
        } = self;
        let mut heard_ns = 0;
        let counters = source.counters(&mut |key, value| {
            if let Some(tmpfs) = tmpfs {
                heard_ns = heard_ns.max(tmpfs.hear(key, value, |cgroup| identity.owner(cgroup)));
            }
            aggregate.count(key, value, now.monotonic_ns, |cgroup| {
                identity.owner(cgroup)
            });
        });
        let overflow = source.overflow(&mut |operation, errno, count| {
            aggregate.overflow(operation, errno, count);
        });
        if let Some(tmpfs) = tmpfs {
            tmpfs.heard(heard_ns);
        }
        let oom_kills = self.read_oom_kills(now);
        let inventory = self.read_inventory();
        // A refusal moves the statistics first, and may have been on its way.
        self.unread = moved;
        for error in [counters, overflow, oom_kills, inventory]
            .into_iter()
            .filter_map(Result::err)
        {
            self.unread = true;
            self.map_failed(&error);
        }
    }

    /// Names and explains the samples whose wait is over; all of them at the end.
    fn explain(&mut self, now: Now, all: bool) {
        let identity = &self.identity;
        let ready = self.held.take_ready(now.monotonic_ns, |denial| {
            match identity.owner(denial.cgroup) {
                _ if all => 0,
                Owner::Host => 0,
                // Its root and mounts decide on the write root and the advice.
                Owner::Container(container) if container.read_only_root.is_some() => 0,
                Owner::Container(container) if container.described => REST_WAIT_NS,
                Owner::Container(_) | Owner::Unknown(_) => NAME_WAIT_NS,
            }
        });
        for waiting in ready {
            self.explain_one(waiting, now);
        }
    }

    fn explain_one(&mut self, waiting: Waiting, now: Now) {
        let Waiting { denial, mount, .. } = waiting;
        let owner = self.identity.owner(denial.cgroup);
        let container = match &owner {
            Owner::Host if !self.include_host => return,
            Owner::Container(container) => Some(&**container),
            Owner::Host | Owner::Unknown(_) => None,
        };
        let write_root: Arc<str> = write_root::of(&denial.path, container).into();
        let verdict = classify(&Question::of_sample(Sampled {
            denial: &denial,
            container,
            write_root: &write_root,
            mount: mount.as_deref().map(mounts::seen),
        }));
        if let Owner::Container(container) = &owner {
            self.judge.sampled(container, &write_root, &denial);
        }
        let time = now.wall_at(denial.time_ns);
        let sample = Arc::new(Explained {
            denial,
            owner,
            verdict,
            write_root,
            mount,
            time,
        });
        let count = self.aggregate.sample(&sample);
        self.tell(Event::denied(&sample, count));
    }

    /// Keeps an event, and writes it where that is asked for.
    fn tell(&self, event: Result<Event, serde_json::Error>) {
        match event {
            Ok(event) => {
                if let Some(events) = &self.events {
                    events.write(event.line.clone());
                }
                self.published.history.push(event);
            }
            Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
        }
    }
}
