//! What there is to see, as tables: metrics, causes, hooks, losses, alerts.
//!
//! In: nothing. Out: rows that `metrics` exports by, and Markdown for the
//! documents. Invariant: a metric, cause, hook or loss that is not in a table
//! here does not exist; tests hold the tables against what is exported. Lacks on
//! purpose: values.

pub mod alerts;
mod faults;
mod losses;
pub mod rules;
mod sight;
mod tables;
#[cfg(test)]
mod tests;
pub mod truth;

use crate::denial::{Cause, Hook, Unresolved};

pub use faults::{FAULTS, FaultRow};
pub use losses::{LOSSES, LossRow};
pub use sight::{Sight, sight, tells};
pub use tables::{code, markdown, tables};

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows while its series is there.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A row of the table of metrics.
#[derive(Debug)]
pub struct Metric {
    /// Its name, with unit and suffix.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Label names, in the order of the values.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($all:ident; $($(#[$doc:meta])* $id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $($(#[$doc])* #[doc = $help] pub const $id: &Metric = &Metric {
            name: $name, kind: MetricKind::$kind, labels: &[$($label),*], help: $help,
        };)+
        /// Every metric of this table.
        pub const $all: &[&Metric] = &[$($id),+];
    };
}

mod state;
pub use state::*;

/// Every metric, in the order of the export.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().chain(STATE_METRICS).copied()
}

metrics! { METRICS;
    DENIALS = Counter "sealwatch_denials_total"
        ["namespace", "pod", "container", "operation", "errno", "cause", "lsm"]
        "Operations of a container that the kernel refused; lsm names the security module where that is the cause, and is empty elsewhere.";
    WRITE_ROOT_DENIALS = Counter "sealwatch_write_root_denials_total"
        ["namespace", "pod", "container", "operation", "errno", "cause", "lsm", "write_root"]
        "The same by the directory under which the write belongs; _unresolved where the path is not known, _other past the limit.";
    CONTAINER_INFO = Gauge "sealwatch_container_info"
        ["namespace", "pod", "container", "container_id", "runtime", "image", "workload", "project", "revision", "track"]
        "A container that is there or was until lately, always 1.";
    OOM_KILLS = Counter "sealwatch_oom_kills_total"
        ["namespace", "pod", "container"]
        "Processes of a container that the kernel killed for want of memory; _unresolved where the container is not known. Not there where it is not measured.";
    DEGRADED = Gauge "sealwatch_degraded"
        ["namespace", "pod", "container", "write_root", "errno", "cause", "lsm", "cache"]
        "A running container whose writes under a write root keep failing, always 1; cache names the known cache that they were for, if it is one.";
    DEGRADED_SINCE = Gauge "sealwatch_degraded_since_timestamp_seconds"
        ["namespace", "pod", "container", "write_root"]
        "When the first of these writes failed, in seconds since 1970.";
    DEGRADED_FAILURES = Gauge "sealwatch_degraded_failures"
        ["namespace", "pod", "container", "write_root"]
        "How many of these writes were seen to fail.";
    FAILING_TO_START = Gauge "sealwatch_failing_to_start"
        ["namespace", "pod", "container", "write_root", "errno", "cause", "lsm"]
        "A container that was refused something and ended at once, and has not started since, always 1.";
    START_FAILURES = Counter "sealwatch_start_failures_total"
        ["namespace", "pod", "container"]
        "How often it did so in a row; its series leaves when it starts, or after 15 minutes without a failed start.";
    UNJUDGED = Counter "sealwatch_degraded_limited_total" ["limit"]
        "Failures past a limit: those of containers are not judged, those of write_roots together as _other, those of workloads are told once and not kept.";
    UNWATCHED = Gauge "sealwatch_unwatched_seconds" []
        "How long nothing was counted before the daemon started, as its state file tells; missing where there was none of this boot.";
    HOST_DENIALS = Counter "sealwatch_host_denials_total"
        ["operation", "errno", "cause", "lsm"]
        "Refused operations of processes outside containers, with --host.";
    UNRESOLVED_DENIALS = Counter "sealwatch_unresolved_denials_total"
        ["operation", "errno", "cause", "lsm", "reason"]
        "Refused operations whose container is not known, by the reason why.";
    RECORDED_DENIALS = Counter "sealwatch_recorded_denials_total" []
        "Refusals counted in the kernel: the sum of all denials here, of those pending, retired and ignored.";
    PENDING_DENIALS = Gauge "sealwatch_pending_denials" []
        "Refusals that wait for their first sample before they are exported, 5 seconds at most.";
    RETIRED_DENIALS = Counter "sealwatch_retired_denials_total" []
        "Refusals whose series have left with their container.";
    IGNORED_DENIALS = Counter "sealwatch_ignored_denials_total" []
        "Refusals of the host, read before its control group was left out in the kernel.";
    LIMITED_DENIALS = Counter "sealwatch_limited_denials_total" ["limit"]
        "Refusals that went to an _other series, by the limit that was reached.";
    SAMPLES = Counter "sealwatch_samples_total" []
        "Refusals handed over with path and evidence.";
    SAMPLES_SUPPRESSED = Counter "sealwatch_samples_suppressed_total" []
        "Refusals counted but not sampled, since one of the same kind had been.";
    LOST = Counter "sealwatch_lost_total" ["stage", "reason"]
        "What was not delivered.";
    ROOTFS_READONLY = Gauge "sealwatch_rootfs_readonly"
        ["namespace", "pod", "container"]
        "1 if the container cannot write its root, 0 if it can; no series where that is not known.";
    MOUNT_INFO = Gauge "sealwatch_mount_info"
        ["namespace", "pod", "container", "mount", "kind", "fs_type", "mode", "noexec", "nosuid", "nodev"]
        "A container's root, and each mount besides that it can write, always 1; at mount _other the number of those past the limit.";
    FINDINGS = Gauge "sealwatch_findings"
        ["namespace", "pod", "container", "finding"]
        "Places in a container where this was found; the series leaves once it is mended.";
    HOOKS_ATTACHED = Gauge "sealwatch_hooks_attached" ["hook", "backend"]
        "A hook that is attached, always 1.";
    HOOKS_MISSING = Gauge "sealwatch_hooks_missing" ["hook", "reason"]
        "A hook that could not be attached: what only it sees is not measured. Always 1.";
    RUNTIME_UP = Gauge "sealwatch_runtime_up" ["runtime", "endpoint"]
        "1 if the container runtime answers, 0 if not.";
    CONTAINERS = Gauge "sealwatch_containers" []
        "Containers known to be there.";
    CONTAINERS_UNDESCRIBED = Gauge "sealwatch_containers_undescribed" []
        "Containers whose name no runtime has told.";
    INVENTORY_CONTAINERS = Gauge "sealwatch_inventory_containers" []
        "Containers whose successful writes are counted, for /api/v1/inventory.";
    SERIES = Gauge "sealwatch_series" []
        "Series of sealwatch_write_root_denials_total, bounded by --limits.series.";
    BUILD_INFO = Gauge "sealwatch_build_info" ["version"]
        "The daemon's version, always 1.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "User and system time of the daemon, without what its programs take in the kernel.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
        "Resident memory of the daemon.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" []
        "Virtual memory of the daemon.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors of the daemon.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" []
        "Most file descriptors the daemon may open.";
    PROCESS_THREADS = Gauge "process_threads" []
        "Threads of the daemon.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "When the daemon was started, in seconds since 1970.";
}

/// What a cause means, in one sentence.
pub const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::ReadOnlyMount => "The mount is read-only, as with --read-only or a `:ro` volume.",
        Cause::ReadOnlySuperblock => "The whole file system is read-only.",
        Cause::ModeBits => "The file's mode bits let neither the task nor the owner do it.",
        Cause::Ownership => "The task is not the file's owner, whom the kernel would let do it.",
        Cause::Lsm => "A security module said no; the label `lsm` names it.",
        Cause::NoexecMount => "The mount forbids execution.",
        Cause::NodevMount => "The mount forbids device files.",
        Cause::Immutable => "The file is immutable or append-only.",
        Cause::TmpfsFullBytes => "A tmpfs has no bytes left.",
        Cause::TmpfsFullInodes => "A tmpfs has no inodes left.",
        Cause::DiskFull => "A file system other than tmpfs is full.",
        Cause::Quota => "A quota is used up.",
        Cause::Capability => "A capability is missing.",
        Cause::Seccomp => "A seccomp filter said no.",
        Cause::Unknown => "What was seen does not say; nothing is guessed.",
    }
}

/// What a reason for not knowing the container means.
pub const fn unresolved_meaning(reason: Unresolved) -> &'static str {
    match reason {
        Unresolved::CgroupUnseen => "Its control group's birth was not seen, and it is gone.",
        Unresolved::CgroupUnreadable => "The task's control group could not be read.",
        Unresolved::PathUnparsable => "The control group's path could not be understood.",
        Unresolved::CounterOverflow => "The kernel's table of counters was full.",
    }
}

/// What a hook is for.
pub const fn purpose(hook: Hook) -> &'static str {
    match hook {
        Hook::Open => "open, create",
        Hook::OpenByHandle => "open by file handle",
        Hook::Mkdir => "mkdir",
        Hook::Mknod => "mknod",
        Hook::Symlink => "symlink",
        Hook::Link => "link",
        Hook::Unlink => "unlink",
        Hook::Rmdir => "rmdir",
        Hook::Rename => "rename",
        Hook::Chmod => "chmod",
        Hook::Chown => "chown by path",
        Hook::ChownFile => "chown by descriptor",
        Hook::Utime => "utime",
        Hook::Truncate => "truncate by path",
        Hook::TruncateFile => "truncate by descriptor",
        Hook::Fallocate => "fallocate",
        Hook::Setxattr => "setxattr by path",
        Hook::SetxattrFile => "setxattr by descriptor",
        Hook::Removexattr => "removexattr",
        Hook::Bind => "bind of a unix socket",
        Hook::Exec => "exec: opening the file",
        Hook::ExecSecurity => "exec: the security modules' word",
        Hook::Write => "write, pwrite",
        Hook::Writev => "writev, pwritev",
        Hook::SyscallExit => "every operation, at the system call's return",
        Hook::RemovexattrFile => "removexattr by descriptor",
        Hook::MountWrite => "cause: read-only mount or superblock, by path",
        Hook::MountWriteFile => "cause: read-only mount or superblock, by descriptor",
        Hook::MountAccess => "cause: read-only mount, at an open for writing",
        Hook::InodeCapability => "cause: mode bits",
        Hook::InodeOwner => "cause: ownership",
        Hook::Mmap => "mmap of a file",
        Hook::Mprotect => "mprotect of a file's mapping",
        Hook::PageFault => "a page fault that finds a tmpfs full",
        Hook::WriteIter => "a tmpfs write by io_uring, sendfile or splice",
        Hook::WriteSplice => "sendfile, splice, copy_file_range",
        Hook::WriteUring => "a write by io_uring",
        Hook::Seccomp => "what a seccomp filter refuses",
        Hook::PathNoexec => "cause: noexec mount",
        Hook::Protected => "cause: the fs.protected_* settings",
        Hook::Capable => "cause: a missing capability",
        Hook::MayDelete => "evidence: an entry that may not be removed",
        Hook::SetAttributes => "evidence: a file whose attributes may not change",
        Hook::TmpfsBytes => "cause: a tmpfs without bytes",
        Hook::TmpfsInodes => "cause: a tmpfs without inodes",
        Hook::DiskBlocks => "cause: a disk without blocks",
        Hook::EntryMkdir => "evidence: the directory of a mkdir",
        Hook::EntryMknod => "evidence: the directory of a mknod",
        Hook::EntrySymlink => "evidence: the directory of a symlink",
        Hook::EntryLink => "evidence: the directory of a link",
        Hook::EntryRename => "evidence: the entry of a rename",
        Hook::EntryXattr => "evidence: the file of an extended attribute",
        Hook::ApparmorPath => "AppArmor: paths",
        Hook::ApparmorLink => "AppArmor: links",
        Hook::ApparmorExec => "AppArmor: exec",
        Hook::ApparmorMap => "AppArmor: mmap and mprotect",
        Hook::ApparmorPtrace => "AppArmor: ptrace",
        Hook::ApparmorCapable => "AppArmor: capabilities",
        Hook::ApparmorSignal => "AppArmor: signals",
        Hook::ApparmorMount => "AppArmor: mounts",
        Hook::SelinuxDenied => "SELinux: every refusal",
        Hook::SelinuxAudited => "SELinux: the contexts of an audited refusal",
        Hook::LandlockPath => "Landlock: paths",
        Hook::LandlockOther => "Landlock: anything else",
        Hook::BpfLsm => "BPF programs on security hooks",
        Hook::Lockdown => "kernel lockdown",
        Hook::Yama => "Yama: ptrace",
        Hook::Tomoyo => "TOMOYO",
        Hook::Smack => "Smack",
        Hook::OomKill => "processes killed for want of memory",
        Hook::CgroupMkdir => "birth of a container",
        Hook::CgroupRmdir => "death of a container",
    }
}
