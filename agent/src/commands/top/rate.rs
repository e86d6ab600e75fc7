//! Successive counts become rates.
//!
//! In: all containers' counts at one time after the other. Out: denials per
//! second. Invariant: pure; a rate is over at most [`WINDOW`]; counts of another
//! daemon begin anew; what is not known yet is none, never zero. Lacks on
//! purpose: a clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::shown::Shown;

/// What a rate is over.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Sample {
    at: Duration,
    counts: BTreeMap<Shown, u64>,
}

/// The counts of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rates {
    run: Shown,
    samples: VecDeque<Sample>,
}

impl Rates {
    /// Takes in the counts of the daemon `run` at a time since some beginning.
    pub(super) fn take(&mut self, at: Duration, run: &Shown, counts: BTreeMap<Shown, u64>) {
        if self.run != *run {
            self.samples.clear();
            self.run = run.clone();
        }
        let old = |sample: &Sample| at.saturating_sub(sample.at) > WINDOW;
        // The newest that is too old is kept where there is nothing to compare with else.
        while self.samples.len() > 1 && self.samples.front().is_some_and(old) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, counts });
    }

    /// Denials per second of a container.
    pub(super) fn of(&self, container: &Shown) -> Option<f64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        let before = first.counts.get(container).copied().unwrap_or(0);
        let now = last.counts.get(container).copied().unwrap_or(0);
        // A series that has left and come back begins at zero.
        let more = if now < before { now } else { now - before };
        Some(more as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rates: &mut Rates, at: u64, run: &str, count: u64) {
        let counts = BTreeMap::from([(Shown::from("web"), count)]);
        rates.take(Duration::from_secs(at), &Shown::from(run), counts);
    }

    #[test]
    fn rates_are_over_the_last_seconds() {
        let (mut rates, web) = (Rates::default(), Shown::from("web"));
        assert_eq!(rates.of(&web), None);
        take(&mut rates, 0, "a", 100);
        assert_eq!(rates.of(&web), None);
        take(&mut rates, 2, "a", 120);
        assert_eq!(rates.of(&web), Some(10.0));
        assert_eq!(rates.of(&Shown::from("other")), Some(0.0));
        for at in 3..=12 {
            take(&mut rates, at, "a", 120);
        }
        assert_eq!(rates.of(&web), Some(0.0));
        take(&mut rates, 13, "a", 7);
        assert!(rates.of(&web).unwrap() < 1.0);
        take(&mut rates, 14, "b", 7);
        assert_eq!(rates.of(&web), None);
        // After a long silence there is still something to compare with.
        take(&mut rates, 114, "b", 107);
        assert_eq!(rates.of(&web), Some(1.0));
    }
}
