//! Which system calls can be refused a path, and where they keep it.
//!
//! In: a system call number. Out: the operation, and which argument is the
//! path, the directory descriptor, the flags. Invariant: one row per system
//! call and architecture; rows are packed into a `u32`, so that an array map
//! carries them into the kernel. Lacks on purpose: reading the arguments.
//!
//! Source of the numbers: the kernel's `arch/x86/entry/syscalls/syscall_64.tbl`
//! and `syscall_32.tbl`, which never change once assigned.

use crate::wire::Operation;

/// Entries of the 64-bit half of [`crate::wire::MAP_SYSCALLS`]; the i386 half follows.
pub const TABLE_HALF: u32 = 512;

/// An argument position that is not there.
pub const NO_ARG: u8 = 7;

/// How the flags argument refines the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flags {
    /// No flags matter.
    None = 0,
    /// O_CREAT makes it a create.
    Open = 1,
    /// AT_REMOVEDIR makes it a rmdir.
    Unlink = 2,
    /// The argument points to a `struct open_how`, whose first word is the flags.
    OpenHow = 3,
    /// The path argument is a `struct sockaddr`, the flags argument its length.
    Sockaddr = 4,
    /// creat(2), whose flags are no argument.
    Creat = 5,
    /// MAP_ANONYMOUS: there is no file.
    Map = 6,
}

/// Where one system call keeps what a denial tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// What it tries to do.
    pub operation: Operation,
    /// Position of the path argument, or [`NO_ARG`] where the call takes a descriptor only.
    pub path: u8,
    /// Position of the directory descriptor (or of the file's where there is no
    /// path), or [`NO_ARG`] for the working directory.
    pub dir: u8,
    /// Position of the flags, or [`NO_ARG`].
    pub flags_arg: u8,
    /// What the flags mean.
    pub flags: Flags,
}

impl Syscall {
    /// Packs the row; never zero, so that zero can mean "no row".
    pub const fn pack(self) -> u32 {
        self.operation as u32
            | (self.path as u32) << 8
            | (self.dir as u32) << 12
            | (self.flags_arg as u32) << 16
            | (self.flags as u32) << 20
    }
}

/// A packed row, read field by field without a fallible conversion: for the kernel half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed(pub u32);

impl Packed {
    /// The operation's number.
    #[inline(always)]
    pub fn operation(self) -> u8 {
        self.0 as u8
    }
    /// See [`Syscall::path`].
    #[inline(always)]
    pub fn path(self) -> u8 {
        (self.0 >> 8 & 15) as u8
    }
    /// See [`Syscall::dir`].
    #[inline(always)]
    pub fn dir(self) -> u8 {
        (self.0 >> 12 & 15) as u8
    }
    /// See [`Syscall::flags_arg`].
    #[inline(always)]
    pub fn flags_arg(self) -> u8 {
        (self.0 >> 16 & 15) as u8
    }
    /// See [`Syscall::flags`], as a number.
    #[inline(always)]
    pub fn flags(self) -> u8 {
        (self.0 >> 20 & 15) as u8
    }
}

const fn at(operation: Operation, dir: u8, path: u8) -> Syscall {
    Syscall {
        operation,
        path,
        dir,
        flags_arg: NO_ARG,
        flags: Flags::None,
    }
}

const fn path(operation: Operation, path: u8) -> Syscall {
    at(operation, NO_ARG, path)
}

const fn file(operation: Operation, fd: u8) -> Syscall {
    at(operation, fd, NO_ARG)
}

/// Neither a path nor a file.
const fn bare(operation: Operation) -> Syscall {
    at(operation, NO_ARG, NO_ARG)
}

const fn flagged(row: Syscall, flags_arg: u8, flags: Flags) -> Syscall {
    Syscall {
        flags_arg,
        flags,
        ..row
    }
}

/// One row: the number on x86-64, the number on i386, and where things are.
/// `None`: the architecture has no such call (or it goes through another).
type Row = (Option<u16>, Option<u16>, Syscall);

/// The table. Calls with two paths name the new one, where the write was meant to go.
pub const ROWS: &[Row] = &[
    (
        Some(2),
        Some(5),
        flagged(path(Operation::Open, 0), 1, Flags::Open),
    ), // open
    (
        Some(257),
        Some(295),
        flagged(at(Operation::Open, 0, 1), 2, Flags::Open),
    ), // openat
    (
        Some(437),
        Some(437),
        flagged(at(Operation::Open, 0, 1), 2, Flags::OpenHow),
    ), // openat2
    (
        Some(85),
        Some(8),
        flagged(path(Operation::Create, 0), NO_ARG, Flags::Creat),
    ), // creat
    (Some(304), Some(342), bare(Operation::Open)), // open_by_handle_at
    (Some(83), Some(39), path(Operation::Mkdir, 0)), // mkdir
    (Some(258), Some(296), at(Operation::Mkdir, 0, 1)), // mkdirat
    (Some(133), Some(14), path(Operation::Mknod, 0)), // mknod
    (Some(259), Some(297), at(Operation::Mknod, 0, 1)), // mknodat
    (Some(88), Some(83), path(Operation::Symlink, 1)), // symlink
    (Some(266), Some(304), at(Operation::Symlink, 1, 2)), // symlinkat
    (Some(86), Some(9), path(Operation::Link, 1)), // link
    (Some(265), Some(303), at(Operation::Link, 2, 3)), // linkat
    (Some(87), Some(10), path(Operation::Unlink, 0)), // unlink
    (
        Some(263),
        Some(301),
        flagged(at(Operation::Unlink, 0, 1), 2, Flags::Unlink),
    ), // unlinkat
    (Some(84), Some(40), path(Operation::Rmdir, 0)), // rmdir
    (Some(82), Some(38), path(Operation::Rename, 1)), // rename
    (Some(264), Some(302), at(Operation::Rename, 2, 3)), // renameat
    (Some(316), Some(353), at(Operation::Rename, 2, 3)), // renameat2
    (Some(90), Some(15), path(Operation::Chmod, 0)), // chmod
    (Some(91), Some(94), file(Operation::Chmod, 0)), // fchmod
    (Some(268), Some(306), at(Operation::Chmod, 0, 1)), // fchmodat
    (Some(452), Some(452), at(Operation::Chmod, 0, 1)), // fchmodat2
    (Some(92), Some(182), path(Operation::Chown, 0)), // chown
    (Some(93), Some(95), file(Operation::Chown, 0)), // fchown
    (Some(94), Some(16), path(Operation::Chown, 0)), // lchown
    (None, Some(212), path(Operation::Chown, 0)),  // chown32
    (None, Some(207), file(Operation::Chown, 0)),  // fchown32
    (None, Some(198), path(Operation::Chown, 0)),  // lchown32
    (Some(260), Some(298), at(Operation::Chown, 0, 1)), // fchownat
    (Some(132), Some(30), path(Operation::Utime, 0)), // utime
    (Some(235), Some(271), path(Operation::Utime, 0)), // utimes
    (Some(261), Some(299), at(Operation::Utime, 0, 1)), // futimesat
    (Some(280), Some(320), at(Operation::Utime, 0, 1)), // utimensat
    (None, Some(412), at(Operation::Utime, 0, 1)), // utimensat_time64
    (Some(76), Some(92), path(Operation::Truncate, 0)), // truncate
    (None, Some(193), path(Operation::Truncate, 0)), // truncate64
    (Some(77), Some(93), file(Operation::Truncate, 0)), // ftruncate
    (None, Some(194), file(Operation::Truncate, 0)), // ftruncate64
    (Some(285), Some(324), file(Operation::Fallocate, 0)), // fallocate
    (Some(188), Some(226), path(Operation::Setxattr, 0)), // setxattr
    (Some(189), Some(227), path(Operation::Setxattr, 0)), // lsetxattr
    (Some(190), Some(228), file(Operation::Setxattr, 0)), // fsetxattr
    (Some(463), Some(463), at(Operation::Setxattr, 0, 1)), // setxattrat
    (Some(197), Some(235), path(Operation::Setxattr, 0)), // removexattr
    (Some(198), Some(236), path(Operation::Setxattr, 0)), // lremovexattr
    (Some(199), Some(237), file(Operation::Setxattr, 0)), // fremovexattr
    (Some(466), Some(466), at(Operation::Setxattr, 0, 1)), // removexattrat
    (
        Some(49),
        Some(361),
        flagged(path(Operation::Bind, 1), 2, Flags::Sockaddr),
    ), // bind
    (Some(59), Some(11), path(Operation::Exec, 0)), // execve
    (Some(322), Some(358), at(Operation::Exec, 0, 1)), // execveat
    (Some(1), Some(4), file(Operation::Write, 0)), // write
    (Some(18), Some(181), file(Operation::Write, 0)), // pwrite64
    (Some(20), Some(146), file(Operation::Write, 0)), // writev
    (Some(296), Some(334), file(Operation::Write, 0)), // pwritev
    (Some(328), Some(379), file(Operation::Write, 0)), // pwritev2
    (Some(40), Some(187), file(Operation::Write, 0)), // sendfile
    (None, Some(239), file(Operation::Write, 0)),  // sendfile64
    (Some(275), Some(313), file(Operation::Write, 2)), // splice
    (Some(326), Some(377), file(Operation::Write, 2)), // copy_file_range
    // i386's first mmap, whose arguments lie in memory, is not among them.
    (
        Some(9),
        Some(192),
        flagged(file(Operation::Mmap, 4), 3, Flags::Map),
    ), // mmap, mmap2
    (Some(10), Some(125), bare(Operation::Mmap)), // mprotect
    (Some(329), Some(380), bare(Operation::Mmap)), // pkey_mprotect
    (Some(101), Some(26), bare(Operation::Ptrace)), // ptrace
    (Some(310), Some(347), bare(Operation::Ptrace)), // process_vm_readv
    (Some(311), Some(348), bare(Operation::Ptrace)), // process_vm_writev
    (Some(62), Some(37), bare(Operation::Signal)), // kill
    (Some(200), Some(238), bare(Operation::Signal)), // tkill
    (Some(234), Some(270), bare(Operation::Signal)), // tgkill
    (Some(129), Some(178), bare(Operation::Signal)), // rt_sigqueueinfo
    (Some(297), Some(335), bare(Operation::Signal)), // rt_tgsigqueueinfo
    (Some(424), Some(424), bare(Operation::Signal)), // pidfd_send_signal
    (Some(165), Some(21), path(Operation::Mount, 1)), // mount
    (Some(166), Some(52), path(Operation::Mount, 0)), // umount2
    (None, Some(22), path(Operation::Mount, 0)),  // umount
    (Some(155), Some(217), path(Operation::Mount, 0)), // pivot_root
    (Some(429), Some(429), at(Operation::Mount, 2, 3)), // move_mount
    (Some(428), Some(428), at(Operation::Mount, 0, 1)), // open_tree
    (Some(432), Some(432), bare(Operation::Mount)), // fsmount
    (Some(442), Some(442), at(Operation::Mount, 0, 1)), // mount_setattr
];

/// Is the system call one of those behind vfs_write and vfs_writev?
#[inline(always)]
pub fn is_write(number: u32, compat: bool) -> bool {
    if compat {
        matches!(number, 4 | 146 | 181 | 334 | 379)
    } else {
        matches!(number, 1 | 18 | 20 | 296 | 328)
    }
}

/// Every row as (index into the map, packed value).
pub fn packed_rows() -> impl Iterator<Item = (u32, u32)> {
    ROWS.iter().flat_map(|(wide, narrow, syscall)| {
        let wide = wide.map(|number| (u32::from(number), syscall.pack()));
        let narrow = narrow.map(|number| (TABLE_HALF + u32::from(number), syscall.pack()));
        wide.into_iter().chain(narrow)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_fit_the_table_and_are_unique() {
        let mut seen = BTreeSet::new();
        for (index, value) in packed_rows() {
            assert!(index < 2 * TABLE_HALF, "{index}");
            assert_ne!(value, 0);
            assert!(seen.insert(index), "{index} stands twice");
        }
    }

    #[test]
    fn packing_loses_nothing() {
        for (_, _, row) in ROWS {
            let packed = Packed(row.pack());
            assert_eq!(Operation::try_from(packed.operation()), Ok(row.operation));
            assert_eq!(packed.path(), row.path);
            assert_eq!(packed.dir(), row.dir);
            assert_eq!(packed.flags_arg(), row.flags_arg);
            assert_eq!(packed.flags(), row.flags as u8);
        }
    }

    #[test]
    fn the_writes_of_vfs_write_are_among_the_writes() {
        let writes = |compat: bool| {
            let base = if compat { TABLE_HALF } else { 0 };
            (0..TABLE_HALF)
                .filter(move |number| is_write(*number, compat))
                .map(move |n| base + n)
        };
        let rows: BTreeSet<(u32, u8)> = packed_rows()
            .map(|(index, row)| (index, Packed(row).operation()))
            .collect();
        for index in writes(false).chain(writes(true)) {
            assert!(rows.contains(&(index, Operation::Write as u8)), "{index}");
        }
        assert_eq!(writes(false).count() + writes(true).count(), 10);
    }

    #[test]
    fn every_operation_has_a_system_call() {
        let covered: BTreeSet<Operation> = ROWS.iter().map(|(_, _, row)| row.operation).collect();
        for operation in Operation::ALL {
            // A capability may be asked for in any.
            if *operation == Operation::Capability {
                continue;
            }
            assert!(covered.contains(operation), "{}", operation.label());
        }
    }
}
