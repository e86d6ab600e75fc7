//! Writes to open files.
//!
//! In: vfs_write and vfs_writev. Out: refusals as `write`, of regular files
//! only. Invariant: a write of an overlay's upper file passes through neither a
//! second time. Lacks on purpose: io_uring's, sendfile's and splice's writes
//! and page faults, which pass through no function common to all file systems.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation};

use crate::kernel::{Dir, Task};
use crate::refusal::{Refusal, Subject, record};

#[inline(always)]
fn refused(task: &Task, backend: Backend, hook: Hook, errno: u8, subject: Subject) {
    if subject.is_regular_file() {
        let operation = Operation::Write as u8;
        record(
            task,
            &Refusal {
                hook,
                backend,
                operation,
                errno,
                signals: 0,
                subject,
            },
        );
    }
}

#[inline(always)]
fn fexit_refused(hook: Hook, ret: i64, file: u64) -> i32 {
    if let Some(errno) = gate::denial_errno(ret) {
        let subject = Subject::object(Dir::of_file(file));
        refused(&Task::current(), Backend::Fexit, hook, errno, subject);
    }
    0
}

#[inline(always)]
fn kretprobe_refused(hook: Hook, ret: i64) -> u32 {
    if let Some(errno) = gate::denial_errno(ret) {
        let task = Task::current();
        let row = task.syscall();
        if row.operation() == Operation::Write as u8 {
            let subject = Subject::of_syscall(&task, row);
            refused(&task, Backend::Kprobe, hook, errno, subject);
        }
    }
    0
}

// match-proto: ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
/// write and pwrite, at the function's return.
#[fexit_program]
pub fn fexit_write_4(ctx: FExitContext) -> i32 {
    fexit_refused(Hook::Write, ctx.arg(4), ctx.arg(0))
}

// match-proto: ssize_t vfs_writev(struct file *file, const struct iovec __user *vec, unsigned long vlen, loff_t *pos, rwf_t flags)
/// writev and pwritev, at the function's return.
#[fexit_program]
pub fn fexit_writev_5(ctx: FExitContext) -> i32 {
    fexit_refused(Hook::Writev, ctx.arg(5), ctx.arg(0))
}

/// write and pwrite, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_write(ctx: RetProbeContext) -> u32 {
    kretprobe_refused(Hook::Write, ctx.ret())
}

/// writev and pwritev, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_writev(ctx: RetProbeContext) -> u32 {
    kretprobe_refused(Hook::Writev, ctx.ret())
}
