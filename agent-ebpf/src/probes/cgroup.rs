//! Births and deaths of control groups.
//!
//! In: the cgroup_mkdir and cgroup_rmdir tracepoints. Out: events in a ring
//! buffer of their own. Invariant: a group's birth is out before any task can
//! be in it. Lacks on purpose: telling a container from others.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use sealwatch_ebpf::wire::{CGROUP_CREATED, CGROUP_PATH_MAX, CGROUP_REMOVED, CgroupEvent, Stat};

use crate::CGROUPS;
use crate::count::{now_ns, stat};
use crate::kernel::{cgroup_id, offset, read, setting, word};

#[inline(always)]
fn event(ctx: &RawTracePointContext, kind: u32) -> i32 {
    let cgroup: u64 = ctx.arg(0);
    let hierarchy: u32 =
        read(word(cgroup + offset!(cgroup_root)) + offset!(cgroup_root_hierarchy_id));
    if hierarchy != setting!(hierarchy_id) {
        return 0;
    }
    let Some(mut entry) = CGROUPS.reserve::<CgroupEvent>(0) else {
        stat(Stat::CgroupLost);
        return 0;
    };
    let path: u64 = ctx.arg(1);
    // SAFETY: the reserved memory is ours alone until submitted, and the helper
    // writes at most CGROUP_PATH_MAX bytes into its last member.
    unsafe {
        let event = entry.as_mut_ptr();
        (*event).cgroup = cgroup_id(cgroup);
        (*event).time_ns = now_ns();
        (*event).kind = kind;
        let len = bpf_probe_read_kernel_str(
            (&raw mut (*event).path).cast(),
            CGROUP_PATH_MAX as u32,
            path as *const _,
        );
        (*event).path_len = match len {
            _ if len <= 0 => 0,
            _ if len as usize == CGROUP_PATH_MAX => CGROUP_PATH_MAX as u32,
            _ => len as u32 - 1,
        };
    }
    entry.submit(0);
    0
}

// match-proto: TP_PROTO(struct cgroup *cgrp, const char *path)
/// A control group was made.
#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn tp_cgroup_mkdir(ctx: RawTracePointContext) -> i32 {
    event(&ctx, CGROUP_CREATED)
}

// match-proto: TP_PROTO(struct cgroup *cgrp, const char *path)
/// A control group was removed.
#[raw_tracepoint(tracepoint = "cgroup_rmdir")]
pub fn tp_cgroup_rmdir(ctx: RawTracePointContext) -> i32 {
    event(&ctx, CGROUP_REMOVED)
}
