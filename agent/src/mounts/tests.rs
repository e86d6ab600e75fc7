//! Lines as runtimes make them, and bytes of no kind.

use super::*;
use crate::denial::CgroupId;
use proptest::prelude::*;

const ID: &str = "0b1a6b2ca0b1a6b2ca0b1a6b2ca0b1a6b2ca0b1a6b2ca0b1a6b2ca0b1a6b2ca0";
const UID: &str = "1f0e7f0a-6d5c-4f36-9d3b-7a2f0c9e8b11";

fn one(line: &str) -> Mount {
    let text = line.replace("UID", UID).replace("ID", ID) + "\n";
    let mounts = parse(text.as_bytes());
    assert_eq!(mounts.len(), 1, "{line}");
    mounts.into_iter().next().unwrap()
}

#[test]
fn a_line_is_read_whole() {
    let mount = one(
        "603 581 0:53 / /tmp rw,nosuid,nodev,noexec,relatime shared:7 master:2 - tmpfs tmpfs rw,size=64k,nr_inodes=100,inode64",
    );
    assert_eq!(
        mount,
        Mount {
            id: 603,
            device: 53,
            kind: MountKind::Tmpfs,
            target: "/tmp".to_owned(),
            file_system: "tmpfs".to_owned(),
            root: "/".to_owned(),
            options: "rw,nosuid,nodev,noexec,relatime".to_owned(),
            bytes_max: Some(65_536),
            inodes_max: Some(100),
        }
    );
}

#[test]
fn kinds_are_told_by_who_provides_them() {
    use MountKind as K;
    for (line, kind) in [
        (
            "1 0 0:50 / / ro,relatime - overlay overlay rw,lowerdir=/a",
            K::Root,
        ),
        ("2 1 0:51 / /proc rw - proc proc rw", K::Kernel),
        ("3 1 0:52 /null /proc/kcore rw - tmpfs tmpfs rw", K::Kernel),
        (
            "4 1 0:24 /app/data /data rw - tmpfs tmpfs rw,size=1024k",
            K::HostPath,
        ),
        (
            "4 1 0:52 / /dev/shm rw - tmpfs shm rw,size=65536k",
            K::Tmpfs,
        ),
        (
            "5 1 8:1 /var/lib/docker/volumes/app_data/_data /data rw - ext4 /dev/sda1 rw",
            K::Volume,
        ),
        (
            "6 1 8:1 /home/u/.local/share/containers/storage/volumes/v/_data /data rw - ext4 /dev/sda1 rw",
            K::Volume,
        ),
        (
            "7 1 8:1 /var/lib/kubelet/pods/UID/volumes/kubernetes.io~empty-dir/cache /cache rw - ext4 /dev/sda1 rw",
            K::Volume,
        ),
        (
            "8 1 8:1 /var/lib/kubelet/pods/UID/volumes/kubernetes.io~configmap/c/..2024/app.conf /etc/app.conf ro - ext4 /dev/sda1 rw",
            K::ConfigMap,
        ),
        (
            "9 1 8:1 /pods/UID/volumes/kubernetes.io~secret/s /etc/tls ro - ext4 /dev/sda1 rw",
            K::Secret,
        ),
        (
            "10 1 0:60 / /var/run/secrets/kubernetes.io/serviceaccount ro - tmpfs tmpfs rw,size=8046780k",
            K::Projected,
        ),
        (
            "11 1 0:61 / /run/secrets/token ro - tmpfs tmpfs rw",
            K::Secret,
        ),
        (
            "12 1 8:1 /var/lib/docker/containers/ID/hosts /etc/hosts rw - ext4 /dev/sda1 rw",
            K::RuntimeFile,
        ),
        (
            "13 1 8:1 /var/lib/kubelet/pods/UID/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw",
            K::RuntimeFile,
        ),
        (
            "14 1 0:24 /containers/overlay-containers/ID/userdata/resolv.conf /etc/resolv.conf rw - tmpfs tmpfs rw",
            K::RuntimeFile,
        ),
        (
            "15 1 8:1 /srv/my-hosts /etc/hosts ro - ext4 /dev/sda1 rw",
            K::HostPath,
        ),
        ("16 1 8:1 /srv/app /srv rw - ext4 /dev/sda1 rw", K::HostPath),
        (
            "17 1 8:16 / /var/lib/postgresql rw - xfs /dev/sdb rw",
            K::Other,
        ),
    ] {
        assert_eq!(one(line).kind, kind, "{line}");
    }
}

#[test]
fn names_of_a_containers_choice_stay_on_one_line() {
    let mount = one(r"5 1 8:1 /a\040b /x\012y\134z\011\043\777\0 rw - ext4 /dev/sda1 rw");
    assert_eq!(mount.target, "/x\\x0ay\\x5cz\\x09#\\x5c777\\x5c0");
    assert_eq!(mount.root, "/a b");
}

#[test]
fn what_is_no_mount_is_left_out() {
    let text = b"x 1 0:1 / / rw - proc proc rw\n\n1 2\n7 1 0:1 / /a rw shared:1\n\
                 8 1 0:1 / /b rw - proc proc rw\n";
    let ids: Vec<_> = parse(text).into_iter().map(|mount| mount.id).collect();
    assert_eq!(ids, [8]);
}

proptest! {
    #[test]
    fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = parse(&text);
    }

    #[test]
    fn no_line_panics(text in "([0-9]{1,11} [0-9:/\\\\a-z,= -]{0,60}( - )?[a-z =0-9km,]{0,40}\n){0,5}") {
        let _ = parse(text.as_bytes());
    }
}

const fn view(namespace: u32) -> View {
    View {
        cgroup: CgroupId(7),
        namespace,
    }
}

fn text(ids: &[u32]) -> Vec<u8> {
    let lines = ids
        .iter()
        .map(|id| format!("{id} 0 0:1 / /m{id} rw - tmpfs tmpfs rw\n"));
    lines.collect::<String>().into_bytes()
}

#[test]
fn a_namespace_is_read_once_until_an_unknown_mount_comes() {
    let mut tables = MountTables::default();
    assert!(tables.wants(view(1), 10, 0));
    tables.take_in(view(1), Some(&text(&[10, 11])), 0);
    assert!(!tables.wants(view(1), 11, RETRY_NS));
    assert_eq!(tables.mount(view(1), 11).unwrap().target, "/m11");
    assert!(!tables.wants(view(1), 12, RETRY_NS - 1));
    assert!(tables.wants(view(1), 12, RETRY_NS));
    assert!(tables.wants(view(1), 11, REREAD_NS));
    assert!(tables.mount(view(2), 11).is_none());
    // Its tasks are gone, and what they were refused is told still.
    tables.take_in(view(1), None, REREAD_NS);
    assert_eq!(tables.mount(view(1), 11).unwrap().target, "/m11");
    assert!(!tables.wants(view(1), 11, REREAD_NS + 1));
    // The number is another container's by now.
    let other = View {
        cgroup: CgroupId(8),
        namespace: 1,
    };
    assert!(tables.mount(other, 11).is_none());
}

#[test]
fn readings_and_namespaces_are_bounded() {
    let mut tables = MountTables::default();
    let mut reads = 0;
    for namespace in 0..10_000 {
        if tables.wants(view(namespace), 1, 5) {
            reads += 1;
            tables.take_in(view(namespace), Some(&text(&[1])), u64::from(namespace));
        }
    }
    assert_eq!(reads, READS_PER_SECOND_MAX);
    for namespace in 0..1_000 {
        tables.take_in(view(namespace), Some(&text(&[1])), u64::from(namespace));
    }
    assert!(
        tables
            .mount(view(1_000 - NAMESPACES_MAX as u32 - 1), 1)
            .is_none()
    );
    assert!(tables.mount(view(999), 1).is_some());
    assert!(tables.wants(view(20_000), 1, SECOND));
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_path_lies_on_the_innermost_mount_of_its_file_system() {
    let text = b"1 0 0:50 / / ro - overlay overlay rw\n\
        2 1 8:1 /vol /data rw - ext4 /dev/sda1 rw\n\
        3 1 0:51 / /data/tmp rw - tmpfs tmpfs rw\n";
    let mut tables = MountTables::default();
    tables.take_in(view(7), Some(text), 0);
    let disk = 8 << 20 | 1;
    let id = |device, path: &str| tables.of_path(view(7), device, path).map(|mount| mount.id);
    assert_eq!(id(disk, "/data/a"), Some(2));
    assert_eq!(id(disk, "/data"), Some(2));
    assert_eq!(id(51, "/data/tmp/a"), Some(3));
    assert_eq!(id(50, "/etc/passwd"), Some(1));
    // Another file system than the name says, as behind a link, or another name.
    assert_eq!(id(disk, "/data/tmp/a").unwrap(), 2);
    assert_eq!(id(51, "/data/a"), None);
    assert_eq!(id(disk, "/database"), None);
    assert_eq!(tables.of_path(view(8), disk, "/data/a"), None);
}
