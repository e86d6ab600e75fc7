//! How full something was becomes when it will be full.
//!
//! In: amounts with their times. Out: seconds until the limit, or nothing.
//! Invariant: pure and bounded; it says nothing rather than a guess: not before
//! three samples, not of what shrinks, stands still or goes up and down. Lacks
//! on purpose: forecasts past a week.

use std::collections::VecDeque;

use super::Fill;

const SAMPLES_MAX: usize = 32;
const SAMPLES_MIN: usize = 3;
/// What is older says nothing of now.
const WINDOW_NS: u64 = 300_000_000_000;
/// Shorter spans than this are a burst.
const SPAN_MIN_NS: u64 = 1_400_000_000;
/// A sample this much older weighs half.
const HALF_LIFE_S: f64 = 20.0;
/// A fall by more than this part of the growth so far begins anew.
const FALL: f64 = 0.25;
const HORIZON_S: f64 = 7.0 * 86_400.0;

/// The recent past of one amount.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    /// Time and amount, oldest first.
    samples: VecDeque<(u64, u64)>,
}

impl Trend {
    /// Takes in how much there was at a time, which goes forward.
    pub(super) fn push(&mut self, now_ns: u64, used: u64) {
        if let Some((last_ns, last)) = self.samples.back().copied() {
            let lowest = self.samples.iter().map(|(_, used)| *used).min();
            let growth = last.saturating_sub(lowest.unwrap_or(last)) as f64;
            if last.saturating_sub(used) as f64 > growth * FALL || now_ns <= last_ns {
                self.samples.clear();
            }
        }
        self.samples.push_back((now_ns, used));
        while self.samples.len() > SAMPLES_MAX || self.is_old(now_ns) {
            self.samples.pop_front();
        }
    }

    fn is_old(&self, now_ns: u64) -> bool {
        let oldest = self.samples.front();
        oldest.is_some_and(|(at_ns, _)| now_ns.saturating_sub(*at_ns) > WINDOW_NS)
    }

    /// Seconds from the last sample until `fill` reaches its limit at the
    /// recent slope: a line of least squares in which old samples weigh less.
    pub(super) fn full_in_s(&self, fill: Fill) -> Option<u64> {
        let (first_ns, _) = *self.samples.front()?;
        let (last_ns, last) = *self.samples.back()?;
        if self.samples.len() < SAMPLES_MIN || last_ns - first_ns < SPAN_MIN_NS {
            return None;
        }
        let stands = self.samples.iter().rev().take(SAMPLES_MIN);
        if stands.into_iter().all(|(_, used)| *used == last) {
            return None;
        }
        // Relative to the last sample, so that no precision is lost.
        let points: Vec<(f64, f64, f64)> = self
            .samples
            .iter()
            .map(|(at_ns, used)| {
                let age_s = (last_ns - at_ns) as f64 / 1e9;
                let weight = (-age_s / HALF_LIFE_S).exp2();
                (-age_s, *used as f64 - last as f64, weight)
            })
            .collect();
        let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
        let weight = sum(&|(_, _, w)| *w);
        let mean_x = sum(&|(x, _, w)| x * w) / weight;
        let mean_y = sum(&|(_, y, w)| y * w) / weight;
        let spread = sum(&|(x, _, w)| w * (x - mean_x).powi(2));
        let slope = sum(&|(x, y, w)| w * (x - mean_x) * (y - mean_y)) / spread;
        let off_line =
            |(x, y, w): &(f64, f64, f64)| w * (y - mean_y - slope * (x - mean_x)).powi(2);
        let noise = (sum(&off_line) / weight).sqrt();
        let span_s = (last_ns - first_ns) as f64 / 1e9;
        if slope.is_nan() || slope <= 0.0 || slope * span_s < 2.0 * noise {
            return None;
        }
        let seconds = fill.limit.saturating_sub(last) as f64 / slope;
        (seconds <= HORIZON_S).then_some(seconds.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn full_in(limit: u64, samples: impl IntoIterator<Item = (u64, u64)>) -> Option<u64> {
        let mut trend = Trend::default();
        let mut used = 0;
        for (at_s, amount) in samples {
            trend.push(at_s * S, amount);
            used = amount;
        }
        trend.full_in_s(Fill { used, limit })
    }

    #[test]
    fn steady_growth_tells_when() {
        assert_eq!(full_in(1000, [(0, 100), (1, 200), (2, 300)]), Some(7));
        let irregular = [(0, 0), (1, 10), (5, 50), (20, 200), (21, 210)];
        assert_eq!(full_in(1000, irregular), Some(79));
        assert_eq!(full_in(300, [(0, 100), (1, 200), (2, 300)]), Some(0));
    }

    #[test]
    fn growth_in_pages_with_a_pause_still_tells() {
        let steps = [
            (0, 0),
            (2, 4096),
            (4, 4096),
            (6, 8192),
            (8, 12_288),
            (10, 16_384),
        ];
        let seconds = full_in(1 << 20, steps).unwrap();
        assert!((500..800).contains(&seconds), "{seconds}");
    }

    #[test]
    fn too_little_still_shrinking_and_noise_tell_nothing() {
        assert_eq!(full_in(1000, []), None);
        assert_eq!(full_in(1000, [(0, 100), (9, 200)]), None);
        assert_eq!(full_in(1000, [(0, 5), (1, 5), (2, 5), (3, 5)]), None);
        assert_eq!(full_in(1000, [(0, 0), (1, 90), (2, 90), (3, 90)]), None);
        assert_eq!(
            full_in(1000, [(0, 500), (1, 400), (2, 300), (3, 200)]),
            None
        );
        let saw = (0..30).map(|at| (at, if at % 2 == 0 { 100 } else { 180 }));
        assert_eq!(full_in(1000, saw), None);
        // A week and more away is not a forecast.
        let slow = (0..20).map(|at| (at * 10, at));
        assert_eq!(full_in(1 << 40, slow), None);
    }

    #[test]
    fn what_was_emptied_begins_anew() {
        let grown = (0..10).map(|at| (at, at * 100));
        let again = [(10, 0), (11, 50), (12, 100)];
        assert_eq!(full_in(1000, grown.chain(again)), Some(18));
    }

    #[test]
    fn the_past_is_bounded() {
        let mut trend = Trend::default();
        for at in 0..1000 {
            trend.push(at * S, at);
        }
        assert_eq!(trend.samples.len(), SAMPLES_MAX);
        trend.push(5000 * S, 5000);
        assert_eq!(trend.samples.len(), 1);
        // A clock that stands still is no reason to divide by nothing.
        trend.push(5000 * S, 5001);
        assert_eq!(trend.samples.len(), 1);
    }
}
