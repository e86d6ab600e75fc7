//! Orders of events that [`Identity`] must not care about, and its bounds.

use super::*;
use crate::denial::Runtime;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn docker(digit: char) -> Vec<u8> {
    format!("/docker/{}", id(digit)).into_bytes()
}

fn told(digit: char, name: &str) -> Description {
    Description {
        container: Container {
            name: name.to_owned(),
            read_only_root: Some(true),
            described: true,
            ..Container::unnamed(&id(digit), Runtime::Docker)
        },
        ended: None,
    }
}

fn name(identity: &Identity, cgroup: u64) -> String {
    match identity.owner(CgroupId(cgroup)) {
        Owner::Container(container) => container.name.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_name_arrives_before_or_after_the_control_group() {
    let mut identity = Identity::new(Limits::default());
    let seen = identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    let ask = LookUp {
        id: id('a'),
        runtime: Runtime::Docker,
    };
    assert_eq!(
        seen,
        Seen::Container {
            look_ups: vec![ask]
        }
    );
    assert_eq!(name(&identity, 5), "aaaaaaaaaaaa");
    assert_eq!(identity.tracked().undescribed, 1);
    identity.described(told('a', "web"), 1);
    assert_eq!(name(&identity, 5), "web");

    identity.described(told('b', "db"), 2);
    assert_eq!(identity.containers().count(), 1);
    let seen = identity.cgroup_created(CgroupId(6), &docker('b'), 3);
    assert_eq!(seen, Seen::Container { look_ups: vec![] });
    assert_eq!(name(&identity, 6), "db");
    assert_eq!(
        identity.tracked(),
        Tracked {
            cgroups: 2,
            containers: 2,
            undescribed: 0
        }
    );
}

#[test]
fn later_and_poorer_answers_take_nothing_away() {
    let mut identity = Identity::new(Limits::default());
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    let mut rich = told('a', "web");
    rich.container.image = "nginx:1.27".to_owned();
    rich.container.mount_targets = vec!["/data".to_owned()];
    identity.described(rich, 1);
    let renamed = Description {
        container: Container {
            name: "web-old".to_owned(),
            described: true,
            ..Container::unnamed(&id('a'), Runtime::Unspecified)
        },
        ended: None,
    };
    identity.described(renamed, 2);
    let Owner::Container(container) = identity.owner(CgroupId(5)) else {
        panic!()
    };
    assert_eq!(container.name, "web-old");
    assert_eq!(container.image, "nginx:1.27");
    assert_eq!(container.runtime, Runtime::Docker);
    assert_eq!(container.read_only_root, Some(true));
    assert_eq!(container.mount_targets, ["/data"]);
}

#[test]
fn the_dead_keep_their_name_for_the_grace_time() {
    let mut identity = Identity::new(Limits::default());
    identity.described(told('a', "web"), 0);
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    identity.cgroup_removed(CgroupId(5), 10 * SECOND);
    assert_eq!(identity.expire(70 * SECOND), Expired::default());
    assert_eq!(name(&identity, 5), "web");
    // The scan that overlaps the events must not raise it again.
    identity.cgroup_created(CgroupId(5), &docker('a'), 69 * SECOND);
    let expired = identity.expire(70 * SECOND + 1);
    assert_eq!(expired.cgroups, [CgroupId(5)]);
    assert_eq!(expired.containers, [id('a')]);
    assert_eq!(
        identity.owner(CgroupId(5)),
        Owner::Unknown(Unresolved::CgroupUnseen)
    );
}

#[test]
fn a_restarted_container_lives_on_in_its_new_control_group() {
    let mut identity = Identity::new(Limits::default());
    identity.described(told('a', "web"), 0);
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    identity.cgroup_removed(CgroupId(5), 10 * SECOND);
    identity.cgroup_created(CgroupId(6), &docker('a'), 11 * SECOND);
    let expired = identity.expire(100 * SECOND);
    assert_eq!(expired.cgroups, [CgroupId(5)]);
    assert!(expired.containers.is_empty());
    assert_eq!(name(&identity, 6), "web");
}

#[test]
fn who_never_started_is_forgotten_too() {
    let mut identity = Identity::new(Limits::default());
    identity.described(told('a', "web"), SECOND);
    assert!(identity.expire(61 * SECOND).containers.is_empty());
    assert_eq!(identity.expire(62 * SECOND).containers, [id('a')]);
}

#[test]
fn the_host_and_the_unknown_are_kept_apart() {
    let mut identity = Identity::new(Limits::default());
    assert_eq!(
        identity.cgroup_created(CgroupId(2), b"/system.slice", 0),
        Seen::Host
    );
    assert_eq!(
        identity.cgroup_created(CgroupId(3), b"odd", 0),
        Seen::Unparsable
    );
    assert_eq!(identity.owner(CgroupId(2)), Owner::Host);
    let unknown = |id| match identity.owner(CgroupId(id)) {
        Owner::Unknown(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(3), Unresolved::PathUnparsable);
    assert_eq!(unknown(4), Unresolved::CgroupUnseen);
    assert_eq!(unknown(0), Unresolved::CgroupUnreadable);
}

#[test]
fn in_a_nest_the_outermost_described_owns() {
    let nested = [docker('a'), docker('b')].concat();
    let mut identity = Identity::new(Limits::default());
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    let Seen::Container { look_ups } = identity.cgroup_created(CgroupId(6), &nested, 0) else {
        panic!()
    };
    assert_eq!(look_ups.len(), 1, "the outer one was asked for already");
    assert_eq!(name(&identity, 6), "bbbbbbbbbbbb");
    identity.described(told('b', "pod"), 1);
    assert_eq!(name(&identity, 6), "pod");
    assert_eq!(name(&identity, 5), "aaaaaaaaaaaa");
    assert_eq!(identity.containers().count(), 2);
    identity.described(told('a', "node"), 2);
    assert_eq!(name(&identity, 6), "node");
    assert_eq!(identity.containers().count(), 1);

    for group in [5, 6] {
        identity.cgroup_removed(CgroupId(group), 3);
    }
    let mut expired = identity.expire(100 * SECOND).containers;
    expired.sort();
    assert_eq!(expired, [id('a'), id('b')]);
}

#[test]
fn nobody_passes_for_another_by_a_groups_name() {
    let mut identity = Identity::new(Limits::default());
    identity.described(told('a', "hostile"), 0);
    identity.described(told('b', "victim"), 0);
    identity.cgroup_created(CgroupId(5), &docker('b'), 0);
    let forged = [docker('a'), docker('b')].concat();
    identity.cgroup_created(CgroupId(6), &forged, 0);
    assert_eq!(name(&identity, 6), "hostile");
    assert_eq!(name(&identity, 5), "victim");
    let mut names: Vec<_> = identity.containers().map(|c| c.name.clone()).collect();
    names.sort();
    assert_eq!(names, ["hostile", "victim"]);
}

#[test]
fn full_tables_are_counted_and_hit_nobody_else() {
    let limits = Limits {
        cgroups: 6,
        cgroups_per_container: 3,
        containers: 2,
        ..Limits::default()
    };
    let mut identity = Identity::new(limits);
    identity.described(told('c', "created only"), 0);
    for group in 1..=5 {
        let path = format!("/docker/{}/{group}", id('a'));
        identity.cgroup_created(CgroupId(group), path.as_bytes(), 0);
    }
    assert_eq!(identity.tracked().cgroups, 3);
    // The described one without a group makes room for one that has.
    identity.cgroup_created(CgroupId(7), &docker('b'), 0);
    assert_eq!(name(&identity, 7), "bbbbbbbbbbbb");
    assert_eq!(
        identity.cgroup_created(CgroupId(8), &docker('d'), 0),
        Seen::Overflow
    );
    identity.described(told('e', "late"), 0);
    identity.cgroup_created(CgroupId(9), b"/x", 0);
    identity.cgroup_created(CgroupId(10), b"/y", 0);
    assert_eq!(
        identity.cgroup_created(CgroupId(11), b"/z", 0),
        Seen::Overflow
    );
    let counts = identity.losses().map(|loss| loss.count);
    assert_eq!(counts, [3, 2, 0, 0]);
}

#[test]
fn a_scan_mends_what_lost_events_left() {
    let mut identity = Identity::new(Limits::default());
    identity.cgroup_created(CgroupId(1), b"/", 0);
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    identity.cgroup_created(CgroupId(7), &docker('c'), 20);
    let scan = Scan {
        groups: vec![(CgroupId(1), b"/".to_vec()), (CgroupId(6), docker('b'))],
        skipped: 2,
        complete: true,
        failed: false,
    };
    let seen = identity.reconcile(&scan, 10, 30);
    assert_eq!(seen.len(), 2);
    assert_eq!(name(&identity, 6), "bbbbbbbbbbbb");
    let expired = identity.expire(100 * SECOND);
    assert_eq!(
        expired.cgroups,
        [CgroupId(5)],
        "7 was born after the scan began"
    );
    assert_eq!(identity.losses()[2].count, 2);
}

#[derive(Clone, Debug)]
enum Step {
    Created(u64, usize),
    Removed(u64),
    Described(usize),
    Expire(u64),
}

proptest! {
    /// Whatever happens, the bounds hold, nothing is counted twice, and all ends.
    #[test]
    fn tables_stay_bounded_and_drain(steps in proptest::collection::vec(prop_oneof![
        (1..20u64, 0..6usize).prop_map(|(id, path)| Step::Created(id, path)),
        (1..20u64).prop_map(Step::Removed),
        (0..6usize).prop_map(Step::Described),
        (0..90u64).prop_map(Step::Expire),
    ], 0..200)) {
        let limits = Limits { cgroups: 10, cgroups_per_container: 4, containers: 3, ..Limits::default() };
        let mut identity = Identity::new(limits);
        let digits = ['a', 'b', 'c', 'd', 'e', 'f'];
        let mut now = 0;
        for step in steps {
            match step {
                Step::Created(id, 5) => { identity.cgroup_created(CgroupId(id), b"/host", now); }
                Step::Created(id, path) => {
                    let nested = [docker(digits[path]), docker(digits[path + 1])].concat();
                    let path = if id % 2 == 0 { nested } else { docker(digits[path]) };
                    identity.cgroup_created(CgroupId(id), &path, now);
                }
                Step::Removed(id) => identity.cgroup_removed(CgroupId(id), now),
                Step::Described(at) => identity.described(told(digits[at], "x"), now),
                Step::Expire(seconds) => {
                    now += seconds * SECOND;
                    identity.expire(now);
                }
            }
            prop_assert!(identity.groups.len() <= 10 && identity.containers.len() <= 3);
            for (id, group) in &identity.groups {
                let placed = matches!(group.place, Place::Container(_));
                prop_assert_eq!(placed, matches!(identity.owner(*id), Owner::Container(_)));
            }
        }
        for id in 1..20 { identity.cgroup_removed(CgroupId(id), now); }
        identity.expire(now + 200 * SECOND);
        prop_assert!(identity.groups.is_empty() && identity.containers.is_empty());
    }
}

#[test]
fn a_containers_life_is_told_by_its_own_group() {
    let mut identity = Identity::new(Limits::default());
    let id_a: Arc<str> = id('a').into();
    let home: Arc<[u8]> = docker('a').into();
    let below = [docker('a'), b"/init.scope".to_vec()].concat();
    identity.cgroup_created(CgroupId(5), &home, 10);
    identity.cgroup_created(CgroupId(6), &below, 11);
    identity.cgroup_created(CgroupId(7), b"/user.slice", 12);
    let begun = |cgroup, born_ns| Life::Begun {
        container: id_a.clone(),
        cgroup: CgroupId(cgroup),
        home: home.clone(),
        born_ns,
    };
    assert_eq!(identity.take_lives(), [begun(5, Some(10))]);
    assert_eq!(identity.home(CgroupId(6)), Some(&*home));
    assert_eq!(identity.home(CgroupId(7)), None);
    identity.cgroup_removed(CgroupId(6), 20);
    identity.cgroup_removed(CgroupId(6), 20);
    assert!(identity.take_lives().is_empty());
    identity.cgroup_removed(CgroupId(5), 21);
    let ended = [Life::Ended {
        container: id_a.clone(),
    }];
    assert_eq!(identity.take_lives(), ended);

    // Started again, as a scan finds it; and gone, as the next one does.
    let scan = |groups: &[(CgroupId, Vec<u8>)]| Scan {
        groups: groups.to_vec(),
        skipped: 0,
        complete: true,
        failed: false,
    };
    identity.reconcile(&scan(&[(CgroupId(8), docker('a'))]), 30, 30);
    assert_eq!(identity.take_lives(), [begun(8, None)]);
    identity.reconcile(&scan(&[]), 40, 40);
    assert_eq!(identity.take_lives(), ended);
}

#[test]
fn one_that_died_while_nobody_looked_has_its_grace_time() {
    let mut identity = Identity::new(Limits::default());
    identity.cgroup_created(CgroupId(5), &docker('a'), 0);
    // One that is there is none of them, but a group of it may be.
    identity.bury(&id('a'), &[CgroupId(5), CgroupId(6)], 10 * SECOND);
    identity.bury(&id('b'), &[CgroupId(7)], 10 * SECOND);
    identity.bury(&id('c'), &[], 10 * SECOND);
    assert_eq!(name(&identity, 6), "aaaaaaaaaaaa");
    assert_eq!(name(&identity, 7), "bbbbbbbbbbbb");
    assert_eq!(identity.living().count(), 1);
    assert_eq!(identity.expire(70 * SECOND), Expired::default());
    let mut expired = identity.expire(70 * SECOND + 1);
    expired.cgroups.sort_unstable();
    expired.containers.sort_unstable();
    assert_eq!(expired.cgroups, [CgroupId(6), CgroupId(7)]);
    assert_eq!(expired.containers, [id('b'), id('c')]);
    assert_eq!(name(&identity, 5), "aaaaaaaaaaaa");
}
