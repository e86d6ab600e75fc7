//! Executions: opening the file or its interpreter, and the security modules' word.
//!
//! In: do_open_execat, which also checks noexec mounts, and the security hook
//! that follows it. Out: refusals as `exec`. Invariant: the two never fail for
//! the same execution. Lacks on purpose: failures after the point of no return,
//! which kill the task.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation, Signals};

use crate::kernel::Task;
use crate::refusal::{Refusal, Subject, filename_string, record};

#[inline(always)]
fn refused(backend: Backend, hook: Hook, errno: u8, fallback: impl FnOnce() -> Subject) {
    let task = Task::current();
    let row = task.syscall();
    let subject = if row.operation() == Operation::Exec as u8 {
        Subject::of_syscall(&task, row)
    } else {
        fallback()
    };
    let signals = if hook as u8 == Hook::ExecSecurity as u8 {
        Signals::SECURITY
    } else {
        0
    };
    let operation = Operation::Exec as u8;
    record(
        &task,
        &Refusal {
            hook,
            backend,
            operation,
            errno,
            signals,
            subject,
        },
    );
}

// match-proto: struct file *do_open_execat(int fd, struct filename *name, int flags)
/// Opening what is to be executed, at the function's return.
#[fexit_program]
pub fn fexit_exec_3(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg::<i64>(3)) {
        refused(Backend::Fexit, Hook::Exec, errno, || {
            Subject::kernel_name(filename_string(ctx.arg(1)), ctx.arg(0))
        });
    }
    0
}

/// Opening what is to be executed, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_exec(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno(ctx.ret::<i64>()) {
        refused(Backend::Kprobe, Hook::Exec, errno, || Subject::NONE);
    }
    0
}

// match-proto: int security_bprm_creds_for_exec(struct linux_binprm *bprm)
/// The security modules' word on an execution, at the hook's return.
#[fexit_program]
pub fn fexit_exec_security_1(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno_int(ctx.arg(1)) {
        refused(Backend::Fexit, Hook::ExecSecurity, errno, || Subject::NONE);
    }
    0
}

/// The security modules' word on an execution, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_exec_security(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno_int(ctx.ret()) {
        refused(Backend::Kprobe, Hook::ExecSecurity, errno, || Subject::NONE);
    }
    0
}
