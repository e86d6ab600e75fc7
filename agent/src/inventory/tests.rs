//! Counters become rows, and none is counted twice or not at all.

use super::*;
use crate::denial::{Resolution, Runtime, Unresolved};

fn key(directory: u64, operation: Operation) -> WriteKey {
    WriteKey {
        cgroup: 7,
        directory,
        mount_id: 1,
        operation: operation as u8,
        reserved: [0; 3],
    }
}

fn value(count: u64, bytes: u64) -> WriteValue {
    WriteValue {
        count,
        bytes,
        first_ns: 10,
        last_ns: 10 + count,
        sampled: 1,
    }
}

fn path(text: &str) -> ContainerPath {
    ContainerPath {
        bytes: text.into(),
        resolution: Resolution::Absolute,
    }
}

fn mount(line: &str) -> Option<Arc<Mount>> {
    crate::mounts::parse(line.as_bytes()).pop().map(Arc::new)
}

fn owner(cgroup: CgroupId) -> Owner {
    match cgroup.0 {
        7 => Owner::Container(Arc::new(Container::unnamed("c0ffee", Runtime::Docker))),
        _ => Owner::Unknown(Unresolved::CgroupUnseen),
    }
}

const ROOT: &str = "36 35 0:50 / / rw - overlay overlay rw\n";
const TMPFS: &str = "37 36 0:51 / /tmp rw - tmpfs tmpfs rw,size=64k\n";

#[test]
fn operations_are_summed_by_write_root_and_destination() {
    let mut inventory = Inventory::default();
    for (directory, operation, told, counts) in [
        (
            1,
            Operation::Create,
            ("/var/cache/app/x/a", ROOT),
            value(2, 0),
        ),
        (
            1,
            Operation::Write,
            ("/var/cache/app/x/a", ROOT),
            value(4, 100),
        ),
        (
            2,
            Operation::Open,
            ("/var/cache/app/y/b", ROOT),
            value(3, 0),
        ),
        (3, Operation::Rename, ("/tmp/c", TMPFS), value(1, 0)),
        (3, Operation::Mkdir, ("/tmp/d", TMPFS), value(5, 0)),
    ] {
        let key = key(directory, operation);
        inventory.tell(&key, path(told.0), mount(told.1));
        inventory.count(&key, &counts);
        inventory.count(&key, &counts);
    }
    let sums = inventory.sum(8, owner);
    assert_eq!(sums.len(), 1);
    let [tmp, cache] = &sums[0].rows[..] else {
        panic!("{sums:?}");
    };
    assert_eq!((&*tmp.write_root, tmp.destination.kind), ("/tmp", "tmpfs"));
    assert_eq!((tmp.renames, tmp.directories, tmp.bytes), (1, 5, 0));
    assert_eq!(&*cache.write_root, "/var/cache/app");
    assert_eq!(cache.destination.kind, "upper_layer");
    assert_eq!(
        (cache.opens, cache.creates, cache.writes, cache.bytes),
        (3, 2, 4, 100)
    );
    assert_eq!((cache.first_ns, cache.last_ns), (10, 14));
    assert_eq!(cache.paths.len(), 2);
}

#[test]
fn what_is_not_told_is_in_a_row_of_its_own() {
    let mut inventory = Inventory::default();
    inventory.count(&key(1, Operation::Create), &value(2, 0));
    inventory.count(&key(PATH_KEY_OTHER, Operation::Write), &value(1, 9));
    let sums = inventory.sum(8, owner);
    let roots: Vec<_> = sums[0].rows.iter().map(|row| &*row.write_root).collect();
    assert_eq!(roots, [OTHER, write_root::UNRESOLVED]);
    assert!(
        sums[0]
            .rows
            .iter()
            .all(|row| row.destination.kind == "unknown")
    );
}

#[test]
fn write_roots_are_bounded_and_lose_nothing() {
    let mut inventory = Inventory::default();
    for directory in 1..100 {
        let key = key(directory, Operation::Write);
        let text = format!("/{directory}/x/file");
        inventory.tell(&key, path(&text), mount(ROOT));
        inventory.count(&key, &value(1, 3));
    }
    let rows = &inventory.sum(4, owner)[0].rows;
    assert_eq!(rows.len(), 5);
    assert_eq!(rows.iter().map(|row| row.bytes).sum::<u64>(), 297);
    assert!(rows.iter().all(|row| row.paths.len() <= PATHS_MAX));
}

#[test]
fn a_counter_that_begins_anew_goes_on() {
    let mut inventory = Inventory::default();
    let key = key(1, Operation::Write);
    inventory.count(&key, &value(5, 50));
    inventory.count(&key, &value(2, 20));
    let rows = &inventory.sum(4, owner)[0].rows;
    assert_eq!((rows[0].writes, rows[0].bytes), (7, 70));
    inventory.forget(&HashSet::from([CgroupId(7)]));
    assert!(inventory.sum(4, owner).is_empty());
}
