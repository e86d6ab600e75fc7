//! The closed sets of numbers and bits that cross from the kernel half.
//!
//! In: a byte. Out: a member with its name, or the byte itself where it names
//! none. Invariant: numbers are never given anew; a member keeps its own.

/// Declares a closed set of numbers with names, convertible from bytes only through `TryFrom`.
macro_rules! numbers {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal => $label:literal,)+ }) => {
        $(#[$meta])*
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant = $value,)+ }

        impl $name {
            /// Every member, in the order of its numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The name used in metrics, events and documents.
            pub const fn label(self) -> &'static str {
                match self { $($name::$variant => $label,)+ }
            }
        }

        impl TryFrom<u8> for $name {
            type Error = u8;
            /// Fails with the number itself where it names no member.
            fn try_from(number: u8) -> Result<Self, u8> {
                match number { $($value => Ok($name::$variant),)+ other => Err(other) }
            }
        }
    };
}

numbers! {
    /// What the task tried to do.
    Operation {
        /// Open without creating.
        Open = 1 => "open",
        /// Open with O_CREAT, or creat(2).
        Create = 2 => "create",
        /// mkdir(2) and mkdirat(2).
        Mkdir = 3 => "mkdir",
        /// mknod(2) and mknodat(2).
        Mknod = 4 => "mknod",
        /// symlink(2) and symlinkat(2).
        Symlink = 5 => "symlink",
        /// link(2) and linkat(2).
        Link = 6 => "link",
        /// unlink(2), and unlinkat(2) without AT_REMOVEDIR.
        Unlink = 7 => "unlink",
        /// rmdir(2), and unlinkat(2) with AT_REMOVEDIR.
        Rmdir = 8 => "rmdir",
        /// rename(2), renameat(2) and renameat2(2).
        Rename = 9 => "rename",
        /// chmod(2) and its relatives.
        Chmod = 10 => "chmod",
        /// chown(2) and its relatives.
        Chown = 11 => "chown",
        /// utime(2) and its relatives.
        Utime = 12 => "utime",
        /// truncate(2) and ftruncate(2).
        Truncate = 13 => "truncate",
        /// fallocate(2).
        Fallocate = 14 => "fallocate",
        /// setxattr(2), removexattr(2) and their relatives.
        Setxattr = 15 => "setxattr",
        /// bind(2) of a unix socket to a path.
        Bind = 16 => "bind",
        /// execve(2) and execveat(2).
        Exec = 17 => "exec",
        /// write(2), pwrite(2), writev(2) and their relatives.
        Write = 18 => "write",
        /// mmap(2) and mprotect(2) of a file.
        Mmap = 19 => "mmap",
        /// Looking into another task: ptrace(2) and its relatives. Seen where a security module refuses.
        Ptrace = 20 => "ptrace",
        /// mount(2), umount(2), pivot_root(2) and their relatives. Seen where a security module refuses.
        Mount = 21 => "mount",
        /// kill(2) and its relatives. Seen where a security module refuses.
        Signal = 22 => "signal",
        /// Use of a capability outside any other operation. Seen where a security module refuses.
        Capability = 23 => "capability",
    }
}

numbers! {
    /// A security module that can refuse.
    Lsm {
        /// AppArmor.
        Apparmor = 1 => "apparmor",
        /// SELinux.
        Selinux = 2 => "selinux",
        /// Landlock.
        Landlock = 3 => "landlock",
        /// A BPF program attached to a security hook.
        Bpf = 4 => "bpf",
        /// Smack.
        Smack = 5 => "smack",
        /// TOMOYO.
        Tomoyo = 6 => "tomoyo",
        /// Kernel lockdown.
        Lockdown = 7 => "lockdown",
        /// Yama, which restricts ptrace.
        Yama = 8 => "yama",
    }
}

numbers! {
    /// How a hook is attached.
    Backend {
        /// A BPF trampoline at the function's return.
        Fexit = 1 => "fexit",
        /// A kretprobe.
        Kprobe = 2 => "kprobe",
        /// The raw sys_exit tracepoint.
        Tracepoint = 3 => "tracepoint",
    }
}

numbers! {
    /// A place in the kernel where Sealwatch listens.
    Hook {
        /// open(2), openat(2), openat2(2), io_uring's openat.
        Open = 1 => "open",
        /// open_by_handle_at(2).
        OpenByHandle = 2 => "open_by_handle",
        /// mkdir.
        Mkdir = 3 => "mkdir",
        /// mknod.
        Mknod = 4 => "mknod",
        /// symlink.
        Symlink = 5 => "symlink",
        /// link.
        Link = 6 => "link",
        /// unlink.
        Unlink = 7 => "unlink",
        /// rmdir.
        Rmdir = 8 => "rmdir",
        /// rename.
        Rename = 9 => "rename",
        /// chmod, fchmod.
        Chmod = 10 => "chmod",
        /// chown, lchown, fchownat.
        Chown = 11 => "chown",
        /// fchown.
        ChownFile = 12 => "chown_file",
        /// utime.
        Utime = 13 => "utime",
        /// truncate.
        Truncate = 14 => "truncate",
        /// ftruncate.
        TruncateFile = 15 => "truncate_file",
        /// fallocate.
        Fallocate = 16 => "fallocate",
        /// setxattr by path.
        Setxattr = 17 => "setxattr",
        /// setxattr by descriptor.
        SetxattrFile = 18 => "setxattr_file",
        /// removexattr.
        Removexattr = 19 => "removexattr",
        /// bind of a unix socket.
        Bind = 20 => "bind",
        /// Opening the file to execute, its interpreter included.
        Exec = 21 => "exec",
        /// The security modules' word on an execution.
        ExecSecurity = 22 => "exec_security",
        /// write, pwrite.
        Write = 23 => "write",
        /// writev, pwritev.
        Writev = 24 => "writev",
        /// fremovexattr.
        RemovexattrFile = 26 => "removexattr_file",
        /// mmap of a file.
        Mmap = 27 => "mmap",
        /// mprotect of a file's mapping.
        Mprotect = 28 => "mprotect",
        /// A page fault in a mapping of a tmpfs file that finds it full.
        PageFault = 29 => "page_fault",
        /// A write to a tmpfs that no write system call makes: io_uring, sendfile, splice.
        WriteIter = 30 => "write_iter",
        /// sendfile, splice, copy_file_range.
        WriteSplice = 32 => "write_splice",
        /// io_uring's write.
        WriteUring = 33 => "write_uring",
        /// A system call that a seccomp filter refused.
        Seccomp = 31 => "seccomp",
        /// Every system call's return: the whole of the tracepoint backend.
        SyscallExit = 25 => "sys_exit",
        /// Cause: the mount refused write access to an operation by path.
        MountWrite = 40 => "mount_write",
        /// Cause: the mount of an open file refused write access.
        MountWriteFile = 43 => "mount_write_file",
        /// Cause: the mount refused write access to an open for writing.
        MountAccess = 44 => "mount_access",
        /// Cause: no capability overrode the inode's mode bits.
        InodeCapability = 41 => "inode_capability",
        /// Cause: the task does not own the inode.
        InodeOwner = 42 => "inode_owner",
        /// Cause: the mount forbids execution.
        PathNoexec = 45 => "path_noexec",
        /// Cause: one of the fs.protected_* settings.
        Protected = 47 => "protected",
        /// Cause: the task lacks a capability.
        Capable = 48 => "capable",
        /// Cause: what an entry and its directory look like, where it may not be removed.
        MayDelete = 49 => "may_delete",
        /// Cause: what a file looks like whose attributes may not be changed.
        SetAttributes = 50 => "set_attributes",
        /// Cause: a tmpfs has no bytes left.
        TmpfsBytes = 51 => "tmpfs_bytes",
        /// Cause: a tmpfs has no inodes left.
        TmpfsInodes = 52 => "tmpfs_inodes",
        /// Cause: a disk has no blocks left.
        DiskBlocks = 53 => "disk_blocks",
        /// Cause: the directory in which mkdir failed.
        EntryMkdir = 54 => "entry_mkdir",
        /// Cause: the directory in which mknod failed.
        EntryMknod = 55 => "entry_mknod",
        /// Cause: the directory in which symlink failed.
        EntrySymlink = 56 => "entry_symlink",
        /// Cause: the directory in which link failed.
        EntryLink = 57 => "entry_link",
        /// Cause: the entry whose rename failed.
        EntryRename = 58 => "entry_rename",
        /// Cause: the file whose extended attributes may not be changed.
        EntryXattr = 59 => "entry_xattr",
        /// Birth of a control group.
        CgroupMkdir = 60 => "cgroup_mkdir",
        /// Death of a control group.
        CgroupRmdir = 61 => "cgroup_rmdir",
        /// AppArmor's word on a path.
        ApparmorPath = 62 => "apparmor_path",
        /// AppArmor's word on a link.
        ApparmorLink = 63 => "apparmor_link",
        /// AppArmor's word on an execution.
        ApparmorExec = 64 => "apparmor_exec",
        /// AppArmor's word on mapping a file.
        ApparmorMap = 65 => "apparmor_map",
        /// AppArmor's word on ptrace.
        ApparmorPtrace = 66 => "apparmor_ptrace",
        /// AppArmor's word on a capability.
        ApparmorCapable = 67 => "apparmor_capable",
        /// AppArmor's word on a signal.
        ApparmorSignal = 68 => "apparmor_signal",
        /// AppArmor's word on a mount.
        ApparmorMount = 69 => "apparmor_mount",
        /// SELinux's access vector cache has refused.
        SelinuxDenied = 70 => "selinux_denied",
        /// SELinux's tracepoint of audited refusals, which has the contexts.
        SelinuxAudited = 71 => "selinux_audited",
        /// Landlock's word on a path.
        LandlockPath = 72 => "landlock_path",
        /// Landlock's word on anything else.
        LandlockOther = 73 => "landlock_other",
        /// A BPF program's word on a file.
        BpfLsm = 74 => "bpf_lsm",
        /// Kernel lockdown's word.
        Lockdown = 75 => "lockdown",
        /// Yama's word on ptrace.
        Yama = 76 => "yama",
        /// TOMOYO's word.
        Tomoyo = 77 => "tomoyo",
        /// Smack's word.
        Smack = 78 => "smack",
        /// A process is killed for want of memory.
        OomKill = 79 => "oom_kill",
    }
}

numbers! {
    /// On whose behalf something was written in a container's control group.
    Author {
        /// The container's.
        Container = 0 => "container",
        /// The runtime's, which sets a process up before that executes its program.
        Runtime = 1 => "runtime",
    }
}

/// Bits of [`super::CountKey::signals`]: what the kernel was seen to decide on the way to the refusal.
pub struct Signals;
impl Signals {
    /// The mount has MNT_READONLY.
    pub const READ_ONLY_MOUNT: u16 = 1 << 0;
    /// The superblock has SB_RDONLY.
    pub const READ_ONLY_SUPERBLOCK: u16 = 1 << 1;
    /// A capability over the inode's mode bits was asked for and refused.
    pub const INODE_CAPABILITY: u16 = 1 << 2;
    /// The task was found not to own the inode.
    pub const INODE_OWNER: u16 = 1 << 3;
    /// The hook that refused belongs to the security modules.
    pub const SECURITY: u16 = 1 << 4;
    /// The mount was found to forbid execution.
    pub const NOEXEC: u16 = 1 << 5;
    /// The mount was found to forbid device files.
    pub const NODEV: u16 = 1 << 6;
    /// One of the fs.protected_* settings refused.
    pub const PROTECTED: u16 = 1 << 7;
    /// A capability was asked for and refused, apart from those over an inode.
    pub const CAPABILITY: u16 = 1 << 8;
    /// A tmpfs had no bytes left.
    pub const TMPFS_BYTES: u16 = 1 << 9;
    /// A tmpfs had no inodes left.
    pub const TMPFS_INODES: u16 = 1 << 10;
    /// A disk had no blocks left.
    pub const DISK_FULL: u16 = 1 << 11;
    /// The file that was refused is immutable or append-only, or its directory is.
    pub const IMMUTABLE: u16 = 1 << 12;
    /// A seccomp filter refused: the kernel never began the operation.
    pub const SECCOMP: u16 = 1 << 13;
    /// The read-only mount is the task's root.
    pub const ROOT_MOUNT: u16 = 1 << 14;
}

/// Bits of [`super::Sample::path_flags`].
pub struct PathFlags;
impl PathFlags {
    /// A name is present.
    pub const NAME: u16 = 1 << 0;
    /// The name could not be read (page not present, bad pointer).
    pub const NAME_UNREADABLE: u16 = 1 << 2;
    /// A base is present.
    pub const BASE: u16 = 1 << 3;
    /// The base has more components than the body holds.
    pub const BASE_TRUNCATED: u16 = 1 << 4;
    /// The base was deleted.
    pub const BASE_DELETED: u16 = 1 << 5;
    /// The walk did not end at the task's root.
    pub const BASE_UNREACHABLE: u16 = 1 << 6;
    /// The name came from user memory, which the task can change meanwhile.
    pub const NAME_FROM_USER: u16 = 1 << 7;
    /// The name is in the abstract unix socket namespace, or is none.
    pub const NO_PATH: u16 = 1 << 8;
    /// The base is the file itself, not a directory that a name starts from.
    pub const BASE_IS_FILE: u16 = 1 << 9;
}

numbers! {
    /// Index into [`super::MAP_STATS`].
    Stat {
        /// Every refusal recorded, whatever its key: moves when anything else does.
        Recorded = 0 => "recorded",
        /// Refusals of ignored (host) control groups.
        Ignored = 1 => "ignored",
        /// Control group events that found their ring buffer full.
        CgroupLost = 2 => "cgroup_lost",
        /// Refusals whose control group could not be read; counted under cgroup 0.
        CgroupUnreadable = 3 => "cgroup_unreadable",
        /// Refusals counted in [`super::MAP_OVERFLOW`] because [`super::MAP_COUNTS`] was full.
        Overflow = 4 => "overflow",
        /// Samples that found the ring buffer full.
        SampleLost = 5 => "sample_lost",
        /// Samples handed over.
        Sampled = 6 => "sampled",
        /// Runs of a program that the kernel skipped; filled in by the loader, not by the programs.
        Skipped = 7 => "skipped",
        /// Processes killed for want of memory, whatever their control group.
        OomKilled = 8 => "oom_killed",
        /// Those of them that found [`super::MAP_OOM_KILLS`] full.
        OomOverflow = 9 => "oom_overflow",
        /// Successful writes of watched control groups: moves when the inventory does.
        Inventoried = 10 => "inventoried",
        /// Those of them that found [`super::MAP_WRITES`] full.
        InventoryOverflow = 11 => "inventory_overflow",
        /// Records of the inventory that found their ring buffer full; the next write tries again.
        InventorySampleLost = 12 => "inventory_sample_lost",
        /// No number: see [`crate::repeats::next_second`].
        SampleSecond = 13 => "sample_second",
        /// Samples that were due in that second, taken or not.
        SamplesDue = 14 => "samples_due",
        /// Path keys in [`super::MAP_COUNTS`], nearly: the programs add what they claim, the
        /// daemon sets it right whenever it reads the counters.
        PathKeys = 15 => "path_keys",
    }
}
