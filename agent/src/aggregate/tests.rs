//! Totals are conserved, bounds hold, and what is left out is counted.

mod resume;

use std::time::SystemTime;

use proptest::prelude::*;
use sealwatch_ebpf::wire::Signals;

use super::*;
use crate::classify::Sampled;
use crate::denial::{
    Backend, ContainerPath, Denial, Evidence, Hook, LsmDetail, PathKey, Resolution, Runtime,
};

const LIMITS: Limits = Limits {
    containers: 3,
    write_roots_per_container: 2,
    series: 8,
};

fn container(id: u64, name: &str, described: bool) -> Arc<Container> {
    Arc::new(Container {
        name: name.to_owned(),
        image: "app:1".to_owned(),
        read_only_root: Some(true),
        mount_targets: Vec::new(),
        described,
        ..Container::unnamed(&format!("{id:064x}"), Runtime::Docker)
    })
}

fn key(cgroup: u64, path: u64, errno: u8, signals: u16) -> CountKey {
    CountKey {
        cgroup,
        path,
        signals,
        operation: 2,
        errno,
        backend: 1,
        lsm: 0,
        reserved: 0,
    }
}

fn value(count: u64, sampled: u64, lost: u64) -> CountValue {
    CountValue {
        count,
        sampled,
        lost,
        next_sample_ns: 0,
        last_ns: 0,
    }
}

fn sample_of(key: &CountKey, owner: Owner, path: &str) -> Arc<Explained> {
    let denial = Denial {
        cgroup: CgroupId(key.cgroup),
        path_key: PathKey(key.path),
        time_ns: 5,
        operation: Operation::try_from(key.operation).unwrap(),
        errno: Errno::try_from(key.errno).unwrap(),
        signals: key.signals,
        lsm: crate::decode::lsm(key.lsm).unwrap(),
        backend: Backend::try_from(key.backend).unwrap(),
        hook: Hook::Open,
        path: ContainerPath {
            bytes: path.as_bytes().to_vec(),
            resolution: Resolution::Absolute,
        },
        pid: 1,
        tid: 1,
        uid: 0,
        gid: 0,
        mount_namespace: 1,
        comm: b"sh".to_vec(),
        evidence: Evidence {
            fs_magic: 0x0102_1994,
            ..Evidence::default()
        },
        open_flags: 0,
        credentials: None,
        lsm_detail: LsmDetail::default(),
    };
    let write_root: Arc<str> = write_root::of(&denial.path, None).into();
    let verdict = classify(&Question::of_sample(Sampled {
        denial: &denial,
        container: None,
        write_root: &write_root,
        mount: None,
    }));
    Arc::new(Explained {
        denial,
        owner,
        verdict,
        write_root,
        mount: None,
        time: SystemTime::UNIX_EPOCH,
    })
}

fn exported(snapshot: &Snapshot) -> u64 {
    let groups = snapshot
        .groups
        .iter()
        .flat_map(|group| &group.counts)
        .map(|(_, _, count)| count);
    let host = snapshot.host.iter().map(|(_, count)| count);
    let unresolved = snapshot.unresolved.iter().map(|(_, _, count)| count);
    groups.chain(host).chain(unresolved).sum()
}

fn assert_conserved(snapshot: &Snapshot) {
    let totals = snapshot.totals;
    assert_eq!(
        exported(snapshot) + totals.pending + totals.retired + totals.ignored + totals.unreadable,
        totals.recorded,
    );
}

fn web(_: CgroupId) -> Owner {
    Owner::Container(container(1, "web", true))
}

#[test]
fn a_count_waits_for_its_first_sample_and_never_moves() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let full = key(1, 7, 28, 0);
    aggregate.count(&full, &value(3, 1, 0), 0, web);
    aggregate.settle(1, web);
    assert_eq!(aggregate.snapshot().totals.pending, 3);
    assert_eq!(
        aggregate.sample(&sample_of(&full, web(CgroupId(1)), "/tmp/x")),
        3
    );
    aggregate.settle(2, web);
    aggregate.count(&full, &value(5, 1, 0), 3, web);
    let snapshot = aggregate.snapshot();
    assert_conserved(&snapshot);
    let counts = &snapshot.groups[0].counts;
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].0.cause, Cause::TmpfsFullInodes);
    assert_eq!((&*counts[0].1, counts[0].2), ("/tmp", 5));
    assert_eq!(snapshot.recent[0].count, 5);
    assert!(snapshot.recent[0].exact);
}

#[test]
fn without_a_sample_the_key_alone_tells_the_cause() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let read_only = key(1, 7, 30, Signals::READ_ONLY_MOUNT);
    aggregate.count(&read_only, &value(3, 0, 1), 10, web);
    aggregate.settle(10 + SETTLE_NS, web);
    let snapshot = aggregate.snapshot();
    let (kind, root, count) = &snapshot.groups[0].counts[0];
    assert_eq!(
        (kind.cause, &**root, *count),
        (Cause::ReadOnlyMount, "_unresolved", 3)
    );
    let ring = Loss {
        stage: Stage::Kernel,
        reason: REASON_RING_FULL,
        count: 1,
    };
    assert_eq!(snapshot.losses, [ring]);
    assert_eq!(snapshot.totals.suppressed, 2);
}

#[test]
fn paths_past_the_kernels_limit_are_not_blamed_on_one_sample() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let other = key(1, PATH_KEY_OTHER, 28, 0);
    aggregate.count(&other, &value(1_000, 1, 0), 0, web);
    aggregate.sample(&sample_of(&other, web(CgroupId(1)), "/tmp/x"));
    aggregate.settle(0, web);
    let snapshot = aggregate.snapshot();
    let (kind, root, count) = &snapshot.groups[0].counts[0];
    assert_eq!(
        (kind.cause, &**root, *count),
        (Cause::Unknown, "_other", 1_000)
    );
    assert_eq!(
        (snapshot.recent[0].count, snapshot.recent[0].exact),
        (1, false)
    );
}

#[test]
fn a_late_name_renames_the_series_and_a_successor_continues_them() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let read_only = key(1, 7, 30, 0);
    let unnamed = |_| Owner::Container(container(1, "000000000000", false));
    aggregate.count(&read_only, &value(2, 0, 0), 0, unnamed);
    aggregate.settle_all(unnamed);
    assert_eq!(
        aggregate.snapshot().groups[0].labels.container,
        "000000000000"
    );
    aggregate.meet(&container(1, "web", true));
    let successor = |_| Owner::Container(container(2, "web", true));
    aggregate.count(&key(2, 7, 30, 0), &value(5, 0, 0), 0, successor);
    aggregate.settle_all(successor);
    aggregate.retire(&format!("{:064x}", 1));
    let snapshot = aggregate.snapshot();
    assert_eq!(snapshot.groups.len(), 1);
    assert_eq!(snapshot.groups[0].labels.container, "web");
    assert_eq!(
        snapshot.groups[0].container.as_ref().unwrap().id,
        format!("{:064x}", 2)
    );
    assert_eq!(exported(&snapshot), 7);
    aggregate.retire(&format!("{:064x}", 2));
    let snapshot = aggregate.snapshot();
    assert!(snapshot.groups.is_empty());
    assert_eq!(snapshot.totals.retired, 7);
    assert_eq!(snapshot.series, 0);
}

#[test]
fn the_host_is_left_out_unless_asked_for() {
    for include in [false, true] {
        let mut aggregate = Aggregate::new(LIMITS, include);
        let denied = key(9, 7, 30, 0);
        aggregate.count(&denied, &value(4, 0, 0), 0, |_| Owner::Host);
        aggregate.settle_all(|_| Owner::Host);
        let snapshot = aggregate.snapshot();
        assert_conserved(&snapshot);
        assert_eq!(snapshot.host.len(), usize::from(include));
        assert_eq!(snapshot.totals.ignored, if include { 0 } else { 4 });
        let late = key(9, 8, 30, 0);
        aggregate.count(&late, &value(2, 0, 0), 0, |_| Owner::Host);
        assert_eq!(aggregate.snapshot().totals.pending, 2);
        let forgettable = aggregate.forgettable(&HashSet::new(), 0, |_| Owner::Host);
        assert_eq!(forgettable.is_empty(), include);
        // What is no longer pending is told, though nothing else changes.
        aggregate.forgotten(&forgettable, |_| Owner::Host);
        assert_eq!(aggregate.changed(), !include);
    }
}

#[test]
fn a_deleted_counter_starts_anew_and_overflow_has_no_owner() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let denied = key(1, 7, 30, 0);
    aggregate.count(&denied, &value(4, 0, 0), 0, web);
    aggregate.settle_all(web);
    let gone = HashSet::from([CgroupId(1)]);
    let keys = aggregate.forgettable(&gone, 0, web);
    assert_eq!(keys, [denied]);
    aggregate.forgotten(&keys, web);
    aggregate.count(&denied, &value(3, 0, 0), 0, web);
    aggregate.settle_all(web);
    aggregate.overflow(2, 30, 10);
    aggregate.overflow(2, 30, 15);
    aggregate.overflow(99, 30, 2);
    let snapshot = aggregate.snapshot();
    assert_conserved(&snapshot);
    assert_eq!(snapshot.totals.recorded, 24);
    assert_eq!(snapshot.totals.unreadable, 2);
    assert_eq!(snapshot.unresolved[0].0, Unresolved::CounterOverflow);
    assert_eq!(snapshot.unresolved[0].2, 15);
}

#[test]
fn recent_rows_are_bounded_and_one_owner_does_not_push_out_another() {
    let mut aggregate = Aggregate::new(LIMITS, false);
    let quiet = Owner::Container(container(2, "quiet", true));
    aggregate.sample(&sample_of(&key(2, 1, 30, 0), quiet, "/quiet/x"));
    for path in 1..5_000 {
        let denied = key(1, path, 30, 0);
        aggregate.sample(&sample_of(
            &denied,
            web(CgroupId(1)),
            &format!("/flood/{path}"),
        ));
    }
    let snapshot = aggregate.snapshot();
    assert!(snapshot.recent.len() <= ROWS_PER_OWNER_MAX + 1);
    assert_eq!(snapshot.recent[0].sample.denial.path.bytes, b"/flood/4999");
    assert_eq!(
        snapshot.recent.last().unwrap().sample.denial.path.bytes,
        b"/quiet/x"
    );
}

/// One step of a random schedule over a simulated kernel.
#[derive(Clone, Debug)]
enum Step {
    Refuse {
        cgroup: u64,
        path: u64,
        errno: u8,
        times: u64,
    },
    Read,
    Sample(usize),
    Settle,
    Describe(u64),
    Retire(u64),
    Forget(u64),
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let errno = prop::sample::select(vec![1_u8, 13, 28, 30, 122, 2]);
    let step = prop_oneof![
        4 => (0..7_u64, 0..6_u64, errno, 1..100_u64)
            .prop_map(|(cgroup, path, errno, times)| Step::Refuse { cgroup, path, errno, times }),
        3 => Just(Step::Read),
        2 => (0..64_usize).prop_map(Step::Sample),
        2 => Just(Step::Settle),
        1 => (0..7_u64).prop_map(Step::Describe),
        1 => (0..7_u64).prop_map(Step::Retire),
        1 => (0..7_u64).prop_map(Step::Forget),
        1 => Just(Step::Snapshot),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever happens in whatever order, no refusal is lost or invented, the
    /// bounds hold, and no exported series of a living group decreases.
    #[test]
    fn conservation_over_random_schedules(steps in steps()) {
        let mut aggregate = Aggregate::new(LIMITS, false);
        let mut kernel: BTreeMap<CountKey, CountValue> = BTreeMap::new();
        let mut described = HashSet::new();
        let mut provoked = 0;
        let mut deleted_unread = 0;
        let mut now = 0;
        for step in steps {
            now += SETTLE_NS / 3;
            let owner = |id: CgroupId| match id.0 {
                0 => Owner::Unknown(Unresolved::CgroupUnreadable),
                1 => Owner::Host,
                id if described.contains(&id) => {
                    Owner::Container(container(id, &format!("c{}", id % 5), true))
                }
                id => Owner::Container(container(id, &format!("{id:012x}"), false)),
            };
            match step {
                Step::Refuse { cgroup, path, errno, times } => {
                    let value = kernel.entry(key(cgroup, path, errno, 0)).or_default();
                    if value.count == 0 { value.sampled += 1 } else { value.lost += 1 }
                    value.count += times;
                    provoked += times;
                }
                Step::Read => {
                    for (key, value) in &kernel {
                        aggregate.count(key, value, now, owner);
                    }
                }
                Step::Sample(index) => {
                    let keys: Vec<_> = kernel.keys().filter(|key| key.errno != 2).collect();
                    if let Some(key) = keys.get(index % keys.len().max(1)) {
                        let owner = owner(CgroupId(key.cgroup));
                        aggregate.sample(&sample_of(key, owner, &format!("/d{}/x/y", key.path)));
                    }
                }
                Step::Settle => aggregate.settle(now, owner),
                Step::Describe(id) => { described.insert(id); }
                Step::Retire(id) => aggregate.retire(&format!("{id:064x}")),
                Step::Forget(id) => {
                    let keys = aggregate.forgettable(&HashSet::from([CgroupId(id)]), 0, owner);
                    for key in &keys {
                        if let Some(value) = kernel.remove(key) {
                            deleted_unread += value.count - aggregate.keys[key].seen.count;
                        }
                    }
                    aggregate.forgotten(&keys, owner);
                }
                Step::Snapshot => assert_conserved(&aggregate.snapshot()),
            }
        }
        let owner = |_| Owner::Host;
        for (key, value) in &kernel {
            aggregate.count(key, value, now, owner);
        }
        aggregate.settle_all(owner);
        let snapshot = aggregate.snapshot();
        assert_conserved(&snapshot);
        prop_assert_eq!(snapshot.totals.pending, 0);
        prop_assert_eq!(snapshot.totals.recorded + deleted_unread, provoked);
        let lost: u64 = snapshot.losses.iter().map(|loss| loss.count).sum();
        let totals = snapshot.totals;
        prop_assert!(totals.sampled + totals.suppressed + lost >= totals.recorded);
        prop_assert!(snapshot.groups.len() <= LIMITS.containers + 1);
        prop_assert!(snapshot.series <= LIMITS.series);
        for group in &snapshot.groups {
            let roots: HashSet<_> =
                group.counts.iter().map(|(_, root, _)| root).filter(|r| r.starts_with('/')).collect();
            prop_assert!(roots.len() <= LIMITS.write_roots_per_container);
        }
    }
}
