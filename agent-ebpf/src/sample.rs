//! From a counted refusal to a record in the ring buffer.
//!
//! In: a filled [`Draft`]. Out: one record with path, or a counted loss.
//! Invariant: a record is written in place in memory that only this program
//! owns, so no other task can mix its path into it; a reserved record is always
//! submitted or discarded. Lacks on purpose: joining base and name, which the
//! daemon does.

use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_probe_read_kernel_str, bpf_probe_read_user_str,
};
use sealwatch_ebpf::wire::{self, CountValue, PathFlags, Record, Sample, Stat};

use crate::SAMPLES;
use crate::count::{add, stat};
use crate::kernel::{Dir, offset, word};

/// What a record is made from.
pub struct Draft {
    /// The head, but for the lengths, the path flags found here and the layout.
    pub sample: Sample,
    /// Address of the name; 0 where there is none.
    pub name: u64,
    /// Where the name starts from, or the file itself; [`Dir::NONE`] for neither.
    pub base: Dir,
    /// The task's root, at which the walk from the base ends.
    pub root: Dir,
}

/// How one attempt to write a record ended.
#[derive(PartialEq)]
enum Attempt {
    Written,
    TooSmall,
    Full,
}

/// Writes the sample, in the small layout if it fits.
#[inline(never)]
pub fn emit(draft: &Draft, value: *mut CountValue) {
    let mut attempt = write::<256, 16, 64>(draft, wire::SMALL);
    if attempt == Attempt::TooSmall {
        attempt = write::<4096, 32, 256>(draft, wire::LARGE);
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

#[inline(always)]
fn write<const NAME: usize, const SLOTS: usize, const SLOT_BYTES: usize>(
    draft: &Draft,
    layout: u8,
) -> Attempt {
    let Some(mut entry) = SAMPLES.reserve::<Record<NAME, SLOTS, SLOT_BYTES>>(0) else {
        return Attempt::Full;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory, of exactly this type's size, ours
    // alone until submitted; the helpers are given lengths inside it.
    let flags = unsafe {
        (*record).sample = draft.sample;
        (*record).sample.layout = layout;
        bpf_get_current_comm((&raw mut (*record).sample.comm).cast(), 16);
        let mut flags = draft.sample.path_flags;
        let mut name_len = 0;
        if draft.name != 0 {
            let name = (&raw mut (*record).name).cast();
            let len = if flags & PathFlags::NAME_FROM_USER != 0 {
                bpf_probe_read_user_str(name, NAME as u32, draft.name as *const _)
            } else {
                bpf_probe_read_kernel_str(name, NAME as u32, draft.name as *const _)
            };
            if len < 0 {
                flags |= PathFlags::NAME_UNREADABLE;
            } else {
                flags |= PathFlags::NAME;
                name_len = (len as u64).saturating_sub(1) as u16;
                if len as usize == NAME && NAME < 4096 {
                    flags |= PathFlags::NAME_TRUNCATED;
                }
            }
        }
        (*record).sample.name_len = name_len;
        let mut used = 0;
        if draft.base != Dir::NONE {
            flags |= PathFlags::BASE;
            let slots = (&raw mut (*record).base).cast();
            flags |= walk::<SLOTS, SLOT_BYTES>(draft, slots, &mut used);
        }
        (*record).sample.base_len = used;
        (*record).sample.path_flags = flags;
        flags
    };
    if layout == wire::SMALL && flags & (PathFlags::NAME_TRUNCATED | PathFlags::BASE_TRUNCATED) != 0
    {
        entry.discard(0);
        return Attempt::TooSmall;
    }
    entry.submit(0);
    Attempt::Written
}

/// Writes the components from `draft.base` up to the task's root into `slots`,
/// leaf first, an empty one at each mount crossing. Returns path flags.
///
/// # Safety
/// `slots` is writable for `SLOTS * SLOT_BYTES` bytes.
#[inline(always)]
unsafe fn walk<const SLOTS: usize, const SLOT_BYTES: usize>(
    draft: &Draft,
    slots: *mut u8,
    used: &mut u16,
) -> u16 {
    let Dir {
        mut mount,
        mut dentry,
    } = draft.base;
    let mut flags = 0;
    // d_hash.pprev is null once a dentry was unhashed, which unlink does; a
    // root is never hashed.
    if word(dentry + offset!(dentry_hash) + 8) == 0
        && word(dentry + offset!(dentry_parent)) != dentry
    {
        flags |= PathFlags::BASE_DELETED;
    }
    for slot in 0..SLOTS {
        if dentry == draft.root.dentry && mount == draft.root.mount {
            return flags;
        }
        // SAFETY: `slot` is below SLOTS.
        let at = unsafe { slots.add(slot * SLOT_BYTES) };
        let parent = word(dentry + offset!(dentry_parent));
        if dentry == word(mount + offset!(vfsmount_root)) {
            let this = mount - offset!(mount_vfsmount);
            let above = word(this + offset!(mount_parent));
            if above == this || above == 0 {
                return flags | PathFlags::BASE_UNREACHABLE;
            }
            // SAFETY: one byte inside the slot.
            unsafe { *at = 0 };
            dentry = word(this + offset!(mount_mountpoint));
            mount = above + offset!(mount_vfsmount);
        } else if parent == dentry || dentry == 0 {
            return flags | PathFlags::BASE_UNREACHABLE;
        } else {
            let name = word(dentry + offset!(dentry_name) + offset!(qstr_name));
            // SAFETY: the helper writes at most SLOT_BYTES bytes into the slot.
            let len = unsafe {
                bpf_probe_read_kernel_str(at.cast(), SLOT_BYTES as u32, name as *const _)
            };
            if len as usize == SLOT_BYTES && SLOT_BYTES < 256 {
                flags |= PathFlags::BASE_TRUNCATED;
            }
            dentry = parent;
        }
        *used = slot as u16 + 1;
    }
    flags | PathFlags::BASE_TRUNCATED
}
