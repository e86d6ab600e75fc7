//! The counts outlive the daemon: kept before they are shown, and gone on from.
//!
//! In: what an earlier daemon left. Out: the same counts, and what the kernel has
//! counted beyond them; a text for the next daemon. Invariant: nothing is published
//! that was not kept before, so that no counter ever goes down over a restart,
//! however the daemon ended; keeping takes a fiftieth of a processor at most.
//! Lacks on purpose: where it is kept.

use sealwatch_ebpf::wire::{STATS_MAX, Stat};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Now, Pipeline};
use crate::aggregate::{Former, SavedError};
use crate::clock;
use crate::denial::{Loss, Stage};
use crate::source::{Past, Source, Succession};

/// Loss: refusals that an earlier daemon's programs counted in tables which this
/// version cannot read.
pub const REASON_UNREADABLE_TABLES: &str = "earlier_tables_unreadable";
/// Loss: counts of an earlier daemon that cannot be gone on from.
pub const REASON_UNREADABLE_COUNTS: &str = "earlier_counts_unreadable";
/// How many times as long as a keeping took the next one waits.
const PAUSE_FACTOR: u64 = 49;

type Stats = [u64; STATS_MAX as usize];

/// What is kept beside the counts.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    /// Statistics of all earlier programs.
    base: Stats,
    /// Those of the present ones, as last read.
    stats: Stats,
    #[serde(borrow)]
    counts: &'a RawValue,
}

/// The state of keeping and resuming.
#[derive(Default)]
pub(super) struct Resumption {
    /// Statistics of programs that are gone.
    base: Stats,
    /// What was restored and waits for the first scan.
    restored: Option<(Former, Stats, Succession)>,
    /// CLOCK_MONOTONIC nanoseconds before which nothing is kept again.
    keep_from_ns: u64,
    /// A snapshot waits for its counts to be kept.
    pub(super) withheld: bool,
}

impl Resumption {
    /// A statistic since the first of the programs whose counts go on here.
    pub(super) fn in_all(&self, stats: &Stats, stat: Stat) -> u64 {
        self.base[stat as usize] + stats[stat as usize]
    }
}

impl<S: Source> Pipeline<S> {
    /// Goes on from what an earlier daemon left; before anything is taken in.
    pub fn restore(&mut self, past: &Past) {
        let restored = match &past.text {
            Some(text) => self.restore_counts(text),
            None => Ok(Default::default()),
        };
        match restored {
            Ok((former, base, stats)) => {
                tracing::info!(
                    containers = former.len(),
                    "going on from an earlier daemon's counts"
                );
                self.resumption.base = base;
                self.resumption.restored = Some((former, stats, past.succession));
            }
            Err(error) => {
                tracing::warn!(%error, "the counters begin at zero");
                self.aggregate.lose(Loss {
                    stage: Stage::State,
                    reason: REASON_UNREADABLE_COUNTS,
                    count: 1,
                });
                while self.source.succeed() != Succession::Same {}
            }
        }
    }

    fn restore_counts(&mut self, text: &[u8]) -> Result<(Former, Stats, Stats), SavedError> {
        let kept: Kept<'_> = serde_json::from_slice(text)?;
        let former = self.aggregate.restore(kept.counts.get().as_bytes())?;
        Ok((former, kept.base, kept.stats))
    }

    /// Takes in what was counted in between; after the first scan, which tells who
    /// is still there.
    pub fn take_over(&mut self, now: Now) {
        let Some((former, mut before, mut succession)) = self.resumption.restored.take() else {
            return;
        };
        for (id, cgroups) in &former {
            self.identity.bury(id, cgroups, now.monotonic_ns);
        }
        while let Some(ended) = self.ended(succession, &before, now) {
            for (base, stat) in self.resumption.base.iter_mut().zip(ended) {
                *base += stat;
            }
            succession = self.source.succeed();
            before = Stats::default();
            self.aggregate.recount();
            self.stats = Stats::default();
            self.oom_kills_read = 0;
            self.unread = true;
            self.drain(now);
        }
    }

    /// Takes in counters that have ended, of which `before` was known; none where
    /// they go on. Returns the statistics that they ended with.
    fn ended(&mut self, succession: Succession, before: &Stats, now: Now) -> Option<Stats> {
        match succession {
            Succession::Same => None,
            Succession::Ended => {
                self.read_counters(now);
                Some(self.stats)
            }
            Succession::Unreadable { recorded } => {
                self.aggregate.lose(Loss {
                    stage: Stage::Source,
                    reason: REASON_UNREADABLE_TABLES,
                    count: recorded.saturating_sub(before[Stat::Recorded as usize]),
                });
                Some(*before)
            }
        }
    }

    /// Keeps the counts, if that is done here; false where it is too early to do so
    /// again.
    pub(super) fn keep_counts(&mut self, now: Now) -> bool {
        if !self.source.keeps() || !self.aggregate.changed() {
            return true;
        }
        if now.monotonic_ns < self.resumption.keep_from_ns {
            return false;
        }
        // On a busy machine the clock on the wall tells of the others' time.
        let begun_ns = clock::thread_cpu_ns();
        match self.counts_text() {
            Ok(text) => {
                if let Err(error) = self.source.keep(&text) {
                    self.map_failed(&error);
                }
            }
            Err(error) => tracing::error!(%error, "the counts cannot be written as JSON"),
        }
        let pause_ns = clock::thread_cpu_ns().saturating_sub(begun_ns) * PAUSE_FACTOR;
        self.resumption.keep_from_ns = clock::monotonic_ns() + pause_ns;
        true
    }

    fn counts_text(&self) -> Result<Vec<u8>, SavedError> {
        let identity = &self.identity;
        let counts = self.aggregate.save(|cgroup| identity.owner(cgroup))?;
        let counts = RawValue::from_string(counts)?;
        Ok(serde_json::to_vec(&Kept {
            base: self.resumption.base,
            stats: self.stats,
            counts: &counts,
        })?)
    }

    /// The last counts are kept at once.
    pub(super) fn end_pause(&mut self) {
        self.resumption.keep_from_ns = 0;
    }
}
