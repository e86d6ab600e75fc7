//! Counters become rows, and none is counted twice or not at all.

use super::*;
use crate::decode::Written;
use crate::denial::{ContainerPath, Extent, IdMap, Resolution, Runtime, Unresolved};
use crate::mounts::Mount;
use sealwatch_ebpf::wire::Ownership;

fn key(directory: u64, operation: Operation) -> WriteKey {
    WriteKey {
        cgroup: 7,
        directory,
        mount_id: 1,
        operation: operation as u8,
        author: Author::Container as u8,
        reserved: [0; 2],
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

/// By root, in a user namespace that begins at 100,000.
fn written(key: WriteKey, text: &str) -> Written {
    let map = IdMap::Extents(vec![Extent {
        inside: 0,
        outside: 100_000,
        count: 65_536,
    }]);
    Written {
        key,
        pid: 1,
        mount_namespace: 1,
        fs_magic: None,
        uid: 100_000,
        gid: 100_000,
        comm: b"app".to_vec(),
        uid_map: map.clone(),
        gid_map: map,
        path: path(text),
        owners: Vec::new(),
    }
}

fn tell(inventory: &mut Inventory, key: &WriteKey, text: &str, line: &str) {
    let told = Told::of(written(*key, text), mount(line), None);
    inventory.tell(key, told);
}

fn directory(uid: u32, mode: u32) -> Ownership {
    Ownership {
        uid,
        gid: uid,
        mode: 0o040_000 | mode,
        reserved: 0,
    }
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
        tell(&mut inventory, &key, told.0, told.1);
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
        tell(&mut inventory, &key, &text, ROOT);
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

#[test]
fn what_a_runtime_writes_is_in_a_row_of_its_own() {
    let mut inventory = Inventory::default();
    for directory in 1..100 {
        let key = WriteKey {
            author: Author::Runtime as u8,
            ..key(directory, Operation::Mkdir)
        };
        tell(&mut inventory, &key, &format!("/x/{directory}/d"), ROOT);
        inventory.count(&key, &value(1, 0));
    }
    let own = key(100, Operation::Mkdir);
    tell(&mut inventory, &own, "/srv/x/d", ROOT);
    inventory.count(&own, &value(1, 0));
    let rows = &inventory.sum(1, owner)[0].rows;
    let kinds = rows
        .iter()
        .map(|row| (&*row.write_root, row.destination.kind));
    // The runtime's directories have taken no room from the container's.
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [("/srv/x", "upper_layer"), (RUNTIME, "runtime")]
    );
    assert_eq!((rows[0].directories, rows[1].directories), (1, 99));
    assert_eq!((rows[1].owner, rows[1].directory_owner), (None, None));
}

#[test]
fn a_row_tells_who_wrote_and_whose_the_place_is() {
    let mut inventory = Inventory::default();
    let first = key(1, Operation::Create);
    let mut by_root = written(first, "/var/cache/app/x/a");
    by_root.owners = vec![
        directory(100_000, 0o755),
        directory(100_000, 0o755),
        directory(100_000, 0o755),
        directory(100_033, 0o750),
        directory(100_033, 0o1777),
    ];
    inventory.tell(&first, Told::of(by_root, mount(ROOT), None));
    inventory.count(&first, &value(1, 0));
    for uid in 0..20 {
        let next = key(2 + uid, Operation::Write);
        let mut by_user = written(next, "/var/cache/app/b");
        by_user.uid = uid as u32;
        by_user.comm = format!("w\n{uid}").into_bytes();
        inventory.tell(&next, Told::of(by_user, mount(ROOT), None));
        inventory.count(
            &next,
            &WriteValue {
                first_ns: 20,
                ..value(1, 0)
            },
        );
    }
    let row = &inventory.sum(8, owner)[0].rows[0];
    let owned = row.owner.unwrap();
    assert_eq!(
        (owned.by.uid, owned.by.uid_in_container),
        (100_033, Some(33))
    );
    assert_eq!(
        (owned.mode, row.directory_owner.unwrap().mode),
        (0o750, 0o1777)
    );
    assert_eq!(row.writers.len(), WRITERS_MAX);
    assert!(row.more_writers);
    assert_eq!(row.writers[0].uid_in_container, Some(0));
    // The host's user 0 has no name inside.
    assert_eq!(
        (row.writers[1].uid, row.writers[1].uid_in_container),
        (0, None)
    );
    assert_eq!(row.commands[..2], ["app", "w\\x0a0"]);
    assert_eq!(row.commands.len(), COMMANDS_MAX);
}

#[test]
fn a_link_is_told_by_where_it_leads() {
    let mut inventory = Inventory::default();
    let key = key(1, Operation::Mkdir);
    let real = Real {
        path: path("/run/q"),
        owner: directory(100_000, 0o755),
    };
    let told = Told::of(written(key, "/var/run/q"), mount(ROOT), Some(real));
    inventory.tell(&key, told);
    inventory.count(&key, &value(1, 0));
    let row = &inventory.sum(8, owner)[0].rows[0];
    assert_eq!(
        (&*row.write_root, &*row.paths),
        ("/run", &["/run/q".to_owned()][..])
    );
    assert_eq!(row.owner.map(|owned| owned.mode), Some(0o755));
}

#[test]
fn what_is_executed_is_no_write_and_told_where_something_was_written() {
    let mut inventory = Inventory::default();
    for (directory, operation, text) in [
        (1, Operation::Create, "/srv/x/tool"),
        (1, Operation::Exec, "/srv/x/tool"),
        (2, Operation::Mmap, "/srv/x/lib.so"),
        (3, Operation::Mmap, "/usr/lib/libc.so"),
    ] {
        let key = key(directory, operation);
        tell(&mut inventory, &key, text, ROOT);
        inventory.count(
            &key,
            &WriteValue {
                last_ns: 99,
                ..value(2, 0)
            },
        );
    }
    let rows = &inventory.sum(8, owner)[0].rows;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].operations(), rows[0].executions), (2, 4));
}

#[test]
fn what_needs_no_mount_is_the_kernels() {
    let kind = |line: &str, magic| Destination::of(mount(line).as_deref(), magic).kind;
    for line in [
        "37 36 0:51 / /proc rw - proc proc rw\n",
        "37 36 0:51 / /dev rw - tmpfs tmpfs rw,size=65536k\n",
        "37 36 0:51 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
    ] {
        assert_eq!(kind(line, None), "kernel", "{line}");
    }
    assert_eq!(
        kind("37 36 0:51 / /dev/shm rw - tmpfs shm rw\n", None),
        "tmpfs"
    );
    // The table was gone; proc and tmpfs.
    assert_eq!(kind("", Some(0x9fa0)), "kernel");
    assert_eq!(kind("", Some(0x0102_1994)), "unknown");
    assert_eq!(kind("", None), "unknown");
}
