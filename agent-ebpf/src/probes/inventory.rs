//! The write inventory: successful writes of the containers that are watched.
//!
//! In: every system call's return, while at least one control group is watched;
//! the daemon attaches and detaches the program. Out: exact counters by
//! directory, task's fsuid, mount and operation, and a record with path, task
//! and owners at the first of each. Invariant: what is open tells its own place,
//! so that a file that was opened earlier counts where it lies; a call that
//! names its file tells the directory by that name; what a runtime does before
//! it executes the container's program is never the container's. Lacks on
//! purpose: io_uring and mappings, whose writes are no system calls, removals,
//! files that lie in no directory (memfd), and an execution's script, which
//! shows as its interpreter.

use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_probe_read_user_str,
};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use sealwatch_ebpf::gate::{self, Descent};
use sealwatch_ebpf::syscalls::{Flags, NO_ARG, Packed};
use sealwatch_ebpf::wire::{
    Author, EXECUTION_KEYS_PER_CGROUP, Operation, Ownership, PATH_KEY_OTHER, PathFlags, Stat,
    WRITE_KEYS_PER_CGROUP, WRITE_NAME_MAX, Watched, WriteKey, WriteRecord, WriteValue,
};

use crate::count::{add, now_ns, stat};
use crate::kernel::{
    Dir, Task, file_system, id_map, mount_flags, mount_id, offset, ownership, read, user_namespace,
    word,
};
use crate::refusal::{AT_FDCWD, Subject};
use crate::sample::walk;
use crate::{WATCHED, WRITE_SAMPLES, WRITES};

/// BPF_NOEXIST: the insertion fails where the key is there already.
const NOEXIST: u64 = 1;
/// BPF_RB_NO_WAKEUP: nobody is woken for what is discarded.
const NO_WAKEUP: u64 = 1;
/// Bytes of a name in which its directory is looked for; a longer one shares a
/// key with all that begin like it.
const SCAN_MAX: usize = 255;

/// A new counter; a constant in the object takes no stack.
static ZERO: WriteValue = WriteValue {
    count: 0,
    bytes: 0,
    first_ns: 0,
    last_ns: 0,
    sampled: 0,
};

// match-proto: TP_PROTO(struct pt_regs *regs, long ret)
/// The return of every system call.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn tp_inventory(ctx: RawTracePointContext) -> i32 {
    let result: i64 = ctx.arg(1);
    if result < 0 {
        return 0;
    }
    let task = Task::at_exit(ctx.arg(0));
    let row = task.syscall();
    let operation = row.operation();
    if !gate::is_inventoried(operation) {
        return 0;
    }
    let cgroup = task.cgroup();
    let Some(watched) = WATCHED.get_ptr_mut(cgroup) else {
        return 0;
    };
    let mut key = WriteKey {
        cgroup,
        directory: PATH_KEY_OTHER,
        mount_id: 0,
        operation,
        author: author(&task, watched),
        reserved: [0; 2],
    };
    if gate::makes_entry(operation) {
        by_name(&task, row, &mut key, watched);
    } else {
        by_file(&task, row, result, &mut key, watched);
    }
    0
}

/// On whose behalf the task acts; looked at until the container has acted itself.
#[inline(always)]
fn author(task: &Task, watched: *mut Watched) -> u8 {
    // SAFETY: a live map value, of which each processor may see its own latest.
    if unsafe { (*watched).own } != 0 {
        return Author::Container as u8;
    }
    let parent = task.parent();
    let mounts = task.mounts();
    let author = gate::author(Descent {
        parent_is_outside: WATCHED.get_ptr(parent.cgroup()).is_none(),
        shares_mounts: parent.mounts() == mounts,
        is_fork: task.is_fork(),
        program_is_outside: Dir::of_file(task.program()).mounts() != mounts,
    });
    if author as u8 == Author::Container as u8 {
        // SAFETY: as above; nothing else is ever written there.
        unsafe { (*watched).own = 1 };
    }
    author as u8
}

/// The open file that a call is about; 0 where it is none that counts.
#[inline(always)]
fn file_of(task: &Task, row: Packed, result: i64) -> u64 {
    let operation = row.operation();
    if operation == Operation::Exec as u8 {
        return task.program();
    }
    if operation == Operation::Open as u8 || operation == Operation::Create as u8 {
        return task.file(result as i32);
    }
    if operation == Operation::Mmap as u8 {
        // Its protection stands before its flags. mprotect(2) names no file.
        let flags = row.flags_arg();
        if row.flags() != Flags::Map as u8
            || task.argument(flags) & gate::MAP_ANONYMOUS != 0
            || task.argument(flags.wrapping_sub(1)) & gate::PROT_EXEC == 0
        {
            return 0;
        }
    }
    task.file(task.argument(row.dir()) as i32)
}

/// Counts what was done to an open file, which is still open.
#[inline(always)]
fn by_file(task: &Task, row: Packed, result: i64, key: &mut WriteKey, watched: *mut Watched) {
    let file = file_of(task, row, result);
    let place = Dir::of_file(file);
    // Neither is memory that is only called a file.
    if !Subject::object(place).is_regular_file()
        || mount_flags(place.mount) & gate::MNT_INTERNAL != 0
    {
        return;
    }
    let mut bytes = 0;
    if key.operation == Operation::Write as u8 {
        bytes = result as u64;
    } else if !gate::is_execution(key.operation) {
        match gate::opened(read(file + offset!(file_mode))) {
            Some(operation) => key.operation = operation as u8,
            None => return,
        }
    }
    key.mount_id = mount_id(place.mount);
    // What is mounted itself has no directory in its mount.
    let mut dentry = place.dentry;
    if dentry != word(place.mount + offset!(vfsmount_root)) {
        dentry = word(dentry + offset!(dentry_parent));
    }
    let number = word(word(dentry + offset!(dentry_inode)) + offset!(inode_ino));
    key.directory = directory_key(task, number);
    let Some(value) = counted(key, bytes, watched) else {
        return;
    };
    let Some(mut entry) = WRITE_SAMPLES.reserve::<WriteRecord>(0) else {
        stat(Stat::InventorySampleLost);
        return;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the reserved memory, ours alone until submitted, and a live map value.
    unsafe {
        head(task, key, place, record);
        base(task, place, record);
        (*record).sample.path_flags |= PathFlags::BASE_IS_FILE;
        (*value).sampled = 1;
    }
    entry.submit(0);
}

/// Counts what was done to a name; the name is read into the record that may follow.
#[inline(always)]
fn by_name(task: &Task, row: Packed, key: &mut WriteKey, watched: *mut Watched) {
    let Some(mut entry) = WRITE_SAMPLES.reserve::<WriteRecord>(0) else {
        // Counted all the same, for all directories together.
        if counted(key, 0, watched).is_some() {
            stat(Stat::InventorySampleLost);
        }
        return;
    };
    let record = entry.as_mut_ptr();
    let mut place = Dir::NONE;
    let mut path_flags = PathFlags::NAME_FROM_USER;
    let mut name_len = 0;
    // SAFETY: the reserved memory, ours alone until submitted or discarded.
    unsafe {
        let name = (&raw mut (*record).name).cast::<u8>();
        let from = task.argument(row.path()) as *const _;
        let len = bpf_probe_read_user_str(name.cast(), WRITE_NAME_MAX as u32, from);
        // A name that is cut off would end in another directory.
        if len <= 0 || len as usize == WRITE_NAME_MAX {
            path_flags |= PathFlags::NAME_UNREADABLE;
        } else {
            path_flags |= PathFlags::NAME;
            name_len = len as u16 - 1;
            let mut hash = directory_hash(name);
            if *name != b'/' {
                let dir = match row.dir() {
                    NO_ARG => AT_FDCWD,
                    position => task.argument(position) as i32,
                };
                place = if dir == AT_FDCWD {
                    task.working_directory()
                } else {
                    Dir::of_file(task.file(dir))
                };
                // Without a slash it is made right there.
                if hash == 0 {
                    key.mount_id = mount_id(place.mount);
                }
                hash = gate::fold(hash, word(place.inode() + offset!(inode_ino)));
            }
            key.directory = directory_key(task, hash);
        }
    }
    match counted(key, 0, watched) {
        // SAFETY: as above, and a live map value.
        Some(value) => unsafe {
            head(task, key, place, record);
            (*record).sample.name_len = name_len;
            (*record).sample.path_flags = path_flags;
            base(task, place, record);
            (*value).sampled = 1;
            entry.submit(0);
        },
        None => entry.discard(NO_WAKEUP),
    }
}

/// The key of what a task writes in a directory: other users are told by
/// themselves.
#[inline(always)]
fn directory_key(task: &Task, directory: u64) -> u64 {
    let (uid, _) = task.ids();
    gate::path_key(gate::fold(gate::fold(0, directory), u64::from(uid)))
}

/// Folds a name up to its last slash.
///
/// # Safety
/// `name` is readable for [`WRITE_NAME_MAX`] bytes.
#[inline(always)]
unsafe fn directory_hash(name: *const u8) -> u64 {
    let (mut hash, mut directory) = (0, 0);
    for at in 0..SCAN_MAX {
        // SAFETY: `at` is below the caller's bound. Volatile, so that each byte
        // is read by itself, at an offset that the verifier knows.
        let byte = unsafe { core::ptr::read_volatile(name.add(at)) };
        if byte == 0 {
            break;
        }
        hash = gate::fold(hash, u64::from(byte));
        if byte == b'/' {
            directory = hash;
        }
    }
    directory
}

/// Moves a counter. Returns it where its path was not handed over yet.
#[inline(always)]
#[allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a key by value would be a copy on the program's small stack"
)]
fn counted(key: &mut WriteKey, bytes: u64, watched: *mut Watched) -> Option<*mut WriteValue> {
    let now_ns = now_ns();
    if WRITES.get_ptr(&*key).is_none() {
        // SAFETY: a live map value; a stale read lets a few more keys through.
        let used = unsafe { (*watched).used };
        if gate::is_execution(key.operation) && used >= EXECUTION_KEYS_PER_CGROUP {
            return None;
        }
        if used >= WRITE_KEYS_PER_CGROUP {
            key.directory = PATH_KEY_OTHER;
        } else {
            // SAFETY: as above.
            add(unsafe { &raw mut (*watched).used }, 1);
        }
        let _ = WRITES.insert(&*key, &ZERO, NOEXIST);
    }
    let value = WRITES.get_ptr_mut(&*key);
    match value {
        // SAFETY: a live map value. Of two times that race either is right.
        Some(value) => unsafe {
            if (*value).first_ns == 0 {
                (*value).first_ns = now_ns;
            }
            (*value).last_ns = now_ns;
            add(&raw mut (*value).bytes, bytes);
            add(&raw mut (*value).count, 1);
        },
        None => stat(Stat::InventoryOverflow),
    }
    // Last, since its move is what makes the daemon look.
    stat(Stat::Inventoried);
    // SAFETY: as above.
    value.filter(|value| unsafe { (**value).sampled } == 0 && key.directory != PATH_KEY_OTHER)
}

/// Writes the head of a record.
///
/// # Safety
/// `record` is writable.
#[inline(always)]
unsafe fn head(task: &Task, key: &WriteKey, place: Dir, record: *mut WriteRecord) {
    let (uid, gid) = task.ids();
    let (namespace, number) = user_namespace(task.cred());
    // Where the mount is not known, the name leads on from there.
    let inode = if key.mount_id == 0 { 0 } else { place.inode() };
    // SAFETY: the caller's.
    unsafe {
        let sample = &raw mut (*record).sample;
        (*sample).key = *key;
        (*sample).fs_magic = file_system(inode);
        (*sample).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*sample).mount_namespace = task.mount_namespace();
        (*sample).user_namespace = number;
        (*sample).uid = uid;
        (*sample).gid = gid;
        (*sample).name_len = 0;
        (*sample).base_len = 0;
        (*sample).path_flags = 0;
        (*sample).reserved = [0; 3];
        bpf_get_current_comm((&raw mut (*sample).comm).cast(), 16);
        id_map(
            namespace + offset!(user_namespace_uid_map),
            &raw mut (*sample).uid_map,
        );
        id_map(
            namespace + offset!(user_namespace_gid_map),
            &raw mut (*sample).gid_map,
        );
    }
}

/// Writes where a name starts from, or where a file lies, and whose each of the
/// directories is; nothing of nowhere.
///
/// # Safety
/// `record` is writable.
#[inline(always)]
unsafe fn base(task: &Task, place: Dir, record: *mut WriteRecord) {
    if place == Dir::NONE {
        return;
    }
    // SAFETY: the caller's; slots and owners are those of a large record, and
    // one more owner.
    unsafe {
        let slots = (&raw mut (*record).base).cast();
        let owners = (&raw mut (*record).owners).cast();
        let (len, flags) = walk(place, task.root(), slots, |slot, dentry| {
            let at: *mut Ownership = owners;
            ownership(word(dentry + offset!(dentry_inode)), at.add(slot));
        });
        (*record).sample.base_len = len;
        (*record).sample.path_flags |= flags | PathFlags::BASE;
    }
}
