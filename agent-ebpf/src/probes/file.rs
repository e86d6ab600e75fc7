//! Writes to open files.
//!
//! In: vfs_write and vfs_writev; and for the writes that pass through neither
//! (io_uring, sendfile, splice, copy_file_range), what a tmpfs writes with. Out:
//! refusals as `write`, of regular files only. Invariant: a write that the first
//! two see is not counted by the third, and an overlay's upper file passes
//! through neither a second time. Lacks on purpose: such writes to other file
//! systems, which have no function in common.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::wire::{Backend, Hook, Operation};
use sealwatch_ebpf::{gate, syscalls};

use crate::kernel::{Dir, Task, offset, word};
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

// match-proto: ssize_t shmem_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
// match-proto: ssize_t generic_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
/// Writes to a tmpfs that no write system call makes.
#[fexit_program]
pub fn fexit_write_iter_2(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg(2)) {
        let task = Task::current();
        if !syscalls::is_write(task.number, task.compat) {
            let request: u64 = ctx.arg(0);
            let file = word(request + offset!(kiocb_filp));
            let subject = Subject::object(Dir::of_file(file));
            refused(&task, Backend::Fexit, Hook::WriteIter, errno, subject);
        }
    }
    0
}

/// The same by kretprobe, which knows the file only of sendfile and its like.
#[kretprobe_program]
pub fn kretprobe_write_iter(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno(ctx.ret::<i64>()) {
        let task = Task::current();
        if !syscalls::is_write(task.number, task.compat) {
            let row = task.syscall();
            let operation = Operation::Write as u8;
            let subject = if row.operation() == operation {
                Subject::of_syscall(&task, row)
            } else {
                Subject::NONE
            };
            record(
                &task,
                &Refusal {
                    hook: Hook::WriteIter,
                    backend: Backend::Kprobe,
                    operation,
                    errno,
                    signals: 0,
                    subject,
                },
            );
        }
    }
    0
}
