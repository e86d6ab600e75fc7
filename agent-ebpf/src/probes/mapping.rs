//! Mappings of files: made, changed, and faulted in.
//!
//! In: mmap's and mprotect's common functions, and tmpfs's page fault. Out:
//! refusals as `mmap`; a fault that finds its tmpfs full counts as ENOSPC, though
//! the task gets SIGBUS or EFAULT. Invariant: a mapping of no file counts
//! nothing. Lacks on purpose: the file of an mprotect, which only the tree of
//! mappings knows.

use aya_ebpf::macros::{fexit, kretprobe};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation, Signals};

use crate::kernel::{Dir, Task, offset, word};
use crate::note::seen;
use crate::refusal::{Refusal, Subject, record, syscall_operation};

/// VM_FAULT_SIGBUS.
const VM_FAULT_SIGBUS: u32 = 2;

#[inline(always)]
fn refused(task: &Task, hook: Hook, backend: Backend, errno: u8, subject: Subject) {
    let operation = Operation::Mmap as u8;
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

// match-proto: unsigned long vm_mmap_pgoff(struct file *file, unsigned long addr, unsigned long len, unsigned long prot, unsigned long flag, unsigned long pgoff)
/// A new mapping.
#[fexit]
pub fn fexit_mmap_6(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::mapping_errno(ctx.arg(6)) {
        let file: u64 = ctx.arg(0);
        if file != 0 {
            let subject = Subject::object(Dir::of_file(file));
            refused(&Task::current(), Hook::Mmap, Backend::Fexit, errno, subject);
        }
    }
    0
}

/// A new mapping, by kretprobe: the system call's only, which names the file.
#[kretprobe]
pub fn kretprobe_mmap(ctx: RetProbeContext) -> u32 {
    if let Some(errno) = gate::mapping_errno(ctx.ret()) {
        let task = Task::current();
        let row = task.syscall();
        if row.operation() == Operation::Mmap as u8 && syscall_operation(&task, row) != 0 {
            let subject = Subject::of_syscall(&task, row);
            refused(&task, Hook::Mmap, Backend::Kprobe, errno, subject);
        }
    }
    0
}

// match-proto: int do_mprotect_pkey(unsigned long start, size_t len, unsigned long prot, int pkey)
/// A change of a mapping.
#[fexit]
pub fn fexit_mprotect_4(ctx: FExitContext) -> i32 {
    protection_refused(Backend::Fexit, ctx.arg(4));
    0
}

/// A change of a mapping, by kretprobe.
#[kretprobe]
pub fn kretprobe_mprotect(ctx: RetProbeContext) -> u32 {
    protection_refused(Backend::Kprobe, ctx.ret());
    0
}

#[inline(always)]
fn protection_refused(backend: Backend, ret: i32) {
    if let Some(errno) = gate::mapping_errno(i64::from(ret)) {
        let hook = Hook::Mprotect;
        refused(&Task::current(), hook, backend, errno, Subject::NONE);
    }
}

// match-proto: vm_fault_t shmem_fault(struct vm_fault *vmf)
/// A page of a mapped tmpfs file.
#[fexit]
pub fn fexit_page_fault_1(ctx: FExitContext) -> i32 {
    if ctx.arg::<u32>(1) & VM_FAULT_SIGBUS != 0 {
        let fault: u64 = ctx.arg(0);
        let file = word(word(fault + offset!(vm_fault_vma)) + offset!(vm_area_file));
        fault_refused(Backend::Fexit, Subject::object(Dir::of_file(file)));
    }
    0
}

/// A page of a mapped tmpfs file, by kretprobe, which does not see the file.
#[kretprobe]
pub fn kretprobe_page_fault(ctx: RetProbeContext) -> u32 {
    if ctx.ret::<u32>() & VM_FAULT_SIGBUS != 0 {
        fault_refused(Backend::Kprobe, Subject::NONE);
    }
    0
}

/// A page past the end of the file fails alike: only a full tmpfs is a refusal.
#[inline(always)]
fn fault_refused(backend: Backend, subject: Subject) {
    let task = Task::current();
    if seen(&task).signals & Signals::TMPFS_BYTES != 0 {
        refused(&task, Hook::PageFault, backend, gate::ENOSPC, subject);
    }
}
