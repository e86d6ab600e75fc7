//! Readings over time become a verdict: what grows that must not.
//!
//! In: readings, the first and the last. Out: a table, and findings. Invariant: a
//! slope is the median of those between all pairs of readings, so that no single
//! reading makes or hides one; it is judged only where there are enough of them;
//! pure. Lacks on purpose: guessing where from.

use std::{fmt, time::Duration};

use super::gauge::Reading;

/// The first part of a soak fills what is bounded: history, tables, pools, and what the
/// allocator keeps of them. Half of it, and at least so much.
const WARM_UP_MIN: Duration = Duration::from_secs(180);
/// Events that the daemon keeps: until it has had so many, its memory grows by each.
const HISTORY_EVENTS: f64 = 4_096.0;
/// Readings that a slope is made of at least: five minutes of them.
const READINGS_MIN: usize = 30;
/// Descriptors and threads beyond those of the start that may be left at the end:
/// connections and pools that are kept for a while.
const LEFT_MAX: usize = 4;

/// Of a loss that depends on the machine.
const RING_FULL: &str = "ring_full";

/// One thing that must not grow.
struct Row {
    what: &'static str,
    /// Per minute.
    bound: f64,
    /// So many samples are part of its warm-up.
    after_samples: f64,
    of: fn(&Reading) -> f64,
}

/// A leak of a kilobyte with each container, of some fifty a minute, is found.
const ROWS: [Row; 5] = [
    Row {
        what: "own memory (RssAnon), KiB",
        bound: 48.0,
        after_samples: HISTORY_EVENTS,
        of: |reading| reading.memory.anonymous as f64 / 1024.0,
    },
    Row {
        what: "descriptors",
        bound: 0.2,
        after_samples: 0.0,
        of: |reading| reading.descriptors as f64,
    },
    Row {
        what: "threads",
        bound: 0.2,
        after_samples: 0.0,
        of: |reading| reading.threads as f64,
    },
    Row {
        what: "series of the soak's containers",
        bound: 20.0,
        after_samples: 0.0,
        of: |reading| reading.own_series as f64,
    },
    Row {
        what: "entries in the kernel's tables",
        bound: 10.0,
        after_samples: 0.0,
        of: |reading| reading.entries() as f64,
    },
];

struct Judged {
    what: &'static str,
    bound: f64,
    slope: Option<f64>,
}

/// What was found.
pub(super) struct Verdict {
    slopes: Vec<Judged>,
    ends: Vec<String>,
}

impl Verdict {
    pub(super) fn of(
        readings: &[Reading],
        first: &Reading,
        last: &Reading,
        length: Duration,
    ) -> Verdict {
        let warm = (length / 2).max(WARM_UP_MIN);
        let slopes = ROWS.iter().map(|row| {
            let is_judged = |one: &&Reading| one.at >= warm && one.samples >= row.after_samples;
            let judged: Vec<&Reading> = readings.iter().filter(is_judged).collect();
            Judged {
                what: row.what,
                bound: row.bound,
                slope: slope(&judged, row.of),
            }
        });
        let mut ends = Vec::new();
        for (what, begin, end) in [
            ("descriptors", first.descriptors, last.descriptors),
            ("threads", first.threads, last.threads),
        ] {
            if end > begin + LEFT_MAX {
                ends.push(format!("{what}: {begin} at the start, {end} at the end"));
            }
        }
        if last.own_series > 0 {
            ends.push(format!(
                "{} series of containers that are gone are left",
                last.own_series
            ));
        }
        if last.stale > 0 {
            ends.push(format!(
                "{} entries of control groups that are gone are left in the kernel's tables",
                last.stale
            ));
        }
        // A reader that has too little of the processor loses samples, and says so.
        let told = last.losses.iter().filter(|loss| !loss.contains(RING_FULL));
        ends.extend(told.map(|loss| format!("lost: {loss}")));
        if last.overflowed > 0.0 {
            ends.push(format!(
                "{} refusals found the kernel's table full: more containers than the soak's are \
                 refused on this machine, and no count can be compared",
                last.overflowed
            ));
        }
        Verdict {
            slopes: slopes.collect(),
            ends,
        }
    }

    /// What fails the soak.
    pub(super) fn findings(&self) -> Vec<String> {
        let slopes = self.slopes.iter().filter_map(|one| {
            let slope = one.slope.filter(|slope| *slope > one.bound)?;
            Some(format!(
                "{} grow by {slope:.2} a minute, more than {}",
                one.what, one.bound
            ))
        });
        slopes.chain(self.ends.iter().cloned()).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| growth per minute, after the warm-up | measured | bound |\n|---|---|---|"
        )?;
        for one in &self.slopes {
            let slope = one.slope.map_or_else(
                || "too short to tell".to_owned(),
                |slope| format!("{slope:.2}"),
            );
            writeln!(f, "| {} | {slope} | {} |", one.what, one.bound)?;
        }
        Ok(())
    }
}

/// The median slope per minute.
fn slope(readings: &[&Reading], of: fn(&Reading) -> f64) -> Option<f64> {
    if readings.len() < READINGS_MIN {
        return None;
    }
    let mut slopes = Vec::new();
    for (number, one) in readings.iter().enumerate() {
        for other in &readings[number + 1..] {
            let minutes = other.at.saturating_sub(one.at).as_secs_f64() / 60.0;
            if minutes > 0.0 {
                slopes.push((of(other) - of(one)) / minutes);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Memory;

    const LENGTH: Duration = Duration::from_secs(1200);

    /// Readings of a daemon whose own memory grows so much a minute, with noise.
    fn readings(kib_per_minute: f64, descriptors_per_minute: f64) -> Vec<Reading> {
        (0..120_u32)
            .map(|number| {
                let minutes = f64::from(number) / 6.0;
                let noise = f64::from(number * 37 % 11) * 100.0;
                // What is filled at first is no leak, however long that takes.
                let filled = minutes.min(12.0) * 2000.0;
                let kib = 9000.0 + filled + noise + kib_per_minute * minutes;
                Reading {
                    at: Duration::from_secs(10 * u64::from(number)),
                    memory: Memory {
                        anonymous: (kib * 1024.0) as u64,
                        ..Memory::default()
                    },
                    descriptors: 40 + (descriptors_per_minute * minutes) as usize,
                    samples: HISTORY_EVENTS / 12.0 * minutes,
                    ..Reading::default()
                }
            })
            .collect()
    }

    fn findings(readings: &[Reading], last: &Reading) -> Vec<String> {
        let first = &readings[0];
        Verdict::of(readings, first, last, LENGTH).findings()
    }

    #[test]
    fn noise_and_what_fills_at_first_are_no_leak() {
        let steady = readings(0.0, 0.0);
        assert_eq!(findings(&steady, &steady[0]), Vec::<String>::new());
    }

    #[test]
    fn what_grows_is_found() {
        let growing = readings(100.0, 0.0);
        let found = findings(&growing, &growing[0]);
        assert!(
            found.len() == 1 && found[0].starts_with("own memory"),
            "{found:?}"
        );
        let growing = readings(0.0, 1.0);
        let found = findings(&growing, &growing[119]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn what_is_left_at_the_end_is_found_however_short_the_soak() {
        let short = &readings(0.0, 0.0)[..6];
        let last = Reading {
            threads: 9,
            own_series: 3,
            stale: 1,
            losses: vec!["1 of it".into(), "2 of sample_ring_full".into()],
            overflowed: 7.0,
            ..short[0].clone()
        };
        assert_eq!(findings(short, &last).len(), 5);
        let text = Verdict::of(short, &short[0], &last, LENGTH).to_string();
        assert!(text.contains("too short to tell"), "{text}");
    }
}
