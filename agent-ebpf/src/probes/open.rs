//! Opens: open, openat, openat2, io_uring's openat, open_by_handle_at.
//!
//! In: the function all of them pass through. Out: refusals as `open` or
//! `create`. Invariant: an open on behalf of an execution is left to `exec`.
//! Lacks on purpose: successes.

use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::syscalls::{NO_ARG, Packed};
use sealwatch_ebpf::wire::{Backend, Evidence, Hook, Operation, Signals};

use crate::kernel::{Dir, Task, direct, inode_evidence, inode_mode, nodev_mount, offset, word};
use crate::note::{remember, seen};
use crate::probes::{fexit, kretprobe};
use crate::refusal::{Refusal, Subject, record, syscall_operation};

// match-proto: struct file *path_openat(struct nameidata *nd, const struct open_flags *op, unsigned flags)
/// Opens, at the function's return: of its up to three attempts at most one
/// returns a denial, the others that the kernel must look again.
#[fexit_program]
pub fn fexit_open_3(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg::<i64>(3)) {
        let walk: u64 = ctx.arg(0);
        let op: u64 = ctx.arg(1);
        // SAFETY: the verifier knows its type, of which this is a member.
        let flags = u64::from(unsafe { direct::<u32>(op + offset!(open_flags_flag)) });
        let inode = word(walk + offset!(nameidata_inode));
        if flags & gate::FMODE_EXEC != 0 {
            // What is refused here, `exec` counts; only this hook sees the file.
            let mut evidence = Evidence::default();
            // SAFETY: a valid local.
            unsafe { inode_evidence(inode, &raw mut evidence) };
            remember(0, evidence);
            return 0;
        }
        let task = Task::current();
        if is_by_handle(task.syscall()) {
            return 0;
        }
        // SAFETY: the verifier knows the walk's type, and by it the name's.
        let (name, dir) = unsafe {
            let filename: u64 = direct(walk + offset!(nameidata_name));
            (
                direct(filename + offset!(filename_name)),
                direct(walk + offset!(nameidata_dfd)),
            )
        };
        let mount = match errno {
            gate::EACCES => refusing_mount(&task, inode),
            _ => 0,
        };
        record(
            &task,
            &Refusal {
                hook: Hook::Open,
                backend: Backend::Fexit,
                operation: gate::open_operation(flags) as u8,
                errno,
                signals: if mount == 0 { 0 } else { Signals::NODEV },
                subject: Subject {
                    inode,
                    object: Dir { mount, dentry: 0 },
                    open_flags: flags,
                    ..Subject::kernel_name(name, dir)
                },
            },
        );
    }
    0
}

/// Address of the mount that forbids this device file; 0 where it is none, or where the
/// refusal has another reason. The function that asks the mount runs at every open, so
/// it is not watched; it asks before the mode bits are looked at.
#[inline(always)]
fn refusing_mount(task: &Task, inode: u64) -> u64 {
    if !gate::is_device(inode_mode(inode)) {
        return 0;
    }
    if seen(task).signals & (Signals::INODE_CAPABILITY | Signals::SECURITY) != 0 {
        return 0;
    }
    nodev_mount(inode, task.mounts())
}

/// open_by_handle_at passes through the same function, and has a hook of its own.
#[inline(always)]
fn is_by_handle(row: Packed) -> bool {
    row.operation() == Operation::Open as u8 && row.path() == NO_ARG
}

/// Opens, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_open(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::denial_errno(ctx.ret::<i64>()) {
        let task = Task::current();
        let row = task.syscall();
        let (operation, subject) = match row.operation() {
            o if o == Operation::Exec as u8 || is_by_handle(row) => return 0,
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
                subject: subject.veiled(),
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
