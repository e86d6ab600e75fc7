//! Writes inside, outside and nowhere known, to the number.

use super::*;
use crate::contract;
use crate::decode::Written;
use crate::denial::{ContainerPath, IdMap, Runtime};
use crate::mounts;
use sealwatch_ebpf::wire::WriteKey;

const CONTRACTS: &str = "\
version: 1
container: web
write_roots:
  - { path: /tmp, kind: tmpfs }
  - { path: /vol, kind: volume }
  - { path: /var/log, kind: should_not_exist, reason: logs belong on stdout }
---
version: 1
container: nobody*
";
const ROOT: &str = "36 35 0:50 / / rw - overlay overlay rw\n";
const TMPFS: &str = "37 36 0:51 / /tmp rw - tmpfs tmpfs rw,size=64k\n";
const PROC: &str = "38 36 0:52 / /host rw - proc proc rw\n";
const LIMITS: Limits = Limits {
    containers: 2,
    write_roots_per_container: 3,
    series: 100,
};

fn breaches() -> Breaches {
    let contracts = contract::parse("c.yaml", CONTRACTS).unwrap();
    let numbered = contracts.into_iter().enumerate();
    let declared = numbered.map(|(number, contract)| Declared {
        name: format!("c.yaml#{}", number + 1),
        contract,
    });
    Breaches::new(declared.collect(), LIMITS)
}

fn container(id: &str, name: &str) -> Arc<Container> {
    Arc::new(Container {
        name: name.to_owned(),
        described: true,
        ..Container::unnamed(id, Runtime::Docker)
    })
}

fn told(path: &str, mount: &str) -> Told {
    let mut written = Written {
        key: WriteKey {
            cgroup: 1,
            directory: 1,
            mount_id: 1,
            operation: 2,
            author: 0,
            reserved: [0; 2],
        },
        pid: 1,
        mount_namespace: 1,
        fs_magic: None,
        uid: 0,
        gid: 0,
        comm: Vec::new(),
        uid_map: IdMap::Unread,
        gid_map: IdMap::Unread,
        path: ContainerPath {
            bytes: path.into(),
            resolution: Resolution::Absolute,
        },
        owners: Vec::new(),
    };
    if !path.starts_with('/') {
        written.path.resolution = Resolution::Partial;
    }
    let mount = mounts::parse(mount.as_bytes()).pop().map(Arc::new);
    Told::of(written, mount, None)
}

fn wrote(breaches: &mut Breaches, whose: &Arc<Container>, told: Option<&Told>, count: u64) -> bool {
    let writes = Writes {
        told,
        untold: false,
        count,
        last: SystemTime::UNIX_EPOCH,
    };
    breaches.take(whose, &writes)
}

/// Write roots with their numbers, and what is not judged.
fn counted(breaches: &Breaches, name: &str) -> (Vec<(String, u64)>, u64) {
    let counted = breaches.shown().counted;
    let own = counted
        .into_iter()
        .find(|one| one.workload.container == name);
    own.map_or((Vec::new(), 0), |own| {
        let roots = own.roots.into_iter();
        (
            roots
                .map(|(root, count)| (root.to_string(), count))
                .collect(),
            own.unjudged,
        )
    })
}

/// A breach, and a write that is not judged, of a container with these labels.
pub(crate) fn shown(container: Container) -> Shown {
    let mut breaches = breaches();
    let container = Arc::new(Container {
        name: "web".to_owned(),
        ..container
    });
    breaches.meet([&container].into_iter());
    wrote(&mut breaches, &container, Some(&told("/srv/a", ROOT)), 7);
    wrote(&mut breaches, &container, Some(&told("deleted", ROOT)), 1);
    breaches.shown()
}

#[test]
fn only_what_is_outside_is_counted() {
    let mut breaches = breaches();
    let web = container("a", "web");
    for (path, mount) in [
        ("/tmp/x/y", TMPFS),
        ("/vol/x", ROOT),
        ("/dev/shm/x", ROOT),
        ("/host/sys/vm/x", PROC),
        ("deleted", TMPFS),
    ] {
        assert!(
            wrote(&mut breaches, &web, Some(&told(path, mount)), 5),
            "{path}"
        );
    }
    assert_eq!(counted(&breaches, "web"), (vec![], 0));
    assert!(breaches.due(0, true).is_empty());
    wrote(&mut breaches, &web, Some(&told("/srv/a", ROOT)), 2);
    wrote(&mut breaches, &web, Some(&told("/var/log/app/x", ROOT)), 3);
    wrote(&mut breaches, &web, Some(&told("/srv/a", ROOT)), 1);
    // Somewhere on the root, which is no mount that a contract grants.
    wrote(&mut breaches, &web, Some(&told("deleted", ROOT)), 4);
    let expected = vec![("/srv".to_owned(), 3), ("/var/log/app".to_owned(), 3)];
    assert_eq!(counted(&breaches, "web"), (expected, 4));
    let due = breaches.due(0, false);
    assert_eq!((due[0].count, due[0].why.label()), (3, "undeclared"));
    assert!(
        due[0]
            .fix()
            .contains("declare /srv in the contract and mount")
    );
    assert_eq!(due[1].why.label(), "should_not_exist");
    assert!(
        due[1]
            .fix()
            .ends_with("/var/log, where nothing should be: logs belong on stdout")
    );
}

#[test]
fn who_has_no_contract_breaks_none() {
    let mut breaches = breaches();
    let other = container("b", "other");
    assert!(wrote(&mut breaches, &other, Some(&told("/srv/a", ROOT)), 5));
    breaches.meet([&other].into_iter());
    let shown = breaches.shown();
    assert!(shown.counted.is_empty() && shown.holders.is_empty());
    assert_eq!(shown.contracts.len(), 2);
    assert!(!Breaches::new(Vec::new(), LIMITS).any());
}

#[test]
fn a_write_that_is_not_told_yet_waits_and_is_not_judged_at_the_end() {
    let mut breaches = breaches();
    let web = container("a", "web");
    assert!(!wrote(&mut breaches, &web, None, 5));
    assert_eq!(counted(&breaches, "web").1, 0);
    let last = Writes {
        told: None,
        untold: true,
        count: 5,
        last: SystemTime::UNIX_EPOCH,
    };
    assert!(breaches.take(&web, &last));
    assert_eq!(counted(&breaches, "web"), (vec![], 5));
}

#[test]
fn the_first_is_told_at_once_and_then_one_a_minute() {
    let mut breaches = breaches();
    let web = container("a", "web");
    let at = told("/srv/a", ROOT);
    let new = |due: Vec<Breach>| due.iter().map(|one| one.new).collect::<Vec<_>>();
    wrote(&mut breaches, &web, Some(&at), 1);
    assert_eq!(new(breaches.due(7, false)), [1]);
    wrote(&mut breaches, &web, Some(&at), 2);
    wrote(&mut breaches, &web, Some(&at), 3);
    assert!(breaches.due(8, false).is_empty());
    assert_eq!(new(breaches.due(7 + QUIET_NS, false)), [5]);
    assert!(breaches.due(7 + 3 * QUIET_NS, false).is_empty());
    wrote(&mut breaches, &web, Some(&at), 4);
    assert_eq!(new(breaches.due(7 + QUIET_NS, true)), [4]);
}

#[test]
fn numbers_go_on_with_the_next_of_the_name_and_leave_with_the_last() {
    let mut breaches = breaches();
    let (first, second) = (container("a", "web"), container("b", "web"));
    let at = told("/srv/a", ROOT);
    breaches.meet([&first].into_iter());
    wrote(&mut breaches, &first, Some(&at), 2);
    breaches.meet([&second].into_iter());
    wrote(&mut breaches, &second, Some(&at), 3);
    assert_eq!(breaches.shown().contracts[0].containers, 1);
    assert_eq!(breaches.shown().breaches.len(), 2);
    breaches.retire("a");
    assert_eq!(counted(&breaches, "web").0, [("/srv".to_owned(), 5)]);
    breaches.retire("b");
    let shown = breaches.shown();
    assert!(shown.counted.is_empty() && shown.breaches.is_empty());
    assert_eq!(shown.contracts[0].containers, 0);
}

#[test]
fn what_is_past_a_limit_is_counted_together() {
    let mut breaches = breaches();
    let web = container("a", "web");
    for directory in 0..10 {
        let path = format!("/d{directory}/x/f");
        wrote(&mut breaches, &web, Some(&told(&path, ROOT)), 1);
    }
    let (roots, _) = counted(&breaches, "web");
    assert_eq!(roots.len(), LIMITS.write_roots_per_container + 1);
    assert_eq!(roots.iter().map(|(_, count)| count).sum::<u64>(), 10);
    assert!(roots.contains(&(OTHER.to_owned(), 7)));
    for id in ["b", "c", "d"] {
        let more = container(id, "web");
        wrote(&mut breaches, &more, Some(&told("/srv/x", ROOT)), 1);
    }
    assert_eq!(counted(&breaches, OTHER), (vec![], 2));
}

#[test]
fn other_contracts_keep_what_is_of_the_same_ones() {
    let mut breaches = breaches();
    let (web, at) = (container("a", "web"), told("/srv/a", ROOT));
    wrote(&mut breaches, &web, Some(&at), 2);
    // The same contract in another place of the list: its breaches stay.
    let mut same = breaches.contracts.clone();
    same.reverse();
    breaches.replace(same.clone());
    assert_eq!(breaches.shown().breaches[0].count, 2);
    // None for this container: its breaches leave, what was counted stays.
    same.retain(|declared| !declared.contract.applies_to(&web));
    breaches.replace(same);
    assert!(breaches.shown().breaches.is_empty() && !breaches.applies_to(&web));
    assert_eq!(counted(&breaches, "web").0, [("/srv".to_owned(), 2)]);
    breaches.retire("a");
    assert!(counted(&breaches, "web").0.is_empty());
}
