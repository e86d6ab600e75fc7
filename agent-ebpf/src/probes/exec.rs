//! Executions: opening the file or its interpreter, and the security modules' word.
//!
//! In: do_open_execat, which also checks noexec mounts, and the security hook
//! that follows it. Out: refusals as `exec`. Invariant: the two never fail for
//! the same execution. Lacks on purpose: failures after the point of no return,
//! which kill the task; another source of
//! the path than the system call, since nothing else executes.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation};

use crate::probes::{by_syscall, fexit, kretprobe};
use crate::refusal::Subject;

// match-proto: struct file *do_open_execat(int fd, struct filename *name, int flags)
/// Opening what is to be executed, at the function's return.
#[fexit_program]
pub fn fexit_exec_3(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg::<i64>(3)) {
        by_syscall(Backend::Fexit, Hook::Exec, Operation::Exec, errno, || {
            Subject::NONE
        });
    }
    0
}

/// Opening what is to be executed, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_exec(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno(ctx.ret::<i64>()) {
        by_syscall(Backend::Kprobe, Hook::Exec, Operation::Exec, errno, || {
            Subject::NONE
        });
    }
    0
}

// match-proto: int security_bprm_creds_for_exec(struct linux_binprm *bprm)
fexit!(fexit_exec_security_1, 1, ExecSecurity, Exec, |_ctx| {
    Subject::NONE
});
kretprobe!(kretprobe_exec_security, ExecSecurity, Exec);
