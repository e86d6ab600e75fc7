//! What of a table matters.

use proptest::prelude::*;

use super::*;

fn kinds(table: &Table) -> Vec<(&str, Kind, Option<&str>)> {
    let told = table.writable.iter();
    told.map(|mount| (mount.target.as_str(), mount.kind, mount.source.as_deref()))
        .collect()
}

#[test]
fn what_a_runtime_puts_into_every_container_is_not_the_users() {
    let table = docker("ro", "");
    assert_eq!(kinds(&table), [("/dev/shm", Kind::Tmpfs, None)]);
    let root = table.root.as_ref().unwrap();
    assert!(!root.writable && !root.super_read_only && root.mode() == "ro");
    assert!(table.kernel.is_empty() && table.sockets.is_empty() && !table.cut);
}

#[test]
fn the_file_systems_own_word_counts_as_the_mounts_does() {
    for (mount, system, writable) in [
        ("rw", "rw", true),
        ("ro", "rw", false),
        ("rw", "ro", false),
        ("ro", "ro", false),
    ] {
        let text = format!("7 6 0:5 / / {mount} - erofs e {system},x=y\n");
        let table = table(&parse(text.as_bytes()), &host(), false).unwrap();
        let root = table.root.unwrap();
        assert_eq!(root.writable, writable, "{mount} {system}");
        assert_eq!(root.super_read_only, system == "ro");
    }
}

#[test]
fn every_writable_mount_is_told_with_what_it_is() {
    let pod = "/var/lib/kubelet/pods/8f6a2c1e-1111-4222-8333-0123456789ab";
    let more = format!(
        "710 700 0:60 / /tmp rw,nosuid - tmpfs tmpfs rw,size=64k
711 700 8:1 /var/lib/docker/volumes/db/_data /db rw - ext4 a rw
712 700 8:1 /host/secret /secret rw - ext4 a rw
713 700 8:1 /host/public /public ro - ext4 a rw
714 700 8:17 / /whole rw - ext4 b rw
715 700 8:17 /part /part rw - ext4 b rw
716 700 0:23 /app.sock /app.sock rw - tmpfs tmpfs rw
717 700 0:90 / /mem rw - tmpfs tmpfs rw,size=65536k
718 700 8:33 / /claim rw - ext4 c rw
719 700 8:1 {pod}/volumes/kubernetes.io~empty-dir/e /empty rw - ext4 a rw
720 700 8:1 {pod}/etc-hosts /etc/hosts rw - ext4 a rw
721 700 8:1 {pod}/containers/app/1234 /tmp/termination rw - ext4 a rw
722 702 0:91 / /dev/shm2 rw - tmpfs shm rw,size=65536k
723 700 0:99 / /nfs rw - nfs4 server:/x rw
724 700 0:98 / /o rw - overlay overlay rw
725 710 0:97 / /tmp rw - ramfs r rw
"
    );
    let expected = [
        ("/app.sock", Kind::HostPath, Some("/run/app.sock")),
        (
            "/claim",
            Kind::Volume,
            Some(&*format!("{pod}/volumes/kubernetes.io~csi/pvc/mount")),
        ),
        (
            "/db",
            Kind::Volume,
            Some("/var/lib/docker/volumes/db/_data"),
        ),
        ("/dev/shm", Kind::Tmpfs, None),
        ("/dev/shm2", Kind::Tmpfs, None),
        (
            "/empty",
            Kind::Volume,
            Some(&*format!("{pod}/volumes/kubernetes.io~empty-dir/e")),
        ),
        ("/mem", Kind::Tmpfs, None),
        ("/nfs", Kind::Other, None),
        ("/o", Kind::Overlay, None),
        ("/part", Kind::HostPath, Some("/data/part")),
        ("/secret", Kind::HostPath, Some("/host/secret")),
        // Another mount lies over the tmpfs.
        ("/tmp", Kind::Other, None),
        ("/whole", Kind::HostPath, Some("/data")),
    ];
    assert_eq!(kinds(&docker("ro", &more)), expected);
}

#[test]
fn a_container_that_is_being_started_has_the_hosts_root() {
    let unpivoted = HOST.to_owned() + "99 21 0:50 / /var/lib/docker/x rw - overlay o rw\n";
    let told = table(&parse(unpivoted.as_bytes()), &host(), false);
    assert_eq!(told, Err(Unknown::Starting));
}

#[test]
fn a_root_is_told_only_where_it_is_certain() {
    let root = |text: &str| table(&parse(text.as_bytes()), &host(), false).unwrap().root;
    assert_eq!(root("2 1 0:5 / /x rw - tmpfs t rw\n"), Err(Unknown::NoRoot));
    let both = |second: &str| {
        root(&format!(
            "2 1 0:5 / / rw - overlay t rw\n3 2 0:6 / / {second} - tmpfs t rw\n"
        ))
    };
    assert_eq!(both("ro"), Err(Unknown::StackedRoot));
    assert!(both("rw").unwrap().writable);
}

#[test]
fn a_table_of_many_mounts_is_bounded() {
    let many: String = (0..5000)
        .map(|n| format!("{} 700 0:{n} / /m{n:04} rw - tmpfs t rw\n", 1000 + n))
        .collect();
    let table = docker("rw", &many);
    assert!(table.cut);
    assert_eq!(table.writable.len(), MOUNTS_MAX);
    assert!(table.dropped > 4000, "{}", table.dropped);
}

proptest! {
    #[test]
    fn no_table_panics(text in "([0-9] [0-9] 0:[0-9] /[ab]? /[ab/]{0,4} r[ow] - (tmpfs|proc|ext4) s r[ow]\n){0,12}") {
        let rows = parse(text.as_bytes());
        let _ = table(&rows, &HostMounts::of(&rows[rows.len() / 2..]), false);
    }
}
