//! System calls that a seccomp filter refused.
//!
//! In: the function that runs a task's filters before the kernel begins a system
//! call. Out: refusals of file operations. Invariant: such a call passes through
//! no other hook. Lacks on purpose: calls that are no file operation, which
//! every container's filter refuses by the dozen.

use aya_ebpf::macros::{fexit, kretprobe};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation, Signals};

use crate::kernel::Task;
use crate::refusal::{Refusal, Subject, record, syscall_operation};

/// What the function returns where the system call is not to be begun.
const SKIP: i32 = -1;

#[inline(always)]
fn filtered(backend: Backend, ret: i32) {
    if ret != SKIP {
        return;
    }
    let task = Task::current();
    let row = task.syscall();
    // The filter's errno stands where the system call's result will be read.
    let Some(errno) = gate::denial_errno(task.result()) else {
        return;
    };
    if !gate::is_file_operation(row.operation()) {
        return;
    }
    let operation = syscall_operation(&task, row);
    let subject = Subject::of_syscall(&task, row);
    if operation == 0 || (operation == Operation::Write as u8 && !subject.is_regular_file()) {
        return;
    }
    record(
        &task,
        &Refusal {
            hook: Hook::Seccomp,
            backend,
            operation,
            errno,
            signals: Signals::SECCOMP,
            subject: subject.veiled(),
        },
    );
}

// match-proto: int __secure_computing(const struct seccomp_data *sd)
/// The filters' word, up to 6.14.
#[fexit]
pub fn fexit_seccomp_1(ctx: FExitContext) -> i32 {
    filtered(Backend::Fexit, ctx.arg(1));
    0
}

// match-proto: int __secure_computing(void)
/// The filters' word, from 6.15.
#[fexit]
pub fn fexit_seccomp_0(ctx: FExitContext) -> i32 {
    filtered(Backend::Fexit, ctx.arg(0));
    0
}

/// The filters' word, by kretprobe.
#[kretprobe]
pub fn kretprobe_seccomp(ctx: RetProbeContext) -> u32 {
    filtered(Backend::Kprobe, ctx.ret());
    0
}
