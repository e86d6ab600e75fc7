//! What is told late, or by its end alone.

use super::*;

#[test]
fn a_refusal_that_was_on_its_way_is_read_by_the_next_tick() {
    let denied = key(5);
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(
            RecordKind::Cgroup,
            &birth(CGROUP, &format!("/docker/{}", id())),
        )
        // The kernel half moves the statistics before the counter.
        .stats(&[1])
        .at(SECOND + SECOND / 4)
        .count(&denied, &value(1))
        .at(SECOND + SECOND / 2);
    let mut bench = Bench::new(&recorder);
    assert_eq!(bench.step().totals.recorded, 0);
    assert_eq!(bench.step().totals.recorded, 1);
}

#[test]
fn a_group_is_known_by_its_end_where_its_birth_was_missed() {
    let denied = key(5);
    let path = format!("/docker/{}/init.scope", id());
    let mut end = birth(CGROUP, &path);
    end[16..20].copy_from_slice(&wire::CGROUP_REMOVED.to_le_bytes());
    let mut host = birth(CGROUP + 1, "/system.slice/ssh.service");
    host[16..20].copy_from_slice(&wire::CGROUP_REMOVED.to_le_bytes());
    let mut recorder = Recorder::default();
    recorder
        .at(SECOND)
        .record(RecordKind::Cgroup, &end)
        .record(RecordKind::Cgroup, &host)
        .count(&denied, &value(4))
        .stats(&[4])
        .at(2 * SECOND + crate::aggregate::SETTLE_NS)
        .at(3 * SECOND + GRACE_NS);
    let mut bench = Bench::new(&recorder);
    bench.step();
    let told = bench.step();
    assert_eq!(told.groups[0].labels.container, "c0ffee11c0ff");
    assert_eq!(told.groups[0].counts[0].2, 4);
    assert!(bench.pipeline.source_mut().ignored.is_empty());
    let left = bench.step();
    assert_eq!((left.groups.len(), left.totals.retired), (0, 4));
}
