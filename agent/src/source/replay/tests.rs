//! Recordings come back as they were, and bad ones are told.

use proptest::prelude::*;

use super::*;

#[test]
fn a_recording_comes_back_as_it_was() {
    let key = CountKey {
        cgroup: 0x0102_0304_0506_0708,
        path: u64::MAX,
        signals: 0x0a0b,
        operation: 2,
        errno: 30,
        backend: 3,
        lsm: 1,
        reserved: 0,
    };
    let value = CountValue {
        count: 9,
        sampled: 1,
        lost: 2,
        next_sample_ns: 3,
        last_ns: u64::MAX,
    };
    let killed = OomValue {
        count: 2,
        last_ns: u64::MAX,
    };
    let mut recorder = Recorder::default();
    recorder
        .at(5)
        .record(RecordKind::Sample, &[1, 0, 2, 0, 0])
        .record(RecordKind::Cgroup, &[0; 7])
        .count(&key, &value)
        .overflow(2, 30, 7)
        .oom_kills(9, &killed)
        .stats(&[4, 0, 1])
        .at(6);
    let mut replay = Replay::parse(recorder.text()).unwrap();
    assert_eq!(replay.advance(), Some(5));
    let mut records = Vec::new();
    replay.drain(&mut |kind, bytes| records.push((kind, bytes.to_vec())));
    let expected = [
        (RecordKind::Cgroup, vec![0; 7]),
        (RecordKind::Sample, vec![1, 0, 2, 0, 0]),
    ];
    assert_eq!(records, expected);
    let mut counts = Vec::new();
    replay
        .counters(&mut |key, value| counts.push((*key, *value)))
        .unwrap();
    assert_eq!(counts, [(key, value)]);
    let mut kills = Vec::new();
    replay
        .oom_kills(&mut |cgroup, value| kills.push((cgroup, *value)))
        .unwrap();
    assert_eq!(kills, [(9, killed)]);
    assert_eq!(replay.stats().unwrap()[..3], [4, 0, 1]);
    assert_eq!(replay.advance(), Some(6));
    assert_eq!(replay.drain(&mut |_, _| {}), 0);
    assert_eq!(replay.advance(), None);
}

#[test]
fn a_bad_line_is_named() {
    for (text, number) in [
        ("sample 00", 1),
        ("at 1\nsample 0", 2),
        ("at 1\nsample zz", 2),
        ("at 1\n\n# x\nsample 00*99999999999", 4),
        ("at 1\ncount 00 00", 2),
        ("at 1\noverflow 256 1 1", 2),
        ("at 1\noom 1 1", 2),
        ("at 1\nother", 2),
        ("at soon", 1),
    ] {
        assert_eq!(Replay::parse(text).unwrap_err().number, number, "{text}");
    }
}

proptest! {
    #[test]
    fn any_record_is_handed_on_as_it_was(records: Vec<Vec<u8>>, time: u64) {
        let mut recorder = Recorder::default();
        recorder.at(time);
        for record in &records {
            recorder.record(RecordKind::Sample, record);
        }
        let mut replay = Replay::parse(recorder.text()).unwrap();
        prop_assert_eq!(replay.advance(), Some(time));
        let mut seen = Vec::new();
        replay.drain(&mut |_, record| seen.push(record.to_vec()));
        prop_assert_eq!(seen, records);
    }

    #[test]
    fn no_text_makes_it_panic(text: String, odd in "at 1\n(sample|count|write|oom|stats|written|overflow)( [0-9a-f*]{0,30}){0,12}") {
        let _ = (Replay::parse(&text), Replay::parse(&odd));
    }
}
