//! The wall clock is set while the daemon runs; or it goes on while the machine is
//! suspended, and CLOCK_MONOTONIC does not, which looks the same from here.

use super::degraded::refused_until;
use super::*;

const DAY: Duration = Duration::from_secs(86_400);
/// When the clock is set.
const SET: u64 = 50;
const LAST: u64 = 100;
const END: u64 = 499;

/// What is shown at the end, and the events, under that wall clock.
fn run(wall: impl Fn(u64) -> SystemTime) -> (Arc<Snapshot>, Vec<serde_json::Value>) {
    let mut bench = Bench::new(&refused_until(LAST, END + 1));
    let now = |second| Now {
        monotonic_ns: second * SECOND,
        wall: wall(second),
    };
    for second in 1..=END {
        bench.pipeline.source_mut().advance().unwrap();
        bench.pipeline.tick(now(second));
        if second == 1 {
            bench.pipeline.describe(described("web"), now(second));
        }
    }
    bench.pipeline.finish(now(END));
    let bytes = bench.lines.0.lock().unwrap().clone();
    let lines = String::from_utf8(bytes).unwrap();
    let events = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (bench.published.snapshot.load_full(), events.collect())
}

fn steady(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * 20_000 + Duration::from_secs(second)
}

fn counts(snapshot: &Snapshot) -> Vec<u64> {
    let groups = snapshot.groups.iter();
    groups
        .flat_map(|group| group.counts.iter().map(|(_, _, count)| *count))
        .collect()
}

#[test]
fn the_wall_clock_may_be_set() {
    let (quiet, told) = run(steady);
    assert_eq!(counts(&quiet).iter().sum::<u64>(), LAST - 1);
    let kinds = |events: &[serde_json::Value]| {
        let kinds = events.iter().map(|event| event["event"].clone());
        kinds.collect::<Vec<_>>()
    };
    assert!(kinds(&told).contains(&"degraded".into()), "{told:#?}");
    assert!(kinds(&told).contains(&"recovered".into()), "{told:#?}");
    for forwards in [true, false] {
        let wall = |second| match (second < SET, forwards) {
            (true, _) => steady(second),
            (false, true) => steady(second) + DAY,
            (false, false) => steady(second) - DAY,
        };
        let (shown, events) = run(wall);
        assert_eq!(counts(&shown), counts(&quiet));
        assert_eq!(shown.totals, quiet.totals);
        // The same changes, at the same moments, in the same order.
        assert_eq!(kinds(&events), kinds(&told));
        for (event, before) in events.iter().zip(&told) {
            assert_eq!(event["monotonic_ns"], before["monotonic_ns"]);
            assert_eq!(event["failures"], before["failures"]);
            assert_eq!(event["gap_seconds"], before["gap_seconds"]);
        }
        let last = events.last().unwrap()["time"].as_str().unwrap();
        let day = if forwards { "2024-10-05" } else { "2024-10-03" };
        assert!(last.starts_with(day), "{last}");
    }
}
