//! The nouns of the project: what a denial is, whose it is, and why it happened.
//!
//! In: the kernel half's numbers (`wire`). Out: the types every later stage
//! speaks. Invariant: plain data, no I/O, no clock. Lacks on purpose: decoding,
//! naming and classifying, which are stages of their own.

use std::fmt;
use std::sync::Arc;

pub use sealwatch_ebpf::wire::{Backend, Evidence, Hook, Operation};

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

/// A path as the container sees it: any bytes but NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerPath {
    /// The bytes; absolute where `resolution` is `Absolute`.
    pub bytes: Vec<u8>,
    /// How much of it is certain.
    pub resolution: Resolution,
}

/// How certain a [`ContainerPath`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// From the container's root, whole.
    Absolute,
    /// The name as passed; where it starts from is not known.
    Relative,
    /// Cut off at a limit, or with a part that could not be read.
    Partial,
    /// There is no path to tell (not measured, or none exists).
    Absent,
}

impl Resolution {
    /// The name used in events.
    pub const fn label(self) -> &'static str {
        match self {
            Resolution::Absolute => "absolute",
            Resolution::Relative => "relative",
            Resolution::Partial => "partial",
            Resolution::Absent => "absent",
        }
    }
}

impl fmt::Display for ContainerPath {
    /// Printable text on one line: bytes that are not printable UTF-8, and the
    /// backslash, become `\xNN` escapes, so that no terminal or log is fooled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_escaped(&self.bytes, f)
    }
}

/// Writes arbitrary bytes as printable text on one line (see [`ContainerPath`]'s `Display`).
pub fn escape(bytes: &[u8]) -> String {
    struct Escaped<'a>(&'a [u8]);
    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt_escaped(self.0, f)
        }
    }
    Escaped(bytes).to_string()
}

fn fmt_escaped(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // Bidirectional and other invisible format characters can make a
            // terminal show a path that it is not; they are escaped with the controls.
            let hidden = c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            if c == '\\' || hidden {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    write!(f, "\\x{byte:02x}")?;
                }
            } else {
                f.write_char(c)?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

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
    /// Number of the security module that refused; 0 for none known.
    pub lsm: u8,
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
}

/// The container runtimes whose control group paths are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// Docker Engine.
    Docker,
    /// containerd through CRI.
    Containerd,
    /// CRI-O.
    Crio,
    /// Podman.
    Podman,
    /// A container whose path tells its id but not its runtime (kubelet's cgroupfs layout).
    Unspecified,
}

impl Runtime {
    /// The name used in metrics and events.
    pub const fn label(self) -> &'static str {
        match self {
            Runtime::Docker => "docker",
            Runtime::Containerd => "containerd",
            Runtime::Crio => "cri-o",
            Runtime::Podman => "podman",
            Runtime::Unspecified => "unspecified",
        }
    }
}

/// What is known of a container. Empty strings stand for what does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The runtime's id, 64 hexadecimal digits as a rule.
    pub id: String,
    /// Who runs it.
    pub runtime: Runtime,
    /// Name: the container's name in its pod, or Docker's name without the slash.
    /// The first 12 digits of the id until the runtime has told more.
    pub name: String,
    /// Image as the user named it.
    pub image: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Kubernetes pod name.
    pub pod: String,
    /// Workload: Compose service, or the pod's owner as its labels tell.
    pub workload: String,
    /// Compose project.
    pub project: String,
    /// Revision: the `pod-template-hash` or `controller-revision-hash` label.
    pub revision: String,
    /// Rollout track: the `track`, `rollout` or `app.kubernetes.io/track` label.
    pub track: String,
    /// Was a read-only root asked for? `None` until the runtime has told.
    pub read_only_root: Option<bool>,
    /// Destinations of the container's own mounts (volumes, binds, tmpfs), as write roots.
    pub mount_targets: Vec<String>,
    /// True once the runtime's answer is in.
    pub described: bool,
}

/// Whose denial it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A container's.
    Container(Arc<Container>),
    /// The host's: the control group belongs to no container.
    Host,
    /// Nobody's that is known.
    Unknown(Unresolved),
}

/// Why an owner is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unresolved {
    /// The control group was never seen (its creation event was lost and it is gone).
    CgroupUnseen,
    /// The kernel half could not read the task's control group.
    CgroupUnreadable,
    /// The path could not be understood.
    PathUnparsable,
    /// The counter's control group is not known because the kernel's table was full.
    CounterOverflow,
}

impl Unresolved {
    /// Every member.
    pub const ALL: [Unresolved; 4] = [
        Unresolved::CgroupUnseen,
        Unresolved::CgroupUnreadable,
        Unresolved::PathUnparsable,
        Unresolved::CounterOverflow,
    ];

    /// The name used in metrics and events.
    pub const fn label(self) -> &'static str {
        match self {
            Unresolved::CgroupUnseen => "cgroup_unseen",
            Unresolved::CgroupUnreadable => "cgroup_unreadable",
            Unresolved::PathUnparsable => "path_unparsable",
            Unresolved::CounterOverflow => "counter_overflow",
        }
    }
}

/// Why a denial happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Exactly one for every denial.
    pub cause: Cause,
    /// What the kernel was seen to decide, in words a person can check; empty for `Unknown`.
    pub evidence: String,
    /// What to change, where it is known.
    pub remedy: Option<String>,
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
}

impl Stage {
    /// Every member.
    pub const ALL: [Stage; 6] = [
        Stage::Kernel,
        Stage::Source,
        Stage::Decode,
        Stage::Identity,
        Stage::Aggregate,
        Stage::Events,
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
    fn hostile_bytes_stay_on_one_printable_line() {
        let path = ContainerPath {
            bytes: b"/a\nb\x1b[2J\\\xff\xe2\x80\xae\"".to_vec(),
            resolution: Resolution::Absolute,
        };
        assert_eq!(
            path.to_string(),
            "/a\\x0ab\\x1b[2J\\x5c\\xff\\xe2\\x80\\xae\""
        );
    }

    #[test]
    fn errnos_round_trip_and_others_are_refused() {
        for errno in Errno::ALL {
            assert_eq!(Errno::try_from(errno.number()), Ok(errno));
        }
        assert_eq!(Errno::try_from(2), Err(2));
    }
}
