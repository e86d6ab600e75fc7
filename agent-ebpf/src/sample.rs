//! From a counted refusal to a record in the ring buffer.
//!
//! In: a filled [`Draft`]. Out: one record with path, or a counted loss.
//! Invariant: a record is written in place in memory that only this program
//! owns, so no other task can mix its path into it; a reserved record is always
//! submitted or discarded. Lacks on purpose: joining base and name, which the
//! daemon does.

use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_probe_read_kernel_str,
    bpf_probe_read_user_str,
};
use sealwatch_ebpf::wire::{
    self, CountKey, CountValue, Credentials, Evidence, LargeRecord, PathFlags, Record, SmallRecord,
    Stat,
};

use crate::branchless::{all_ones_if, differ, pick};
use crate::count::{add, stat};
use crate::kernel::{
    Dir, Task, capabilities, groups, id_map, inode_evidence, mount_evidence, offset, read_into,
    user_namespace, word,
};
use crate::note::is_known;
use crate::{LSM_NOTES, PENDING, SAMPLES};

/// Bytes of the name in a small record.
const NAME_SMALL: usize = 256;
/// Slots of the base in a large record.
const SLOTS: usize = 24;
/// Bytes of each: the longest name of a directory entry, and a NUL.
const SLOT_BYTES: usize = 256;

/// What a record is made from; the rest is the current task's.
pub struct Draft {
    /// The counter this is a sample of.
    pub key: CountKey,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// Address of the name; 0 where there is none.
    pub name: u64,
    /// Where the name starts from, or the file itself; [`Dir::NONE`] for neither.
    pub base: Dir,
    /// Address of the refused inode; 0 where the kernel had found none.
    pub inode: u64,
    /// Address of its `struct vfsmount`; 0 where that is not known.
    pub mount: u64,
    /// Flags of an open; 0 of anything else.
    pub open_flags: u32,
    /// `PathFlags` known so far.
    pub path_flags: u16,
    /// `Hook` as a number.
    pub hook: u8,
    /// Not zero where the task's note is of this system call.
    pub noted: u8,
}

/// How an attempt to write a record ended.
#[derive(PartialEq)]
pub enum Attempt {
    /// The record is in the ring buffer.
    Written,
    /// The name is longer than the record.
    TooSmall,
    /// The ring buffer is full.
    Full,
}

/// Writes the sample and counts it, or its loss.
///
/// The two attempts stand side by side, not one inside the other: the stack of
/// all nested functions together is 512 bytes.
#[inline(always)]
pub fn emit(draft: &Draft, task: &Task, value: *mut CountValue) {
    let mut attempt = Attempt::TooSmall;
    if draft.base == Dir::NONE {
        attempt = small(draft, task);
    }
    if attempt == Attempt::TooSmall {
        attempt = large(draft, task);
    }
    // SAFETY: `value` is the live map value of the sample's counter.
    let (counter, which) = unsafe {
        if attempt == Attempt::Written {
            (&raw mut (*value).sampled, Stat::Sampled)
        } else {
            (&raw mut (*value).lost, Stat::SampleLost)
        }
    };
    add(counter, 1);
    stat(which);
}

/// A record without a base.
#[inline(never)]
fn small(draft: &Draft, task: &Task) -> Attempt {
    let Some(mut entry) = SAMPLES.reserve::<SmallRecord>(0) else {
        return Attempt::Full;
    };
    // SAFETY: the reserved memory, ours alone until submitted.
    let read = unsafe { head(draft, task, entry.as_mut_ptr(), wire::SMALL) };
    if read as usize == NAME_SMALL {
        entry.discard(0);
        return Attempt::TooSmall;
    }
    entry.submit(0);
    Attempt::Written
}

/// A record with a base, or a long name, or both.
#[inline(never)]
fn large(draft: &Draft, task: &Task) -> Attempt {
    let Some(mut entry) = SAMPLES.reserve::<LargeRecord>(0) else {
        return Attempt::Full;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the reserved memory, ours alone until submitted.
    unsafe {
        head(draft, task, record, wire::LARGE);
        if draft.base != Dir::NONE {
            let slots = (&raw mut (*record).base).cast();
            let (used, flags) = walk(draft.base, task.root(), slots, |_, _| {});
            (*record).sample.base_len = used;
            (*record).sample.path_flags |= flags | PathFlags::BASE;
        }
    }
    entry.submit(0);
    Attempt::Written
}

/// Writes the head and the name; returns the bytes of the name with its NUL,
/// or the helper's error.
///
/// # Safety
/// `record` is writable.
#[inline(always)]
unsafe fn head<const NAME: usize, const SLOTS: usize, const SLOT_BYTES: usize>(
    draft: &Draft,
    task: &Task,
    record: *mut Record<NAME, SLOTS, SLOT_BYTES>,
    layout: u8,
) -> i64 {
    // SAFETY: the caller's `record`, and lengths inside it.
    unsafe {
        let sample = &raw mut (*record).sample;
        let id = bpf_get_current_pid_tgid();
        let (uid, gid) = task.ids();
        (*sample).key = draft.key;
        (*sample).time_ns = draft.time_ns;
        let detail = evidence(draft, id, &raw mut (*sample).evidence);
        read_into(&raw mut (*sample).lsm, detail);
        credentials(task, &raw mut (*sample).credentials);
        (*sample).pid = (id >> 32) as u32;
        (*sample).tid = id as u32;
        (*sample).uid = uid;
        (*sample).gid = gid;
        (*sample).mount_namespace = task.mount_namespace();
        (*sample).name_len = 0;
        (*sample).base_len = 0;
        bpf_get_current_comm((&raw mut (*sample).comm).cast(), 16);
        (*sample).path_flags = draft.path_flags;
        (*sample).hook = draft.hook;
        (*sample).layout = layout;
        (*sample).syscall = task.number;
        (*sample).open_flags = draft.open_flags;
        (*sample).reserved = 0;
        if draft.name == 0 {
            return 0;
        }
        let name = (&raw mut (*record).name).cast();
        let len = if draft.path_flags & PathFlags::NAME_FROM_USER != 0 {
            bpf_probe_read_user_str(name, NAME as u32, draft.name as *const _)
        } else {
            bpf_probe_read_kernel_str(name, NAME as u32, draft.name as *const _)
        };
        if len <= 0 {
            (*record).sample.path_flags |= PathFlags::NAME_UNREADABLE;
        } else {
            (*record).sample.path_flags |= PathFlags::NAME;
            (*record).sample.name_len = len as u16 - 1;
        }
        len
    }
}

/// Writes what the refused file looked like. Returns the address of what a
/// security module's hook told; 0 where none did in this system call.
///
/// # Safety
/// `into` is writable.
#[inline(always)]
unsafe fn evidence(draft: &Draft, thread: u64, into: *mut Evidence) -> u64 {
    let mut detail = 0;
    let mut capability = 0;
    // SAFETY: live map values of this thread alone, and the caller's `into`.
    unsafe {
        if draft.noted != 0
            && let Some(note) = PENDING.get_ptr(thread)
        {
            if draft.key.lsm != 0
                && let Some(told) = LSM_NOTES.get_ptr(thread)
                && (*told).syscall == (*note).syscall
            {
                detail = &raw const (*told).detail as u64;
            }
            // What a cause's hook saw tells more than the object itself.
            if is_known(&(*note).evidence) {
                read_into(into, &raw const (*note).evidence as u64);
                return detail;
            }
            capability = (*note).evidence.capability;
        }
        inode_evidence(draft.inode, into);
        mount_evidence(draft.mount, into);
        (*into).capability = capability;
    }
    detail
}

/// Writes what the kernel's tests of the task go by.
///
/// # Safety
/// `into` is writable.
#[inline(always)]
unsafe fn credentials(task: &Task, into: *mut Credentials) {
    let cred = task.cred();
    let (namespace, number) = user_namespace(cred);
    // SAFETY: the caller's.
    unsafe {
        (*into).capabilities = capabilities(cred);
        (*into).groups_len = groups(cred, &raw mut (*into).groups);
        (*into).user_namespace = number;
        id_map(
            namespace + offset!(user_namespace_uid_map),
            &raw mut (*into).uid_map,
        );
        id_map(
            namespace + offset!(user_namespace_gid_map),
            &raw mut (*into).gid_map,
        );
    }
}

/// Writes the components from `base` up to the task's root into `slots`,
/// leaf first, an empty one at each mount crossing. Returns how many, and path
/// flags. `each` is handed each slot's dentry, and then the root's for the slot
/// behind the last; 0 where the walk did not end there.
///
/// # Safety
/// `slots` is writable for the slots of a large record.
#[inline(always)]
pub unsafe fn walk(
    base: Dir,
    root: Dir,
    slots: *mut u8,
    mut each: impl FnMut(usize, u64),
) -> (u16, u16) {
    let Dir {
        mut mount,
        mut dentry,
    } = base;
    // d_hash.pprev is null once a dentry was unhashed, which unlink does; a
    // root is never hashed.
    let hashed = differ(word(dentry + offset!(dentry_hash) + 8), 0);
    let is_root = 1 ^ differ(word(dentry + offset!(dentry_parent)), dentry);
    let deleted = PathFlags::BASE_DELETED & all_ones_if(1 ^ (hashed | is_root)) as u16;
    for slot in 0..SLOTS {
        if differ(dentry, root.dentry) | differ(mount, root.mount) == 0 {
            each(slot, dentry);
            return (slot as u16, deleted);
        }
        // SAFETY: `slot` is below SLOTS.
        let at = unsafe { slots.add(slot * SLOT_BYTES) };
        let parent = word(dentry + offset!(dentry_parent));
        let this = mount - offset!(mount_vfsmount);
        let mount_above = word(this + offset!(mount_parent));
        // The mount's root is where it is crossed, downwards from its mount point.
        let crossing = 1 ^ differ(dentry, word(mount + offset!(vfsmount_root)));
        let crossing = all_ones_if(crossing);
        let leads_on = pick(
            crossing,
            differ(mount_above, this) & differ(mount_above, 0),
            differ(parent, dentry),
        );
        if leads_on == 0 {
            each(slot, 0);
            return (slot as u16, deleted | PathFlags::BASE_UNREACHABLE);
        }
        let name = word(dentry + offset!(dentry_name) + offset!(qstr_name)) & !crossing;
        // SAFETY: the helper writes at most SLOT_BYTES bytes into the slot, and
        // a NUL where the name is null and cannot be read.
        unsafe {
            *at = 0;
            bpf_probe_read_kernel_str(at.cast(), SLOT_BYTES as u32, name as *const _);
        }
        each(slot, dentry);
        dentry = pick(crossing, word(this + offset!(mount_mountpoint)), parent);
        mount = pick(crossing, mount_above, this) + offset!(mount_vfsmount);
    }
    each(SLOTS, 0);
    (SLOTS as u16, deleted | PathFlags::BASE_TRUNCATED)
}
