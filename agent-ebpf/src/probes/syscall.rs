//! The tracepoint backend: every system call's return.
//!
//! In: the raw sys_exit tracepoint. Out: refusals of the system calls in the
//! table of `syscalls`. Invariant: a return that is no denial costs one
//! compare. Lacks on purpose: io_uring and page faults, which are no system
//! calls, the causes, and calls that are no file operation.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Operation};

use crate::kernel::Task;
use crate::refusal::{Refusal, Subject, record, syscall_operation};

// match-proto: TP_PROTO(struct pt_regs *regs, long ret)
/// The return of every system call.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn tp_sys_exit(ctx: RawTracePointContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg::<i64>(1)) {
        let task = Task::current();
        let row = task.syscall();
        // What is no file operation may be refused by the dozen, and for reasons of its own.
        if !gate::is_file_operation(row.operation()) {
            return 0;
        }
        let operation = syscall_operation(&task, row);
        if operation == Operation::Mmap as u8 && gate::mapping_errno(ctx.arg(1)).is_none() {
            return 0;
        }
        let subject = Subject::of_syscall(&task, row);
        if operation == 0 || (operation == Operation::Write as u8 && !subject.is_regular_file()) {
            return 0;
        }
        record(
            &task,
            &Refusal {
                hook: Hook::SyscallExit,
                backend: Backend::Tracepoint,
                operation,
                errno,
                signals: 0,
                subject: subject.veiled(),
            },
        );
    }
    0
}
