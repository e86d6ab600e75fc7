//! Filling, swapping and hiding real tmpfs mounts.

use sealwatch::tmpfs::{Asked, Fill, Unmeasured};

use super::engines::cannot_run;
use super::{Room, usage_of};

const MIB: u64 = 1 << 20;

macro_rules! room {
    ($test:literal) => {
        match Room::open() {
            Ok(room) => room,
            Err(why) => return cannot_run($test, &why),
        }
    };
}

#[test]
fn bytes_and_inodes_are_read_as_they_fill_up() {
    let mut room = room!("bytes_and_inodes_are_read_as_they_fill_up");
    room.run("mkdir $D/t && mount -t tmpfs -o size=1m,nr_inodes=10 tmpfs $D/t");
    let seen = room.visit_after(0);
    let path = room.path("t");
    assert_eq!(seen.unmeasured, None);
    let owned = seen
        .ownership
        .mounts
        .iter()
        .find(|m| m.target == path.as_bytes());
    let owned = owned.unwrap();
    assert_eq!(
        (owned.bytes, owned.inodes),
        (Asked::AtMost(MIB), Asked::AtMost(10))
    );
    let empty = usage_of(&seen, &path).unwrap().unwrap();
    assert_eq!(
        empty.bytes,
        Some(Fill {
            used: 0,
            limit: MIB
        })
    );
    // The mount's own directory is one.
    assert_eq!(empty.inodes, Some(Fill { used: 1, limit: 10 }));
    for (kib, expected) in [(512, 0.5), (410, 0.9), (200, 1.0)] {
        room.try_run(&format!(
            "dd if=/dev/zero bs=1k count={kib} status=none >> $D/t/a 2>/dev/null"
        ));
        let usage = room.usage("t").unwrap().unwrap();
        let share = usage.bytes.unwrap().share();
        assert!((share - expected).abs() < 0.005, "{share} after {kib} KiB");
    }
    room.try_run("cd $D/t && touch 1 2 3 4 5 6 7 8 9 2>/dev/null");
    let usage = room.usage("t").unwrap().unwrap();
    assert_eq!(
        usage.inodes,
        Some(Fill {
            used: 10,
            limit: 10
        })
    );
    room.run("rm $D/t/*; mount -o remount,size=2m $D/t");
    let usage = room.usage("t").unwrap().unwrap();
    assert_eq!(
        usage.bytes,
        Some(Fill {
            used: 0,
            limit: 2 * MIB
        })
    );
}

#[test]
fn without_a_limit_the_kernel_does_not_tell() {
    let mut room = room!("without_a_limit_the_kernel_does_not_tell");
    room.run("mkdir $D/u $D/d && mount -t tmpfs -o size=0,nr_inodes=0 tmpfs $D/u && mount -t tmpfs tmpfs $D/d");
    let seen = room.visit_after(0);
    let of = |name: &str| {
        let path = room.path(name).into_bytes();
        let mounts = &seen.ownership.mounts;
        let at = mounts
            .iter()
            .position(|mount| mount.target == path)
            .unwrap();
        (mounts[at].bytes, seen.usage[at].clone().unwrap())
    };
    let (asked, usage) = of("u");
    assert_eq!(
        (asked, usage.bytes, usage.inodes),
        (Asked::Unlimited, None, None)
    );
    let (asked, usage) = of("d");
    assert_eq!(asked, Asked::Unbounded);
    assert!(usage.bytes.unwrap().limit > 64 * MIB);
}

#[test]
fn a_swapped_place_is_never_measured() {
    let mut room = room!("a_swapped_place_is_never_measured");
    room.run("mkdir $D/a $D/b $D/e; for n in a b; do mount -t tmpfs -o size=1m tmpfs $D/$n; done; mount -t tmpfs -o size=9m tmpfs $D/e");
    let place = |room: &mut Room| room.usage("a");
    assert!(place(&mut room).unwrap().is_ok());

    // A link where the mount was. The table is read again, and knows no mount.
    room.run("umount $D/a && rmdir $D/a && ln -s $D/e $D/a");
    assert_eq!(place(&mut room), None);
    // The link on the way.
    room.run("rm $D/a; mkdir -p $D/a $D/x/y && mount -t tmpfs -o size=1m tmpfs $D/x/y");
    room.visit_after(120);
    assert!(room.usage("x/y").unwrap().is_ok());
    room.run("mv $D/x $D/z && ln -s z $D/x");
    assert_eq!(
        room.usage("x/y"),
        None,
        "the kernel shows the mount by its new name"
    );
    assert!(room.usage("z/y").unwrap().is_ok());

    // Something else over it: another tmpfs, and a disk's directory.
    for over in [
        "mount -t tmpfs -o size=3m tmpfs $D/b",
        "mount --bind $D/a $D/b",
    ] {
        room.visit_after(120);
        assert!(room.usage("b").unwrap().is_ok());
        room.run(over);
        let usage = room.usage("b").unwrap();
        let limit = usage
            .as_ref()
            .ok()
            .and_then(|u| u.bytes)
            .map(|fill| fill.limit);
        // The lower one is covered now; where the upper is a tmpfs, that is told.
        assert!(
            limit == Some(3 << 20) || usage == Err(Unmeasured::Covered),
            "{over}: {usage:?}"
        );
        room.run("umount $D/b");
    }
    room.visit_after(120);
    assert_eq!(room.usage("b").unwrap().unwrap().bytes.unwrap().limit, MIB);
}

#[test]
fn the_containers_umount_works_between_turns() {
    let mut room = room!("the_containers_umount_works_between_turns");
    room.run("mkdir $D/a");
    for _ in 0..20 {
        room.run("mount -t tmpfs -o size=1m tmpfs $D/a");
        room.visit_after(120);
        assert!(room.usage("a").unwrap().is_ok());
        room.run("umount $D/a");
        assert_eq!(room.usage("a"), None);
    }
}

#[test]
fn odd_names_are_looked_up_as_they_are() {
    let mut room = room!("odd_names_are_looked_up_as_they_are");
    room.run("for n in 'a b' \"$(printf 'n\\nl')\" 'q\\040' \"$(printf '\\377')\"; do mkdir \"$D/$n\" && mount -t tmpfs -o size=1m tmpfs \"$D/$n\" || exit 1; done");
    let seen = room.visit_after(0);
    let dir = room.dir.path().to_string_lossy().into_owned();
    let ours = seen.ownership.mounts.iter().zip(&seen.usage);
    let ours = ours.filter(|(mount, _)| mount.target.starts_with(dir.as_bytes()));
    let ours: Vec<_> = ours.collect();
    assert_eq!(ours.len(), 4);
    assert!(ours.iter().all(|(_, usage)| usage.is_ok()), "{ours:?}");
}

#[test]
fn a_process_that_is_gone_is_replaced_or_told() {
    let mut room = room!("a_process_that_is_gone_is_replaced_or_told");
    room.run("mkdir $D/a && mount -t tmpfs -o size=1m tmpfs $D/a");
    assert!(room.usage("a").unwrap().is_ok());
    let procs = room.group.path().join("cgroup.procs");
    std::fs::write(&procs, "").unwrap();
    // Still there, as far as the turn can tell.
    assert!(room.usage("a").unwrap().is_ok());
    room.shell.kill().unwrap();
    room.shell.wait().unwrap();
    assert_eq!(room.usage("a"), Some(Err(Unmeasured::NoProcess)));
    std::fs::write(&procs, format!("{}\n", std::process::id())).unwrap();
    let seen = room.visit_after(1);
    assert_eq!(seen.unmeasured, Some(Unmeasured::HostMounts));
}
