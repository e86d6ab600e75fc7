//! What to do about refusals, by their cause, in one sentence for an alert.
//!
//! In: a cause. Out: words for pods and for others. Invariant: no advice makes
//! the root writable, runs a container as root or switches a profile off. Lacks
//! on purpose: the change to copy, which needs the evidence of the event:
//! `sealwatch report` and `sealwatch events` have it.

use super::Remedy;
use crate::denial::Cause;

/// The remedy for refusals of this cause under the write root of the alert.
pub const fn remedy(cause: Cause) -> Remedy {
    match cause {
        Cause::ReadOnlyMount | Cause::ReadOnlySuperblock => Remedy {
            in_pod: "Mount an emptyDir at {write_root}, or a persistent volume if it must last.",
            elsewhere: "Mount a tmpfs there (--tmpfs {write_root}), or a volume if it must last.",
        },
        Cause::Unknown => Remedy {
            in_pod: "The node's kernel does not tell the cause: if {write_root} lies on the read-only root, mount an emptyDir there, or a persistent volume if it must last.",
            elsewhere: "The kernel does not tell the cause: if {write_root} lies on the read-only root, mount a tmpfs there (--tmpfs {write_root}), or a volume if it must last.",
        },
        Cause::ModeBits | Cause::Ownership => Remedy {
            in_pod: "Let the process's user write {write_root}: set securityContext.fsGroup, or have an init container chown the volume.",
            elsewhere: "Let the process's user write {write_root}: chown the volume, or give its tmpfs uid= and gid=.",
        },
        Cause::Lsm => Remedy::same(
            "If the program should write {write_root}, allow it in the profile of [lsm|{lsm}, ]the security module that refuses; otherwise keep the program from trying.",
        ),
        Cause::NoexecMount => Remedy::same(
            "What is mounted at {write_root} forbids execution: run the program from the image, or mount this one place with exec.",
        ),
        Cause::NodevMount => Remedy::same(
            "What is mounted at {write_root} forbids device files: hand the device to the container by its runtime.",
        ),
        Cause::Immutable => Remedy::same(
            "A file under {write_root} is immutable or append-only: chattr -i or -a on the host, if that was no intent.",
        ),
        Cause::TmpfsFullBytes => Remedy {
            in_pod: "Raise sizeLimit of the emptyDir at {write_root}, or delete what is no longer needed there.",
            elsewhere: "Give the tmpfs at {write_root} a larger size=, or delete what is no longer needed there.",
        },
        Cause::TmpfsFullInodes => Remedy::same(
            "The tmpfs at {write_root} has no inodes left: delete small files there, or give it a larger nr_inodes=.",
        ),
        Cause::DiskFull => Remedy::same(
            "The file system under {write_root} is full: free space on it, or move the volume to a larger one.",
        ),
        Cause::Quota => Remedy::same(
            "The quota of the file system under {write_root} is used up: raise it, or delete what is no longer needed.",
        ),
        Cause::Capability => Remedy {
            in_pod: "The process lacks a capability: do the step when the image is built, or add the one capability in securityContext.capabilities.",
            elsewhere: "The process lacks a capability: do the step when the image is built, or add the one capability (--cap-add).",
        },
        Cause::Seccomp => Remedy {
            in_pod: "A seccomp filter refuses the system call: allow it in a profile of its own (securityContext.seccompProfile).",
            elsewhere: "A seccomp filter refuses the system call: allow it in a profile of its own (--security-opt seccomp=FILE).",
        },
    }
}
