//! All reads of kernel structures: the current task, its registers, its control
//! group, descriptors and directories.
//!
//! In: kernel addresses, and the offsets the daemon took from BTF. Out: plain
//! numbers; 0 for whatever could not be read. Invariant: every read goes
//! through bpf_probe_read_kernel or _user, or is a load of a type that the verifier
//! knows, which the kernel guards: a stale or hostile pointer yields zero, never a
//! fault. Lacks on purpose: knowing why it reads.

mod evidence;
mod task;

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};
pub use evidence::{
    S_APPEND, S_IMMUTABLE, SB_RDONLY, capabilities, file_system, groups, id_map, inode_evidence,
    inode_flags, inode_mode, mount_evidence, mount_flags, mount_id, nodev_mount, ownership,
    super_block_is_read_only, user_namespace,
};
pub use task::Task;

/// Reads one offset.
macro_rules! offset {
    ($field:ident) => {
        u64::from($crate::kernel::volatile(&$crate::OFFSETS.$field))
    };
}
pub(crate) use offset;

/// Reads one setting.
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::volatile(&$crate::SETTINGS.$field)
    };
}
pub(crate) use setting;

/// A member of the read-only data, which the loader changes after compilation.
#[inline(always)]
pub fn volatile<T: Copy>(member: &'static T) -> T {
    // SAFETY: a valid reference.
    unsafe { core::ptr::read_volatile(member) }
}

/// A value of type `T` at a kernel address; all zero bits where it cannot be read.
#[inline(always)]
pub fn read<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
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

/// The same, in place: for what would fill the stack. An address of 0 writes zeros.
///
/// # Safety
/// `into` is writable; `T` is only ever integers and arrays of them.
#[inline(always)]
pub unsafe fn read_into<T: Copy>(into: *mut T, address: u64) {
    // SAFETY: the caller's; the helper writes size_of::<T>() bytes, zeros on a fault.
    unsafe {
        bpf_probe_read_kernel(into.cast(), size_of::<T>() as u32, address as *const _);
    }
}

/// A member of a structure whose type the verifier knows: an argument of a watched
/// function, what one leads to, or a helper's. Costs a fraction of [`read`], and like it
/// yields zero where nothing is mapped. Pointers so read keep a type, and the verifier
/// lets them be compared and followed, not mixed.
///
/// # Safety
/// `address` is such a pointer plus the offset of a member that is as wide as `T`.
#[inline(always)]
pub unsafe fn direct<T: Copy>(address: u64) -> T {
    // SAFETY: the verifier's; volatile, since the kernel changes what stands there.
    unsafe { core::ptr::read_volatile(address as *const T) }
}

/// A pointer or other 64-bit word at a kernel address.
#[inline(always)]
pub fn word(address: u64) -> u64 {
    read::<u64>(address)
}

/// A value at a user address of the current task; zero where it cannot be read.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> T {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
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

/// A pointer that the verifier takes for one of its own types, as a plain
/// address: reading it back from the stack through a helper loses the type.
#[inline(always)]
pub fn address(pointer: u64) -> u64 {
    let mut slot = 0u64;
    // SAFETY: a valid local; volatile, so that it really is on the stack.
    unsafe { core::ptr::write_volatile(&raw mut slot, pointer) };
    word((&raw const slot) as u64)
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

    /// Address of the `struct mnt_namespace` that its mount is in; of no use for
    /// more than a comparison, since a mount of the kernel's own is in none.
    #[inline(always)]
    pub fn mounts(self) -> u64 {
        word(self.mount - offset!(mount_vfsmount) + offset!(mount_namespace))
    }

    /// Address of the inode; 0 where there is none.
    #[inline(always)]
    pub fn inode(self) -> u64 {
        word(self.dentry + offset!(dentry_inode))
    }
}
