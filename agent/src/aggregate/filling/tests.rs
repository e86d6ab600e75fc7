//! Names, bounds, and what remains of a container that is gone.

use super::*;
use crate::denial::Runtime;
use crate::tmpfs::{Asked, Fill, Limit, Memory, Oom, Origin, Pressure};

/// A container with one tmpfs, half full.
pub(crate) fn told(id: &str, used: u64) -> ContainerTmpfs {
    let measured = |used, limit| Sampled::Measured {
        fill: Fill { used, limit },
        pressure: Pressure::Calm,
        full_in_s: Some(60),
    };
    ContainerTmpfs {
        container: id.into(),
        mounts: vec![MountTmpfs {
            target: "/tmp".to_owned(),
            device: Device { major: 0, minor: 9 },
            elsewhere: 0,
            origin: Origin::Container,
            bytes_asked: Asked::Unbounded,
            inodes_asked: Asked::AtMost(10),
            history: Arc::new([]),
            bytes: measured(used, 2 * used),
            inodes: measured(2, 10),
        }],
        dropped: 0,
        table_cut: false,
        unmeasured: None,
        memory: Memory {
            limit: Limit::Bytes(4 * used),
            tmpfs_bytes: used,
            share: Some(0.25),
            pressure: Pressure::Calm,
        },
        oom: Oom::default(),
        sampled_ns: 5,
    }
}

/// The same after a kill that was seen at a time.
pub(crate) fn killed(mut told: ContainerTmpfs, seen_ns: u64) -> ContainerTmpfs {
    told.oom = Oom {
        kills: Some(1),
        last: Some(Killed {
            seen_ns,
            memory: told.memory,
            largest: Some("/tmp".to_owned()),
        }),
    };
    told
}

fn container(id: &str, name: &str) -> Arc<Container> {
    let mut container = Container::unnamed(id, Runtime::Docker);
    container.name = name.to_owned();
    container.described = !name.is_empty();
    Arc::new(container)
}

fn report(all: &[ContainerTmpfs]) -> Report {
    Report {
        containers: all.iter().cloned().map(Arc::new).collect(),
        ..Report::default()
    }
}

fn fillings(containers: usize, series: usize) -> Fillings {
    Fillings::new(Limits {
        containers,
        write_roots_per_container: 8,
        series,
    })
}

fn owners(all: &[Arc<Container>]) -> HashMap<&str, &Arc<Container>> {
    all.iter().map(|one| (one.id.as_str(), one)).collect()
}

fn shown(fillings: &Fillings) -> Vec<&str> {
    let containers = &fillings.latest().containers;
    containers.iter().map(|one| &*one.told.container).collect()
}

#[test]
fn only_what_has_a_name_of_its_own_is_shown() {
    let named = [
        container("a", "web"),
        container("b", ""),
        container("c", "web"),
    ];
    let mut fillings = fillings(9, 900);
    let all = report(&["a", "b", "c", "inner"].map(|id| told(id, 100)));
    assert!(fillings.take(&all, &owners(&named)));
    assert_eq!(shown(&fillings), ["a"]);
    let unmeasured = &fillings.latest().unmeasured;
    let expected = [("same_name", 1), ("undescribed", 1)];
    assert_eq!(*unmeasured, BTreeMap::from(expected));
}

#[test]
fn a_sample_that_tells_the_same_changes_nothing() {
    let named = [container("a", "web")];
    let mut fillings = fillings(9, 900);
    let mut one = told("a", 100);
    assert!(fillings.take(&report(std::slice::from_ref(&one)), &owners(&named)));
    one.sampled_ns += 1;
    assert!(!fillings.take(&report(std::slice::from_ref(&one)), &owners(&named)));
    one.mounts[0].elsewhere += 1;
    assert!(fillings.take(&report(&[one]), &owners(&named)));
    assert!(fillings.take(&report(&[]), &owners(&named)));
}

#[test]
fn who_was_shown_once_keeps_the_place() {
    let named = [container("b", "web"), container("a", "db")];
    let mut fillings = fillings(1, 900);
    fillings.take(&report(&[told("b", 100)]), &owners(&named));
    let both = report(&[told("a", 100), told("b", 100)]);
    fillings.take(&both, &owners(&named));
    assert_eq!(shown(&fillings), ["b"]);
    assert_eq!(
        fillings.latest().unmeasured.get("container_limit"),
        Some(&1)
    );
    fillings.take(&report(&[told("a", 100)]), &owners(&named));
    assert_eq!(shown(&fillings), ["a"]);
}

#[test]
fn series_are_bounded() {
    let named = [container("a", "web"), container("b", "db")];
    let mut fillings = fillings(9, SERIES_PER_CONTAINER + SERIES_PER_MOUNT);
    let both = report(&[told("a", 100), told("b", 100)]);
    fillings.take(&both, &owners(&named));
    assert_eq!(shown(&fillings), ["a"]);
    assert_eq!(fillings.latest().unmeasured.get("series_limit"), Some(&1));
}

#[test]
fn reasons_are_counted_by_mount() {
    let named = [container("a", "web"), container("b", "db")];
    let mut fillings = fillings(9, 900);
    let mut one = told("a", 100);
    one.mounts[0].bytes = Sampled::Not(Unmeasured::Unlimited);
    one.dropped = 3;
    one.table_cut = true;
    let mut gone = told("b", 100);
    gone.unmeasured = Some(Unmeasured::NoProcess);
    gone.mounts.clear();
    fillings.take(&report(&[one, gone]), &owners(&named));
    let expected = [
        ("mount_limit", 3),
        ("no_process", 1),
        ("table_limit", 1),
        ("unlimited", 1),
    ];
    assert_eq!(fillings.latest().unmeasured, BTreeMap::from(expected));
}

#[test]
fn a_kill_is_told_until_the_grace_time_is_over() {
    let named = [container("a", "web"), container("b", "web")];
    let mut fillings = fillings(9, 900);
    let first = killed(told("a", 100), 7);
    fillings.take(&report(&[first]), &owners(&named));
    assert!(fillings.take(&report(&[]), &owners(&named)));
    assert_eq!(fillings.latest().kills[0].killed.seen_ns, 7);
    // Started anew under the same name, and killed again.
    let second = killed(told("b", 200), 9);
    fillings.take(&report(&[second]), &owners(&named));
    let kills = &fillings.latest().kills;
    assert_eq!((kills.len(), kills[0].killed.seen_ns), (1, 9));
    assert!(fillings.retire("b"));
    assert_eq!(fillings.latest().kills[0].killed.seen_ns, 7);
    assert!(fillings.retire("a"));
    assert!(fillings.latest().kills.is_empty());
    assert!(!fillings.retire("a"));
}

#[test]
fn a_kill_that_the_kernel_tells_takes_what_was_shown() {
    let named = [container("a", "web")];
    let mut fillings = fillings(9, 900);
    let id: Arc<str> = "a".into();
    assert!(!fillings.killed(&id, 7));
    let both = report(&[told("a", 100)]);
    fillings.take(&both, &owners(&named));
    assert!(fillings.killed(&id, 7));
    assert!(!fillings.killed(&id, 7));
    let kill = fillings.latest().kills[0].killed.clone();
    assert_eq!(
        (kill.largest.as_deref(), kill.memory.share),
        (Some("/tmp"), Some(0.25))
    );
    // The sampler finds the same kill later; an older one of its changes nothing.
    fillings.take(&report(&[killed(told("a", 300), 6)]), &owners(&named));
    assert_eq!(fillings.latest().kills[0].killed.seen_ns, 7);
    fillings.take(&report(&[killed(told("a", 300), 8)]), &owners(&named));
    assert_eq!(fillings.latest().kills[0].killed.seen_ns, 8);
}

#[test]
fn reasons_have_names_of_their_own() {
    let unshown = Unshown::ALL.map(Unshown::label);
    let all: HashSet<_> = Unmeasured::LABELS.into_iter().chain(unshown).collect();
    assert_eq!(all.len(), Unmeasured::LABELS.len() + unshown.len());
    let crosses = Unmeasured::Crosses(String::new());
    for why in [crosses, Unmeasured::Unlimited, Unmeasured::Failed(5)] {
        assert!(all.contains(why.label()));
    }
}
