//! Writes to open files.
//!
//! In: vfs_write and vfs_writev; and for the writes that pass through neither
//! (io_uring, sendfile, splice, copy_file_range), where these end. A kretprobe does
//! not see their files there, and takes what a tmpfs writes with. Out: refusals as
//! `write`, of regular files only. Invariant: a write that the first two see is not
//! counted by the others, and an overlay's upper file passes through neither a second
//! time. Lacks on purpose: a trampoline on the way of every write beside vfs_write's.

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

/// io_uring_enter(2).
const IO_URING_ENTER: u32 = 426;

/// A task of io_uring: in its system call, or one of its workers, which are in none.
#[inline(always)]
fn is_of_uring(task: &Task) -> bool {
    task.number == IO_URING_ENTER || task.number == u32::MAX
}

// match-proto: ssize_t iter_file_splice_write(struct pipe_inode_info *pipe, struct file *out, loff_t *ppos, size_t len, unsigned int flags)
/// sendfile, splice and copy_file_range. An overlay that copies a file up comes here, too,
/// inside of another operation, which counts.
#[fexit_program]
pub fn fexit_write_splice_5(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg(5)) {
        let task = Task::current();
        if task.syscall().operation() == Operation::Write as u8 || is_of_uring(&task) {
            let subject = Subject::object(Dir::of_file(ctx.arg(1)));
            refused(&task, Backend::Fexit, Hook::WriteSplice, errno, subject);
        }
    }
    0
}

/// Reads end here as well, but with none of these errors on a regular file.
#[inline(always)]
fn uring_refused(request: u64, result: i64) -> i32 {
    if let Some(errno) = gate::denial_errno(result) {
        let task = Task::current();
        if is_of_uring(&task) {
            let file = word(request + offset!(kiocb_filp));
            let subject = Subject::object(Dir::of_file(file));
            refused(&task, Backend::Fexit, Hook::WriteUring, errno, subject);
        }
    }
    0
}

// match-proto: void io_complete_rw(struct kiocb *kiocb, long res)
/// The end of io_uring's writes, from 5.16.
#[fexit_program]
pub fn fexit_write_uring_2(ctx: FExitContext) -> i32 {
    uring_refused(ctx.arg(0), ctx.arg(1))
}

// match-proto: void io_complete_rw(struct kiocb *kiocb, long res, long res2)
/// The end of io_uring's writes, up to 5.15.
#[fexit_program]
pub fn fexit_write_uring_3(ctx: FExitContext) -> i32 {
    uring_refused(ctx.arg(0), ctx.arg(1))
}

// match-proto: ssize_t shmem_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
// match-proto: ssize_t generic_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
/// Writes to a tmpfs that no write system call makes, by kretprobe, which knows the file
/// only of sendfile and its like.
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
