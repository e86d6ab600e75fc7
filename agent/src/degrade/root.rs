//! One write root of one run of a container: healthy, failing, degraded, recovered.
//!
//! In: failures, successes, time. Out: [`Step`]s. Invariant: degraded only after
//! failures that were enough, spread and sustained (`Thresholds`); left only by
//! a success that the failures do not contradict, or by a silence longer than
//! those between the failures. Lacks on purpose: the container around it.

use std::time::SystemTime;

use super::caches::{self, Cache};
use super::failure::Fact;
use super::thresholds::Thresholds;
use super::view::{Condition, Ending};

/// How many times its own length a gap is remembered.
const GAP_MEMORY: u64 = 4;

/// Failures with no gap longer than `gap_max_ns` and no trusted success between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Episode {
    pub(super) first_ns: u64,
    pub(super) first: SystemTime,
    pub(super) last_ns: u64,
    pub(super) failures: u64,
    /// Slots with a failure in them.
    pub(super) slots: u32,
    /// Start of the latest of them.
    pub(super) slot_ns: u64,
}

/// A quiet time between slots with failures, the longest of the latest ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) length_ns: u64,
    /// Its end.
    pub(super) at_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Healthy,
    Failing(Episode),
    Degraded(Episode),
    Recovered {
        episode: Episode,
        at_ns: u64,
        by: Ending,
    },
}

/// What the failed writes were for, as far as their samples tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Unsampled,
    Cache(&'static Cache),
    /// At least one was no known cache's.
    Other,
}

/// A change that others want to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Degraded,
    Recovered,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) phase: Phase,
    /// Failures of the whole run.
    pub(super) failures: u64,
    pub(super) last: Option<Fact>,
    pub(super) gap: Option<Gap>,
    pub(super) succeeded: bool,
    /// The latest trusted success: failures up to then are answered.
    pub(super) cleared_ns: Option<u64>,
    /// Did that success end an episode?
    pub(super) cleared_episode: bool,
    pub(super) contradictions: u8,
    pub(super) purpose: Purpose,
}

impl Root {
    pub(super) fn new(write_root: &str) -> Self {
        Root {
            phase: Phase::Healthy,
            failures: 0,
            last: None,
            gap: None,
            succeeded: false,
            cleared_ns: None,
            cleared_episode: false,
            contradictions: 0,
            purpose: caches::of(write_root.as_bytes()).map_or(Purpose::Unsampled, Purpose::Cache),
        }
    }

    /// Takes in `count` failures, the latest of which is `fact`. The root can
    /// only be degraded by one after `mature_ns`, when the container has started.
    pub(super) fn fail(
        &mut self,
        fact: Fact,
        count: u64,
        mature_ns: u64,
        thresholds: &Thresholds,
    ) -> Option<Step> {
        let at_ns = fact.at_ns;
        self.failures = self.failures.saturating_add(count);
        let before_ns = self.last.map(|last| last.at_ns);
        if before_ns.is_none_or(|before_ns| before_ns <= at_ns) {
            self.last = Some(fact);
        }
        if self
            .cleared_ns
            .is_some_and(|cleared_ns| at_ns <= cleared_ns)
        {
            return None;
        }
        let (Phase::Failing(episode) | Phase::Degraded(episode)) = &mut self.phase else {
            self.note_contradiction(at_ns, thresholds);
            let gap_ns = before_ns.map(|before_ns| at_ns.saturating_sub(before_ns));
            if let Some(gap_ns) = gap_ns.filter(|gap_ns| *gap_ns <= thresholds.gap_max_ns) {
                self.note_gap(gap_ns, at_ns);
            }
            let episode = Episode {
                first_ns: at_ns,
                first: fact.wall,
                last_ns: at_ns,
                failures: count,
                slots: 1,
                slot_ns: at_ns,
            };
            self.phase = Phase::Failing(episode);
            return self.judge(mature_ns, thresholds);
        };
        episode.failures = episode.failures.saturating_add(count);
        let mut gap_ns = None;
        if at_ns >= episode.slot_ns.saturating_add(thresholds.slot_ns) {
            gap_ns = Some(at_ns.saturating_sub(episode.last_ns));
            episode.slots = episode.slots.saturating_add(1);
            episode.slot_ns = at_ns;
        }
        episode.last_ns = episode.last_ns.max(at_ns);
        if let Some(gap_ns) = gap_ns {
            self.note_gap(gap_ns, at_ns);
        }
        self.judge(mature_ns, thresholds)
    }

    fn judge(&mut self, mature_ns: u64, thresholds: &Thresholds) -> Option<Step> {
        let Phase::Failing(episode) = self.phase else {
            return None;
        };
        let lasted_ns = episode.last_ns.saturating_sub(episode.first_ns);
        let sustained = lasted_ns >= thresholds.sustained_ns;
        let degraded = sustained
            && episode.failures >= thresholds.failures_min
            && episode.slots >= thresholds.slots_min
            && episode.last_ns >= mature_ns;
        degraded.then(|| {
            self.phase = Phase::Degraded(episode);
            Step::Degraded
        })
    }

    /// The longest gap counts, for as long as it may well come again: one busy
    /// minute does not make an hourly job look like a busy one.
    fn note_gap(&mut self, length_ns: u64, at_ns: u64) {
        let longest = self.gap.is_some_and(|gap| {
            let remembered_ns = gap.length_ns.saturating_mul(GAP_MEMORY);
            length_ns < gap.length_ns && at_ns.saturating_sub(gap.at_ns) <= remembered_ns
        });
        if !longest {
            self.gap = Some(Gap { length_ns, at_ns });
        }
    }

    /// The silence that ends a degraded state.
    fn silence_ns(&self, thresholds: &Thresholds) -> u64 {
        thresholds.silence_ns(self.gap.map(|gap| gap.length_ns))
    }

    fn note_contradiction(&mut self, at_ns: u64, thresholds: &Thresholds) {
        let soon = self.cleared_episode
            && self
                .cleared_ns
                .is_some_and(|ns| at_ns.saturating_sub(ns) <= thresholds.contradiction_ns);
        self.cleared_episode = false;
        self.contradictions = match soon {
            true => self.contradictions.saturating_add(1),
            false => 0,
        };
    }

    /// Takes in that a write succeeded.
    pub(super) fn succeed(&mut self, at_ns: u64, thresholds: &Thresholds) -> Option<Step> {
        self.succeeded = true;
        if self.contradictions >= thresholds.contradictions_max {
            return None;
        }
        let (Phase::Failing(episode) | Phase::Degraded(episode)) = self.phase else {
            self.cleared_ns = self.cleared_ns.max(Some(at_ns));
            return None;
        };
        if at_ns <= episode.last_ns {
            return None;
        }
        self.cleared_ns = Some(at_ns);
        self.cleared_episode = true;
        if matches!(self.phase, Phase::Failing(_)) {
            self.phase = Phase::Healthy;
            return None;
        }
        self.phase = Phase::Recovered {
            episode,
            at_ns,
            by: Ending::Success,
        };
        Some(Step::Recovered)
    }

    /// Has time passed that changes something?
    pub(super) fn would_age(&self, now_ns: u64, thresholds: &Thresholds) -> bool {
        let (since_ns, stays_ns) = match self.phase {
            Phase::Healthy => return false,
            Phase::Failing(episode) => (episode.last_ns, thresholds.gap_max_ns),
            Phase::Degraded(episode) => (episode.last_ns, self.silence_ns(thresholds)),
            Phase::Recovered { at_ns, .. } => (at_ns, thresholds.contradiction_ns),
        };
        now_ns.saturating_sub(since_ns) > stays_ns
    }

    /// Lets time pass.
    pub(super) fn age(&mut self, now_ns: u64, thresholds: &Thresholds) -> Option<Step> {
        if !self.would_age(now_ns, thresholds) {
            return None;
        }
        match self.phase {
            Phase::Healthy => None,
            Phase::Failing(_) => {
                self.contradictions = 0;
                self.phase = Phase::Healthy;
                None
            }
            Phase::Degraded(episode) => {
                self.contradictions = 0;
                self.phase = Phase::Recovered {
                    episode,
                    at_ns: now_ns,
                    by: Ending::Silence,
                };
                Some(Step::Recovered)
            }
            Phase::Recovered { .. } => {
                self.phase = Phase::Healthy;
                None
            }
        }
    }

    /// Takes in the path of a failed write under this root.
    pub(super) fn sampled(&mut self, path: &[u8]) {
        self.purpose = match (self.purpose, caches::of(path)) {
            (Purpose::Other, _) | (_, None) => Purpose::Other,
            (Purpose::Unsampled | Purpose::Cache(_), Some(cache)) => Purpose::Cache(cache),
        };
    }

    /// The condition to show. One that fails no longer, and has not been
    /// degraded, is shown as healthy while its failures are still remembered.
    pub(super) fn condition(&self, now_ns: u64, thresholds: &Thresholds) -> Condition {
        match self.phase {
            Phase::Healthy => Condition::Healthy,
            Phase::Failing(episode) => {
                let silent_ns = now_ns.saturating_sub(episode.last_ns);
                match silent_ns > self.silence_ns(thresholds) {
                    true => Condition::Healthy,
                    false => Condition::Failing,
                }
            }
            Phase::Degraded(_) => Condition::Degraded,
            Phase::Recovered { .. } => Condition::Recovered,
        }
    }

    /// The failures behind the condition.
    pub(super) fn episode(&self) -> Option<&Episode> {
        match &self.phase {
            Phase::Healthy => None,
            Phase::Failing(episode)
            | Phase::Degraded(episode)
            | Phase::Recovered { episode, .. } => Some(episode),
        }
    }

    pub(super) fn cache(&self) -> Option<&'static Cache> {
        match self.purpose {
            Purpose::Cache(cache) => Some(cache),
            Purpose::Unsampled | Purpose::Other => None,
        }
    }

    /// May it make room for another root?
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Healthy
    }
}
