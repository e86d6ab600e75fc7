//! Opens: open, openat, openat2, io_uring's openat, open_by_handle_at.
//!
//! In: the function all of them pass through. Out: refusals as `open` or
//! `create`. Invariant: an open on behalf of an execution is left to `exec`.
//! Lacks on purpose: successes.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation};

use crate::kernel::Task;
use crate::probes::{fexit, kretprobe};
use crate::refusal::{Refusal, Subject, filename_string, open_flag, record, syscall_operation};

// match-proto: struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)
// match-proto: struct file *do_file_open(int dfd, struct filename *pathname, const struct open_flags *op)
/// Opens, at the function's return.
#[fexit_program]
pub fn fexit_open_3(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg::<i64>(3)) {
        let flags = open_flag(ctx.arg(2));
        if flags & gate::FMODE_EXEC == 0 {
            record(
                &Task::current(),
                &Refusal {
                    hook: Hook::Open,
                    backend: Backend::Fexit,
                    operation: gate::open_operation(flags) as u8,
                    errno,
                    signals: 0,
                    subject: Subject::kernel_name(filename_string(ctx.arg(1)), ctx.arg(0)),
                },
            );
        }
    }
    0
}

/// Opens, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_open(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno(ctx.ret::<i64>()) {
        let task = Task::current();
        let row = task.syscall();
        let (operation, subject) = match row.operation() {
            o if o == Operation::Exec as u8 => return 0,
            o if o == Operation::Open as u8 || o == Operation::Create as u8 => (
                syscall_operation(&task, row),
                Subject::of_syscall(&task, row),
            ),
            _ => (Operation::Open as u8, Subject::NONE),
        };
        record(
            &task,
            &Refusal {
                hook: Hook::Open,
                backend: Backend::Kprobe,
                operation,
                errno,
                signals: 0,
                subject,
            },
        );
    }
    0
}

// match-proto: long do_handle_open(int mountdirfd, struct file_handle __user *ufh, int open_flag)
fexit!(fexit_open_by_handle_3, 3, OpenByHandle, Open, |_ctx| {
    Subject::NONE
});
kretprobe!(kretprobe_open_by_handle, OpenByHandle, Open);
