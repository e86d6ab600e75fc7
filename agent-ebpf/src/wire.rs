//! THE contract between the kernel half and the daemon.
//!
//! In: nothing. Out: the records, counters, map names and limits both halves
//! use. Invariant: every type is `#[repr(C)]`, made of integers and byte arrays
//! only, without implicit padding, and of a size asserted here, so that any
//! byte pattern of the right length is a value. Lacks on purpose: meaning;
//! numbers become operations and errnos in the daemon's `decode`, through
//! conversions that can fail.

mod inventory;
mod numbers;

pub use inventory::{
    EXECUTION_KEYS_PER_CGROUP, MAP_WATCHED, MAP_WRITE_SAMPLES, MAP_WRITES, Ownership, WATCHED_MAX,
    WRITE_KEYS_PER_CGROUP, WRITE_NAME_MAX, WRITE_SAMPLES_BYTES, WRITE_SLOT_BYTES, WRITE_SLOTS,
    WRITES_MAX, Watched, WriteKey, WriteRecord, WriteSample, WriteValue,
};
pub use numbers::{Author, Backend, Hook, Lsm, Operation, PathFlags, Signals, Stat};

/// Moves when a record, a counter or a number changes its meaning: tables that a
/// daemon of another version left pinned are not read then.
pub const VERSION: u32 = 1;

/// Map: exact counters, [`CountKey`] -> [`CountValue`].
pub const MAP_COUNTS: &str = "COUNTS";
/// Map: how many path keys a control group holds in [`MAP_COUNTS`], `u64` cgroup -> `u64`.
pub const MAP_PATH_KEYS: &str = "PATH_KEYS";
/// Map: array of `u64`, indexed by [`overflow_index`]: refusals that found [`MAP_COUNTS`] full.
pub const MAP_OVERFLOW: &str = "OVERFLOW";
/// Map: array of `u64`, indexed by [`Stat`].
pub const MAP_STATS: &str = "STATS";
/// Map: one `u64`, shared by all that are pinned in one place, whatever their
/// version: the generation of programs whose turn it is to count. The others, just
/// attached or about to leave, count nothing.
pub const MAP_TURN: &str = "TURN";
/// Map: control groups of the host, `u64` cgroup -> `u8`; their refusals are not recorded.
pub const MAP_IGNORED: &str = "IGNORED_CGROUPS";
/// Map: array of packed [`crate::syscalls::Syscall`], 64-bit numbers first, then i386.
pub const MAP_SYSCALLS: &str = "SYSCALLS";
/// Map: ring buffer of denial samples ([`Sample`] followed by its body).
pub const MAP_SAMPLES: &str = "SAMPLES";
/// Map: ring buffer of [`CgroupEvent`], apart from the samples so that no flood hides a container's birth.
pub const MAP_CGROUPS: &str = "CGROUPS";
/// Map: what the causes' hooks saw in a task's current system call, `u64` pid_tgid -> [`Pending`].
pub const MAP_PENDING: &str = "PENDING";
/// Map: what a security module's hook told in a task's current system call, `u64` pid_tgid -> [`LsmNote`].
pub const MAP_LSM_NOTES: &str = "LSM_NOTES";
/// Map: processes killed for want of memory, `u64` control group of the victim -> [`OomValue`].
pub const MAP_OOM_KILLS: &str = "OOM_KILLS";
/// Map: victims that were counted, `u64` process -> `u8`.
pub const MAP_OOM_VICTIMS: &str = "OOM_VICTIMS";
/// Global: [`crate::layout::Offsets`].
pub const GLOBAL_OFFSETS: &str = "OFFSETS";
/// Global: [`crate::layout::Settings`].
pub const GLOBAL_SETTINGS: &str = "SETTINGS";

/// Most distinct counter keys in the kernel at once.
pub const COUNTS_MAX: u32 = 16_384;
/// Most distinct path keys one control group may hold; later paths share [`PATH_KEY_OTHER`].
pub const PATH_KEYS_PER_CGROUP: u64 = 256;
/// Most path keys of all control groups together: the rest of [`MAP_COUNTS`] is for keys
/// that stand for all other paths, so that no container's many names take the counters
/// of another.
pub const PATH_KEYS_MAX: u64 = COUNTS_MAX as u64 / 4 * 3;
/// Most control groups with counters at once.
pub const CGROUPS_MAX: u32 = 8_192;
/// Most tasks with a [`Pending`] at once; the least recently used gives way.
pub const PENDING_MAX: u32 = 4_096;
/// Most host control groups that are left out in the kernel. The least recently
/// refused one gives way, and the daemon leaves out what is then recorded of it.
pub const IGNORED_MAX: u32 = 16_384;
/// Bytes of the ring buffer of samples: a power of two and a multiple of the page size.
pub const SAMPLES_BYTES: u32 = 1 << 21;
/// Bytes of the ring buffer of control group events.
pub const CGROUPS_BYTES: u32 = 1 << 18;

/// Most control groups with kills at once.
pub const OOM_KILLS_MAX: u32 = 4_096;
/// Victims that are remembered, so that each is counted once; the least recent gives way.
pub const OOM_VICTIMS_MAX: u32 = 1_024;

/// The path key shared by all paths of a control group past [`PATH_KEYS_PER_CGROUP`], or
/// of all past [`PATH_KEYS_MAX`].
pub const PATH_KEY_OTHER: u64 = 0;

/// Identity of one exact counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountKey {
    /// kernfs id of the task's control group (in the hierarchy the daemon chose).
    pub cgroup: u64,
    /// Hash of the path as the task named it, or of the file; [`PATH_KEY_OTHER`] past the limit.
    pub path: u64,
    /// [`Signals`] bits seen on the way to the refusal.
    pub signals: u16,
    /// [`Operation`] as a number.
    pub operation: u8,
    /// The positive errno, always below 256.
    pub errno: u8,
    /// [`Backend`] that saw it.
    pub backend: u8,
    /// [`Lsm`] whose hook refused, 0 for none known.
    pub lsm: u8,
    /// Always zero.
    pub reserved: u16,
}

/// One exact counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountValue {
    /// Refusals with this key since the key was made.
    pub count: u64,
    /// Samples of this key handed to the ring buffer.
    pub sampled: u64,
    /// Samples of this key that found the ring buffer full.
    pub lost: u64,
    /// CLOCK_MONOTONIC nanoseconds before which no further sample is taken.
    pub next_sample_ns: u64,
    /// CLOCK_MONOTONIC nanoseconds of the last refusal that was looked at for sampling.
    pub last_ns: u64,
}

/// What a file's inode and mount looked like at the refusal; zero where not known.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Inode number.
    pub inode: u64,
    /// `super_block.s_flags`.
    pub super_flags: u64,
    /// `super_block.s_magic`.
    pub fs_magic: u64,
    /// `super_block.s_dev`, the kernel's internal encoding.
    pub device: u32,
    /// `vfsmount.mnt_flags`.
    pub mount_flags: u32,
    /// Owner of the inode, in the initial user namespace.
    pub inode_uid: u32,
    /// Group of the inode, in the initial user namespace.
    pub inode_gid: u32,
    /// `inode.i_mode`.
    pub inode_mode: u32,
    /// `inode.i_flags`.
    pub inode_flags: u32,
    /// `mount.mnt_id`, the first number of its line in mountinfo.
    pub mount_id: u32,
    /// Number of the capability that was asked for and refused, plus one; 0 for none.
    pub capability: u32,
}

/// What the causes' hooks saw on the way to a refusal that may follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Fingerprint of the system call it was seen in; another one's is stale.
    pub syscall: u64,
    /// [`Signals`] bits.
    pub signals: u32,
    /// [`Lsm`] whose hook refused, 0 for none.
    pub lsm: u32,
    /// What the file looked like.
    pub evidence: Evidence,
}

/// Kills of a control group's processes for want of memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomValue {
    /// Processes killed since the key was made.
    pub count: u64,
    /// CLOCK_MONOTONIC nanoseconds of the last one.
    pub last_ns: u64,
}

/// How a user namespace maps ids of its own to ids of the initial one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdMap {
    /// `uid_gid_map.nr_extents`; past [`ID_EXTENTS`], `extents` is empty.
    pub len: u32,
    /// First id inside, first id outside, number of ids.
    pub extents: [[u32; 3]; ID_EXTENTS],
}

/// Extents that the kernel keeps in place; a longer map lies elsewhere.
pub const ID_EXTENTS: usize = 5;
/// Supplementary groups that are carried.
pub const GROUPS_MAX: usize = 16;

/// What the kernel's tests of mode bits and ownership went by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// `cred.cap_effective`.
    pub capabilities: u64,
    /// Supplementary groups of the task; `groups` has the first [`GROUPS_MAX`].
    pub groups_len: u32,
    /// Inode number of the task's user namespace.
    pub user_namespace: u32,
    /// In the initial user namespace.
    pub groups: [u32; GROUPS_MAX],
    /// Of user ids.
    pub uid_map: IdMap,
    /// Of group ids.
    pub gid_map: IdMap,
}

/// What a security module's hook knew of its refusal; texts are NUL padded,
/// and empty where not known.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LsmDetail {
    /// What was asked for, in the module's own bits.
    pub requested: u32,
    /// Always zero.
    pub reserved: u32,
    /// AppArmor's profile, or SELinux's context of the task.
    pub subject: [u8; 128],
    /// SELinux's context of the object.
    pub object: [u8; 128],
    /// SELinux's class of the object.
    pub class: [u8; 24],
}

/// [`LsmDetail`] on its way to the refusal that may follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LsmNote {
    /// Fingerprint of the system call it was taken in; another one's is stale.
    pub syscall: u64,
    /// What is known.
    pub detail: LsmDetail,
}

/// Head of a denial sample; the body of its layout follows.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The counter this is a sample of.
    pub key: CountKey,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// What the file that was refused looked like.
    pub evidence: Evidence,
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// The task's fsuid, in the initial user namespace.
    pub uid: u32,
    /// The task's fsgid, in the initial user namespace.
    pub gid: u32,
    /// inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// Bytes of the body's name that are used, without a NUL.
    pub name_len: u16,
    /// Slots of the body's base that are used.
    pub base_len: u16,
    /// The task's command name, NUL padded.
    pub comm: [u8; 16],
    /// [`PathFlags`] bits.
    pub path_flags: u16,
    /// [`Hook`] that saw the refusal.
    pub hook: u8,
    /// [`SMALL`] or [`LARGE`].
    pub layout: u8,
    /// System call number the task is in, as it passed it; `u32::MAX` where not known.
    pub syscall: u32,
    /// `open_flags.open_flag` of an open; 0 of anything else.
    pub open_flags: u32,
    /// Always zero.
    pub reserved: u32,
    /// What the task was.
    pub credentials: Credentials,
    /// What the security module's hook told.
    pub lsm: LsmDetail,
}

/// Body layout: a name of 256 bytes and no base, for the absolute names of everyday.
pub const SMALL: u8 = 1;
/// Body layout: a name of 4,096 bytes and a base of 24 slots of 256 bytes.
pub const LARGE: u8 = 2;

/// A sample with its body. The base is the directory that a relative name
/// starts from (or the file itself where there is no name), as path components
/// from the leaf upwards; an empty slot is a mount crossing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Record<const NAME: usize, const SLOTS: usize, const SLOT_BYTES: usize> {
    /// Head.
    pub sample: Sample,
    /// The name as the task passed it; `sample.name_len` bytes are used.
    pub name: [u8; NAME],
    /// NUL-terminated components, `sample.base_len` of them used.
    pub base: [[u8; SLOT_BYTES]; SLOTS],
}

/// The record of layout [`SMALL`].
pub type SmallRecord = Record<256, 0, 0>;
/// The record of layout [`LARGE`].
pub type LargeRecord = Record<4096, 24, 256>;

/// Birth or death of a control group.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CgroupEvent {
    /// kernfs id.
    pub cgroup: u64,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// [`CGROUP_CREATED`] or [`CGROUP_REMOVED`].
    pub kind: u32,
    /// Bytes of `path` that are used, without a NUL; `CGROUP_PATH_MAX` means cut off.
    pub path_len: u32,
    /// Path in its hierarchy, from the hierarchy's root.
    pub path: [u8; CGROUP_PATH_MAX],
}

/// [`CgroupEvent::kind`]: created.
pub const CGROUP_CREATED: u32 = 1;
/// [`CgroupEvent::kind`]: removed.
pub const CGROUP_REMOVED: u32 = 2;
/// Longest control group path that is carried.
pub const CGROUP_PATH_MAX: usize = 1024;

/// Entries of [`MAP_STATS`].
pub const STATS_MAX: u32 = 17;
/// Entry of [`MAP_STATS`] that stays zero, which the verifier does not know.
pub const STAT_ZERO: u32 = STATS_MAX - 1;

/// Errnos that are denials, in the order used by [`overflow_index`].
pub const DENIAL_ERRNOS: [u8; 5] = [1, 13, 28, 30, 122];

/// Entries of [`MAP_OVERFLOW`].
pub const OVERFLOW_MAX: u32 = 32 * 8;

/// Index into [`MAP_OVERFLOW`] of an operation's number and a position in [`DENIAL_ERRNOS`].
pub const fn overflow_index(operation: u8, errno_position: u8) -> u32 {
    ((operation as u32 & 31) << 3) | (errno_position as u32 & 7)
}

const _: () = {
    assert!(size_of::<CountKey>() == 24);
    assert!(size_of::<CountValue>() == 40);
    assert!(size_of::<Evidence>() == 56);
    assert!(size_of::<Pending>() == 16 + size_of::<Evidence>());
    assert!(size_of::<OomValue>() == 16);
    assert!(size_of::<IdMap>() == 4 + 12 * ID_EXTENTS);
    assert!(size_of::<Credentials>() == 16 + 4 * GROUPS_MAX + 2 * size_of::<IdMap>());
    assert!(size_of::<LsmDetail>() == 8 + 128 + 128 + 24);
    assert!(size_of::<LsmNote>() == 8 + size_of::<LsmDetail>());
    assert!(
        size_of::<Sample>()
            == 24
                + 8
                + size_of::<Evidence>()
                + 20
                + 4
                + 16
                + 16
                + size_of::<Credentials>()
                + size_of::<LsmDetail>()
    );
    assert!(size_of::<SmallRecord>() == size_of::<Sample>() + 256);
    assert!(size_of::<LargeRecord>() == size_of::<Sample>() + 4096 + 6144);
    assert!(size_of::<CgroupEvent>() == 24 + CGROUP_PATH_MAX);
};
