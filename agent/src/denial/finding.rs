//! What can be found in a container's mounts and user.
//!
//! In: nothing. Out: [`FindingKind`]. Invariant: a closed set, the worst first.
//! Lacks on purpose: finding, which `posture` does.

/// What can be found, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// A container runtime's socket is there.
    RuntimeSocket,
    /// The root can be written although it was asked to be read-only.
    WritableRootAskedReadOnly,
    /// `/sys` or `/proc/sys` can be written.
    WritableKernelFiles,
    /// A file or directory of the host can be written.
    WritableHostPath,
    /// The root can be written, as was asked for.
    WritableRoot,
    /// The first process is root, on the host as well.
    RunsAsRoot,
    /// A tmpfs lets programs be executed.
    TmpfsExecutable,
    /// A tmpfs honours set-user-id bits.
    TmpfsSetuid,
    /// A tmpfs honours device files.
    TmpfsDevices,
    /// A tmpfs may take half of the machine's memory, or all of it.
    TmpfsWithoutSize,
}

impl FindingKind {
    /// Every member, the worst first.
    pub const ALL: [FindingKind; 10] = [
        FindingKind::RuntimeSocket,
        FindingKind::WritableRootAskedReadOnly,
        FindingKind::WritableKernelFiles,
        FindingKind::WritableHostPath,
        FindingKind::WritableRoot,
        FindingKind::RunsAsRoot,
        FindingKind::TmpfsExecutable,
        FindingKind::TmpfsSetuid,
        FindingKind::TmpfsDevices,
        FindingKind::TmpfsWithoutSize,
    ];

    /// The name used in metrics and reports.
    pub const fn label(self) -> &'static str {
        match self {
            FindingKind::RuntimeSocket => "runtime_socket",
            FindingKind::WritableRootAskedReadOnly => "writable_root_asked_read_only",
            FindingKind::WritableKernelFiles => "writable_kernel_files",
            FindingKind::WritableHostPath => "writable_host_path",
            FindingKind::WritableRoot => "writable_root",
            FindingKind::RunsAsRoot => "runs_as_root",
            FindingKind::TmpfsExecutable => "tmpfs_executable",
            FindingKind::TmpfsSetuid => "tmpfs_setuid",
            FindingKind::TmpfsDevices => "tmpfs_devices",
            FindingKind::TmpfsWithoutSize => "tmpfs_without_size",
        }
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            FindingKind::RuntimeSocket => {
                "A container runtime's socket is mounted: who may talk to it is root on the host, on a read-only mount too."
            }
            FindingKind::WritableRootAskedReadOnly => {
                "The root can be written although a read-only one was asked for."
            }
            FindingKind::WritableKernelFiles => {
                "`/sys` or `/proc/sys` can be written, as in a privileged container."
            }
            FindingKind::WritableHostPath => "A file or directory of the host can be written.",
            FindingKind::WritableRoot => {
                "The root can be written, and nobody asked for anything else."
            }
            FindingKind::RunsAsRoot => {
                "The first process is root on the host as well; root of a user namespace is none."
            }
            FindingKind::TmpfsExecutable => {
                "A tmpfs without noexec: what is dropped there can run."
            }
            FindingKind::TmpfsSetuid => "A tmpfs without nosuid.",
            FindingKind::TmpfsDevices => "A tmpfs without nodev.",
            FindingKind::TmpfsWithoutSize => {
                "A tmpfs without a size may take half of the machine's memory."
            }
        }
    }
}
