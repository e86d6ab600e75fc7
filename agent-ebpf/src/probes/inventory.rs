//! The write inventory: successful writes of the containers that are watched.
//!
//! In: every system call's return, while at least one control group is watched;
//! the daemon attaches and detaches the program. Out: exact counters by
//! directory, mount and operation, and a record with the path at the first of
//! each. Invariant: what is open tells its own place, so that a file that was
//! opened earlier counts where it lies; a call that names its file tells the
//! directory by that name. Lacks on purpose: io_uring and mappings, whose writes
//! are no system calls, and removals.

use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_user_str};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use sealwatch_ebpf::gate;
use sealwatch_ebpf::syscalls::{NO_ARG, Packed};
use sealwatch_ebpf::wire::{
    Operation, PATH_KEY_OTHER, PathFlags, Stat, WRITE_KEYS_PER_CGROUP, WRITE_NAME_MAX, WriteKey,
    WriteRecord, WriteValue,
};

use crate::count::{add, now_ns, stat};
use crate::kernel::{Dir, Task, offset, read, word};
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
    if !gate::is_inventoried(row.operation()) {
        return 0;
    }
    let cgroup = task.cgroup();
    let Some(used) = WATCHED.get_ptr_mut(cgroup) else {
        return 0;
    };
    let mut key = WriteKey {
        cgroup,
        directory: PATH_KEY_OTHER,
        mount_id: 0,
        operation: row.operation(),
        reserved: [0; 3],
    };
    let operation = row.operation();
    if operation == Operation::Open as u8 || operation == Operation::Create as u8 {
        by_file(&task, task.file(result as i32), &mut key, 0, used);
    } else if operation == Operation::Write as u8 {
        let file = task.file(task.argument(row.dir()) as i32);
        by_file(&task, file, &mut key, result as u64, used);
    } else {
        by_name(&task, row, &mut key, used);
    }
    0
}

/// Counts what was done to an open file, which is still open.
#[inline(always)]
fn by_file(task: &Task, file: u64, key: &mut WriteKey, bytes: u64, used: *mut u64) {
    let place = Dir::of_file(file);
    if !Subject::object(place).is_regular_file() {
        return;
    }
    if key.operation != Operation::Write as u8 {
        match gate::opened(read(file + offset!(file_mode))) {
            Some(operation) => key.operation = operation as u8,
            None => return,
        }
    }
    key.mount_id = read(place.mount - offset!(mount_vfsmount) + offset!(mount_id));
    // What is mounted itself has no directory in its mount.
    let mut dentry = place.dentry;
    if dentry != word(place.mount + offset!(vfsmount_root)) {
        dentry = word(dentry + offset!(dentry_parent));
    }
    let number = word(word(dentry + offset!(dentry_inode)) + offset!(inode_ino));
    key.directory = gate::path_key(gate::fold(0, number));
    let Some(value) = counted(key, bytes, used) else {
        return;
    };
    let Some(mut entry) = WRITE_SAMPLES.reserve::<WriteRecord>(0) else {
        stat(Stat::InventorySampleLost);
        return;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the reserved memory, ours alone until submitted, and a live map value.
    unsafe {
        head(task, key, record);
        base(task, place, record);
        (*record).sample.path_flags |= PathFlags::BASE_IS_FILE;
        (*value).sampled = 1;
    }
    entry.submit(0);
}

/// Counts what was done to a name; the name is read into the record that may follow.
#[inline(always)]
fn by_name(task: &Task, row: Packed, key: &mut WriteKey, used: *mut u64) {
    let Some(mut entry) = WRITE_SAMPLES.reserve::<WriteRecord>(0) else {
        // Counted all the same, for all directories together.
        if counted(key, 0, used).is_some() {
            stat(Stat::InventorySampleLost);
        }
        return;
    };
    let record = entry.as_mut_ptr();
    let mut place = Dir::NONE;
    // SAFETY: the reserved memory, ours alone until submitted or discarded.
    unsafe {
        head(task, key, record);
        let name = (&raw mut (*record).name).cast::<u8>();
        let from = task.argument(row.path()) as *const _;
        let len = bpf_probe_read_user_str(name.cast(), WRITE_NAME_MAX as u32, from);
        (*record).sample.path_flags = PathFlags::NAME_FROM_USER;
        // A name that is cut off would end in another directory.
        if len <= 0 || len as usize == WRITE_NAME_MAX {
            (*record).sample.path_flags |= PathFlags::NAME_UNREADABLE;
        } else {
            (*record).sample.path_flags |= PathFlags::NAME;
            (*record).sample.name_len = len as u16 - 1;
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
                hash = gate::fold(hash, word(place.inode() + offset!(inode_ino)));
            }
            key.directory = gate::path_key(hash);
        }
    }
    match counted(key, 0, used) {
        // SAFETY: as above, and a live map value.
        Some(value) => unsafe {
            (*record).sample.key = *key;
            base(task, place, record);
            (*value).sampled = 1;
            entry.submit(0);
        },
        None => entry.discard(NO_WAKEUP),
    }
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
fn counted(key: &mut WriteKey, bytes: u64, used: *mut u64) -> Option<*mut WriteValue> {
    let now_ns = now_ns();
    if WRITES.get_ptr(&*key).is_none() {
        // SAFETY: a live map value; a stale read lets a few more keys through.
        if unsafe { *used } >= WRITE_KEYS_PER_CGROUP {
            key.directory = PATH_KEY_OTHER;
        } else {
            add(used, 1);
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
unsafe fn head(task: &Task, key: &WriteKey, record: *mut WriteRecord) {
    // SAFETY: the caller's.
    unsafe {
        let sample = &raw mut (*record).sample;
        (*sample).key = *key;
        (*sample).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*sample).mount_namespace = task.mount_namespace();
        (*sample).name_len = 0;
        (*sample).base_len = 0;
        (*sample).path_flags = 0;
        (*sample).reserved = 0;
    }
}

/// Writes where a name starts from, or where a file lies; nothing of nowhere.
///
/// # Safety
/// `record` is writable.
#[inline(always)]
unsafe fn base(task: &Task, place: Dir, record: *mut WriteRecord) {
    if place == Dir::NONE {
        return;
    }
    // SAFETY: the caller's; the slots are those of a large record.
    unsafe {
        let slots = (&raw mut (*record).base).cast();
        let (len, flags) = walk(place, task.root(), slots);
        (*record).sample.base_len = len;
        (*record).sample.path_flags |= flags | PathFlags::BASE;
    }
}
