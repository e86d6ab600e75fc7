//! The current task: its registers and arguments, control group, ids, places
//! and descriptors.
//!
//! In: the task that a program runs in. Out: plain numbers, and places.
//! Invariant: a task without user registers (a worker of io_uring, a kernel
//! thread) is in no system call. Lacks on purpose: what the files behind its
//! places look like (`evidence`).

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_task, bpf_get_current_task_btf, bpf_task_pt_regs,
};
use sealwatch_ebpf::layout::ABSENT;
use sealwatch_ebpf::syscalls::{Packed, TABLE_HALF};

use super::{Dir, cgroup_id, direct, offset, read, setting, word};
use crate::SYSCALLS;
use crate::branchless::{all_ones_if, below, pick};

/// Offsets in `struct pt_regs` of x86-64.
mod regs {
    pub const BX: u64 = 40;
    pub const AX: u64 = 80;
    pub const DX: u64 = 96;
    pub const SI: u64 = 104;
    pub const DI: u64 = 112;
    pub const ORIG_AX: u64 = 120;
    pub const IP: u64 = 128;
    pub const SP: u64 = 152;
    /// The whole structure.
    pub const SIZE: u64 = 168;
    /// Most arguments of a system call.
    pub const ARGUMENTS_MAX: u64 = 6;
    /// Where the arguments stand: di, si, dx, r10, r8, r9. In words, four bits
    /// each, the first lowest.
    pub const ARGUMENTS: u64 = 0x89_7cde;
    /// Those of a 32-bit system call: bx, cx, dx, si, di, bp.
    pub const ARGUMENTS_COMPAT: u64 = 0x4e_dcb5;
}

/// THREAD_SIZE of x86-64 without KASAN.
const THREAD_SIZE: u64 = 16 << 10;
/// TS_COMPAT of `thread_info.status`: inside a 32-bit system call.
const TS_COMPAT: u32 = 2;
/// PF_EXITING of `task_struct.flags`.
const PF_EXITING: u32 = 4;
/// PF_FORKNOEXEC of `task_struct.flags`.
const PF_FORKNOEXEC: u32 = 0x40;
/// The signal's number, as it stands in `signal_struct.group_exit_code`.
const SIGKILL: u32 = 9;
/// PF_IO_WORKER | PF_KTHREAD of `task_struct.flags`: no user registers.
const PF_NO_REGS: u32 = 0x10 | 0x0020_0000;
/// Mask of the x32 bit, which some programs set in the number.
const X32_BIT: u64 = 0x4000_0000;

/// The current task, as seen by a program that runs in its context.
#[derive(Clone, Copy)]
pub struct Task {
    /// Address of its `task_struct`.
    pub address: u64,
    /// Address of the registers at the entry to the kernel; 0 where there are none.
    pub regs: u64,
    /// System call number as passed; `u32::MAX` where there is none.
    pub number: u32,
    /// A 32-bit system call.
    pub compat: bool,
}

impl Task {
    /// The current task, with the registers found from the task itself.
    #[inline(always)]
    pub fn current() -> Task {
        // The verifier does not visit the branch that the setting rules out, so kernels
        // without these helpers load the program too.
        if setting!(has_task_pt_regs) != 1 {
            return Task::found();
        }
        // SAFETY: bpf_task_pt_regs takes what bpf_get_current_task_btf returned, as it
        // demands; the offsets are members of these two types.
        unsafe {
            let task = bpf_get_current_task_btf();
            let regs = bpf_task_pt_regs(task) as u64;
            let task = task as u64;
            let address = bpf_get_current_task() as u64;
            if direct::<u32>(task + offset!(task_flags)) & PF_NO_REGS != 0 {
                return Task::other(address);
            }
            let status = offset!(task_thread_info) + offset!(thread_info_status);
            Task {
                address,
                regs,
                number: (direct::<u64>(regs + regs::ORIG_AX) & !X32_BIT) as u32,
                compat: direct::<u32>(task + status) & TS_COMPAT != 0,
            }
        }
    }

    /// The current task, with its registers where its stack ends.
    #[inline(always)]
    fn found() -> Task {
        let address = Task::current_address();
        let flags: u32 = read(address + offset!(task_flags));
        if flags & PF_NO_REGS != 0 {
            return Task::other(address);
        }
        let stack = word(address + offset!(task_stack));
        Task::with_regs(address, stack + THREAD_SIZE - regs::SIZE)
    }

    /// The current task of a sys_exit tracepoint, which hands over the registers; it has no
    /// fingerprint.
    #[inline(always)]
    pub fn at_exit(regs_at: u64) -> Task {
        // SAFETY: a helper without arguments.
        Task::with_regs(unsafe { bpf_get_current_task() } as u64, regs_at)
    }

    /// Address of the current task.
    #[inline(always)]
    pub fn current_address() -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_get_current_task() as u64 }
    }

    /// Another task, whose registers are not looked at.
    #[inline(always)]
    pub fn other(address: u64) -> Task {
        Task {
            address,
            regs: 0,
            number: u32::MAX,
            compat: false,
        }
    }

    #[inline(always)]
    fn with_regs(address: u64, regs_at: u64) -> Task {
        let status: u32 = read(address + offset!(task_thread_info) + offset!(thread_info_status));
        Task {
            address,
            regs: regs_at,
            number: (word(regs_at + regs::ORIG_AX) & !X32_BIT) as u32,
            compat: status & TS_COMPAT != 0,
        }
    }

    /// The table's row for the system call the task is in; zero where there is none.
    #[inline(always)]
    pub fn syscall(&self) -> Packed {
        if self.number >= TABLE_HALF {
            return Packed(0);
        }
        let index = if self.compat {
            self.number + TABLE_HALF
        } else {
            self.number
        };
        match SYSCALLS.get(index) {
            Some(row) => Packed(*row),
            None => Packed(0),
        }
    }

    /// Argument of the system call, counted from 0; 0 past the last. Without
    /// branches, since it is asked for so often.
    #[inline(always)]
    pub fn argument(&self, position: u8) -> u64 {
        let compat = all_ones_if(u64::from(self.compat));
        let offset = pick(compat, regs::ARGUMENTS_COMPAT, regs::ARGUMENTS)
            .wrapping_shr(u32::from(position) * 4)
            & 15;
        let value = word(self.regs + offset * 8);
        let is_there = all_ones_if(below(u64::from(position), regs::ARGUMENTS_MAX));
        value & is_there & pick(compat, 0xffff_ffff, u64::MAX)
    }

    /// What the system call returns, once that is decided.
    #[inline(always)]
    pub fn result(&self) -> i64 {
        let result = word(self.regs + regs::AX);
        if self.compat {
            i64::from(result as i32)
        } else {
            result as i64
        }
    }

    /// Tells one system call of this task from its next: number, instruction,
    /// stack and arguments. A repeated identical call looks the same, and then
    /// what was seen in the first is true of the second as well. Never zero.
    #[inline(always)]
    pub fn fingerprint(&self) -> u64 {
        if self.regs == 0 {
            return 1;
        }
        if setting!(has_task_pt_regs) != 1 {
            return regs_fingerprint(self.regs, self.compat);
        }
        // SAFETY: the verifier knows the registers' type, of which these are members.
        let register = |at| unsafe { direct::<u64>(self.regs + at) };
        let mut hash = register(regs::SP);
        for at in [regs::DX, regs::SI, regs::DI, regs::ORIG_AX, regs::IP] {
            hash = sealwatch_ebpf::gate::fold(hash, register(at));
        }
        if self.compat {
            // The first argument of a 32-bit system call.
            hash = sealwatch_ebpf::gate::fold(hash, register(regs::BX));
        }
        hash | 1
    }

    /// kernfs id of the control group that identifies the task; 0 where it cannot be read.
    #[inline(always)]
    pub fn cgroup(&self) -> u64 {
        let css_set = word(self.address + offset!(task_cgroups));
        let subsystem = setting!(cgroup_subsystem);
        let cgroup = if subsystem == ABSENT {
            word(css_set + offset!(css_set_dfl_cgrp))
        } else {
            let css = word(css_set + offset!(css_set_subsys) + u64::from(subsystem) * 8);
            word(css + offset!(css_cgroup))
        };
        cgroup_id(cgroup)
    }

    /// The same of the current task, which the kernel tells at once where control groups
    /// are of the unified hierarchy.
    #[inline(always)]
    pub fn current_cgroup(&self) -> u64 {
        if setting!(cgroup_subsystem) == ABSENT {
            // SAFETY: a helper without arguments.
            unsafe { bpf_get_current_cgroup_id() }
        } else {
            self.cgroup()
        }
    }

    /// Is it on its way out (PF_EXITING)?
    #[inline(always)]
    pub fn is_exiting(&self) -> bool {
        read::<u32>(self.address + offset!(task_flags)) & PF_EXITING != 0
    }

    /// Is its whole process dying of SIGKILL?
    #[inline(always)]
    pub fn is_killed(&self) -> bool {
        let signal = word(self.address + offset!(task_signal));
        read::<u32>(signal + offset!(signal_group_exit_code)) == SIGKILL
    }

    /// Tells its process from every other, those before and after under the same id included.
    #[inline(always)]
    pub fn process(&self) -> u64 {
        let leader = word(self.address + offset!(task_group_leader));
        let id: u32 = read(self.address + offset!(task_tgid));
        let started_ns = word(leader + offset!(task_start_time));
        sealwatch_ebpf::gate::fold(u64::from(id), started_ns)
    }

    /// Address of its `struct cred`.
    #[inline(always)]
    pub fn cred(&self) -> u64 {
        word(self.address + offset!(task_cred))
    }

    /// fsuid and fsgid in the initial user namespace.
    #[inline(always)]
    pub fn ids(&self) -> (u32, u32) {
        let cred = self.cred();
        (
            read(cred + offset!(cred_fsuid)),
            read(cred + offset!(cred_fsgid)),
        )
    }

    /// Address of the `struct mnt_namespace`.
    #[inline(always)]
    pub fn mounts(&self) -> u64 {
        word(word(self.address + offset!(task_nsproxy)) + offset!(nsproxy_mnt_ns))
    }

    /// Inode number of the mount namespace.
    #[inline(always)]
    pub fn mount_namespace(&self) -> u32 {
        read(self.mounts() + offset!(mnt_namespace_ns) + offset!(ns_common_inum))
    }

    /// The first thread of the process that started this one, or of the one that
    /// took its place when it ended.
    #[inline(always)]
    pub fn parent(&self) -> Task {
        let leader = word(self.address + offset!(task_group_leader));
        Task::other(word(leader + offset!(task_real_parent)))
    }

    /// Has its process executed nothing since it was forked (PF_FORKNOEXEC)?
    #[inline(always)]
    pub fn is_fork(&self) -> bool {
        let leader = word(self.address + offset!(task_group_leader));
        read::<u32>(leader + offset!(task_flags)) & PF_FORKNOEXEC != 0
    }

    /// Address of the `struct file` that is executed; 0 where there is none.
    #[inline(always)]
    pub fn program(&self) -> u64 {
        word(word(self.address + offset!(task_mm)) + offset!(mm_exe_file))
    }

    /// Address of the `struct vfsmount` of its root directory.
    #[inline(always)]
    pub fn root_mount(&self) -> u64 {
        word(word(self.address + offset!(task_fs)) + offset!(fs_root) + offset!(path_mnt))
    }

    /// The task's root directory.
    #[inline(always)]
    pub fn root(&self) -> Dir {
        Dir::at(word(self.address + offset!(task_fs)) + offset!(fs_root))
    }

    /// The task's working directory.
    #[inline(always)]
    pub fn working_directory(&self) -> Dir {
        Dir::at(word(self.address + offset!(task_fs)) + offset!(fs_pwd))
    }

    /// Address of the `struct file` behind a descriptor; 0 where there is none.
    #[inline(always)]
    pub fn file(&self, descriptor: i32) -> u64 {
        let table = word(word(self.address + offset!(task_files)) + offset!(files_fdt));
        let max: u32 = read(table + offset!(fdtable_max_fds));
        if descriptor < 0 || descriptor as u32 >= max {
            return 0;
        }
        word(word(table + offset!(fdtable_fd)) + descriptor as u64 * 8)
    }
}

/// [`Task::fingerprint`] of registers whose type is not known. In a frame of its own, since
/// they would fill its caller's.
#[inline(never)]
fn regs_fingerprint(regs_at: u64, compat: bool) -> u64 {
    // From dx on, in one read: dx, si, di, orig_ax, ip, cs, flags, sp.
    let words: [u64; 8] = read(regs_at + regs::DX);
    let mut hash = words[7];
    for word in &words[..5] {
        hash = sealwatch_ebpf::gate::fold(hash, *word);
    }
    if compat {
        // The first argument of a 32-bit system call.
        hash = sealwatch_ebpf::gate::fold(hash, word(regs_at + regs::BX));
    }
    hash | 1
}
