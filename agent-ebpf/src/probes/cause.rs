//! Causes: tests of mounts, capabilities and settings that refuse.
//!
//! In: the functions that refuse write access to a mount, find that one forbids
//! execution, or find a task without a capability or ownership. Out:
//! a note for the task's current system call. Invariant: a note alone counts
//! nothing; these functions also fail in operations that succeed. Lacks on
//! purpose: a kprobe form of those whose return value alone tells no cause.

use aya_ebpf::macros::{fexit, kretprobe};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Evidence, Signals};

use crate::kernel::{
    Dir, SB_RDONLY, Task, address, direct, inode_evidence, mount_evidence, mount_id, offset,
};
use crate::note::{remember, remember_of};

/// MNT_READONLY of `vfsmount.mnt_flags`.
const MNT_READONLY: u32 = 0x40;
/// CAP_FOWNER.
const CAP_FOWNER: u32 = 3;

#[inline(always)]
fn mount_refused(ret: u64, mount: u64) -> i32 {
    if gate::denial_errno_int(ret) == Some(gate::EROFS) {
        let mut evidence = Evidence::default();
        // SAFETY: the verifier knows the mount's type, of which these are members.
        unsafe {
            let super_block: u64 = direct(mount + offset!(vfsmount_sb));
            evidence.mount_flags = direct(mount + offset!(vfsmount_flags));
            evidence.super_flags = direct(super_block + offset!(super_block_flags));
            evidence.fs_magic = direct(super_block + offset!(super_block_magic));
            evidence.device = direct(super_block + offset!(super_block_dev));
        }
        let mount = address(mount);
        evidence.mount_id = mount_id(mount);
        let task = Task::current();
        let mut signals = 0;
        if task.root_mount() == mount {
            signals |= Signals::ROOT_MOUNT;
        }
        if evidence.mount_flags & MNT_READONLY != 0 {
            signals |= Signals::READ_ONLY_MOUNT;
        }
        if evidence.super_flags & SB_RDONLY != 0 {
            signals |= Signals::READ_ONLY_SUPERBLOCK;
        }
        remember_of(&task, signals, evidence);
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
    // SAFETY: the verifier knows the file's type, of which this is a member.
    let mount = unsafe { direct(file + offset!(file_path) + offset!(path_mnt)) };
    mount_refused(ret, mount)
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
fn is_true(ret: u64) -> bool {
    ret as u8 != 0
}

#[inline(always)]
fn inode_refused(ret: u64, inode: u64, signals: u16, capability: u32) -> i32 {
    if !is_true(ret) {
        let mut evidence = Evidence {
            capability: capability.wrapping_add(1),
            ..Evidence::default()
        };
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
    inode_refused(
        ctx.arg(2),
        ctx.arg(0),
        Signals::INODE_CAPABILITY,
        ctx.arg(1),
    )
}

// match-proto: bool capable_wrt_inode_uidgid(struct mnt_idmap *idmap, const struct inode *inode, int cap)
/// A capability over an inode, from 5.12.
#[fexit]
pub fn fexit_inode_capability_3(ctx: FExitContext) -> i32 {
    inode_refused(
        ctx.arg(3),
        ctx.arg(1),
        Signals::INODE_CAPABILITY,
        ctx.arg(2),
    )
}

// match-proto: bool inode_owner_or_capable(const struct inode *inode)
/// Ownership of an inode, up to 5.11.
#[fexit]
pub fn fexit_inode_owner_1(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(1), ctx.arg(0), Signals::INODE_OWNER, CAP_FOWNER)
}

// match-proto: bool inode_owner_or_capable(struct mnt_idmap *idmap, const struct inode *inode)
/// Ownership of an inode, from 5.12.
#[fexit]
pub fn fexit_inode_owner_2(ctx: FExitContext) -> i32 {
    inode_refused(ctx.arg(2), ctx.arg(1), Signals::INODE_OWNER, CAP_FOWNER)
}

/// Ownership of an inode, by kretprobe.
#[kretprobe]
pub fn kretprobe_inode_owner(ctx: RetProbeContext) -> u32 {
    if !is_true(ctx.ret()) {
        remember(Signals::INODE_OWNER, Evidence::default());
    }
    0
}

/// Remembers a place that a mount's flag forbids something in.
#[inline(always)]
fn place_refused(path: u64, signals: u16) {
    let place = Dir::at(path);
    let mut evidence = Evidence::default();
    // SAFETY: a valid local.
    unsafe {
        inode_evidence(place.inode(), &raw mut evidence);
        mount_evidence(place.mount, &raw mut evidence);
    }
    remember(signals, evidence);
}

// match-proto: bool path_noexec(const struct path *path)
/// Does the mount forbid execution? A mapping of a file asks as well, and may
/// succeed all the same.
#[fexit]
pub fn fexit_path_noexec_1(ctx: FExitContext) -> i32 {
    if is_true(ctx.arg(1)) {
        place_refused(ctx.arg(0), Signals::NOEXEC);
    }
    0
}

/// Does the mount forbid execution? By kretprobe.
#[kretprobe]
pub fn kretprobe_path_noexec(ctx: RetProbeContext) -> u32 {
    if is_true(ctx.ret()) {
        remember(Signals::NOEXEC, Evidence::default());
    }
    0
}

// match-proto: void audit_log_path_denied(int type, const char *operation)
/// One of the fs.protected_* settings has refused: nothing else calls this.
#[fexit]
pub fn fexit_protected_2(_ctx: FExitContext) -> i32 {
    remember(Signals::PROTECTED, Evidence::default());
    0
}

/// One of the fs.protected_* settings has refused, by kretprobe.
#[kretprobe]
pub fn kretprobe_protected(_ctx: RetProbeContext) -> u32 {
    remember(Signals::PROTECTED, Evidence::default());
    0
}

// match-proto: bool capable(int cap)
/// A capability over the whole system.
#[fexit]
pub fn fexit_capable_1(ctx: FExitContext) -> i32 {
    if !is_true(ctx.arg(1)) {
        let evidence = Evidence {
            capability: ctx.arg::<u32>(0).wrapping_add(1),
            ..Evidence::default()
        };
        remember(Signals::CAPABILITY, evidence);
    }
    0
}

/// A capability over the whole system, by kretprobe, which does not see which.
#[kretprobe]
pub fn kretprobe_capable(ctx: RetProbeContext) -> u32 {
    if !is_true(ctx.ret()) {
        remember(Signals::CAPABILITY, Evidence::default());
    }
    0
}
