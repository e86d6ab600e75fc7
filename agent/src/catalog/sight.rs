//! What each backend sees of each operation, and which causes it tells.
//!
//! In: nothing. Out: [`Sight`]. Invariant: what is said to be whole is whole on
//! every kernel that is tested; what is not measured is said, never zero. Lacks
//! on purpose: what is attached on the running kernel, which `host` plans.

use crate::denial::{Backend, Cause, Operation};

/// What a backend sees of an operation, or of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// All but what the text says.
    But(&'static str),
    /// What the text says and no more.
    Only(&'static str),
    /// Nothing: not measured, which is not zero.
    None,
}

/// What a backend sees of an operation.
pub const fn sight(operation: Operation, backend: Backend) -> Sight {
    use Sight::{But, None, Only, Whole};
    const NO_URING: Sight = But("through io_uring");
    const NO_URING_PATH: Sight = But("the path of a call through io_uring");
    match (operation, backend) {
        (Operation::Mmap, Backend::Fexit) => But("the file of an mprotect"),
        (Operation::Mmap, Backend::Kprobe) => But(
            "the file of an mprotect or a page fault, and a 32-bit program's first kind of mmap",
        ),
        (Operation::Mmap, Backend::Tracepoint) => {
            But("a page fault, the file of an mprotect, and a 32-bit program's first kind of mmap")
        }
        (Operation::Capability, Backend::Kprobe | Backend::Tracepoint) => {
            Only("what SELinux refuses and audits")
        }
        (Operation::Ptrace | Operation::Mount | Operation::Signal, Backend::Tracepoint) => None,
        (Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability, _) => {
            Only("what a security module refuses")
        }
        (Operation::Write, Backend::Fexit) => But("to anything but a tmpfs, through io_uring"),
        (Operation::Write, Backend::Kprobe) => {
            But("to anything but a tmpfs, through io_uring, sendfile, splice or copy_file_range")
        }
        (Operation::Write, Backend::Tracepoint) => But("through io_uring"),
        (Operation::Fallocate | Operation::Setxattr | Operation::Truncate, _) => NO_URING,
        // A kretprobe sees no arguments, and such a call has no system call's.
        (Operation::Create, Backend::Kprobe) => {
            But("through io_uring, which counts as an open without a path")
        }
        (
            Operation::Open
            | Operation::Create
            | Operation::Mkdir
            | Operation::Symlink
            | Operation::Link
            | Operation::Unlink
            | Operation::Rmdir
            | Operation::Rename,
            backend,
        ) => match backend {
            Backend::Fexit => Whole,
            Backend::Kprobe => NO_URING_PATH,
            Backend::Tracepoint => NO_URING,
        },
        (Operation::Bind, Backend::Tracepoint) => NO_URING,
        (
            Operation::Mknod
            | Operation::Chmod
            | Operation::Chown
            | Operation::Utime
            | Operation::Bind
            | Operation::Exec,
            _,
        ) => Whole,
    }
}

/// Which of a cause's refusals a backend can tell; the others stay `unknown`,
/// and are counted all the same.
pub const fn tells(cause: Cause, backend: Backend) -> Sight {
    use Sight::{But, None, Only, Whole};
    const DESCRIPTOR: Sight = Only("of a file named by its descriptor");
    const MPROTECT: Sight = But("of mprotect");
    match (cause, backend) {
        (Cause::Quota | Cause::Unknown, _) => Whole,
        (
            Cause::ReadOnlyMount
            | Cause::ReadOnlySuperblock
            | Cause::ModeBits
            | Cause::Ownership
            | Cause::NodevMount
            | Cause::Immutable
            | Cause::TmpfsFullBytes
            | Cause::TmpfsFullInodes
            | Cause::DiskFull,
            Backend::Fexit,
        )
        | (Cause::TmpfsFullBytes | Cause::TmpfsFullInodes, Backend::Kprobe) => Whole,
        (
            Cause::ReadOnlyMount | Cause::ReadOnlySuperblock | Cause::Immutable,
            Backend::Kprobe | Backend::Tracepoint,
        )
        | (Cause::DiskFull, Backend::Tracepoint) => DESCRIPTOR,
        (Cause::DiskFull, Backend::Kprobe) => {
            Only("of an ext4, or of a file named by its descriptor")
        }
        (Cause::TmpfsFullBytes, Backend::Tracepoint) => Only("of write and fallocate"),
        (Cause::Ownership, Backend::Kprobe) => {
            Only("of what the owner alone may do, and of the fs.protected_* settings")
        }
        (Cause::NoexecMount, Backend::Fexit | Backend::Kprobe) => MPROTECT,
        (Cause::Capability, Backend::Fexit) => But("where one over a user namespace is enough"),
        (Cause::Capability, Backend::Kprobe) => Only("over the whole machine"),
        (Cause::Seccomp, Backend::Fexit | Backend::Kprobe) => Only("with `--seccomp`"),
        (Cause::Lsm, Backend::Fexit | Backend::Kprobe) => Whole,
        (Cause::ModeBits | Cause::NodevMount, Backend::Kprobe)
        | (
            Cause::Lsm
            | Cause::ModeBits
            | Cause::Ownership
            | Cause::NoexecMount
            | Cause::NodevMount
            | Cause::Capability
            | Cause::TmpfsFullInodes
            | Cause::Seccomp,
            Backend::Tracepoint,
        ) => None,
    }
}
