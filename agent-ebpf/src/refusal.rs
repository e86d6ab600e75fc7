//! From a hook's failed return to a counter, and to a sample if one is due.
//!
//! In: what a hook knows of the refusal. Out: one counted refusal. Invariant:
//! this is the only way to a counter, whatever the backend. Lacks on purpose:
//! telling a failure from a success, which each hook does first, by itself.

use sealwatch_ebpf::gate;
use sealwatch_ebpf::syscalls::{Flags, NO_ARG, Packed};
use sealwatch_ebpf::wire::{Backend, CountKey, Evidence, Hook, PathFlags, Pending, Stat};

use crate::count;
use crate::kernel::{Dir, Task, address, inode_mode, read, read_user};
use crate::sample::{Draft, emit};
use crate::{IGNORED_CGROUPS, PENDING};

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
    /// `PathFlags` known so far.
    pub flags: u16,
}

impl Subject {
    /// Nothing known.
    pub const NONE: Subject = Subject {
        name: 0,
        dir: AT_FDCWD,
        object: Dir::NONE,
        flags: PathFlags::NO_PATH,
    };

    /// A name in kernel memory.
    #[inline(always)]
    pub fn kernel_name(name: u64, dir: i32) -> Subject {
        Subject {
            name,
            dir,
            object: Dir::NONE,
            flags: 0,
        }
    }

    /// An object without a name: an open file, or a place.
    #[inline(always)]
    pub fn object(object: Dir) -> Subject {
        Subject {
            name: 0,
            dir: AT_FDCWD,
            object,
            flags: PathFlags::BASE_IS_FILE,
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
            object: Dir::NONE,
            flags: PathFlags::NAME_FROM_USER,
        }
    }
}

/// The operation that the system call's arguments make of its row; 0 where the
/// call is none after all (a bind of another family).
#[inline(always)]
pub fn syscall_operation(task: &Task, row: Packed) -> u8 {
    let flags = task.argument(row.flags_arg());
    match row.flags() {
        f if f == Flags::Open as u8 => gate::open_operation(flags) as u8,
        f if f == Flags::OpenHow as u8 => {
            gate::open_operation(read_user::<u64>(task.argument(2))) as u8
        }
        f if f == Flags::Unlink as u8 => gate::unlink_operation(flags) as u8,
        f if f == Flags::Sockaddr as u8 => {
            if read_user::<u16>(task.argument(row.path())) == AF_UNIX {
                row.operation()
            } else {
                0
            }
        }
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
    let cgroup = task.cgroup();
    if cgroup == 0 {
        count::stat(Stat::CgroupUnreadable);
    }
    // SAFETY: only presence is looked at.
    if unsafe { IGNORED_CGROUPS.get(cgroup) }.is_some() {
        count::stat(Stat::Ignored);
        return;
    }
    let (seen, fresh) = pending(task);
    let signals = refusal.signals | seen;

    let veil = count::veil();
    let mut subject = refusal.subject;
    subject.name ^= veil;
    subject.dir ^= veil as i32;
    subject.flags ^= veil as u16;
    let mut hash = 0;
    let mut base = subject.object;
    if subject.name != 0 {
        base = Dir::NONE;
        let from_user = subject.flags & PathFlags::NAME_FROM_USER != 0;
        if name_hash(&mut hash, subject.name, from_user) != b'/' {
            base = if subject.dir == AT_FDCWD {
                task.working_directory()
            } else {
                Dir::of_file(task.file(subject.dir))
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
            lsm: 0,
            reserved: 0,
        },
        time_ns: count::now_ns(),
        name: subject.name,
        base,
        object: subject.object,
        path_flags: subject.flags,
        hook: refusal.hook as u8,
        pending: u8::from(fresh) ^ veil as u8,
    };
    if let Some(value) = count::refusal(&mut draft.key, draft.time_ns) {
        emit(&draft, task, value);
    }
}

/// Remembers for the refusal that may follow what a cause's hook saw.
#[inline(always)]
pub fn remember(signals: u16, evidence: Evidence) {
    let syscall = Task::current().fingerprint();
    // SAFETY: a helper without arguments.
    let id = unsafe { aya_ebpf::helpers::generated::bpf_get_current_pid_tgid() };
    let mut signals = u32::from(signals);
    let mut lsm = 0;
    // SAFETY: the entry is this task's own; nobody else writes it.
    if let Some(earlier) = unsafe { PENDING.get(id) }
        && earlier.syscall == syscall
    {
        signals |= earlier.signals;
        lsm = earlier.lsm;
    }
    let _ = PENDING.insert(
        id,
        Pending {
            syscall,
            signals,
            lsm,
            evidence,
        },
        0,
    );
}

/// The signals that the causes' hooks saw in this very system call, and whether
/// they saw any.
#[inline(always)]
fn pending(task: &Task) -> (u16, bool) {
    // SAFETY: a helper without arguments.
    let id = unsafe { aya_ebpf::helpers::generated::bpf_get_current_pid_tgid() };
    // SAFETY: the entry is this task's own; nobody else writes it.
    match unsafe { PENDING.get(id) } {
        Some(pending) if pending.syscall == task.fingerprint() => (pending.signals as u16, true),
        _ => (0, false),
    }
}

/// Folds the start of a name into `hash`; returns its first byte, 0 where there is none.
/// In a frame of its own, since the buffer would fill its caller's.
#[inline(never)]
fn name_hash(hash: &mut u64, name: u64, from_user: bool) -> u8 {
    use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str};
    let mut first = 0;
    for piece in 0..KEY_PIECES {
        let mut words = core::mem::MaybeUninit::<[u64; 8]>::uninit();
        let at = words.as_mut_ptr().cast::<u64>();
        for index in 0..8 {
            // SAFETY: a valid local. Volatile, because the compiler would call a
            // function for it, which the verifier follows byte by byte.
            unsafe { core::ptr::write_volatile(at.add(index), 0) };
        }
        let from = (name + piece as u64 * 63) as *const _;
        // SAFETY: the helper writes at most 64 bytes into `words`.
        let len = unsafe {
            if from_user {
                bpf_probe_read_user_str(at.cast(), 64, from)
            } else {
                bpf_probe_read_kernel_str(at.cast(), 64, from)
            }
        };
        // SAFETY: every word was written above.
        let words = unsafe { words.assume_init() };
        if piece == 0 {
            first = words[0] as u8;
        }
        for word in words {
            *hash = gate::fold(*hash, word);
        }
        if len < 64 {
            break;
        }
    }
    first
}

/// The address of the string in a `struct filename`.
#[inline(always)]
pub fn filename_string(filename: u64) -> u64 {
    use crate::kernel::{offset, word};
    word(filename + offset!(filename_name))
}

/// `open_flags.open_flag`.
#[inline(always)]
pub fn open_flag(open_flags: u64) -> u64 {
    use crate::kernel::offset;
    u64::from(read::<u32>(open_flags + offset!(open_flags_flag)))
}
