//! What the kernel's tests of files and tasks go by, into records.
//!
//! In: addresses of inodes, mounts, superblocks and tasks. Out: the members of
//! `Evidence` and `Credentials`, written in place. Invariant: each function
//! writes all of what it names, zeros where nothing can be read. Lacks on
//! purpose: judging by it.

use sealwatch_ebpf::layout::ABSENT;
use sealwatch_ebpf::wire::{Evidence, GROUPS_MAX, ID_EXTENTS, IdMap, Ownership};

use super::{offset, read, read_into, word};

/// Append-only, in `inode.i_flags`.
pub const S_APPEND: u32 = 4;
/// Immutable, in `inode.i_flags`.
pub const S_IMMUTABLE: u32 = 8;
/// SB_RDONLY of `super_block.s_flags`.
pub const SB_RDONLY: u64 = 1;

/// `inode.i_mode`.
#[inline(always)]
pub fn inode_mode(inode: u64) -> u32 {
    u32::from(read::<u16>(inode + offset!(inode_mode)))
}

/// Writes what an inode and its file system look like; a null inode reads as zeros.
///
/// # Safety
/// `evidence` is writable.
#[inline(always)]
pub unsafe fn inode_evidence(inode: u64, evidence: *mut Evidence) {
    // SAFETY: the caller's.
    unsafe {
        (*evidence).inode = word(inode + offset!(inode_ino));
        (*evidence).inode_mode = inode_mode(inode);
        (*evidence).inode_uid = read(inode + offset!(inode_uid));
        (*evidence).inode_gid = read(inode + offset!(inode_gid));
        (*evidence).inode_flags = read(inode + offset!(inode_flags));
        super_block_evidence(word(inode + offset!(inode_sb)), evidence);
    }
}

/// Writes what a superblock looks like.
///
/// # Safety
/// `evidence` is writable.
#[inline(always)]
unsafe fn super_block_evidence(super_block: u64, evidence: *mut Evidence) {
    // SAFETY: the caller's.
    unsafe {
        (*evidence).super_flags = word(super_block + offset!(super_block_flags));
        (*evidence).fs_magic = word(super_block + offset!(super_block_magic));
        (*evidence).device = read(super_block + offset!(super_block_dev));
    }
}

/// `super_block.s_magic` of an inode's file system.
#[inline(always)]
pub fn file_system(inode: u64) -> u64 {
    word(word(inode + offset!(inode_sb)) + offset!(super_block_magic))
}

/// Writes whose an inode is; zeros of a null one.
///
/// # Safety
/// `into` is writable.
#[inline(always)]
pub unsafe fn ownership(inode: u64, into: *mut Ownership) {
    // SAFETY: the caller's.
    unsafe {
        (*into).uid = read(inode + offset!(inode_uid));
        (*into).gid = read(inode + offset!(inode_gid));
        (*into).mode = inode_mode(inode);
        (*into).reserved = 0;
    }
}

/// Is the inode's file system as a whole read-only?
#[inline(always)]
pub fn super_block_is_read_only(inode: u64) -> bool {
    let super_block = word(inode + offset!(inode_sb));
    word(super_block + offset!(super_block_flags)) & SB_RDONLY != 0
}

/// `inode.i_flags`; zero of no inode.
#[inline(always)]
pub fn inode_flags(inode: u64) -> u32 {
    read(inode + offset!(inode_flags))
}

/// Writes which mount it is, and its flags.
///
/// # Safety
/// `evidence` is writable.
#[inline(always)]
pub unsafe fn mount_evidence(vfsmount: u64, evidence: *mut Evidence) {
    // SAFETY: the caller's.
    unsafe {
        (*evidence).mount_flags = mount_flags(vfsmount);
        (*evidence).mount_id = mount_id(vfsmount);
    }
}

/// `vfsmount.mnt_flags`.
#[inline(always)]
pub fn mount_flags(vfsmount: u64) -> u32 {
    read(vfsmount + offset!(vfsmount_flags))
}

/// `mount.mnt_id` of a `struct vfsmount`.
#[inline(always)]
pub fn mount_id(vfsmount: u64) -> u32 {
    read(vfsmount.wrapping_sub(offset!(mount_vfsmount)) + offset!(mount_id))
}

/// MNT_NODEV of `vfsmount.mnt_flags`.
const MNT_NODEV: u32 = 0x2;
/// SB_I_NODEV of `super_block.s_iflags`: a file system that a user namespace has mounted.
const SB_I_NODEV: u32 = 0x4;
/// Mounts of one file system that are looked at.
const MOUNTS_MAX: usize = 24;

/// Address of a `struct vfsmount` of the inode's file system in this mount namespace,
/// where every such mount forbids device files; 0 where one does not, or where there
/// are too many to tell. In a frame of its own, for the sake of its callers'.
#[inline(never)]
pub fn nodev_mount(inode: u64, namespace: u64) -> u64 {
    let super_block = word(inode + offset!(inode_sb));
    let iflags: u32 = read(super_block + offset!(super_block_iflags));
    let head = super_block + offset!(super_block_mounts);
    // Up to 6.17 a circular list, whose links point at each other; later a plain one.
    let link = offset!(mount_instance);
    let is_circular = link != u64::from(ABSENT);
    let mut at = word(head);
    let mut found = 0;
    for _ in 0..MOUNTS_MAX {
        if at == 0 || at == head {
            return found;
        }
        let mount = if is_circular {
            at.wrapping_sub(link)
        } else {
            at
        };
        if word(mount + offset!(mount_namespace)) == namespace {
            let vfsmount = mount + offset!(mount_vfsmount);
            if mount_flags(vfsmount) & MNT_NODEV == 0 && iflags & SB_I_NODEV == 0 {
                return 0;
            }
            found = vfsmount;
        }
        at = if is_circular {
            word(at)
        } else {
            word(mount + offset!(mount_next))
        };
    }
    0
}

/// `cred.cap_effective`.
#[inline(always)]
pub fn capabilities(cred: u64) -> u64 {
    word(cred + offset!(cred_cap_effective))
}

/// Writes the supplementary groups; what stands behind the last of them is
/// whatever the kernel has there. Returns how many the task has.
///
/// # Safety
/// `groups` is writable.
#[inline(always)]
pub unsafe fn groups(cred: u64, groups: *mut [u32; GROUPS_MAX]) -> u32 {
    let info = word(cred + offset!(cred_group_info));
    // SAFETY: the caller's.
    unsafe { read_into(groups, info + offset!(group_info_gid)) };
    read(info + offset!(group_info_ngroups))
}

/// Address of the `struct user_namespace`, and its inode number.
#[inline(always)]
pub fn user_namespace(cred: u64) -> (u64, u32) {
    let namespace = word(cred + offset!(cred_user_ns));
    let inode = read(namespace + offset!(user_namespace_ns) + offset!(ns_common_inum));
    (namespace, inode)
}

/// Writes a `struct uid_gid_map`. A map that the kernel keeps elsewhere has its
/// length only.
///
/// # Safety
/// `into` is writable.
#[inline(always)]
pub unsafe fn id_map(map: u64, into: *mut IdMap) {
    let len: u32 = read(map + offset!(uid_gid_map_nr_extents));
    let extents = if len <= ID_EXTENTS as u32 {
        map + offset!(uid_gid_map_extent)
    } else {
        0
    };
    // SAFETY: the caller's.
    unsafe {
        (*into).len = len;
        read_into(&raw mut (*into).extents, extents);
    }
}
