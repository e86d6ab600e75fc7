//! The nouns of the project: what a denial is, whose it is, and why it happened.
//!
//! In: the kernel half's numbers (`wire`). Out: the types every later stage
//! speaks. Invariant: plain data, no I/O, no clock. Lacks on purpose: decoding,
//! naming and classifying, which are stages of their own.

mod capability;
mod credentials;
mod finding;
mod owner;
mod path;

pub use sealwatch_ebpf::wire::{Backend, Evidence, Hook, Lsm, Operation};

pub use capability::{
    CAP_BPF, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_PERFMON,
    CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_SYSLOG, capability_name,
};
pub use credentials::{Credentials, Extent, IdMap, Inside};
pub use finding::FindingKind;
pub use owner::{Container, Owner, Runtime, Unresolved};
pub use path::{ContainerPath, Resolution, escape, escape_text};

/// The errors that make a failed operation a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Errno {
    /// Operation not permitted.
    Eperm,
    /// Permission denied.
    Eacces,
    /// No space left on device.
    Enospc,
    /// Read-only file system.
    Erofs,
    /// Disk quota exceeded.
    Edquot,
}

impl Errno {
    /// Every member.
    pub const ALL: [Errno; 5] = [
        Errno::Eperm,
        Errno::Eacces,
        Errno::Enospc,
        Errno::Erofs,
        Errno::Edquot,
    ];

    /// The symbol used in metrics, events and documents.
    pub const fn label(self) -> &'static str {
        match self {
            Errno::Eperm => "EPERM",
            Errno::Eacces => "EACCES",
            Errno::Enospc => "ENOSPC",
            Errno::Erofs => "EROFS",
            Errno::Edquot => "EDQUOT",
        }
    }

    /// The positive number on Linux.
    pub const fn number(self) -> u8 {
        match self {
            Errno::Eperm => 1,
            Errno::Eacces => 13,
            Errno::Enospc => 28,
            Errno::Erofs => 30,
            Errno::Edquot => 122,
        }
    }
}

impl TryFrom<u8> for Errno {
    type Error = u8;
    /// Fails with the number itself where it is no denial's errno.
    fn try_from(number: u8) -> Result<Self, u8> {
        Errno::ALL
            .into_iter()
            .find(|errno| errno.number() == number)
            .ok_or(number)
    }
}

/// Why the kernel refused. `Unknown` is an answer; nothing is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The mount is read-only.
    ReadOnlyMount,
    /// The file system's superblock is read-only.
    ReadOnlySuperblock,
    /// The file's mode bits do not allow it.
    ModeBits,
    /// The task is not the owner, or a volume belongs to another uid or gid.
    Ownership,
    /// A security module refused.
    Lsm,
    /// The mount forbids execution.
    NoexecMount,
    /// The mount forbids device files.
    NodevMount,
    /// The inode is immutable or append-only.
    Immutable,
    /// A tmpfs has no bytes left.
    TmpfsFullBytes,
    /// A tmpfs has no inodes left.
    TmpfsFullInodes,
    /// A file system other than tmpfs is full.
    DiskFull,
    /// A quota is used up.
    Quota,
    /// A capability is missing.
    Capability,
    /// A seccomp filter refused.
    Seccomp,
    /// The evidence does not say.
    Unknown,
}

impl Cause {
    /// Every member.
    pub const ALL: [Cause; 15] = [
        Cause::ReadOnlyMount,
        Cause::ReadOnlySuperblock,
        Cause::ModeBits,
        Cause::Ownership,
        Cause::Lsm,
        Cause::NoexecMount,
        Cause::NodevMount,
        Cause::Immutable,
        Cause::TmpfsFullBytes,
        Cause::TmpfsFullInodes,
        Cause::DiskFull,
        Cause::Quota,
        Cause::Capability,
        Cause::Seccomp,
        Cause::Unknown,
    ];

    /// The name used in metrics, events and documents.
    pub const fn label(self) -> &'static str {
        match self {
            Cause::ReadOnlyMount => "read_only_mount",
            Cause::ReadOnlySuperblock => "read_only_superblock",
            Cause::ModeBits => "mode_bits",
            Cause::Ownership => "ownership",
            Cause::Lsm => "lsm",
            Cause::NoexecMount => "noexec_mount",
            Cause::NodevMount => "nodev_mount",
            Cause::Immutable => "immutable",
            Cause::TmpfsFullBytes => "tmpfs_full_bytes",
            Cause::TmpfsFullInodes => "tmpfs_full_inodes",
            Cause::DiskFull => "disk_full",
            Cause::Quota => "quota",
            Cause::Capability => "capability",
            Cause::Seccomp => "seccomp",
            Cause::Unknown => "unknown",
        }
    }
}

/// kernfs id of a control group, in the hierarchy the daemon chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupId(pub u64);

/// Hash of a path within one control group; 0 stands for all paths past the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathKey(pub u64);

/// One refused operation, decoded from a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The control group the task was in.
    pub cgroup: CgroupId,
    /// The counter this is a sample of.
    pub path_key: PathKey,
    /// CLOCK_MONOTONIC nanoseconds of the refusal.
    pub time_ns: u64,
    /// What the task tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// `wire::Signals` bits.
    pub signals: u16,
    /// The security module that refused, where known.
    pub lsm: Option<Lsm>,
    /// How it was seen.
    pub backend: Backend,
    /// Where it was seen.
    pub hook: Hook,
    /// The path.
    pub path: ContainerPath,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// fsuid in the initial user namespace.
    pub uid: u32,
    /// fsgid in the initial user namespace.
    pub gid: u32,
    /// Inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// Command name; any bytes but NUL.
    pub comm: Vec<u8>,
    /// What the file looked like.
    pub evidence: Evidence,
    /// `open_flags.open_flag` of an open; 0 of anything else.
    pub open_flags: u32,
    /// What the task was, where it was read.
    pub credentials: Option<Credentials>,
    /// What the security module's hook told.
    pub lsm_detail: LsmDetail,
}

impl Denial {
    /// Number of the capability that was asked for and refused, where one was.
    pub fn refused_capability(&self) -> Option<u32> {
        self.evidence.capability.checked_sub(1)
    }

    /// How the task's user namespace calls a user id of the initial one.
    pub fn uid_inside(&self, uid: u32) -> Inside {
        self.credentials
            .as_ref()
            .map_or(Inside::Unknown, |task| task.uid_map.inside(uid))
    }

    /// How the task's user namespace calls a group id of the initial one.
    pub fn gid_inside(&self, gid: u32) -> Inside {
        self.credentials
            .as_ref()
            .map_or(Inside::Unknown, |task| task.gid_map.inside(gid))
    }
}

/// What a security module's hook told of its refusal; empty where not known.
/// All texts are any bytes but NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LsmDetail {
    /// AppArmor's profile, or SELinux's context of the task.
    pub subject: Vec<u8>,
    /// SELinux's context of the object.
    pub object: Vec<u8>,
    /// SELinux's class of the object.
    pub class: Vec<u8>,
    /// What was asked for, in the module's own bits; 0 for not known.
    pub requested: u32,
}

/// Why a denial happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Exactly one for every denial.
    pub cause: Cause,
    /// What the kernel was seen to decide, in words a person can check; empty for `Unknown`.
    pub evidence: String,
    /// What to change, where it is known.
    pub remedy: Option<Remedy>,
}

/// What to change so that a denial does not come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// One sentence for a person.
    pub sentence: String,
    /// The change itself, where it is mechanical.
    pub changes: Vec<Change>,
}

/// One way to carry a remedy out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is written.
    pub target: Target,
    /// What is written there, as it can be copied.
    pub text: String,
}

/// Where a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Flags of `docker run`.
    Docker,
    /// Keys of a Compose service.
    Compose,
    /// A patch of a Kubernetes pod template.
    Kubernetes,
    /// Environment variables of the container.
    Environment,
    /// A rule of the container's AppArmor profile.
    Apparmor,
    /// A label or boolean of SELinux.
    Selinux,
}

impl Target {
    /// Every member.
    pub const ALL: [Target; 6] = [
        Target::Docker,
        Target::Compose,
        Target::Kubernetes,
        Target::Environment,
        Target::Apparmor,
        Target::Selinux,
    ];

    /// The name used in events and documents.
    pub const fn label(self) -> &'static str {
        match self {
            Target::Docker => "docker",
            Target::Compose => "compose",
            Target::Kubernetes => "kubernetes",
            Target::Environment => "environment",
            Target::Apparmor => "apparmor",
            Target::Selinux => "selinux",
        }
    }
}

/// The stages that can lose something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The kernel half.
    Kernel,
    /// Reading the kernel's buffers and maps.
    Source,
    /// Bytes to denials.
    Decode,
    /// Denials to containers.
    Identity,
    /// The tables behind the metrics.
    Aggregate,
    /// Writing events.
    Events,
    /// Keeping the state over a restart.
    State,
    /// Telling of alerts.
    Alert,
    /// The daemon's own log.
    Log,
}

impl Stage {
    /// Every member.
    pub const ALL: [Stage; 9] = [
        Stage::Kernel,
        Stage::Source,
        Stage::Decode,
        Stage::Identity,
        Stage::Aggregate,
        Stage::Events,
        Stage::State,
        Stage::Alert,
        Stage::Log,
    ];

    /// The name used in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Stage::Kernel => "kernel",
            Stage::Source => "source",
            Stage::Decode => "decode",
            Stage::Identity => "identity",
            Stage::Aggregate => "aggregate",
            Stage::Events => "events",
            Stage::State => "state",
            Stage::Alert => "alert",
            Stage::Log => "log",
        }
    }
}

/// Something that was not delivered. `reason` is from a closed set per stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_round_trip_and_others_are_refused() {
        for errno in Errno::ALL {
            assert_eq!(Errno::try_from(errno.number()), Ok(errno));
        }
        assert_eq!(Errno::try_from(2), Err(2));
    }
}
