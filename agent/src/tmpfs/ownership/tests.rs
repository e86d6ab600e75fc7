//! Mount tables as runtimes make them.

use super::*;
use crate::mountinfo::parse;

/// Of a container of Docker 20.10 with `--read-only --tmpfs /tmp:size=1m,nr_inodes=64
/// --tmpfs /run`, on a host with cgroup v1.
const DOCKER: &str = "\
100 90 0:54 / / ro,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
101 100 0:58 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
102 100 0:59 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
103 102 0:60 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620
104 100 0:61 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
105 104 0:62 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755
106 105 0:33 /docker/x /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory
107 102 0:57 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
108 102 0:63 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
109 100 0:64 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=1024k,nr_inodes=64
110 100 0:65 / /run rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw
111 100 0:21 /docker/containers/x/hosts /etc/hosts rw,relatime - tmpfs tmpfs rw,size=900k
112 101 0:66 / /proc/acpi ro,relatime - tmpfs tmpfs ro
113 101 0:59 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
114 104 0:67 / /sys/firmware ro,relatime - tmpfs tmpfs ro
115 101 0:68 / /proc/scsi rw,relatime - tmpfs tmpfs rw
116 100 0:69 / /etc/secret ro,relatime - tmpfs tmpfs rw,size=4k
";

fn told(table: &str, host: &str) -> Vec<(String, Asked, Origin)> {
    let host = HostTmpfs::of(&parse(host.as_bytes()));
    owned(&parse(table.as_bytes()), &host)
        .mounts
        .into_iter()
        .map(|owned| {
            let target = String::from_utf8(owned.target).unwrap();
            (target, owned.bytes, owned.origin)
        })
        .collect()
}

#[test]
fn masks_devices_and_single_files_are_nobodys() {
    let expected = vec![
        (
            "/dev/shm".to_owned(),
            Asked::AtMost(65_536 * 1024),
            Origin::Container,
        ),
        ("/run".to_owned(), Asked::Unbounded, Origin::Container),
        ("/tmp".to_owned(), Asked::AtMost(1 << 20), Origin::Container),
    ];
    assert_eq!(told(DOCKER, ""), expected);
    let all = owned(&parse(DOCKER.as_bytes()), &HostTmpfs::default());
    let tmp = all.mounts.iter().find(|m| m.target == b"/tmp").unwrap();
    assert_eq!(tmp.inodes, Asked::AtMost(64));
    assert_eq!(
        tmp.device,
        Device {
            major: 0,
            minor: 64
        }
    );
    assert_eq!((tmp.mount, tmp.elsewhere, &tmp.way), (109, 0, &Ok(())));
}

#[test]
fn what_the_kubelet_and_runtimes_make_is_handed_in() {
    let host = "\
1 0 254:0 / / rw - ext4 /dev/vda rw
2 1 0:25 / /dev/shm rw - tmpfs tmpfs rw
3 1 0:26 / /run rw - tmpfs tmpfs rw,size=900k
4 1 0:70 / /var/lib/kubelet/pods/u/volumes/kubernetes.io~empty-dir/cache rw - tmpfs tmpfs rw,size=64k
5 1 0:71 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/x/shm rw - tmpfs shm rw,size=65536k
6 1 0:72 / /var/lib/kubelet/pods/u/volumes/kubernetes.io~projected/token rw - tmpfs tmpfs rw
7 1 0:73 / /var/lib/docker/containers/x/mounts/shm rw - tmpfs shm rw,size=8k
8 1 0:74 / /var/lib/containers/storage/overlay-containers/x/userdata/shm rw - tmpfs shm rw,size=9k
";
    let container = "\
10 9 0:54 / / ro - overlay overlay rw
11 10 0:70 / /cache rw - tmpfs tmpfs rw,size=64k
12 10 0:70 /sub/dir /var/cache/nginx rw - tmpfs tmpfs rw,size=64k
13 10 0:71 / /dev/shm rw - tmpfs shm rw,size=65536k
14 10 0:72 / /var/run/secrets rw - tmpfs tmpfs rw
15 10 0:25 / /hostshm rw - tmpfs tmpfs rw
16 10 0:26 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw,size=900k
17 10 0:99 /x /y rw - tmpfs tmpfs rw
18 10 0:73 / /a rw - tmpfs shm rw,size=8k
19 10 0:74 / /b rw - tmpfs shm rw,size=0k
";
    let sizes = [
        ("/a", Asked::AtMost(8192)),
        ("/b", Asked::Unlimited),
        ("/cache", Asked::AtMost(65_536)),
        ("/dev/shm", Asked::AtMost(65_536 * 1024)),
    ];
    let expected: Vec<_> = sizes
        .map(|(target, asked)| (target.to_owned(), asked, Origin::HandedIn))
        .into();
    assert_eq!(told(container, host), expected);
    let host = HostTmpfs::of(&parse(host.as_bytes()));
    let cache = owned(&parse(container.as_bytes()), &host).mounts.remove(2);
    assert_eq!(
        (cache.target.as_slice(), cache.elsewhere),
        (b"/cache".as_slice(), 1)
    );
}

#[test]
fn of_two_mounts_the_one_that_can_be_asked_stands_for_both() {
    let table = "\
10 9 0:54 / / ro - overlay overlay rw
11 10 0:60 / /f rw - fuse.x x rw
12 11 0:70 / /f/a rw - tmpfs tmpfs rw,size=64k
13 10 0:70 / /a/very/long/path rw - tmpfs tmpfs rw,size=64k
14 11 0:71 / /f/b rw - tmpfs tmpfs rw,size=64k
";
    let all = owned(&parse(table.as_bytes()), &HostTmpfs::default());
    assert_eq!(all.mounts.len(), 2);
    assert_eq!((all.mounts[0].mount, &all.mounts[0].way), (13, &Ok(())));
    assert_eq!(
        (all.mounts[1].mount, &all.mounts[1].way),
        (14, &Err(Unmeasured::Crosses("fuse.x".to_owned())))
    );
}

#[test]
fn more_mounts_than_the_limit_are_counted() {
    use std::fmt::Write as _;
    let mut table = "10 9 0:54 / / ro - overlay overlay rw\n".to_owned();
    for at in 0..MOUNTS_MAX + 5 {
        let id = 100 + at;
        writeln!(table, "{id} 10 0:{id} / /t{at} rw - tmpfs tmpfs rw").unwrap();
    }
    let all = owned(&parse(table.as_bytes()), &HostTmpfs::default());
    assert_eq!((all.mounts.len(), all.dropped), (MOUNTS_MAX, 5));
}

#[test]
fn odd_sizes_are_not_numbers() {
    assert_eq!(asked("rw,size=k", "size="), Asked::Unbounded);
    assert_eq!(
        asked("rw,size=18446744073709551615k", "size="),
        Asked::AtMost(u64::MAX)
    );
    assert_eq!(
        asked("rw,nr_inodes=7,size=4k", "nr_inodes="),
        Asked::AtMost(7)
    );
    assert_eq!(asked("rw,size=50%", "size="), Asked::Unbounded);
}

#[test]
fn a_container_that_is_being_started_still_has_the_hosts_root() {
    let host = "28 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n";
    let known = HostTmpfs::of(&parse(host.as_bytes()));
    let starting = format!(
        "{host}60 28 0:54 / /d/merged ro - overlay overlay rw\n\
         61 60 0:62 / /d/merged/sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    );
    assert!(known.has_root_of(&parse(starting.as_bytes())));
    assert!(!known.has_root_of(&parse(DOCKER.as_bytes())));
    assert!(!HostTmpfs::default().has_root_of(&parse(starting.as_bytes())));
}
