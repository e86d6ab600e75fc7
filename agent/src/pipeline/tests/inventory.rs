//! Who is watched, from birth to the grace time's end.

use sealwatch_ebpf::wire::{WriteKey, WriteValue};
use tokio::sync::mpsc;

use super::*;
use crate::inventory::Watch;

/// Four creates in one directory, and the statistics that go with them.
fn recording(steps: u64) -> Recorder {
    let key = WriteKey {
        cgroup: CGROUP,
        directory: 5,
        mount_id: 9,
        operation: wire::Operation::Create as u8,
        author: wire::Author::Container as u8,
        reserved: [0; 2],
    };
    let value = WriteValue {
        count: 4,
        bytes: 0,
        first_ns: SECOND,
        last_ns: SECOND,
        sampled: 1,
    };
    let mut stats = [0; STATS_MAX as usize];
    stats[Stat::Inventoried as usize] = 4;
    let mut recorder = Recorder::default();
    let path = format!("/docker/{}", id());
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &birth(CGROUP, &path))
        .written(&key, &value)
        .stats(&stats);
    for step in 2..2 + steps {
        recorder.at(step * SECOND);
    }
    recorder
}

fn watching(recorder: &Recorder, pattern: &str) -> Bench {
    let mut bench = Bench::new(recorder);
    bench.pipeline = bench
        .pipeline
        .with_inventory(vec![pattern.to_owned()], None);
    bench
}

#[test]
fn a_container_is_watched_from_its_birth_and_until_its_end() {
    let mut recorder = recording(1);
    recorder
        .at(3 * SECOND)
        .record(RecordKind::Cgroup, &death(CGROUP))
        .at(4 * SECOND);
    let mut bench = watching(&recorder, "we*");
    bench.step();
    assert!(bench.pipeline.source_mut().watched.contains(&CGROUP));
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    let watched = bench.step();
    assert_eq!(watched.inventoried, 1);
    assert_eq!(watched.inventory[0].rows[0].creates, 4);
    bench.step();
    assert!(bench.pipeline.source_mut().watched.is_empty());
    // Dead, but not yet forgotten.
    let dead = bench.step();
    assert_eq!(dead.inventoried, 0);
    assert_eq!(dead.inventory[0].rows[0].creates, 4);
}

#[test]
fn a_container_that_no_pattern_fits_is_let_go_of_by_its_name() {
    let mut bench = watching(&recording(2), "db");
    bench.step();
    assert!(bench.pipeline.source_mut().watched.contains(&CGROUP));
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    let named = bench.step();
    assert!(bench.pipeline.source_mut().watched.is_empty());
    assert_eq!((named.inventoried, named.inventory.len()), (0, 0));
}

#[test]
fn a_lease_switches_on_and_ends_by_itself_or_by_command() {
    let (commands, receiver) = mpsc::channel(4);
    let mut bench = Bench::new(&recording(6));
    bench.pipeline = bench.pipeline.with_inventory(Vec::new(), Some(receiver));
    bench.step();
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    assert_eq!(bench.step().inventoried, 0);
    assert!(bench.pipeline.source_mut().watched.is_empty());
    let mut watch = |seconds| {
        let (pattern, lease) = ("web".to_owned(), Duration::from_secs(seconds));
        commands.try_send(Watch { pattern, lease }).unwrap();
        bench.step().inventoried
    };
    assert_eq!(watch(60), 1);
    assert_eq!(watch(0), 0);
    // A lease of a second is over at the next step, which is one later.
    assert_eq!(watch(1), 1);
    assert_eq!(bench.step().inventoried, 0);
}
