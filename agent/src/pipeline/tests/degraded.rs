//! Counts of many ticks become states, and the events of their changes.

use std::time::Instant;

use super::super::degrade::moment;
use super::*;
use crate::degrade::{Degrade, Thresholds};
use crate::identity::Ended;
use crate::state_file::{self, StateWriter};

/// A container that is refused once a second up to `last`, and then nothing.
pub(super) fn refused_until(last: u64, end: u64) -> Recorder {
    let path = format!("/docker/{}", id());
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &birth(CGROUP, &path));
    for second in 2..=end {
        let time = second * SECOND;
        recorder.at(time);
        if second > last {
            continue;
        }
        let mut counted = value(second - 1);
        counted.last_ns = time;
        recorder
            .record(
                RecordKind::Sample,
                &sample(&denied, time, "/var/cache/nginx/proxy_temp/1"),
            )
            .count(&denied, &counted)
            .stats(&[second]);
    }
    recorder
}

fn run(recorder: &Recorder, steps: u64) -> (Arc<Snapshot>, Vec<serde_json::Value>) {
    let mut bench = Bench::new(recorder);
    let mut now = SECOND;
    for step in 1..=steps {
        bench.step();
        now = step * SECOND;
        if step == 1 {
            bench.pipeline.describe(described("web"), at(now));
        }
    }
    let (snapshot, mut events) = bench.finish(now);
    events.retain(|event| !event["event"].is_null());
    (snapshot, events)
}

#[test]
fn writes_that_keep_failing_are_shown_until_silence() {
    let recorder = refused_until(100, 500);
    let (snapshot, events) = run(&recorder, 100);
    let root = &snapshot.state.degraded[0];
    assert_eq!(root.container.name, "web");
    assert_eq!(&*root.write_root, "/var/cache/nginx");
    assert!(root.failures >= 60, "{root:?}");
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["event"], "degraded");
    assert_eq!(event["container"]["name"], "web");
    assert_eq!(event["cache"], "nginx temporary files and proxy cache");
    assert_eq!(event["since"], "1970-01-01T00:00:02.000000000Z");

    // Nothing is counted any more, but time passes.
    let (snapshot, events) = run(&recorder, 499);
    assert!(snapshot.state.degraded.is_empty());
    assert_eq!(events[1]["event"], "recovered");
    assert_eq!(events[1]["ending"], "silence");
}

#[test]
fn who_ends_at_once_is_failing_to_start() {
    let mut recorder = refused_until(3, 4);
    recorder
        .at(5 * SECOND)
        .record(RecordKind::Cgroup, &death(CGROUP));
    for second in 6..=20 {
        recorder.at(second * SECOND);
    }
    let (snapshot, events) = run(&recorder, 20);
    assert!(snapshot.state.degraded.is_empty());
    let start = &snapshot.state.starts[0];
    assert_eq!(
        (start.failures, &*start.write_root),
        (1, "/var/cache/nginx")
    );
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["event"], "failing_to_start");
    assert_eq!(events[0]["exit_code"], serde_json::Value::Null);
}

#[test]
fn a_job_that_ends_well_has_started() {
    let mut recorder = refused_until(3, 4);
    recorder
        .at(5 * SECOND)
        .record(RecordKind::Cgroup, &death(CGROUP));
    for second in 6..=20 {
        recorder.at(second * SECOND);
    }
    let mut bench = Bench::new(&recorder);
    for step in 1..=20 {
        bench.step();
        if step == 6 {
            let ended = Description {
                ended: Some(Ended {
                    exit_code: 0,
                    time: at(5 * SECOND).wall,
                }),
                ..described("job")
            };
            bench.pipeline.describe(ended, at(6 * SECOND));
        }
    }
    let (snapshot, _) = bench.finish(20 * SECOND);
    assert!(snapshot.state.starts.is_empty());
}

#[test]
fn the_state_is_kept_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.json");
    let keep = || {
        let writer = StateWriter::start(path.clone()).unwrap();
        Some(Keeper::new(writer, "boot".to_owned()))
    };
    let recorder = refused_until(100, 101);
    let mut bench = Bench::new(&recorder);
    let fresh = Degrade::new(Thresholds::default(), LIMITS);
    bench.pipeline = bench.pipeline.with_degrade(fresh, keep());
    for _ in 1..=101 {
        bench.step();
        // Real time for the disk.
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(bench);
    // What is on the disk is at most as old as the time between two writings;
    // a daemon that is killed leaves no more.
    let now = at(400 * SECOND);
    let restored = || {
        let bytes = state_file::read(&path, 1 << 20).unwrap().unwrap();
        let thresholds = Thresholds::default();
        Degrade::restore(thresholds, LIMITS, &bytes, "boot", moment(now)).unwrap()
    };
    let begun = Instant::now();
    while !(299..=312).contains(&restored().unwatched().unwrap().as_secs()) {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{restored:?}",
            restored = restored()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let restored = restored();

    let mut later = Recorder::default();
    later.at(400 * SECOND).record(
        RecordKind::Cgroup,
        &birth(CGROUP, &format!("/docker/{}", id())),
    );
    later.at(402 * SECOND);
    let mut bench = Bench::new(&later);
    bench.pipeline = bench.pipeline.with_degrade(restored, keep());
    bench.step();
    bench.pipeline.describe(described("web"), now);
    let snapshot = bench.step();
    assert_eq!(snapshot.state.degraded[0].container.name, "web");
    assert!(snapshot.state.degraded[0].failures >= 80);
    let (_, events) = bench.finish(402 * SECOND);
    assert!(events.is_empty(), "no false recovery: {events:?}");
}

#[test]
fn a_read_that_is_refused_is_no_write() {
    let denied = CountKey {
        operation: wire::Operation::Open as u8,
        errno: 13,
        signals: 0,
        ..key(5)
    };
    let mut recorder = Recorder::default();
    recorder.at(SECOND).record(
        RecordKind::Cgroup,
        &birth(CGROUP, &format!("/docker/{}", id())),
    );
    for second in 2..=100 {
        let time = second * SECOND;
        let mut counted = value(second);
        counted.last_ns = time;
        recorder
            .at(time)
            .record(RecordKind::Sample, &sample(&denied, time, "/etc/shadow"))
            .count(&denied, &counted)
            .stats(&[second]);
    }
    let (snapshot, events) = run(&recorder, 100);
    assert_eq!(snapshot.totals.recorded, 100);
    assert!(snapshot.state.degraded.is_empty());
    assert!(events.is_empty(), "{events:?}");
}
