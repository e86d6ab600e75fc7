//! A cause and what was seen becomes one sentence of advice, and the change to copy.
//!
//! In: an [`Advice`], all text of it escaped and on one line. Out: a [`Remedy`],
//! or none where nothing useful is known. Invariant: no advice switches a
//! protection off, asks for root or opens a file to everybody; what a container
//! chose reaches a change only if shell and YAML would take it for a plain word.
//! Lacks on purpose: any look at the machine.

mod belonging;
mod capability;
mod flags;
mod knowledge;
mod lsm;
mod mounting;
mod ownership;
pub mod pattern;
mod plain;
mod plan;
mod read_only;
mod space;
mod tables;
#[cfg(test)]
mod tests;

use crate::denial::{Cause, Errno, Lsm, Operation, Remedy};

pub use belonging::{Belonging, belonging};
pub use knowledge::{Cure, Habit, Place};
pub use mounting::{Mounting, Tmpfs};
pub use plain::{plain, plain_path, slug};

pub use tables::tables;

/// What advice is asked for. Empty text stands for what is not known.
#[derive(Clone, Copy, Debug)]
pub struct Advice<'a> {
    /// Why the kernel refused.
    pub cause: Cause,
    /// What the task tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// The security module that refused.
    pub lsm: Option<Lsm>,
    /// Its profile or domain for the task: AppArmor's profile.
    pub profile: &'a str,
    /// The task's label: SELinux' source context, Smack's subject.
    pub subject: &'a str,
    /// The object's label: SELinux' target context.
    pub object: &'a str,
    /// The object's class in SELinux: `file`, `dir`, `capability`.
    pub class: &'a str,
    /// What was asked of the module: AppArmor's mask (`wc`), SELinux' permissions (`write add_name`).
    pub requested: Option<&'a str>,
    /// Where the write belongs, as `write_root` tells.
    pub write_root: &'a str,
    /// The path, escaped as in events.
    pub path: &'a str,
    /// The mount that the path lies on.
    pub mount: Option<Mount<'a>>,
    /// The file's owner and group as the container sees them.
    pub file_owner: Option<(u32, u32)>,
    /// The task's fsuid and fsgid as the container sees them.
    pub task: Option<(u32, u32)>,
    /// The file's type and mode bits (`i_mode`).
    pub file_mode: Option<u16>,
    /// The missing capability: `CAP_CHOWN`.
    pub capability: Option<&'a str>,
    /// Did one of the fs.protected_* settings refuse?
    pub protected: bool,
    /// Most bytes or inodes the full file system holds.
    pub limit: Option<u64>,
    /// Was a read-only root asked for?
    pub read_only_root: Option<bool>,
    /// Does the container belong to a pod?
    pub kubernetes: bool,
    /// The container's name in its pod.
    pub container: &'a str,
    /// Image as the user named it.
    pub image: &'a str,
    /// Command name of the task.
    pub comm: &'a str,
}

impl<'a> Advice<'a> {
    /// Advice of which only what was refused, and why, is known.
    pub const fn new(cause: Cause, operation: Operation, errno: Errno) -> Self {
        Advice {
            cause,
            operation,
            errno,
            lsm: None,
            profile: "",
            subject: "",
            object: "",
            class: "",
            requested: None,
            write_root: "",
            path: "",
            mount: None,
            file_owner: None,
            task: None,
            file_mode: None,
            capability: None,
            protected: false,
            limit: None,
            read_only_root: None,
            kubernetes: false,
            container: "",
            image: "",
            comm: "",
        }
    }
}

/// The mount that a path lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// What is mounted.
    pub kind: MountKind,
    /// Where, as the container sees it.
    pub target: &'a str,
}

/// What is mounted, by who provides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// The container's own root: image and writable layer.
    Root,
    /// A tmpfs, `medium: Memory` included.
    Tmpfs,
    /// A volume of the runtime, an emptyDir or a persistent volume.
    Volume,
    /// A directory or file of the host.
    HostPath,
    /// A Kubernetes Secret.
    Secret,
    /// A Kubernetes ConfigMap.
    ConfigMap,
    /// A projected volume or the downward API, service account tokens included.
    Projected,
    /// The runtime's /etc/hosts, /etc/hostname or /etc/resolv.conf.
    RuntimeFile,
    /// proc, sysfs, cgroup and their like.
    Kernel,
    /// Something else.
    Other,
}

/// What to change so that the denial does not come again.
pub fn advise(advice: &Advice) -> Option<Remedy> {
    match advice.cause {
        Cause::ReadOnlyMount | Cause::ReadOnlySuperblock => read_only::advise(advice),
        Cause::ModeBits | Cause::Ownership => ownership::advise(advice),
        Cause::Lsm => lsm::advise(advice),
        Cause::NoexecMount => flags::noexec(advice),
        Cause::NodevMount => flags::nodev(advice),
        Cause::Immutable => flags::immutable(advice),
        Cause::TmpfsFullBytes => space::tmpfs_bytes(advice),
        Cause::TmpfsFullInodes => space::tmpfs_inodes(advice),
        Cause::DiskFull => space::disk(advice),
        Cause::Quota => space::quota(advice),
        Cause::Capability => capability::advise(advice),
        Cause::Seccomp => capability::seccomp(advice),
        Cause::Unknown => None,
    }
}
