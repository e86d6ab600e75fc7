//! Mount tables as real runtimes make them, and what is found in them.

mod findings;
mod tables;

use std::sync::Arc;

use super::*;
use crate::denial::Runtime;
use crate::mountinfo::parse;

/// A host with its root on one disk, /data on another, /run, and a pod's volumes.
const HOST: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 8:17 / /data rw,relatime shared:2 - ext4 /dev/sdb1 rw
23 21 0:23 / /run rw,nosuid,nodev shared:3 - tmpfs tmpfs rw,size=800000k
24 21 0:90 / /var/lib/kubelet/pods/8f6a2c1e-1111-4222-8333-0123456789ab/volumes/kubernetes.io~empty-dir/mem rw - tmpfs tmpfs rw,size=65536k
25 21 8:33 / /var/lib/kubelet/pods/8f6a2c1e-1111-4222-8333-0123456789ab/volumes/kubernetes.io~csi/pvc/mount rw - ext4 /dev/sdc rw
26 23 0:91 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/shm rw - tmpfs shm rw,size=65536k
";

/// What Docker gives to every container: `ROOT` and `MORE` are filled in.
const DOCKER: &str = "\
700 650 0:50 / / ROOT,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
701 700 0:53 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
702 700 0:54 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
703 702 0:55 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5
704 700 0:56 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
705 704 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
706 702 0:52 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
707 702 0:57 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
708 700 8:1 /var/lib/docker/containers/ID/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw
709 700 8:1 /var/lib/docker/containers/ID/hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw
600 701 0:53 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
601 701 0:53 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
602 701 0:58 / /proc/acpi ro,relatime - tmpfs tmpfs ro
603 701 0:54 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
604 704 0:59 / /sys/firmware ro,relatime - tmpfs tmpfs ro
605 701 0:61 / /proc/scsi rw,relatime - tmpfs tmpfs rw
MORE";

fn host() -> HostMounts {
    HostMounts::of(&parse(HOST.as_bytes()))
}

/// A container's table, its root mounted `root`, with more rows.
fn docker(root: &str, more: &str) -> Table {
    let id = "c0".repeat(32);
    let text = DOCKER
        .replace("ROOT", root)
        .replace("ID", &id)
        .replace("MORE", more);
    table(&parse(text.as_bytes()), &host(), false).unwrap()
}

fn container(pod: &str, read_only_root: Option<bool>) -> Arc<Container> {
    Arc::new(Container {
        pod: pod.to_owned(),
        read_only_root,
        ..Container::unnamed("c0ffee", Runtime::Docker)
    })
}

const NOBODY: User = User {
    host_uid: 10_001,
    uid: Some(10_001),
};

/// Judges a table of a process that is not root.
fn judged(table: Table, container: &Arc<Container>) -> Posture {
    let facts = Facts {
        table: Ok(table),
        user: Ok(NOBODY),
    };
    judge(&Arc::new(facts), container)
}

fn labels(posture: &Posture) -> Vec<(&'static str, &str)> {
    let found = posture.findings.iter();
    found
        .map(|finding| (finding.kind.label(), finding.place.as_str()))
        .collect()
}
