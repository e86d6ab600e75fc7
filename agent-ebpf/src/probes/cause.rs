//! Causes: what the kernel decides inside an operation that is then refused.
//!
//! In: the functions that refuse write access to a mount and that find a task
//! without a capability over an inode or without its ownership. Out: a pending
//! note for the task's current system call. Invariant: a note alone counts
//! nothing; these functions also fail in operations that succeed. Lacks on
//! purpose: a kprobe form, since a kretprobe does not see the arguments.

use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Evidence, Signals};

use crate::kernel::{
    SB_RDONLY, Task, address, inode_evidence, mount_evidence, offset, super_block_evidence, word,
};
use crate::note::remember;

/// MNT_READONLY of `vfsmount.mnt_flags`.
const MNT_READONLY: u32 = 0x40;

#[inline(always)]
fn mount_refused(ret: u64, mount: u64) -> i32 {
    if gate::denial_errno_int(ret) == Some(gate::EROFS) {
        let mount = address(mount);
        let mut evidence = Evidence::default();
        let super_block = word(mount + offset!(vfsmount_sb));
        // SAFETY: a valid local.
        unsafe {
            mount_evidence(mount, &raw mut evidence);
            super_block_evidence(super_block, &raw mut evidence);
        }
        let mut signals = 0;
        if Task::current().root().mount == mount {
            signals |= Signals::ROOT_MOUNT;
        }
        if evidence.mount_flags & MNT_READONLY != 0 {
            signals |= Signals::READ_ONLY_MOUNT;
        }
        if evidence.super_flags & SB_RDONLY != 0 {
            signals |= Signals::READ_ONLY_SUPERBLOCK;
        }
        remember(signals, evidence);
    }
    0
}

// match-proto: int mnt_want_write(struct vfsmount *m)
/// Write access to a mount, for an operation by path.
#[fexit]
pub fn fexit_mount_write_1(ctx: FExitContext) -> i32 {
    mount_refused(ctx.arg(1), ctx.arg(0))
}

// match-proto: int mnt_want_write_file(struct file *file)
/// Write access to a mount, for an operation by descriptor.
#[fexit]
pub fn fexit_mount_write_file_1(ctx: FExitContext) -> i32 {
    let ret: u64 = ctx.arg(1);
    if gate::denial_errno_int(ret).is_none() {
        return 0;
    }
    let file: u64 = ctx.arg(0);
    mount_refused(ret, word(file + offset!(file_path) + offset!(path_mnt)))
}

// match-proto: int __mnt_want_write(struct vfsmount *m)
// match-proto: int mnt_get_write_access(struct vfsmount *m)
/// Write access to a mount, for an open for writing.
#[fexit]
pub fn fexit_mount_access_1(ctx: FExitContext) -> i32 {
    mount_refused(ctx.arg(1), ctx.arg(0))
}

/// A function that returns a bool defines only the low byte.
#[inline(always)]
fn refused(ret: u64) -> bool {
    ret as u8 == 0
}

#[inline(always)]
fn inode_refused(ret: u64, inode: u64, signals: u16) -> i32 {
    if refused(ret) {
        let mut evidence = Evidence::default();
        // SAFETY: a valid local.
        unsafe { inode_evidence(inode, &raw mut evidence) };
        remember(signals, evidence);
    }
    0
}

// match-proto: bool capable_wrt_inode_uidgid(const struct inode *inode, int cap)
/// A capability over an inode, up to 5.11.
#[fexit]
pub fn fexit_inode_capability_2(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(2), ctx.arg(0), Signals::INODE_CAPABILITY)
}

// match-proto: bool capable_wrt_inode_uidgid(struct mnt_idmap *idmap, const struct inode *inode, int cap)
/// A capability over an inode, from 5.12.
#[fexit]
pub fn fexit_inode_capability_3(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(3), ctx.arg(1), Signals::INODE_CAPABILITY)
}

// match-proto: bool inode_owner_or_capable(const struct inode *inode)
/// Ownership of an inode, up to 5.11.
#[fexit]
pub fn fexit_inode_owner_1(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(1), ctx.arg(0), Signals::INODE_OWNER)
}

// match-proto: bool inode_owner_or_capable(struct mnt_idmap *idmap, const struct inode *inode)
/// Ownership of an inode, from 5.12.
#[fexit]
pub fn fexit_inode_owner_2(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(2), ctx.arg(1), Signals::INODE_OWNER)
}
