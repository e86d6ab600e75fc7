//! All reads of kernel structures: the current task, its registers, its control
//! group, descriptors and directories.
//!
//! In: kernel addresses, and the offsets the daemon took from BTF. Out: plain
//! numbers; 0 for whatever could not be read. Invariant: every read goes
//! through bpf_probe_read_kernel or _user, so a stale or hostile pointer yields
//! zero, never a fault. Lacks on purpose: knowing why it reads.

use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_get_current_task_btf, bpf_probe_read_kernel, bpf_probe_read_user,
    bpf_task_pt_regs,
};
use sealwatch_ebpf::layout::ABSENT;
use sealwatch_ebpf::syscalls::{Packed, TABLE_HALF};
use sealwatch_ebpf::wire::Evidence;

use crate::SYSCALLS;

/// Reads one offset. Volatile, because the loader changes the value after compilation.
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: a valid, aligned static of the object's read-only data.
        unsafe { core::ptr::read_volatile(&raw const $crate::OFFSETS.$field) as u64 }
    };
}
pub(crate) use offset;

/// Reads one setting (see `offset`).
macro_rules! setting {
    ($field:ident) => {
        // SAFETY: a valid, aligned static of the object's read-only data.
        unsafe { core::ptr::read_volatile(&raw const $crate::SETTINGS.$field) }
    };
}
pub(crate) use setting;

/// A value of type `T` at a kernel address; all zero bits where it cannot be read.
#[inline(always)]
pub fn read<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the helper writes size_of::<T>() bytes into `value`, or zeroes
    // them on a fault; `T` is only ever integers and arrays of them.
    unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        value.assume_init()
    }
}

/// A pointer or other 64-bit word at a kernel address.
#[inline(always)]
pub fn word(address: u64) -> u64 {
    read::<u64>(address)
}

/// A value at a user address of the current task; zero where it cannot be read.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: as in `read`.
    unsafe {
        bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        value.assume_init()
    }
}

/// The registers a task entered the kernel with, as far as they matter:
/// `struct pt_regs` of x86-64 from `bp` on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Regs {
    pub bp: u64,
    pub bx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub ax: u64,
    pub cx: u64,
    pub dx: u64,
    pub si: u64,
    pub di: u64,
    pub orig_ax: u64,
    pub ip: u64,
    pub cs: u64,
    pub flags: u64,
    pub sp: u64,
}

/// Offset of `bp` in `struct pt_regs`: r15 to r12 come before.
const REGS_BP: u64 = 32;
/// Size of `struct pt_regs`.
const REGS_SIZE: u64 = 168;
/// THREAD_SIZE of x86-64 without KASAN.
const THREAD_SIZE: u64 = 16 << 10;
/// TS_COMPAT of `thread_info.status`: inside a 32-bit system call.
const TS_COMPAT: u32 = 2;
/// PF_IO_WORKER | PF_KTHREAD of `task_struct.flags`: no user registers.
const PF_NO_REGS: u32 = 0x10 | 0x0020_0000;
/// Mask of the x32 bit, which some programs set in the number.
const X32_BIT: u64 = 0x4000_0000;

/// The current task, as seen by a program that runs in its context.
#[derive(Clone, Copy)]
pub struct Task {
    /// Address of its `task_struct`.
    pub address: u64,
    /// Registers at the entry to the kernel; zeros where there are none.
    pub regs: Regs,
    /// System call number as passed; `u32::MAX` where there is none.
    pub number: u32,
    /// A 32-bit system call.
    pub compat: bool,
}

impl Task {
    /// The current task, with the registers found from the task itself.
    #[inline(always)]
    pub fn current() -> Task {
        // SAFETY: a helper without arguments.
        let address = unsafe { bpf_get_current_task() } as u64;
        let regs_at = if setting!(has_task_pt_regs) == 1 {
            // SAFETY: takes what bpf_get_current_task_btf returned, as it demands.
            // The verifier does not visit the branch that the setting rules
            // out, so kernels without these helpers load the program too.
            unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) as u64 }
        } else {
            word(address + offset!(task_stack)) + THREAD_SIZE - REGS_SIZE
        };
        let flags: u32 = read(address + offset!(task_flags));
        let regs_at = if flags & PF_NO_REGS == 0 { regs_at } else { 0 };
        Task::with_regs(address, regs_at)
    }

    /// The current task of a sys_exit tracepoint, which hands over the registers.
    #[inline(always)]
    pub fn at_exit(regs_at: u64) -> Task {
        // SAFETY: a helper without arguments.
        Task::with_regs(unsafe { bpf_get_current_task() } as u64, regs_at)
    }

    #[inline(always)]
    fn with_regs(address: u64, regs_at: u64) -> Task {
        if regs_at == 0 {
            // SAFETY: sixteen integers; zero is a value of each.
            let regs = unsafe { core::mem::zeroed() };
            return Task {
                address,
                regs,
                number: u32::MAX,
                compat: false,
            };
        }
        let regs: Regs = read(regs_at + REGS_BP);
        let status: u32 = read(address + offset!(task_thread_info) + offset!(thread_info_status));
        Task {
            address,
            regs,
            number: (regs.orig_ax & !X32_BIT) as u32,
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

    /// Argument of the system call, counted from 0; 0 past the last.
    #[inline(always)]
    pub fn argument(&self, position: u8) -> u64 {
        let regs = &self.regs;
        if self.compat {
            (match position {
                0 => regs.bx,
                1 => regs.cx,
                2 => regs.dx,
                3 => regs.si,
                4 => regs.di,
                5 => regs.bp,
                _ => 0,
            }) & 0xffff_ffff
        } else {
            match position {
                0 => regs.di,
                1 => regs.si,
                2 => regs.dx,
                3 => regs.r10,
                4 => regs.r8,
                5 => regs.r9,
                _ => 0,
            }
        }
    }

    /// Tells one system call of this task from its next: number, instruction,
    /// stack and arguments. A repeated identical call looks the same, and then
    /// what was seen in the first is true of the second as well.
    #[inline(always)]
    pub fn fingerprint(&self) -> u64 {
        use sealwatch_ebpf::gate::fold;
        let regs = &self.regs;
        let hash = fold(fold(fold(0, regs.orig_ax), regs.ip), regs.sp);
        fold(fold(fold(fold(hash, regs.di), regs.si), regs.dx), regs.bx)
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

    /// fsuid and fsgid in the initial user namespace.
    #[inline(always)]
    pub fn ids(&self) -> (u32, u32) {
        let cred = word(self.address + offset!(task_cred));
        (
            read(cred + offset!(cred_fsuid)),
            read(cred + offset!(cred_fsgid)),
        )
    }

    /// Inode number of the mount namespace.
    #[inline(always)]
    pub fn mount_namespace(&self) -> u32 {
        let nsproxy = word(self.address + offset!(task_nsproxy));
        let namespace = word(nsproxy + offset!(nsproxy_mnt_ns));
        read(namespace + offset!(mnt_namespace_ns) + offset!(ns_common_inum))
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

/// kernfs id of a `struct cgroup`; 0 where it cannot be read.
#[inline(always)]
pub fn cgroup_id(cgroup: u64) -> u64 {
    if cgroup == 0 {
        return 0;
    }
    word(word(cgroup + offset!(cgroup_kn)) + offset!(kernfs_node_id))
}

/// A place in the directory tree: a `struct path`'s two pointers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dir {
    /// Address of the `struct vfsmount`.
    pub mount: u64,
    /// Address of the `struct dentry`.
    pub dentry: u64,
}

impl Dir {
    /// Nowhere.
    pub const NONE: Dir = Dir {
        mount: 0,
        dentry: 0,
    };

    /// Reads a `struct path`.
    #[inline(always)]
    pub fn at(path: u64) -> Dir {
        Dir {
            mount: word(path + offset!(path_mnt)),
            dentry: word(path + offset!(path_dentry)),
        }
    }

    /// Where an open file lies; `NONE` for a null file.
    #[inline(always)]
    pub fn of_file(file: u64) -> Dir {
        if file == 0 {
            Dir::NONE
        } else {
            Dir::at(file + offset!(file_path))
        }
    }

    /// What the file and its mount look like.
    #[inline(always)]
    pub fn evidence(self) -> Evidence {
        let mut evidence = inode_evidence(word(self.dentry + offset!(dentry_inode)));
        evidence.mount_flags = read(self.mount + offset!(vfsmount_flags));
        evidence
    }
}

/// What an inode and its file system look like; zeros for a null inode.
#[inline(always)]
pub fn inode_evidence(inode: u64) -> Evidence {
    let mut evidence = Evidence::default();
    if inode == 0 {
        return evidence;
    }
    evidence.inode = word(inode + offset!(inode_ino));
    evidence.inode_mode = u32::from(read::<u16>(inode + offset!(inode_mode)));
    evidence.inode_uid = read(inode + offset!(inode_uid));
    evidence.inode_gid = read(inode + offset!(inode_gid));
    evidence.inode_flags = read(inode + offset!(inode_flags));
    super_block_evidence(&mut evidence, word(inode + offset!(inode_sb)));
    evidence
}

/// Adds what a superblock looks like.
#[inline(always)]
pub fn super_block_evidence(evidence: &mut Evidence, super_block: u64) {
    evidence.super_flags = word(super_block + offset!(super_block_flags));
    evidence.fs_magic = word(super_block + offset!(super_block_magic));
    evidence.device = read(super_block + offset!(super_block_dev));
}
