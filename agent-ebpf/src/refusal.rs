//! From a hook's failed return to a counter, and to a sample if one is due.
//!
//! In: what a hook knows of the refusal. Out: one counted refusal. Invariant:
//! this is the only way to a counter, whatever the backend. Lacks on purpose:
//! telling a failure from a success, which each hook does first, by itself.

use sealwatch_ebpf::gate;
use sealwatch_ebpf::syscalls::{Flags, NO_ARG, Packed};
use sealwatch_ebpf::wire::{Backend, CountKey, Hook, PathFlags, Signals, Stat};

use crate::count;
use crate::kernel::{
    Dir, S_APPEND, S_IMMUTABLE, Task, address, inode_flags, inode_mode, read, read_user,
    super_block_is_read_only,
};
use crate::note;
use crate::sample::{Draft, emit};

/// AT_FDCWD: relative to the working directory.
pub const AT_FDCWD: i32 = -100;
/// AF_UNIX.
const AF_UNIX: u16 = 1;
/// Offset of `sockaddr_un.sun_path`.
const SUN_PATH: u64 = 2;
/// S_IFMT and S_IFREG of `inode.i_mode`.
const S_IFMT: u32 = 0o170000;
const S_IFREG: u32 = 0o100000;
/// Most 64-byte pieces of a name that enter its key.
const KEY_PIECES: usize = 4;

/// The path of a refusal, before it is read.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Address of the NUL-terminated name; 0 where there is none.
    pub name: u64,
    /// Directory descriptor that a relative name starts from.
    pub dir: i32,
    /// The object itself, where the kernel had found it already.
    pub object: Dir,
    /// Address of the inode that was refused; 0 where it is `object`'s, or not known.
    pub inode: u64,
    /// Flags of an open; 0 of anything else.
    pub open_flags: u64,
    /// `PathFlags` known so far. Of this width no padding is left, which
    /// the compiler would copy and older verifiers refuse to have read.
    pub flags: u32,
}

impl Subject {
    /// Nothing known.
    pub const NONE: Subject = Subject {
        name: 0,
        dir: AT_FDCWD,
        object: Dir::NONE,
        inode: 0,
        open_flags: 0,
        flags: PathFlags::NO_PATH as u32,
    };

    /// A name in kernel memory.
    #[inline(always)]
    pub fn kernel_name(name: u64, dir: i32) -> Subject {
        Subject {
            name,
            dir,
            flags: 0,
            ..Subject::NONE
        }
    }

    /// An object without a name: an open file, or a place.
    #[inline(always)]
    pub fn object(object: Dir) -> Subject {
        Subject {
            object,
            flags: PathFlags::BASE_IS_FILE as u32,
            ..Subject::NONE
        }
    }

    /// The address of a unix socket in kernel memory (a `struct sockaddr_un`).
    #[inline(always)]
    pub fn kernel_sockaddr(pointer: u64) -> Subject {
        let address = address(pointer);
        if read::<u8>(address + SUN_PATH) == 0 {
            return Subject::NONE;
        }
        Subject::kernel_name(address + SUN_PATH, AT_FDCWD)
    }

    /// The same to the task, and unknown to the verifier: the ways by which a
    /// subject was found then look alike to it (see [`count::veil`]).
    #[inline(always)]
    pub fn veiled(self) -> Subject {
        let veil = count::veil();
        Subject {
            name: self.name ^ veil,
            dir: self.dir ^ veil as i32,
            object: Dir {
                mount: self.object.mount ^ veil,
                dentry: self.object.dentry ^ veil,
            },
            inode: self.inode ^ veil,
            open_flags: self.open_flags ^ veil,
            flags: self.flags ^ veil as u32,
        }
    }

    /// A write is a file operation only where it goes to a regular file; a
    /// socket or a device refuses for reasons of its own.
    #[inline(always)]
    pub fn is_regular_file(&self) -> bool {
        inode_mode(self.object.inode()) & S_IFMT == S_IFREG
    }

    /// What the system call's arguments say.
    #[inline(always)]
    pub fn of_syscall(task: &Task, row: Packed) -> Subject {
        let dir = if row.dir() == NO_ARG {
            AT_FDCWD
        } else {
            task.argument(row.dir()) as i32
        };
        if row.path() == NO_ARG {
            if row.dir() == NO_ARG {
                return Subject::NONE;
            }
            return Subject::object(Dir::of_file(task.file(dir)));
        }
        let mut name = task.argument(row.path());
        if row.flags() == Flags::Sockaddr as u8 {
            name += SUN_PATH;
            // The abstract namespace, whose names begin with a NUL, is no path.
            if read_user::<u8>(name) == 0 {
                return Subject::NONE;
            }
        }
        if name == 0 {
            // utimensat and its like take no name for the descriptor itself.
            return Subject::object(Dir::of_file(task.file(dir)));
        }
        Subject {
            name,
            dir,
            open_flags: syscall_open_flags(task, row),
            flags: PathFlags::NAME_FROM_USER as u32,
            ..Subject::NONE
        }
    }
}

/// The flags of an open, from the system call's arguments; 0 of anything else.
#[inline(always)]
fn syscall_open_flags(task: &Task, row: Packed) -> u64 {
    match row.flags() {
        f if f == Flags::Open as u8 => task.argument(row.flags_arg()),
        f if f == Flags::OpenHow as u8 => read_user(task.argument(row.flags_arg())),
        f if f == Flags::Creat as u8 => gate::CREAT_FLAGS,
        _ => 0,
    }
}

/// The operation that the system call's arguments make of its row; 0 where the
/// call is none after all (a bind of another family, a mapping of no file).
#[inline(always)]
pub fn syscall_operation(task: &Task, row: Packed) -> u8 {
    let flags = task.argument(row.flags_arg());
    match row.flags() {
        f if f == Flags::Open as u8 || f == Flags::OpenHow as u8 => {
            gate::open_operation(syscall_open_flags(task, row)) as u8
        }
        f if f == Flags::Unlink as u8 => gate::unlink_operation(flags) as u8,
        f if f == Flags::Sockaddr as u8 => {
            if read_user::<u16>(task.argument(row.path())) == AF_UNIX {
                row.operation()
            } else {
                0
            }
        }
        f if f == Flags::Map as u8 && flags & gate::MAP_ANONYMOUS != 0 => 0,
        _ => row.operation(),
    }
}

/// A refusal as a hook saw it.
pub struct Refusal {
    /// Where.
    pub hook: Hook,
    /// How.
    pub backend: Backend,
    /// `Operation` as a number.
    pub operation: u8,
    /// The positive errno.
    pub errno: u8,
    /// `Signals` the hook itself is a proof of.
    pub signals: u16,
    /// What it was about.
    pub subject: Subject,
}

/// Counts a refusal, and samples it if a sample is due.
#[inline(never)]
pub fn record(task: &Task, refusal: &Refusal) {
    if !count::on_duty() {
        return note::forget();
    }
    let cgroup = task.current_cgroup();
    if cgroup == 0 {
        count::stat(Stat::CgroupUnreadable);
    }
    let seen = note::seen(task);
    let mut inode = refusal.subject.inode;
    if inode == 0 {
        inode = refusal.subject.object.inode();
    }
    let signals = refusal.signals | seen.signals | inode_signals(inode, refusal.errno);

    // Member by member, because a copy of the whole would fill the small stack.
    let veil = count::veil();
    let name = refusal.subject.name ^ veil;
    let dir = refusal.subject.dir ^ veil as i32;
    let path_flags = refusal.subject.flags as u16 ^ veil as u16;
    let mut hash = 0;
    let mut base = refusal.subject.object;
    if name != 0 {
        base = Dir::NONE;
        if name_hash(&mut hash, name, path_flags & PathFlags::NAME_FROM_USER != 0) != b'/' {
            base = if dir == AT_FDCWD {
                task.working_directory()
            } else {
                Dir::of_file(task.file(dir))
            };
        }
    }
    base.mount ^= veil;
    base.dentry ^= veil;
    hash = gate::fold(hash, base.dentry);
    let mut draft = Draft {
        key: CountKey {
            cgroup,
            path: gate::path_key(hash),
            signals: signals ^ veil as u16,
            operation: refusal.operation ^ veil as u8,
            errno: refusal.errno,
            backend: refusal.backend as u8,
            lsm: seen.lsm ^ veil as u8,
            reserved: 0,
        },
        time_ns: count::now_ns(),
        name,
        base,
        inode: inode ^ veil,
        mount: refusal.subject.object.mount ^ veil,
        open_flags: (refusal.subject.open_flags ^ veil) as u32,
        path_flags,
        hook: refusal.hook as u8,
        noted: u8::from(seen.fresh) ^ veil as u8,
    };
    if let Some(value) = count::refusal(&mut draft.key, draft.time_ns) {
        emit(&draft, task, value);
    }
    seen.forget();
}

/// What the inode itself proves of a refusal with this errno.
#[inline(always)]
fn inode_signals(inode: u64, errno: u8) -> u16 {
    if errno == gate::EPERM && inode_flags(inode) & (S_APPEND | S_IMMUTABLE) != 0 {
        Signals::IMMUTABLE
    } else if errno == gate::EROFS && super_block_is_read_only(inode) {
        Signals::READ_ONLY_SUPERBLOCK
    } else {
        0
    }
}

/// Folds the start of a name into `hash`; returns its first byte, 0 where there is none.
/// In a frame of its own, since the buffer would fill its caller's.
#[inline(never)]
fn name_hash(hash: &mut u64, name: u64, from_user: bool) -> u8 {
    let mut first = 0;
    for piece in 0..KEY_PIECES {
        let mut words = core::mem::MaybeUninit::<[u64; 8]>::uninit();
        let at = words.as_mut_ptr().cast::<u64>();
        // SAFETY: 64 bytes of a valid local, all of which it writes.
        unsafe { read_piece(at, name + piece as u64 * 64, from_user) };
        // SAFETY: every word was written above.
        let words = unsafe { words.assume_init() };
        if piece == 0 {
            first = words[0] as u8;
        }
        for word in words {
            let (part, ends) = gate::before_nul(word);
            *hash = gate::fold(*hash, part);
            if ends {
                return first;
            }
        }
    }
    first
}

/// Reads 64 bytes of a name and what stands behind it: as a whole, which costs a third of
/// reading byte by byte until its NUL. That is left for the end of what is mapped.
///
/// # Safety
/// `into` is writable for 64 bytes.
#[inline(always)]
unsafe fn read_piece(into: *mut u64, from: u64, from_user: bool) {
    use aya_ebpf::helpers::generated::{
        bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user,
        bpf_probe_read_user_str,
    };
    // SAFETY: the caller's; the helpers write at most 64 bytes.
    unsafe {
        let whole = if from_user {
            bpf_probe_read_user(into.cast(), 64, from as *const _)
        } else {
            bpf_probe_read_kernel(into.cast(), 64, from as *const _)
        };
        if whole == 0 {
            return;
        }
        for index in 0..8 {
            // Volatile, because the compiler would call a function for it, which the
            // verifier follows byte by byte.
            core::ptr::write_volatile(into.add(index), 0);
        }
        if from_user {
            bpf_probe_read_user_str(into.cast(), 64, from as *const _);
        } else {
            bpf_probe_read_kernel_str(into.cast(), 64, from as *const _);
        }
    }
}

/// The address of the string in a `struct filename`.
#[inline(always)]
pub fn filename_string(filename: u64) -> u64 {
    use crate::kernel::{offset, word};
    word(filename + offset!(filename_name))
}
