//! What is refused for which reason, and what each backend tells of it.
//!
//! In: nothing. Out: [`ROWS`], one per situation that `provoke` makes. Invariant: the
//! guests of every supported kernel provoke every row and hold each backend to its
//! cell, so no cell claims more than was seen. Lacks on purpose: single operations;
//! `sight` says which a backend does not see at all.

use crate::denial::{Backend, Cause, Lsm};

/// What a backend tells of a situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Every refusal is counted once, with its cause.
    Cause,
    /// Every refusal is counted once; the cause is `unknown`.
    Count,
    /// Not measured, which is not zero.
    Nothing,
}

impl Told {
    /// The cell of a table.
    pub const fn cell(self) -> &'static str {
        match self {
            Told::Cause => "cause",
            Told::Count => "count",
            Told::Nothing => "not measured",
        }
    }
}

/// One situation.
#[derive(Debug)]
pub struct Row {
    /// What `provoke` calls it.
    pub situation: &'static str,
    /// The same for people.
    pub words: &'static str,
    /// The right answer.
    pub cause: Cause,
    /// The module that refuses.
    pub lsm: Option<Lsm>,
    /// By fexit, kprobe and tracepoint.
    told: [Told; 3],
}

impl Row {
    /// What a backend tells.
    pub const fn told(&self, backend: Backend) -> Told {
        match backend {
            Backend::Fexit => self.told[0],
            Backend::Kprobe => self.told[1],
            Backend::Tracepoint => self.told[2],
        }
    }
}

/// The row of a situation.
pub fn row(situation: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.situation == situation)
}

/// All backends tell the cause.
const ALL: [Told; 3] = [Told::Cause; 3];
/// fexit alone sees inside the operation.
const FEXIT: [Told; 3] = [Told::Cause, Told::Count, Told::Count];
/// A hook of its own tells it, which kprobe has as well.
const HOOKED: [Told; 3] = [Told::Cause, Told::Cause, Told::Count];
/// The same where no system call of the operation is there to be seen.
const HOOKED_ONLY: [Told; 3] = [Told::Cause, Told::Cause, Told::Nothing];
/// Where fexit alone tells the cause, and no system call is there to be seen.
const FEXIT_ONLY: [Told; 3] = [Told::Cause, Told::Count, Told::Nothing];
/// fexit alone counts it.
const FEXIT_ALONE: [Told; 3] = [Told::Cause, Told::Nothing, Told::Nothing];
/// A kretprobe does not see the file of a splice to anything but a tmpfs.
const SPLICED: [Told; 3] = [Told::Cause, Told::Nothing, Told::Cause];
/// Nothing that is watched decides it.
const NOBODY: [Told; 3] = [Told::Count; 3];

const fn of(
    situation: &'static str,
    words: &'static str,
    cause: Cause,
    lsm: Option<Lsm>,
    told: [Told; 3],
) -> Row {
    Row {
        situation,
        words,
        cause,
        lsm,
        told,
    }
}

/// Every situation that is provoked.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    of("read_only_root", "read-only root", Cause::ReadOnlyMount, None, FEXIT),
    of("read_only_volume", "read-only volume", Cause::ReadOnlyMount, None, FEXIT),
    of("read_only_superblock", "overlay of lower layers only", Cause::ReadOnlySuperblock, None, FEXIT),
    of("read_only_disk", "ext4 whose superblock is read-only", Cause::ReadOnlySuperblock, None, FEXIT),
    of("uring", "read-only volume, through io_uring", Cause::ReadOnlyMount, None, FEXIT_ONLY),
    of("compat", "read-only volume, 32-bit system calls", Cause::ReadOnlyMount, None, FEXIT),
    of("compat_file", "the same by descriptor: fchown, fsetxattr", Cause::ReadOnlyMount, None, ALL),
    of("symlink", "a path through symbolic links", Cause::ReadOnlyMount, None, FEXIT),
    of("dots", "a path with `.` and `..`", Cause::ReadOnlyMount, None, FEXIT),
    of("long_path", "paths of up to 4,095 bytes", Cause::ReadOnlyMount, None, FEXIT),
    of("other_root", "after chroot and pivot_root", Cause::ReadOnlyMount, None, FEXIT),
    of("ownership", "uid 10001 on root's writable volume", Cause::Ownership, None, FEXIT),
    of("search", "the same, chmod and truncate in a closed directory", Cause::Ownership, None, FEXIT),
    of("uring_ownership", "the same through io_uring", Cause::Ownership, None, FEXIT_ONLY),
    of("deleted_directory", "the same from a deleted directory", Cause::Ownership, None, FEXIT),
    of("group", "bits of a group the task is in", Cause::Ownership, None, FEXIT),
    of("user_namespace", "root of a user namespace on root's volume", Cause::Ownership, None, FEXIT),
    of("owner_only", "chmod, utime and O_NOATIME of another's file", Cause::Ownership, None, HOOKED),
    of("sticky", "another's file in a sticky directory", Cause::Ownership, None, FEXIT),
    of("protected", "`fs.protected_*`: symlinks, hardlinks, fifos, regular", Cause::Ownership, None, HOOKED),
    of("mode_bits", "own file or directory without the write bit", Cause::ModeBits, None, FEXIT),
    of("no_execute_bit", "exec of a file without an execute bit", Cause::ModeBits, None, FEXIT),
    of("capability", "chown, device node, `trusted.*` without the capability", Cause::Capability, None, FEXIT),
    of("by_handle", "open by handle without the capability", Cause::Capability, None, HOOKED),
    of("immutable", "immutable file or directory", Cause::Immutable, None, FEXIT),
    of("append_only", "append-only file or directory", Cause::Immutable, None, FEXIT),
    of("noexec", "noexec tmpfs: exec, mmap", Cause::NoexecMount, None, HOOKED),
    of("noexec_mprotect", "noexec tmpfs: mprotect", Cause::NoexecMount, None, NOBODY),
    of("nodev", "device on a nodev tmpfs", Cause::NodevMount, None, FEXIT),
    of("mapping", "mmap for writing of a file opened for reading", Cause::Unknown, None, NOBODY),
    of("tmpfs_bytes", "tmpfs full by bytes", Cause::TmpfsFullBytes, None, ALL),
    of("tmpfs_bytes_sendfile", "the same by sendfile and splice", Cause::TmpfsFullBytes, None, ALL),
    of("tmpfs_bytes_uring", "the same through io_uring", Cause::TmpfsFullBytes, None, HOOKED_ONLY),
    of("tmpfs_bytes_fault", "the same by a page fault (SIGBUS)", Cause::TmpfsFullBytes, None, HOOKED_ONLY),
    of("tmpfs_inodes", "tmpfs full by inodes", Cause::TmpfsFullInodes, None, HOOKED),
    of("disk_full", "ext4 full", Cause::DiskFull, None, HOOKED),
    of("disk_full_sendfile", "the same by sendfile and splice", Cause::DiskFull, None, SPLICED),
    of("quota", "quota used up", Cause::Quota, None, ALL),
    of("quota_sendfile", "the same by sendfile and splice", Cause::Quota, None, SPLICED),
    of("seccomp", "seccomp filter, with `--seccomp`", Cause::Seccomp, None, HOOKED),
    of("apparmor", "AppArmor profile: files", Cause::Lsm, Some(Lsm::Apparmor), HOOKED),
    of("apparmor_task", "AppArmor profile: ptrace, signal, mount", Cause::Lsm, Some(Lsm::Apparmor), HOOKED_ONLY),
    of("apparmor_capability", "AppArmor profile: a capability", Cause::Lsm, Some(Lsm::Apparmor), FEXIT_ALONE),
    of("apparmor_docker", "AppArmor docker-default: a file in /proc", Cause::Lsm, Some(Lsm::Apparmor), HOOKED),
    of("apparmor_docker_mount", "AppArmor docker-default: mount", Cause::Lsm, Some(Lsm::Apparmor), HOOKED_ONLY),
    of("apparmor_absent", "the same file in /proc as a user, no profile", Cause::ModeBits, None, FEXIT),
    of("landlock", "Landlock: files", Cause::Lsm, Some(Lsm::Landlock), HOOKED),
    of("landlock_task", "Landlock: ptrace", Cause::Lsm, Some(Lsm::Landlock), HOOKED_ONLY),
    of("yama", "Yama: ptrace", Cause::Lsm, Some(Lsm::Yama), HOOKED_ONLY),
    of("bpf_lsm", "a BPF program on a security hook", Cause::Lsm, Some(Lsm::Bpf), HOOKED),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn situations_are_told_apart_and_a_module_goes_with_its_cause() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.situation).collect();
        let words: BTreeSet<_> = ROWS.iter().map(|row| row.words).collect();
        assert_eq!(names.len(), ROWS.len());
        assert!(words.len() > ROWS.len() / 2);
        for row in ROWS {
            assert_eq!(row.cause == Cause::Lsm, row.lsm.is_some(), "{row:?}");
            for backend in Backend::ALL {
                let tells = row.told(*backend) == Told::Cause;
                assert!(!(tells && row.cause == Cause::Unknown), "{row:?}");
            }
        }
    }

    #[test]
    fn the_table_of_causes_claims_what_was_provoked() {
        use crate::catalog::{Sight, tells};
        let known = Cause::ALL.iter().filter(|cause| **cause != Cause::Unknown);
        for cause in known {
            for backend in Backend::ALL {
                let rows = ROWS.iter().filter(|row| row.cause == *cause);
                let told: Vec<Told> = rows.map(|row| row.told(*backend)).collect();
                let right = match tells(*cause, *backend) {
                    Sight::Whole => !told.contains(&Told::Count) && told.contains(&Told::Cause),
                    Sight::None => !told.contains(&Told::Cause),
                    Sight::But(_) => told.contains(&Told::Cause),
                    // Of some situations, or of some refusals within one.
                    Sight::Only(_) => !told.is_empty(),
                };
                assert!(right, "{cause:?} by {backend:?}: {told:?}");
            }
        }
    }

    #[test]
    fn every_cause_is_provoked() {
        let provoked: BTreeSet<_> = ROWS.iter().map(|row| row.cause).collect();
        assert_eq!(provoked, BTreeSet::from(Cause::ALL));
    }
}
