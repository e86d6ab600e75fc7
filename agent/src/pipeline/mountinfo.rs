//! A task's mounts, read while the task is there.
//!
//! In: a refusal's process id and mount namespace. Out: the mount of its file,
//! from `/proc/PID/mountinfo`. Invariant: a bounded reading of memory that the kernel
//! makes up, which waits for no file system of the container; nothing is told
//! of a process in another namespace. Lacks on purpose: understanding the text.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::Now;
use crate::classify::MountSeen;
use crate::denial::{Denial, Resolution};
use crate::mounts::{Mount, MountTables, TEXT_MAX_BYTES};
use crate::remedy;

/// The mount that a refusal's file lies on. A task's table is read now or never:
/// a short-lived one is gone before its container has a name.
pub(super) fn of(denial: &Denial, tables: &mut MountTables, now: Now) -> Option<Arc<Mount>> {
    let (namespace, id) = (denial.mount_namespace, denial.evidence.mount_id);
    let device = denial.evidence.device;
    if id == 0 && (device == 0 || denial.path.resolution != Resolution::Absolute) {
        return None;
    }
    if tables.wants(namespace, id, now.monotonic_ns) {
        let text = read(denial.pid, namespace);
        tables.take_in(namespace, text.as_deref(), now.monotonic_ns);
    }
    match id {
        // The test of mode bits is not told the mount. The path's name and the file
        // system together tell it, but for a link between mounts of one file system.
        0 => tables.of_path(namespace, device, &denial.path.to_string()),
        id => tables.mount(namespace, id),
    }
}

/// As the classification takes it.
pub(super) fn seen(mount: &Mount) -> MountSeen<'_> {
    MountSeen {
        mount: remedy::Mount {
            kind: mount.kind,
            target: &mount.target,
        },
        bytes_max: mount.bytes_max,
        inodes_max: mount.inodes_max,
    }
}

/// The text, where the process is still there and in that namespace.
fn read(pid: u32, namespace: u32) -> Option<Vec<u8>> {
    // The open file keeps the namespace that the process is in now, so that
    // another process under the same id later does not matter.
    let file = File::open(format!("/proc/{pid}/mountinfo")).ok()?;
    let inode = fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?.ino();
    if inode != u64::from(namespace) {
        return None;
    }
    let mut text = Vec::with_capacity(4096);
    file.take(TEXT_MAX_BYTES as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::parse;
    use crate::remedy::MountKind;

    #[test]
    fn this_process_has_a_root_and_no_other_namespace() {
        let own = fs::metadata("/proc/self/ns/mnt").unwrap().ino() as u32;
        let mounts = parse(&read(std::process::id(), own).unwrap());
        assert!(mounts.iter().any(|mount| mount.kind == MountKind::Root));
        assert!(mounts.iter().any(|mount| mount.kind == MountKind::Kernel));
        assert_eq!(read(std::process::id(), own + 1), None);
        assert_eq!(read(u32::MAX, own), None);
    }
}
