//! The write inventory: what containers write with success, where asked for.
//!
//! In: nothing. Out: keys, counters and records of the inventory. Invariant: as
//! in `wire`. Lacks on purpose: names of files; a directory stands for all files
//! right in it.

use super::{IdMap, PATH_KEY_OTHER, Sample};

/// Map: the control groups whose writes are counted, `u64` -> [`Watched`].
pub const MAP_WATCHED: &str = "WATCHED";
/// Map: exact counters, [`WriteKey`] -> [`WriteValue`].
pub const MAP_WRITES: &str = "WRITES";
/// Map: ring buffer of [`WriteRecord`].
pub const MAP_WRITE_SAMPLES: &str = "WRITE_SAMPLES";

/// Most control groups that are watched at once.
pub const WATCHED_MAX: u32 = 1_024;
/// Most counters at once.
pub const WRITES_MAX: u32 = 16_384;
/// Most counters with a directory of their own of one control group; later
/// directories share [`PATH_KEY_OTHER`], a counter for each mount and operation.
pub const WRITE_KEYS_PER_CGROUP: u64 = 1_024;
/// Keys of a control group past which executions get no counter any more: they
/// must not take the room of writes.
pub const EXECUTION_KEYS_PER_CGROUP: u64 = 512;
/// Bytes of the ring buffer.
pub const WRITE_SAMPLES_BYTES: u32 = 1 << 20;
/// Longest name, with its NUL, that is carried.
pub const WRITE_NAME_MAX: usize = 1_024;
/// Components of a path that are carried.
pub const WRITE_SLOTS: usize = 24;
/// Longest of them, with its NUL.
pub const WRITE_SLOT_BYTES: usize = 256;

/// What the kernel half keeps of a control group that is watched.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Keys of counters that are used up.
    pub used: u64,
    /// Not zero once the container itself has written, after which nothing
    /// counts as its runtime's any more.
    pub own: u64,
}

/// Identity of one counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteKey {
    /// kernfs id of the task's control group.
    pub cgroup: u64,
    /// The directory and the task's fsuid, folded into one: by inode where the
    /// directory was found, by name elsewhere; [`PATH_KEY_OTHER`] past the limit.
    pub directory: u64,
    /// `mount.mnt_id` of the directory; 0 where the call names it from elsewhere.
    pub mount_id: u32,
    /// [`super::Operation`] as a number: what is opened for writing and was there
    /// is an open, what the call made is a create. An exec or a mapping is a file
    /// that was executed or mapped to be: no write, but told of what is written.
    pub operation: u8,
    /// [`super::Author`] as a number.
    pub author: u8,
    /// Always zero.
    pub reserved: [u8; 2],
}

/// One counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteValue {
    /// Calls.
    pub count: u64,
    /// Bytes they wrote.
    pub bytes: u64,
    /// CLOCK_MONOTONIC nanoseconds of the first.
    pub first_ns: u64,
    /// The same of the last.
    pub last_ns: u64,
    /// Not zero once a record with the path was handed over.
    pub sampled: u64,
}

/// Head of a record: the first call of its counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteSample {
    /// The counter.
    pub key: WriteKey,
    /// `super_block.s_magic` of the file system; 0 where it is not known.
    pub fs_magic: u64,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// Inode number of the task's user namespace.
    pub user_namespace: u32,
    /// The task's fsuid, in the initial user namespace.
    pub uid: u32,
    /// The task's fsgid, in the initial user namespace.
    pub gid: u32,
    /// Bytes of the name that are used, without a NUL.
    pub name_len: u16,
    /// Slots of the base that are used.
    pub base_len: u16,
    /// [`super::PathFlags`] bits.
    pub path_flags: u16,
    /// Always zero.
    pub reserved: [u16; 3],
    /// The task's command name, NUL padded.
    pub comm: [u8; 16],
    /// Of user ids.
    pub uid_map: IdMap,
    /// Of group ids.
    pub gid_map: IdMap,
}

/// Whose a file or directory is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Owner, in the initial user namespace.
    pub uid: u32,
    /// Group, in the initial user namespace.
    pub gid: u32,
    /// `inode.i_mode`; 0 where it is not known.
    pub mode: u32,
    /// Always zero.
    pub reserved: u32,
}

/// A record: name and base as in [`super::Record`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct WriteRecord {
    /// Head.
    pub sample: WriteSample,
    /// Of each slot of the base; behind the last that is used, of the task's root.
    pub owners: [Ownership; WRITE_SLOTS + 1],
    /// The name as the task passed it.
    pub name: [u8; WRITE_NAME_MAX],
    /// NUL-terminated components, leaf first.
    pub base: [[u8; WRITE_SLOT_BYTES]; WRITE_SLOTS],
}

const _: () = {
    assert!(size_of::<Watched>() == 16);
    assert!(size_of::<WriteKey>() == 24);
    assert!(size_of::<WriteValue>() == 40);
    assert!(size_of::<WriteSample>() == 24 + 8 + 20 + 4 + 8 + 16 + 2 * size_of::<IdMap>());
    assert!(size_of::<Ownership>() == 16);
    assert!(
        size_of::<WriteRecord>()
            == size_of::<WriteSample>()
                + size_of::<Ownership>() * (WRITE_SLOTS + 1)
                + WRITE_NAME_MAX
                + WRITE_SLOTS * WRITE_SLOT_BYTES
    );
    assert!(PATH_KEY_OTHER == 0 && align_of::<WriteSample>() == align_of::<Sample>());
};
