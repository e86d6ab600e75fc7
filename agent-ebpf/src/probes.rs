//! The programs, by what they watch. Their names are `fexit_HOOK_ARGUMENTS`,
//! `kretprobe_HOOK` and `tp_HOOK`, with the hook's label in `wire` and, for
//! fexit, the number of arguments of the function, after which the return value
//! stands: the daemon picks the one that fits the running kernel's BTF.

mod cause;
mod cgroup;
mod entry;
mod exec;
mod file;
mod full;
mod inventory;
mod lsm;
mod mapping;
mod oom;
mod open;
mod path;
mod seccomp;
mod syscall;

use sealwatch_ebpf::syscalls::Packed;
use sealwatch_ebpf::wire::{Backend, Hook, Operation, Signals};

use crate::kernel::Task;
use crate::refusal::{Refusal, Subject, record};

/// Does the row describe this operation (unlink and rmdir share a system call)?
#[inline(always)]
fn matches(row: Packed, operation: Operation) -> bool {
    let found = row.operation();
    found == operation as u8
        || (found == Operation::Unlink as u8 && operation as u8 == Operation::Rmdir as u8)
}

/// Records a refusal of a function whose path is best read from the system
/// call's arguments: the kernel has freed its own copy by the time the function
/// returns. `fallback` serves where the arguments are another call's (io_uring).
#[inline(always)]
fn by_syscall(
    backend: Backend,
    hook: Hook,
    operation: Operation,
    errno: u8,
    fallback: impl FnOnce() -> Subject,
) {
    let task = Task::current();
    let row = task.syscall();
    let subject = if matches(row, operation) {
        Subject::of_syscall(&task, row)
    } else {
        fallback()
    };
    // The one outer hook that belongs to the security modules themselves.
    let signals = match hook {
        Hook::ExecSecurity => Signals::SECURITY,
        _ => 0,
    };
    let operation = operation as u8;
    record(
        &task,
        &Refusal {
            hook,
            backend,
            operation,
            errno,
            signals,
            subject: subject.veiled(),
        },
    );
}

/// Defines a kretprobe program of a function that returns an int or a long.
macro_rules! kretprobe {
    ($(#[$meta:meta])* $name:ident, $hook:ident, $operation:ident) => {
        $(#[$meta])*
        #[aya_ebpf::macros::kretprobe]
        pub fn $name(ctx: aya_ebpf::programs::RetProbeContext) -> u32 {
            if let Some(errno) = sealwatch_ebpf::gate::denial_errno_int(ctx.ret()) {
                crate::probes::by_syscall(
                    sealwatch_ebpf::wire::Backend::Kprobe,
                    sealwatch_ebpf::wire::Hook::$hook,
                    sealwatch_ebpf::wire::Operation::$operation,
                    errno,
                    || crate::refusal::Subject::NONE,
                );
            }
            0
        }
    };
}
pub(crate) use kretprobe;

/// Defines an fexit program of a function that returns an int or a long.
/// `$arguments` is the number of its arguments; `$fallback` makes the subject
/// from them where the system call's arguments do not tell it.
macro_rules! fexit {
    ($(#[$meta:meta])* $name:ident, $arguments:literal, $hook:ident, $operation:ident, |$ctx:ident| $fallback:expr) => {
        $(#[$meta])*
        #[aya_ebpf::macros::fexit]
        pub fn $name($ctx: aya_ebpf::programs::FExitContext) -> i32 {
            if let Some(errno) = sealwatch_ebpf::gate::denial_errno_int($ctx.arg($arguments)) {
                crate::probes::by_syscall(
                    sealwatch_ebpf::wire::Backend::Fexit,
                    sealwatch_ebpf::wire::Hook::$hook,
                    sealwatch_ebpf::wire::Operation::$operation,
                    errno,
                    || $fallback,
                );
            }
            0
        }
    };
}
pub(crate) use fexit;
