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
        /// Birth of a control group.
        CgroupMkdir = 60 => "cgroup_mkdir",
        /// Death of a control group.
        CgroupRmdir = 61 => "cgroup_rmdir",
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
    }
}
