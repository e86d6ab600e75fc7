//! Who provides a mount, told from the three names that its line has.
//!
//! In: the type of the file system, which part of it is mounted, where. Out: a
//! [`MountKind`]. Invariant: a name alone decides where only its provider writes
//! it so. Lacks on purpose: what runtimes say of their containers' mounts.

use crate::remedy::MountKind;

/// File systems without files of anybody's own.
const KERNELS: [&[u8]; 17] = [
    b"proc",
    b"sysfs",
    b"cgroup",
    b"cgroup2",
    b"devpts",
    b"devtmpfs",
    b"mqueue",
    b"securityfs",
    b"selinuxfs",
    b"debugfs",
    b"tracefs",
    b"bpf",
    b"configfs",
    b"pstore",
    b"nsfs",
    b"fusectl",
    b"binfmt_misc",
];

/// `super_block.s_magic` of the same.
const KERNEL_MAGICS: [u64; 16] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x6165_676c, // pstore
    0x6e73_6673, // nsfs
    0x6573_5543, // fusectl
    0x4249_4e4d, // binfmt_misc
];

/// Files that runtimes put into every container.
const RUNTIME_FILES: [&[u8]; 5] = [
    b"/etc/hosts",
    b"/etc/hostname",
    b"/etc/resolv.conf",
    b"/dev/termination-log",
    b"/run/.containerenv",
];

/// The directory of a pod's volumes of one type, below kubelet's.
const POD_VOLUMES: &[u8] = b"kubernetes.io~";
/// Digits of a container's or a pod's id, at least.
const ID_DIGITS_MIN: usize = 32;

/// Is it the magic number of a file system without files of anybody's own? A
/// devtmpfs has that of a tmpfs.
pub fn is_of_the_kernel(magic: u64) -> bool {
    KERNEL_MAGICS.contains(&magic)
}

pub(super) fn of(file_system: &[u8], root: &[u8], target: &[u8]) -> MountKind {
    if target == b"/" {
        return MountKind::Root;
    }
    if KERNELS.contains(&file_system) {
        return MountKind::Kernel;
    }
    let components: Vec<&[u8]> = root.split(|byte| *byte == b'/').collect();
    if RUNTIME_FILES.contains(&target) && components.iter().any(|name| is_id(name)) {
        return MountKind::RuntimeFile;
    }
    let pod_volume = components
        .iter()
        .find_map(|name| name.strip_prefix(POD_VOLUMES));
    if let Some(pod_volume) = pod_volume {
        return match pod_volume {
            b"secret" => MountKind::Secret,
            b"configmap" => MountKind::ConfigMap,
            b"projected" | b"downward-api" => MountKind::Projected,
            _ => MountKind::Volume,
        };
    }
    if file_system == b"tmpfs" {
        return of_tmpfs(root, target);
    }
    let data = components.iter().position(|name| *name == b"_data");
    if data.is_some_and(|data| components[..data].contains(&b"volumes".as_slice())) {
        return MountKind::Volume;
    }
    match root {
        // A file system of its own: a claim's disk, or a mount of the host.
        b"/" => MountKind::Other,
        _ => MountKind::HostPath,
    }
}

/// kubelet keeps Secrets on a tmpfs each, of which the container's line says
/// nothing but where it is mounted.
fn of_tmpfs(root: &[u8], target: &[u8]) -> MountKind {
    let below = |directories: [&[u8]; 2]| directories.iter().any(|at| target.starts_with(at));
    if below([
        b"/var/run/secrets/kubernetes.io/",
        b"/run/secrets/kubernetes.io/",
    ]) {
        MountKind::Projected
    } else if below([b"/var/run/secrets/", b"/run/secrets/"]) {
        MountKind::Secret
    } else if below([b"/proc/", b"/sys/"]) {
        // A runtime covers these to hide what lies below.
        MountKind::Kernel
    } else if root == b"/" {
        MountKind::Tmpfs
    } else {
        // Runtimes mount a tmpfs that they make as a whole: this is a part of another's,
        // such as the host's /run.
        MountKind::HostPath
    }
}

fn is_id(name: &[u8]) -> bool {
    name.len() >= ID_DIGITS_MIN
        && name
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_'))
}
