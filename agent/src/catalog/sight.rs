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
    const SEARCH: Sight = But("what is refused while its path is searched");
    match (operation, backend) {
        (Operation::Mmap, _) => None,
        (Operation::Capability, Backend::Kprobe | Backend::Tracepoint) => {
            Only("what SELinux refuses and audits")
        }
        (Operation::Ptrace | Operation::Mount | Operation::Signal, Backend::Tracepoint) => None,
        (Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability, _) => {
            Only("what a security module refuses")
        }
        (Operation::Write, Backend::Fexit | Backend::Kprobe) => {
            But("through io_uring, sendfile, splice, copy_file_range or a page fault")
        }
        (Operation::Write, Backend::Tracepoint) => But("through io_uring or a page fault"),
        (Operation::Fallocate, Backend::Fexit | Backend::Kprobe) => {
            But("through io_uring or of a 32-bit program")
        }
        (Operation::Fallocate, Backend::Tracepoint) => NO_URING,
        // A kretprobe sees no arguments, and such a call has no system call's.
        (Operation::Create, Backend::Kprobe) => {
            But("through io_uring, which counts as an open without a path")
        }
        // Inner functions that are called once the path was found.
        (Operation::Chmod, Backend::Fexit | Backend::Kprobe) => SEARCH,
        (Operation::Truncate, Backend::Fexit | Backend::Kprobe) => {
            But("what is refused while its path is searched, nor ftruncate of a 32-bit program")
        }
        // The system calls by descriptor are watched in their 64-bit form.
        (Operation::Chown, Backend::Fexit | Backend::Kprobe) => But("fchown of a 32-bit program"),
        (Operation::Setxattr, Backend::Fexit | Backend::Kprobe) => {
            But("fsetxattr and fremovexattr of a 32-bit program")
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
        (Operation::Bind | Operation::Setxattr, Backend::Tracepoint) => NO_URING,
        (
            Operation::Mknod
            | Operation::Chmod
            | Operation::Chown
            | Operation::Utime
            | Operation::Truncate
            | Operation::Bind
            | Operation::Exec,
            _,
        ) => Whole,
    }
}

/// Which of a cause's refusals a backend can tell; the others stay `unknown`,
/// and are counted all the same.
pub const fn tells(cause: Cause, backend: Backend) -> Sight {
    use Sight::{None, Only, Whole};
    const DESCRIPTOR: Sight = Only("of a file named by its descriptor");
    match (cause, backend) {
        (Cause::Quota | Cause::Unknown, _) => Whole,
        (
            Cause::ReadOnlyMount | Cause::ReadOnlySuperblock,
            Backend::Kprobe | Backend::Tracepoint,
        ) => DESCRIPTOR,
        (Cause::TmpfsFullBytes, _) => Only("of write and fallocate"),
        (Cause::TmpfsFullInodes, Backend::Fexit) => None,
        (Cause::TmpfsFullInodes, Backend::Kprobe | Backend::Tracepoint) => None,
        (Cause::DiskFull, _) => DESCRIPTOR,
        (Cause::Lsm, Backend::Fexit | Backend::Kprobe) => Only("of exec"),
        (Cause::Lsm, Backend::Tracepoint) => None,
        (
            Cause::ReadOnlyMount | Cause::ReadOnlySuperblock | Cause::ModeBits | Cause::Ownership,
            Backend::Fexit,
        ) => Whole,
        (Cause::ModeBits | Cause::Ownership, Backend::Kprobe | Backend::Tracepoint) => None,
        (
            Cause::NoexecMount
            | Cause::NodevMount
            | Cause::Immutable
            | Cause::Capability
            | Cause::Seccomp,
            _,
        ) => None,
    }
}
