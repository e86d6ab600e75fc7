//! Processes that the kernel kills for want of memory.
//!
//! In: the moment at which the kernel marks its victim, already sent SIGKILL.
//! Out: an exact counter by the victim's control group, whoever allocated.
//! Invariant: a process counts once, however many of its threads are marked;
//! one that was leaving of its own accord, and is only helped along, never.
//! Lacks on purpose: whose limit it was, which the victim's group tells.

use aya_ebpf::macros::{fexit as fexit_program, kprobe, raw_tracepoint};
use aya_ebpf::programs::{FExitContext, ProbeContext, RawTracePointContext};
use sealwatch_ebpf::wire::{OomValue, Stat};

use crate::count::{add, now_ns, on_duty, stat};
use crate::kernel::{Task, address};
use crate::{OOM_KILLS, OOM_VICTIMS};

/// BPF_NOEXIST: the insertion fails where the key is there already.
const NOEXIST: u64 = 1;

/// A new counter; a constant in the object takes no stack.
static ZERO: OomValue = OomValue {
    count: 0,
    last_ns: 0,
};

// match-proto: TP_PROTO(struct task_struct *task, uid_t uid)
/// The victim, where the tracepoint hands over more than its number.
#[raw_tracepoint(tracepoint = "mark_victim")]
pub fn tp_oom_kill(ctx: RawTracePointContext) -> i32 {
    killed(ctx.arg(0));
    0
}

// match-proto: void mark_oom_victim(struct task_struct *tsk)
/// The same on kernels whose tracepoint has the number alone.
#[fexit_program]
pub fn fexit_oom_kill_1(ctx: FExitContext) -> i32 {
    killed(address(ctx.arg(0)));
    0
}

// match-proto: void mark_oom_victim(struct task_struct *tsk)
/// The same at the function's entry, since its return has no argument left.
#[kprobe]
pub fn kprobe_oom_kill(ctx: ProbeContext) -> u32 {
    killed(ctx.arg(0).unwrap_or(0));
    0
}

#[inline(always)]
#[allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a value would be a copy on the program's small stack"
)]
fn killed(victim: u64) {
    let task = Task::other(victim);
    // A task that hits the limit while it exits is marked as well, so that it
    // gets the memory to do so. Nobody killed it for that: it exits by itself,
    // or the signal it dies of was somebody else's.
    let own = victim == Task::current_address();
    if !on_duty() || !task.is_killed() || (own && task.is_exiting()) {
        return;
    }
    if OOM_VICTIMS.insert(task.process(), 1, NOEXIST).is_err() {
        return;
    }
    let cgroup = task.cgroup();
    let _ = OOM_KILLS.insert(cgroup, &ZERO, NOEXIST);
    match OOM_KILLS.get_ptr_mut(cgroup) {
        // SAFETY: a live map value. Of two times that race either is right.
        Some(value) => unsafe {
            (*value).last_ns = now_ns();
            add(&raw mut (*value).count, 1);
        },
        None => stat(Stat::OomOverflow),
    }
    // Last, since its move is what makes the daemon look.
    stat(Stat::OomKilled);
}
