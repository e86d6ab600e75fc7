//! How many operations are due, and when the next ones are.
//!
//! In: a rate, a worker's number, time. Out: numbers. Invariant: over any time
//! the number due is the rate's, whatever the pauses were; pure.

/// Least pause between two bursts: a thousand workers that woke for each single
/// operation would measure the scheduler.
pub const PAUSE_NS: u64 = 50_000_000;

/// Operations that are due `elapsed_ns` after the begin.
pub fn due(elapsed_ns: u64, millirate: u64) -> u64 {
    let due = u128::from(elapsed_ns) * u128::from(millirate) / 1_000_000_000_000;
    u64::try_from(due).unwrap_or(u64::MAX)
}

/// When to look again, in nanoseconds after the begin: not before operation
/// number `done` + 1 is due, and not before the pause is over.
pub fn next_ns(elapsed_ns: u64, done: u64, millirate: u64) -> u64 {
    let due = (u128::from(done) + 1) * 1_000_000_000_000 / u128::from(millirate.max(1)) + 1;
    let due = u64::try_from(due).unwrap_or(u64::MAX);
    due.max(elapsed_ns.saturating_add(PAUSE_NS))
}

/// By how much a worker begins later than the first, so that not all have their
/// bursts at one instant.
pub fn phase_ns(worker: usize) -> u64 {
    // A step that shares no factor with the pause spreads any number of workers.
    (worker as u64).wrapping_mul(7_919_003) % PAUSE_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker does in a time.
    fn simulated(millirate: u64, time_ns: u64) -> (u64, u64) {
        let (mut now, mut done, mut wakes) = (0, 0, 0);
        while now < time_ns {
            done = due(now, millirate).max(done);
            wakes += 1;
            now = next_ns(now, done, millirate);
        }
        (done, wakes)
    }

    #[test]
    fn the_rate_is_kept_by_bursts() {
        let second = 1_000_000_000;
        for (millirate, least, most) in [
            (100_000_000, 94_000, 100_000),
            (1_000_000, 940, 1_000),
            (10_000, 94, 100),
            (1_000, 8, 10),
            (500, 4, 5),
        ] {
            let (done, wakes) = simulated(millirate, 10 * second);
            let scale = if millirate > 10_000 { 10 } else { 1 };
            assert!(
                (least * scale..=most * scale).contains(&done),
                "{millirate}: {done}"
            );
            assert!(wakes <= 201, "{millirate}: {wakes}");
        }
    }

    #[test]
    fn workers_are_spread() {
        let mut phases: Vec<u64> = (0..1000).map(phase_ns).collect();
        phases.sort_unstable();
        let tenth = PAUSE_NS / 10;
        for part in 0..10 {
            let inside = phases.iter().filter(|at| **at / tenth == part).count();
            assert!((80..=120).contains(&inside), "{part}: {inside}");
        }
    }
}
