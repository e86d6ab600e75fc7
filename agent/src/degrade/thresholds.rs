//! When failing writes are called degraded, and when they are called over.
//!
//! In: a user's settings. Out: [`Thresholds`]. Invariant: no silence is shorter
//! than `silence_min_ns`, whatever the other numbers. Lacks on
//! purpose: judging, which `root` and `run` do.

use std::time::Duration;

use crate::config::Degraded;

/// How many slots fit into `sustained_ns` at least.
const SLOTS: u64 = 6;
const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const HOUR_NS: u64 = 60 * MINUTE_NS;

/// The numbers behind every judgement. Times are CLOCK_MONOTONIC nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Least time from the first to the latest failure of a degraded root. A
    /// minute outlasts the retries with which programs start up.
    pub sustained_ns: u64,
    /// Least failures of a degraded root. Fewer are an accident or a probe.
    pub failures_min: u64,
    /// Least slots with a failure in them. Two would be met by a burst at start
    /// and one at the first request; three are a habit.
    pub slots_min: u32,
    /// Length of a slot. Retries of one attempt fall into one.
    pub slot_ns: u64,
    /// Failures further apart have nothing to do with each other. Hourly jobs
    /// must fit in, with their jitter.
    pub gap_max_ns: u64,
    /// How many times the longest quiet between failures makes a recovery. Below
    /// two, one late or skipped run of a job would pass for one.
    pub silence_factor: u64,
    /// Least silence of a recovery: a lull in the traffic is shorter.
    pub silence_min_ns: u64,
    /// Most silence that a recovery waits for.
    pub silence_max_ns: u64,
    /// A failure within this time after a success contradicts it: the success
    /// was that of another file under the same root.
    pub contradiction_ns: u64,
    /// After so many contradictions a success proves nothing, until silence.
    pub contradictions_max: u8,
    /// A container that ends within this time has not started, and one is not
    /// degraded before. Longer than a program needs to fail for good.
    pub start_window_ns: u64,
    /// Longest time from the last failure to the end that it is blamed for.
    pub blame_ns: u64,
    /// How long a verdict on a start waits for counters that are read after the
    /// container's end. The aggregate settles its own within 5 s.
    pub settle_ns: u64,
    /// How long it waits for the container's name besides.
    pub name_wait_ns: u64,
    /// A failed start is forgotten after this time without another. Kubernetes
    /// waits up to 5 minutes between two.
    pub start_memory_ns: u64,
    /// How long a container of the state file may stay unseen after a restart
    /// of the daemon before it counts as gone.
    pub confirm_ns: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            sustained_ns: MINUTE_NS,
            failures_min: 5,
            slots_min: 3,
            slot_ns: 10 * SECOND_NS,
            gap_max_ns: 2 * HOUR_NS,
            silence_factor: 3,
            silence_min_ns: 5 * MINUTE_NS,
            silence_max_ns: 6 * HOUR_NS,
            contradiction_ns: 10 * MINUTE_NS,
            contradictions_max: 2,
            start_window_ns: MINUTE_NS,
            blame_ns: 10 * SECOND_NS,
            settle_ns: 10 * SECOND_NS,
            name_wait_ns: MINUTE_NS,
            start_memory_ns: 15 * MINUTE_NS,
            confirm_ns: MINUTE_NS,
        }
    }
}

impl Thresholds {
    /// With what a user may set; the rest follows from it.
    pub fn of(settings: &Degraded) -> Self {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let default = Thresholds::default();
        let sustained_ns = ns(settings.after);
        let silence_min_ns = ns(settings.silence);
        Thresholds {
            sustained_ns,
            failures_min: settings.failures as u64,
            // As many as the failures asked for, where those are few.
            slots_min: default
                .slots_min
                .min(u32::try_from(settings.failures).unwrap_or(1)),
            // Slots that are as long in a shorter time could not be met.
            slot_ns: default.slot_ns.min(sustained_ns / SLOTS),
            gap_max_ns: default.gap_max_ns.max(sustained_ns),
            silence_min_ns,
            silence_max_ns: default.silence_max_ns.max(silence_min_ns),
            start_window_ns: ns(settings.start_window),
            ..default
        }
    }

    /// The silence that ends a degraded state whose failures came this far apart.
    pub(super) fn silence_ns(&self, gap_ns: Option<u64>) -> u64 {
        gap_ns
            .unwrap_or(0)
            .saturating_mul(self.silence_factor)
            .min(self.silence_max_ns)
            .max(self.silence_min_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_defaults_are_the_thresholds() {
        let settings = Degraded {
            after: Duration::from_secs(60),
            failures: 5,
            silence: Duration::from_secs(300),
            start_window: Duration::from_secs(60),
        };
        assert_eq!(Thresholds::of(&settings), Thresholds::default());
        let short = Thresholds::of(&Degraded {
            after: Duration::from_secs(3),
            failures: 1,
            ..settings
        });
        assert_eq!((short.slot_ns, short.slots_min), (SECOND_NS / 2, 1));
    }
}
