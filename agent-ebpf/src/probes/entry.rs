//! What was refused, where no test of it tells: the file, or the directory that
//! an entry was to be made in or removed from.
//!
//! In: the functions common to all file systems, once they have failed. Out: a
//! note with the inode, and whether it is immutable or append-only. Invariant:
//! what a test that refused has noted stays, unless the inode's flags refuse by
//! themselves. Lacks on purpose: a kprobe form, which sees no inode.

use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Evidence, Signals};

use crate::kernel::{Dir, S_APPEND, S_IMMUTABLE, inode_evidence, inode_flags, offset, word};
use crate::note::remember;

/// What neither an immutable nor an append-only file allows.
const FROZEN: u32 = S_APPEND | S_IMMUTABLE;

/// Notes an inode; `frozen` are the `inode.i_flags` that refuse the operation.
#[inline(always)]
fn refused(errno: u8, inode: u64, frozen: u32) {
    let mut evidence = Evidence::default();
    // SAFETY: a valid local.
    unsafe { inode_evidence(inode, &raw mut evidence) };
    let signals = if errno == gate::EPERM && evidence.inode_flags & frozen != 0 {
        Signals::IMMUTABLE
    } else {
        0
    };
    remember(signals, evidence);
}

/// The same of the directory where its flags refuse, else of the entry in it.
#[inline(always)]
fn removal_refused(errno: u8, victim: u64, directory: u64) {
    let inode = if inode_flags(directory) & FROZEN != 0 {
        directory
    } else {
        victim
    };
    refused(errno, inode, FROZEN);
}

/// The inode of a `struct dentry`.
#[inline(always)]
fn inode_of(dentry: u64) -> u64 {
    word(dentry + offset!(dentry_inode))
}

/// Defines an fexit program that notes what was refused. `$arguments` is the
/// number of the function's arguments, `$inode` the address of the inode, whose
/// flags `$frozen` refuse by themselves.
macro_rules! entry {
    ($name:ident, $arguments:literal, $frozen:expr, |$ctx:ident| $inode:expr) => {
        #[fexit]
        pub fn $name($ctx: FExitContext) -> i32 {
            if let Some(errno) = gate::denial_errno_int($ctx.arg($arguments)) {
                refused(errno, $inode, $frozen);
            }
            0
        }
    };
}

// match-proto: int may_delete(struct inode *dir, struct dentry *victim, bool isdir)
/// May an entry be removed? Up to 5.11.
#[fexit]
pub fn fexit_may_delete_3(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno_int(ctx.arg(3)) {
        removal_refused(errno, inode_of(ctx.arg(1)), ctx.arg(0));
    }
    0
}

// match-proto: int may_delete(struct mnt_idmap *idmap, struct inode *dir, struct dentry *victim, bool isdir)
// match-proto: int may_delete_dentry(struct mnt_idmap *idmap, struct inode *dir, struct dentry *victim, bool isdir)
/// May an entry be removed? From 5.12.
#[fexit]
pub fn fexit_may_delete_4(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno_int(ctx.arg(4)) {
        removal_refused(errno, inode_of(ctx.arg(2)), ctx.arg(1));
    }
    0
}

// match-proto: int notify_change(struct dentry *dentry, struct iattr *attr, struct inode **delegated_inode)
entry!(fexit_set_attributes_3, 3, FROZEN, |ctx| inode_of(
    ctx.arg(0)
));
// match-proto: int notify_change(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr, struct inode **delegated_inode)
entry!(fexit_set_attributes_4, 4, FROZEN, |ctx| inode_of(
    ctx.arg(1)
));
// match-proto: long vfs_truncate(const struct path *path, loff_t length)
entry!(fexit_set_attributes_2, 2, FROZEN, |ctx| Dir::at(ctx.arg(0))
    .inode());

// match-proto: int vfs_setxattr(struct dentry *dentry, const char *name, const void *value, size_t size, int flags)
entry!(fexit_entry_xattr_5, 5, FROZEN, |ctx| inode_of(ctx.arg(0)));
// match-proto: int vfs_setxattr(struct mnt_idmap *idmap, struct dentry *dentry, const char *name, const void *value, size_t size, int flags)
entry!(fexit_entry_xattr_6, 6, FROZEN, |ctx| inode_of(ctx.arg(1)));
// match-proto: int vfs_removexattr(struct dentry *dentry, const char *name)
entry!(fexit_entry_xattr_2, 2, FROZEN, |ctx| inode_of(ctx.arg(0)));
// match-proto: int vfs_removexattr(struct mnt_idmap *idmap, struct dentry *dentry, const char *name)
entry!(fexit_entry_xattr_3, 3, FROZEN, |ctx| inode_of(ctx.arg(1)));

// An append-only directory lets entries be made.
// match-proto: int vfs_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode)
entry!(fexit_entry_mkdir_3, 3, S_IMMUTABLE, |ctx| ctx.arg(0));
// match-proto: int vfs_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode)
entry!(fexit_entry_mkdir_4, 4, S_IMMUTABLE, |ctx| ctx.arg(1));
// match-proto: struct dentry *vfs_mkdir(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, struct delegated_inode *delegated_inode)
/// A directory was not made, from 6.15.
#[fexit]
pub fn fexit_entry_mkdir_5(ctx: FExitContext) -> i32 {
    if let Some(errno) = gate::denial_errno(ctx.arg(5)) {
        refused(errno, ctx.arg(1), S_IMMUTABLE);
    }
    0
}
// match-proto: int vfs_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
entry!(fexit_entry_mknod_4, 4, S_IMMUTABLE, |ctx| ctx.arg(0));
// match-proto: int vfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
entry!(fexit_entry_mknod_5, 5, S_IMMUTABLE, |ctx| ctx.arg(1));
// match-proto: int vfs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev, struct delegated_inode *delegated_inode)
entry!(fexit_entry_mknod_6, 6, S_IMMUTABLE, |ctx| ctx.arg(1));
// match-proto: int vfs_symlink(struct inode *dir, struct dentry *dentry, const char *oldname)
entry!(fexit_entry_symlink_3, 3, S_IMMUTABLE, |ctx| ctx.arg(0));
// match-proto: int vfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, const char *oldname)
entry!(fexit_entry_symlink_4, 4, S_IMMUTABLE, |ctx| ctx.arg(1));
// match-proto: int vfs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, const char *oldname, struct delegated_inode *delegated_inode)
entry!(fexit_entry_symlink_5, 5, S_IMMUTABLE, |ctx| ctx.arg(1));

/// A link needs both its directory and the file, of which the flags of either refuse.
#[inline(always)]
fn link_refused(ret: u64, old: u64, directory: u64) -> i32 {
    if let Some(errno) = gate::denial_errno_int(ret) {
        let file = inode_of(old);
        if inode_flags(file) & FROZEN != 0 {
            refused(errno, file, FROZEN);
        } else {
            refused(errno, directory, S_IMMUTABLE);
        }
    }
    0
}

// match-proto: int vfs_link(struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry, struct inode **delegated_inode)
/// A link was refused, up to 5.11.
#[fexit]
pub fn fexit_entry_link_4(ctx: FExitContext) -> i32 {
    link_refused(ctx.arg(4), ctx.arg(0), ctx.arg(1))
}

// match-proto: int vfs_link(struct dentry *old_dentry, struct mnt_idmap *idmap, struct inode *dir, struct dentry *new_dentry, struct inode **delegated_inode)
/// A link was refused, from 5.12.
#[fexit]
pub fn fexit_entry_link_5(ctx: FExitContext) -> i32 {
    link_refused(ctx.arg(5), ctx.arg(0), ctx.arg(2))
}

// The entry that is moved away is `may_delete`'s.
// match-proto: int vfs_rename(struct renamedata *rd)
entry!(fexit_entry_rename_1, 1, S_IMMUTABLE, |ctx| {
    let rename: u64 = ctx.arg(0);
    inode_of(word(
        word(rename + offset!(renamedata_new_dentry)) + offset!(dentry_parent),
    ))
});
