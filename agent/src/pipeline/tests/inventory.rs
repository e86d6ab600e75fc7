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

/// The record of [`recording`]'s counter.
fn record(path: &str) -> Vec<u8> {
    use std::mem::offset_of;
    use wire::{WriteRecord, WriteSample};
    let mut bytes = vec![0; size_of::<WriteRecord>()];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(offset_of!(WriteKey, cgroup), &CGROUP.to_ne_bytes());
    put(offset_of!(WriteKey, directory), &5_u64.to_ne_bytes());
    put(offset_of!(WriteKey, mount_id), &9_u32.to_ne_bytes());
    put(
        offset_of!(WriteKey, operation),
        &[wire::Operation::Create as u8],
    );
    let length = path.len() as u16;
    put(offset_of!(WriteSample, name_len), &length.to_ne_bytes());
    put(
        offset_of!(WriteSample, path_flags),
        &PathFlags::NAME.to_ne_bytes(),
    );
    put(offset_of!(WriteRecord, name), path.as_bytes());
    bytes
}

fn under_contract(recorder: &Recorder) -> Bench {
    let text = "version: 1\ncontainer: we*\nwrite_roots:\n- { path: /tmp, kind: tmpfs }\n";
    let contract = crate::contract::parse("web.yaml", text).unwrap().remove(0);
    let name = "web.yaml".to_owned();
    let declared = crate::contract::Declared { name, contract };
    let mut bench = Bench::new(recorder);
    bench.pipeline = bench.pipeline.with_contracts(vec![declared], LIMITS);
    bench
}

#[test]
fn a_write_outside_waits_for_its_name_and_path_and_is_told_once() {
    let mut recorder = recording(1);
    recorder
        .at(3 * SECOND)
        .record(RecordKind::Write, &record("/srv/a"))
        .at(4 * SECOND)
        .at(5 * SECOND);
    let mut bench = under_contract(&recorder);
    bench.step();
    assert!(bench.pipeline.source_mut().watched.contains(&CGROUP));
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    let named = bench.step();
    assert_eq!(named.inventoried, 1);
    assert_eq!(named.breaches.holders.len(), 1);
    assert!(named.breaches.breaches.is_empty());
    let told = bench.step();
    assert_eq!(
        (
            told.breaches.breaches[0].count,
            told.breaches.counted[0].unjudged
        ),
        (4, 0)
    );
    bench.step();
    let (last, events) = bench.finish(5 * SECOND);
    assert_eq!(&*last.breaches.counted[0].roots, &[("/srv".into(), 4)]);
    let [event] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(event["event"], "breach");
    let numbers = (&event["new"], &event["count"]);
    assert_eq!(numbers, (&4.into(), &4.into()));
    assert_eq!(event["paths"], serde_json::json!(["/srv/a"]));
    assert_eq!(event["contract"], "web.yaml");
}

#[test]
fn a_write_inside_and_one_of_another_container_is_nothing() {
    for (path, name) in [("/tmp/x", "web"), ("/srv/a", "db")] {
        let mut recorder = recording(1);
        recorder
            .at(3 * SECOND)
            .record(RecordKind::Write, &record(path))
            .at(4 * SECOND);
        let mut bench = under_contract(&recorder);
        bench.step();
        bench.pipeline.describe(described(name), at(SECOND + 1));
        (0..3).for_each(|_| drop(bench.step()));
        let (last, events) = bench.finish(5 * SECOND);
        assert!(
            last.breaches.breaches.is_empty() && events.is_empty(),
            "{path}"
        );
        let judged = last.breaches.counted.iter().map(|one| one.unjudged);
        assert_eq!(judged.sum::<u64>(), 0);
    }
}

#[test]
fn what_is_never_told_is_not_judged() {
    let mut recorder = recording(1);
    recorder
        .at(3 * SECOND)
        .record(RecordKind::Cgroup, &death(CGROUP))
        .at(4 * SECOND);
    let mut bench = under_contract(&recorder);
    bench.step();
    bench.pipeline.describe(described("web"), at(SECOND + 1));
    assert!(bench.step().breaches.counted[0].roots.is_empty());
    bench.step();
    let (last, events) = bench.finish(5 * SECOND);
    assert_eq!(last.breaches.counted[0].unjudged, 4);
    assert!(events.is_empty());
}
