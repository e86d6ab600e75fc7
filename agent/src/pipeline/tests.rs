//! The stages together, fed from recordings.

mod clock;
mod conservation;
mod degraded;
mod inventory;
mod late;

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use sealwatch_ebpf::wire::{
    self, CgroupEvent, CountKey, CountValue, OomValue, PathFlags, Sample, Signals,
};

use super::*;
use crate::aggregate::Snapshot;
use crate::config::Limits;
use crate::denial::{Cause, Container, Runtime};
use crate::identity::Description;
use crate::source::replay::{Recorder, Replay};

const LIMITS: Limits = Limits {
    containers: 64,
    write_roots_per_container: 8,
    series: 512,
};
const CGROUP: u64 = 77;
const SECOND: u64 = 1_000_000_000;

fn id() -> String {
    "c0ffee11".repeat(8)
}

fn at(monotonic_ns: u64) -> Now {
    Now {
        monotonic_ns,
        wall: SystemTime::UNIX_EPOCH + Duration::from_nanos(monotonic_ns),
    }
}

fn key(path: u64) -> CountKey {
    CountKey {
        cgroup: CGROUP,
        path,
        signals: Signals::READ_ONLY_MOUNT,
        operation: wire::Operation::Create as u8,
        errno: 30,
        backend: wire::Backend::Fexit as u8,
        lsm: 0,
        reserved: 0,
    }
}

fn birth(cgroup: u64, path: &str) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<CgroupEvent>()];
    bytes[..8].copy_from_slice(&cgroup.to_le_bytes());
    bytes[16..20].copy_from_slice(&wire::CGROUP_CREATED.to_le_bytes());
    bytes[20..24].copy_from_slice(&(path.len() as u32).to_le_bytes());
    bytes[24..24 + path.len()].copy_from_slice(path.as_bytes());
    bytes
}

fn death(cgroup: u64) -> Vec<u8> {
    let mut bytes = birth(cgroup, "");
    bytes[16..20].copy_from_slice(&wire::CGROUP_REMOVED.to_le_bytes());
    bytes
}

fn sample(key: &CountKey, time_ns: u64, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [key.cgroup, key.path] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(key.signals.to_le_bytes());
    bytes.extend([key.operation, key.errno, key.backend, key.lsm, 0, 0]);
    bytes.extend(time_ns.to_le_bytes());
    bytes.extend([0; size_of::<wire::Evidence>()]);
    for word in [41_u32, 42, 10_001, 10_002, 43] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend((path.len() as u16).to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(*b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    bytes.extend(PathFlags::NAME.to_le_bytes());
    bytes.extend([wire::Hook::Open as u8, wire::SMALL]);
    bytes.extend(u32::MAX.to_le_bytes());
    // Neither flags of an open, nor credentials, nor a security module's word.
    bytes.resize(size_of::<Sample>(), 0);
    bytes.extend(path.as_bytes());
    bytes.resize(size_of::<wire::SmallRecord>(), 0);
    bytes
}

fn value(count: u64) -> CountValue {
    CountValue {
        count,
        sampled: 1,
        lost: 0,
        next_sample_ns: 0,
        last_ns: 0,
    }
}

fn described(name: &str) -> Description {
    Description {
        container: Container {
            name: name.to_owned(),
            image: "app:1".to_owned(),
            read_only_root: Some(true),
            mount_targets: vec!["/data".to_owned()],
            described: true,
            ..Container::unnamed(&id(), Runtime::Docker)
        },
        ended: None,
    }
}

/// A pipeline over a recording, with its events kept.
struct Bench {
    pipeline: Pipeline<Replay>,
    published: Arc<Published>,
    lines: Kept,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Bench {
    fn new(recorder: &Recorder) -> Self {
        let replay = Replay::parse(recorder.text()).unwrap();
        let published = Arc::new(Published::waiting_for(&[]));
        let lines = Kept::default();
        let pipeline = Pipeline::new(replay, LIMITS, false, Arc::clone(&published))
            .with_events(EventWriter::start(lines.clone()).unwrap());
        Bench {
            pipeline,
            published,
            lines,
        }
    }

    fn step(&mut self) -> Arc<Snapshot> {
        let time = self.pipeline.source_mut().advance().unwrap();
        self.pipeline.tick(at(time));
        self.published.snapshot.load_full()
    }

    fn finish(self, now: u64) -> (Arc<Snapshot>, Vec<serde_json::Value>) {
        self.pipeline.finish(at(now));
        let bytes = self.lines.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let events = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (self.published.snapshot.load_full(), events)
    }
}

#[test]
fn a_short_lived_container_is_named_when_its_runtime_answers() {
    let path = format!("/docker/{}", id());
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &birth(CGROUP, &path))
        .record(
            RecordKind::Sample,
            &sample(&denied, SECOND - 5, "/var/run/myapp.pid"),
        )
        .record(RecordKind::Cgroup, &death(CGROUP))
        .count(&denied, &value(3))
        .stats(&[3])
        .at(SECOND + SECOND / 4)
        .at(SECOND + SECOND / 2);
    let mut bench = Bench::new(&recorder);
    let waiting = bench.step();
    assert!(waiting.groups.is_empty());
    assert_eq!(waiting.totals.pending, 3);
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    let named = bench.step();
    assert_eq!(named.groups[0].labels.container, "web");
    let (kind, root, count) = &named.groups[0].counts[0];
    assert_eq!(
        (kind.cause, &**root, *count),
        (Cause::ReadOnlyMount, "/var/run", 3)
    );
    let (_, events) = bench.finish(2 * SECOND);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["container"]["name"], "web");
    assert_eq!(events[0]["path"], "/var/run/myapp.pid");
    assert_eq!(events[0]["count"], 3);
    assert_eq!(events[0]["time"], "1970-01-01T00:00:00.999999995Z");
}

#[test]
fn without_a_runtime_the_wait_ends_and_the_short_id_stands() {
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(
            RecordKind::Cgroup,
            &birth(CGROUP, &format!("/docker/{}", id())),
        )
        .record(RecordKind::Sample, &sample(&denied, SECOND, "/x/y/z"))
        .count(&denied, &value(1))
        .stats(&[1])
        .at(SECOND + NAME_WAIT_NS);
    let mut bench = Bench::new(&recorder);
    assert!(bench.step().groups.is_empty());
    assert_eq!(bench.step().groups[0].labels.container, "c0ffee11c0ff");
}

#[test]
fn the_host_is_left_out_in_the_kernel_and_the_dead_are_forgotten() {
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &birth(1, "/system.slice/ssh.service"))
        .record(
            RecordKind::Cgroup,
            &birth(CGROUP, &format!("/docker/{}", id())),
        )
        .record(RecordKind::Sample, &sample(&denied, SECOND, "/tmp/x"))
        .count(&denied, &value(2))
        .stats(&[2])
        .at(2 * SECOND)
        .record(RecordKind::Cgroup, &death(CGROUP))
        .at(3 * SECOND + GRACE_NS)
        .at(4 * SECOND + GRACE_NS);
    let mut bench = Bench::new(&recorder);
    bench.pipeline.describe(described("web"), at(SECOND));
    let alive = bench.step();
    assert_eq!(alive.groups[0].counts.len(), 1);
    assert_eq!(bench.pipeline.source_mut().ignored, [1].into());
    assert_eq!(bench.step().groups.len(), 1);
    bench.step();
    let gone = bench.step();
    assert!(gone.groups.is_empty());
    assert!(gone.recent.is_empty());
    assert_eq!((gone.totals.retired, gone.totals.recorded), (2, 2));
    let mut left = 0;
    bench
        .pipeline
        .source_mut()
        .counters(&mut |_, _| left += 1)
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn what_cannot_be_decoded_is_counted_and_no_more() {
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Sample, b"short")
        .record(RecordKind::Cgroup, &[0xff; 2_000]);
    let mut bench = Bench::new(&recorder);
    let snapshot = bench.step();
    let lost: u64 = snapshot
        .losses
        .iter()
        .filter(|loss| loss.stage == Stage::Decode)
        .map(|loss| loss.count)
        .sum();
    assert_eq!(lost, 2);
}

#[test]
fn an_idle_tick_publishes_nothing() {
    let mut recorder = Recorder::default();
    recorder.at(SECOND).at(2 * SECOND).at(3 * SECOND);
    let mut bench = Bench::new(&recorder);
    bench.step();
    let before = bench.step();
    assert!(Arc::ptr_eq(&before, &bench.step()));
}

#[test]
fn the_end_takes_in_what_still_waits() {
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(
            RecordKind::Cgroup,
            &birth(CGROUP, &format!("/docker/{}", id())),
        )
        .record(RecordKind::Sample, &sample(&denied, SECOND, "/tmp/x"))
        .count(&denied, &value(9))
        .stats(&[9]);
    let mut bench = Bench::new(&recorder);
    bench.pipeline.source_mut().advance().unwrap();
    let (snapshot, events) = bench.finish(SECOND);
    assert_eq!(snapshot.totals.pending, 0);
    assert_eq!(snapshot.groups[0].counts[0].2, 9);
    assert_eq!(events.len(), 1);
}

#[test]
fn a_container_that_is_killed_and_gone_is_counted_under_its_name() {
    let path = format!("/docker/{}", id());
    let killed = |count| OomValue {
        count,
        last_ns: SECOND - 9,
    };
    let mut stats = [0; STATS_MAX as usize];
    stats[Stat::OomKilled as usize] = 2;
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &birth(CGROUP, &path))
        .record(RecordKind::Cgroup, &death(CGROUP))
        .oom_kills(CGROUP, &killed(2))
        .stats(&stats)
        .at(SECOND + SECOND / 4)
        .at(2 * SECOND + GRACE_NS)
        .at(4 * SECOND + GRACE_NS);
    let mut bench = Bench::new(&recorder);
    assert!(bench.step().oom_kills.is_empty());
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    let named = bench.step();
    assert_eq!(named.groups[0].labels.container, "web");
    assert_eq!(named.groups[0].oom_kills, 2);
    assert_eq!(named.oom_kills[0].killed, 2);
    bench.step();
    let left = bench.step();
    assert!(left.groups.is_empty());
    let mut kept = 0;
    bench
        .pipeline
        .source_mut()
        .oom_kills(&mut |_, _| kept += 1)
        .unwrap();
    assert_eq!(kept, 0);
    let (_, events) = bench.finish(5 * SECOND + GRACE_NS);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["event"], "oom_kill");
    assert_eq!(events[0]["container"]["name"], "web");
    assert_eq!(
        (&events[0]["killed"], &events[0]["monotonic_ns"]),
        (&2.into(), &(SECOND - 9).into())
    );
}
