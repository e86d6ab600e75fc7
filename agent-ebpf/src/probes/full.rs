//! What is full: a tmpfs by bytes or by inodes, or a disk.
//!
//! In: the functions that hand out bytes, inodes and blocks. Out: a note for the
//! task's current system call. Invariant: an inode is said to be missing only
//! where no byte was. Lacks on purpose: disks other than ext4's, which
//! classification tells by their file system.

use aya_ebpf::macros::{fexit, kretprobe};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Evidence, Signals};

use crate::kernel::{Task, inode_evidence};
use crate::note::{remember, seen};

/// Is it ENOSPC?
#[inline(always)]
fn is_full(ret: i64) -> bool {
    ret == -i64::from(gate::ENOSPC)
}

/// The same of an int. Of a pointer, too: no aligned address ends like an errno.
#[inline(always)]
fn is_full_int(ret: i32) -> bool {
    is_full(i64::from(ret))
}

#[inline(always)]
fn bytes_refused(is_full: bool, inode: u64) -> i32 {
    if is_full {
        let mut evidence = Evidence::default();
        // SAFETY: a valid local.
        unsafe { inode_evidence(inode, &raw mut evidence) };
        remember(Signals::TMPFS_BYTES, evidence);
    }
    0
}

// match-proto: struct page *shmem_alloc_and_acct_page(gfp_t gfp, struct inode *inode, unsigned long index, bool huge)
// match-proto: struct folio *shmem_alloc_and_acct_folio(gfp_t gfp, struct inode *inode, unsigned long index, bool huge)
/// Bytes of a tmpfs, up to 6.5.
#[fexit]
pub fn fexit_tmpfs_bytes_4(ctx: FExitContext) -> i32 {
    bytes_refused(is_full(ctx.arg(4)), ctx.arg(1))
}

// match-proto: int shmem_inode_acct_blocks(struct inode *inode, long pages)
/// Bytes of a tmpfs, from 6.6.
#[fexit]
pub fn fexit_tmpfs_bytes_2(ctx: FExitContext) -> i32 {
    bytes_refused(is_full_int(ctx.arg(2)), ctx.arg(0))
}

/// Bytes of a tmpfs, by kretprobe.
#[kretprobe]
pub fn kretprobe_tmpfs_bytes(ctx: RetProbeContext) -> u32 {
    if is_full_int(ctx.ret()) {
        remember(Signals::TMPFS_BYTES, Evidence::default());
    }
    0
}

/// A new entry fails for want of a byte as well: a long symlink takes a page.
#[inline(always)]
fn inodes_refused(ret: i32) -> i32 {
    if is_full_int(ret) && seen(&Task::current()).signals & Signals::TMPFS_BYTES == 0 {
        remember(Signals::TMPFS_INODES, Evidence::default());
    }
    0
}

// The directory is another argument in each of these, and the functions common
// to all file systems note it: here, only the return value counts.
// match-proto: int shmem_symlink(struct inode *dir, struct dentry *dentry, const char *symname)
// match-proto: int shmem_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
// match-proto: int shmem_tmpfile(struct inode *dir, struct dentry *dentry, umode_t mode)
/// A new entry of a tmpfs.
#[fexit]
pub fn fexit_tmpfs_inodes_3(ctx: FExitContext) -> i32 {
    inodes_refused(ctx.arg(3))
}

// match-proto: int shmem_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
// match-proto: int shmem_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, const char *symname)
// match-proto: int shmem_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file, umode_t mode)
/// A new entry of a tmpfs.
#[fexit]
pub fn fexit_tmpfs_inodes_4(ctx: FExitContext) -> i32 {
    inodes_refused(ctx.arg(4))
}

// match-proto: int shmem_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
/// A new entry of a tmpfs.
#[fexit]
pub fn fexit_tmpfs_inodes_5(ctx: FExitContext) -> i32 {
    inodes_refused(ctx.arg(5))
}

/// A new entry of a tmpfs, by kretprobe.
#[kretprobe]
pub fn kretprobe_tmpfs_inodes(ctx: RetProbeContext) -> u32 {
    inodes_refused(ctx.ret());
    0
}

#[inline(always)]
fn blocks_refused(ret: i32) {
    if is_full_int(ret) {
        remember(Signals::DISK_FULL, Evidence::default());
    }
}

// match-proto: int ext4_claim_free_clusters(struct ext4_sb_info *sbi, s64 nclusters, unsigned int flags)
/// Blocks of an ext4.
#[fexit]
pub fn fexit_disk_blocks_3(ctx: FExitContext) -> i32 {
    blocks_refused(ctx.arg(3));
    0
}

/// Blocks of an ext4, by kretprobe.
#[kretprobe]
pub fn kretprobe_disk_blocks(ctx: RetProbeContext) -> u32 {
    blocks_refused(ctx.ret());
    0
}
