//! A daemon's counts, as the next one goes on from them.

use super::*;
use sealwatch_ebpf::wire::OomValue;

/// Control group 1 is a container's, 2 the host's, another nobody's.
fn owner(described: bool) -> impl Fn(CgroupId) -> Owner {
    move |cgroup| match cgroup.0 {
        1 if described => Owner::Container(container(1, "web", true)),
        1 => Owner::Container(container(1, "000000000000", false)),
        2 => Owner::Host,
        _ => Owner::Unknown(Unresolved::CgroupUnseen),
    }
}

/// Told by a sample, waiting for one, of the host, of nobody, past the table.
fn eventful() -> Aggregate {
    let mut aggregate = Aggregate::new(LIMITS, true);
    let told = key(1, 7, 30, Signals::READ_ONLY_MOUNT);
    let who = owner(true);
    aggregate.meet(&container(1, "web", true));
    aggregate.sample(&sample_of(&told, who(CgroupId(1)), "/etc/passwd"));
    aggregate.count(&told, &value(5, 1, 0), 1, &who);
    aggregate.count(&key(2, 8, 13, 0), &value(2, 0, 2), 1, &who);
    aggregate.count(&key(3, 9, 13, 0), &value(4, 1, 0), 1, &who);
    aggregate.settle_all(&who);
    aggregate.count(&key(1, 10, 13, 0), &value(3, 1, 0), 2, &who);
    aggregate.overflow(2, 30, 6);
    let killed = OomValue {
        count: 2,
        last_ns: 9,
    };
    aggregate.oom_kills(CgroupId(1), &killed, 9);
    aggregate.settle_oom_kills(u64::MAX, true, &who, |_| SystemTime::UNIX_EPOCH);
    aggregate
}

fn resumed(mut before: Aggregate) -> (Aggregate, Snapshot, Former) {
    let text = before.save(owner(true)).unwrap();
    let shown = before.snapshot();
    let mut after = Aggregate::new(LIMITS, true);
    let former = after.restore(text.as_bytes()).unwrap();
    (after, shown, former)
}

/// What is exported of a snapshot, without who the containers are.
fn numbers(snapshot: &Snapshot) -> String {
    let groups = snapshot.groups.iter();
    let groups: Vec<_> = groups
        .map(|group| (&group.labels, &group.counts, group.oom_kills))
        .collect();
    format!(
        "{groups:?} {:?} {:?} {:?} {:?} {:?} {}",
        snapshot.host,
        snapshot.unresolved,
        snapshot.limited,
        snapshot.totals,
        snapshot.losses,
        snapshot.series
    )
}

#[test]
fn the_next_daemon_exports_the_same() {
    let (mut after, shown, former) = resumed(eventful());
    assert_eq!(shown.totals.recorded, 20);
    let mut again = after.snapshot();
    assert_conserved(&again);
    // The greatest so far, which is made where it is shown.
    again.totals.suppressed = shown.totals.suppressed;
    assert_eq!(numbers(&again), numbers(&shown));
    let id = format!("{:064x}", 1);
    assert_eq!(former, Former::from([(id, vec![CgroupId(1)])]));
}

#[test]
fn what_was_counted_in_between_goes_where_it_went_before() {
    let (mut after, shown, _) = resumed(eventful());
    let told = key(1, 7, 30, Signals::READ_ONLY_MOUNT);
    // Nobody has named the container again yet.
    after.count(&told, &value(9, 1, 0), 1, owner(false));
    let before = exported(&shown);
    let snapshot = after.snapshot();
    assert_eq!(exported(&snapshot), before + 4);
    let labels: Vec<_> = snapshot
        .groups
        .iter()
        .map(|one| &*one.labels.container)
        .collect();
    assert_eq!(labels, ["web"]);
    let root = |snapshot: &Snapshot| {
        let mut counts = snapshot.groups[0].counts.iter();
        counts.find(|(_, root, _)| &**root == "/etc").unwrap().2
    };
    assert_eq!((root(&shown), root(&snapshot)), (5, 9));
    // What waits still does, and is settled in its time.
    assert_eq!(snapshot.totals.pending, 3);
    after.settle(SETTLE_NS + 2, owner(false));
    let snapshot = after.snapshot();
    assert_eq!(snapshot.totals.pending, 0);
    assert_conserved(&snapshot);
}

#[test]
fn counters_that_begin_at_zero_are_added() {
    let (mut after, shown, _) = resumed(eventful());
    after.recount();
    let told = key(1, 7, 30, Signals::READ_ONLY_MOUNT);
    after.count(&told, &value(1, 1, 0), 1, owner(true));
    after.overflow(2, 30, 2);
    let killed = OomValue {
        count: 1,
        last_ns: 19,
    };
    after.oom_kills(CgroupId(1), &killed, 19);
    after.settle_oom_kills(u64::MAX, true, owner(true), |_| SystemTime::UNIX_EPOCH);
    let snapshot = after.snapshot();
    assert_eq!(snapshot.totals.recorded, shown.totals.recorded + 3);
    assert_eq!(snapshot.groups[0].oom_kills, 3);
    assert_conserved(&snapshot);
    // Those of the past have left with their container, those of today with it.
    after.retire(&format!("{:064x}", 1));
    let snapshot = after.snapshot();
    assert!(snapshot.groups.is_empty());
    assert_conserved(&snapshot);
}

#[test]
fn a_text_that_cannot_be_used_changes_nothing() {
    let text = eventful().save(owner(true)).unwrap();
    for (from, to) in [
        ("\"version\":1", "\"version\":99"),
        ("\"keys\":", "\"locks\":"),
        ("read_only_mount", "no_such_cause"),
        ("cgroup_unseen", "no_such_reason"),
    ] {
        let spoilt = text.replacen(from, to, 1);
        assert_ne!(spoilt, text, "{from}");
        let mut after = Aggregate::new(LIMITS, true);
        assert!(after.restore(spoilt.as_bytes()).is_err(), "{from}");
        assert_eq!(exported(&after.snapshot()), 0);
    }
}
