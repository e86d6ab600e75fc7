//! The kernel half's decisions, as pure functions.
//!
//! In: return values, flags, counters, times. Out: whether a return is a
//! denial, which operation it was, whether a sample is due, the path key.
//! Invariant: no reads of kernel memory and no helper calls, so that all of it
//! is tested on any machine. Lacks on purpose: the maps and their races
//! (`count.rs`) and the kernel's structures (`kernel.rs`).

use crate::wire::{Author, DENIAL_ERRNOS, Operation};

/// The largest errno the kernel returns in a pointer or a result.
const MAX_ERRNO: u64 = 4095;

/// Bits of the denial errnos below 64.
const DENIAL_MASK: u64 = (1 << 1) | (1 << 13) | (1 << 28) | (1 << 30);

/// EDQUOT, the one denial errno that does not fit the mask.
const EDQUOT: u64 = 122;

/// The positive errno where a function's return value (a result, or a pointer
/// that may carry an error) is a denial. A success costs one compare.
#[inline(always)]
pub fn denial_errno(ret: i64) -> Option<u8> {
    let errno = (ret as u64).wrapping_neg();
    // Zero and every success are far above the largest errno once negated,
    // but for zero itself, whose bit is not in the mask.
    if errno > MAX_ERRNO {
        return None;
    }
    if errno < 64 {
        if (DENIAL_MASK >> errno) & 1 == 1 {
            Some(errno as u8)
        } else {
            None
        }
    } else if errno == EDQUOT {
        Some(EDQUOT as u8)
    } else {
        None
    }
}

/// The same for a function that returns a 32-bit int, whose upper half is not defined.
#[inline(always)]
pub fn denial_errno_int(ret: u64) -> Option<u8> {
    denial_errno(ret as i32 as i64)
}

/// The positive errno where a mapping's return value is a denial; the other
/// denial errnos have other meanings there.
#[inline(always)]
pub fn mapping_errno(ret: i64) -> Option<u8> {
    match denial_errno(ret) {
        Some(errno) if errno == EPERM || errno == EACCES => Some(errno),
        _ => None,
    }
}

/// Does the operation's number stand for one on a file? What is none is only
/// watched where a security module refuses it.
#[inline(always)]
pub fn is_file_operation(operation: u8) -> bool {
    operation != 0 && operation <= Operation::Mmap as u8
}

/// Is the `inode.i_mode` that of a character or block device?
#[inline(always)]
pub fn is_device(mode: u32) -> bool {
    matches!(mode & 0o170_000, 0o020_000 | 0o060_000)
}

/// Position of a denial errno in [`DENIAL_ERRNOS`], for the overflow counters.
#[inline(always)]
pub fn errno_position(errno: u8) -> u8 {
    match errno {
        1 => 0,
        13 => 1,
        28 => 2,
        30 => 3,
        _ => (DENIAL_ERRNOS.len() - 1) as u8,
    }
}

/// Operation not permitted.
pub const EPERM: u8 = 1;
/// Permission denied.
pub const EACCES: u8 = 13;
/// No space left.
pub const ENOSPC: u8 = 28;
/// Read-only file system.
pub const EROFS: u8 = 30;

/// What creat(2) opens with: O_CREAT, O_WRONLY and O_TRUNC.
pub const CREAT_FLAGS: u64 = 0o1101;
/// O_CREAT on x86-64 and every other architecture Linux runs containers on.
pub const O_CREAT: u64 = 0o100;
/// O_TMPFILE without O_DIRECTORY; it creates as well.
pub const O_TMPFILE_BIT: u64 = 0o20000000;
/// `__FMODE_EXEC`, which the kernel adds to the flags of an open for execution.
pub const FMODE_EXEC: u64 = 0x20;
/// MAP_ANONYMOUS of mmap(2).
pub const MAP_ANONYMOUS: u64 = 0x20;
/// AT_REMOVEDIR of unlinkat(2).
pub const AT_REMOVEDIR: u64 = 0x200;

/// Open or create, by the flags of the open.
#[inline(always)]
pub fn open_operation(flags: u64) -> Operation {
    if flags & (O_CREAT | O_TMPFILE_BIT) == 0 {
        Operation::Open
    } else {
        Operation::Create
    }
}

/// Unlink or rmdir, by the flags of unlinkat(2).
#[inline(always)]
pub fn unlink_operation(flags: u64) -> Operation {
    if flags & AT_REMOVEDIR == 0 {
        Operation::Unlink
    } else {
        Operation::Rmdir
    }
}

/// Is a sample due? The first of a key is taken by whoever made the key.
#[inline(always)]
pub fn sample_due(now_ns: u64, next_sample_ns: u64) -> bool {
    now_ns >= next_sample_ns
}

/// Folds eight bytes into a path key (multiply and rotate; the multiplier is
/// the 64-bit golden ratio, odd, so no information is lost by it).
#[inline(always)]
pub fn fold(hash: u64, word: u64) -> u64 {
    (hash ^ word)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
}

/// Keeps a finished hash off the value that stands for "all other paths".
#[inline(always)]
pub fn path_key(hash: u64) -> u64 {
    if hash == crate::wire::PATH_KEY_OTHER {
        1
    } else {
        hash
    }
}

/// FMODE_WRITE of `file.f_mode`.
pub const FMODE_WRITE: u32 = 2;
/// FMODE_CREATED of `file.f_mode`: the open that returned it made the file.
pub const FMODE_CREATED: u32 = 0x10_0000;

/// PROT_EXEC of mmap(2).
pub const PROT_EXEC: u64 = 4;
/// MNT_INTERNAL of `vfsmount.mnt_flags`: a mount of the kernel's own.
pub const MNT_INTERNAL: u32 = 0x4000;

/// Is the success of this operation part of the write inventory? It is where it
/// brings a file or a directory entry into being, or bytes into a file; and
/// where it executes a file, which may have been written.
pub const fn is_inventoried(operation: u8) -> bool {
    operation == Operation::Open as u8
        || operation == Operation::Create as u8
        || operation == Operation::Write as u8
        || makes_entry(operation)
        || is_execution(operation)
}

/// Does it bring a directory entry into being, and leave no file open?
pub const fn makes_entry(operation: u8) -> bool {
    operation == Operation::Mkdir as u8
        || operation == Operation::Mknod as u8
        || operation == Operation::Symlink as u8
        || operation == Operation::Link as u8
        || operation == Operation::Rename as u8
}

/// Is it no write, but the execution of a file?
pub const fn is_execution(operation: u8) -> bool {
    operation == Operation::Exec as u8 || operation == Operation::Mmap as u8
}

/// What tells a process that a runtime sets up from one of the container's own,
/// seen at a task in the container's control group.
#[derive(Clone, Copy, Debug)]
pub struct Descent {
    /// Its parent is in no control group of a container that is watched.
    pub parent_is_outside: bool,
    /// It is in its parent's mount namespace.
    pub shares_mounts: bool,
    /// It has executed nothing since it was forked.
    pub is_fork: bool,
    /// Its program lies on a mount that is not in its mount namespace.
    pub program_is_outside: bool,
}

/// On whose behalf does such a process write? A runtime enters the container's
/// control group first. It either still has the mounts of who started it, or it
/// is a fork of the runtime's own program in the container's mounts, until it
/// executes the container's. A process of the container has its parent in the
/// container; the first one, and those that a runtime starts later, have
/// executed a program there.
pub const fn author(descent: Descent) -> Author {
    let entered = descent.is_fork && descent.program_is_outside;
    if descent.parent_is_outside && (descent.shares_mounts || entered) {
        Author::Runtime
    } else {
        Author::Container
    }
}

/// What a successful open was, by the file's mode; none where it only reads.
pub const fn opened(mode: u32) -> Option<Operation> {
    if mode & FMODE_CREATED != 0 {
        Some(Operation::Create)
    } else if mode & FMODE_WRITE != 0 {
        Some(Operation::Open)
    } else {
        None
    }
}

/// The bytes of a word before its first NUL, the others zero; and whether it has one.
#[inline(always)]
pub const fn before_nul(word: u64) -> (u64, bool) {
    const LOW: u64 = 0x0101_0101_0101_0101;
    // The lowest of these bits stands in the first byte that is zero.
    let zeros = word.wrapping_sub(LOW) & !word & (LOW << 7);
    if zeros == 0 {
        return (word, false);
    }
    let first = zeros & zeros.wrapping_neg();
    (word & (first >> 7).wrapping_sub(1), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn only_the_five_errnos_are_denials() {
        let denials: Vec<u8> = (0..=5000)
            .filter_map(|errno| denial_errno(-errno))
            .collect();
        assert_eq!(denials, DENIAL_ERRNOS);
    }

    #[test]
    fn successes_and_pointers_are_none() {
        for ret in [0, 1, 3, i64::MAX, -0x7fff_8000_0000, i64::MIN, -4096] {
            assert_eq!(denial_errno(ret), None, "{ret}");
        }
    }

    #[test]
    fn an_int_result_ignores_the_upper_half() {
        assert_eq!(denial_errno_int(0xdead_beef_ffff_ffe2), Some(30));
        assert_eq!(denial_errno_int(0xffff_ffff_0000_0000), None);
    }

    #[test]
    fn devices_are_told_by_their_mode() {
        let modes = [
            0o020_666, 0o060_660, 0o100_644, 0o040_755, 0o010_644, 0o140_755,
        ];
        let devices = modes.map(is_device);
        assert_eq!(devices, [true, true, false, false, false, false]);
    }

    #[test]
    fn a_mapping_is_denied_by_two_errnos_only() {
        let denials: Vec<u8> = (0..=5000).filter_map(|e| mapping_errno(-e)).collect();
        assert_eq!(denials, [EPERM, EACCES]);
    }

    #[test]
    fn what_security_modules_alone_refuse_is_no_file_operation() {
        for operation in Operation::ALL {
            let other = matches!(
                operation,
                Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability
            );
            assert_eq!(is_file_operation(*operation as u8), !other);
        }
        assert!(!is_file_operation(0));
    }

    #[test]
    fn every_denial_errno_has_its_own_position() {
        for (position, errno) in DENIAL_ERRNOS.iter().enumerate() {
            assert_eq!(errno_position(*errno) as usize, position);
        }
    }

    #[test]
    fn flags_tell_open_from_create_and_unlink_from_rmdir() {
        assert_eq!(open_operation(0o1), Operation::Open);
        assert_eq!(open_operation(0o101), Operation::Create);
        // O_TMPFILE is O_DIRECTORY and a bit of its own; O_DIRECTORY alone creates nothing.
        assert_eq!(open_operation(0o20200002), Operation::Create);
        assert_eq!(open_operation(0o200000), Operation::Open);
        assert_eq!(unlink_operation(0), Operation::Unlink);
        assert_eq!(unlink_operation(AT_REMOVEDIR), Operation::Rmdir);
    }

    #[test]
    fn what_stands_behind_a_name_is_no_part_of_it() {
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        assert_eq!(before_nul(word(b"app.pids")), (word(b"app.pids"), false));
        for (given, wanted) in [
            (b"pid\0\x01\0xx", b"pid\0\0\0\0\0"),
            (b"\0garbage", b"\0\0\0\0\0\0\0\0"),
            (b"seven..\0", b"seven..\0"),
            (b"\xff\x80\x01\0\xff\x01\0\0", b"\xff\x80\x01\0\0\0\0\0"),
        ] {
            assert_eq!(before_nul(word(given)), (word(wanted), true), "{given:?}");
        }
    }

    #[test]
    fn a_path_key_is_never_the_key_of_all_others() {
        assert_ne!(path_key(0), crate::wire::PATH_KEY_OTHER);
        assert_eq!(path_key(7), 7);
        assert_ne!(fold(fold(0, 1), 2), fold(fold(0, 2), 1));
    }

    #[test]
    fn an_open_that_only_reads_is_no_write() {
        assert_eq!(opened(1), None);
        assert_eq!(opened(3), Some(Operation::Open));
        assert_eq!(opened(FMODE_CREATED | 1), Some(Operation::Create));
        let inventoried = Operation::ALL.iter().filter(|o| is_inventoried(**o as u8));
        assert_eq!(inventoried.count(), 10);
    }

    #[test]
    fn an_operation_is_inventoried_one_way() {
        for operation in Operation::ALL.iter().map(|operation| *operation as u8) {
            let ways = [makes_entry(operation), is_execution(operation)];
            assert!(ways != [true, true]);
            assert!(ways == [false, false] || is_inventoried(operation));
        }
    }

    #[test]
    fn only_a_process_that_a_runtime_sets_up_writes_for_it() {
        let descent = |bits: u8| Descent {
            parent_is_outside: bits & 1 != 0,
            shares_mounts: bits & 2 != 0,
            is_fork: bits & 4 != 0,
            program_is_outside: bits & 8 != 0,
        };
        let runtime = (0..16).filter(|bits| author(descent(*bits)) == Author::Runtime);
        // A parent in the container settles it. Without it, either the parent's
        // mounts, or a fork of a program from elsewhere.
        assert_eq!(runtime.collect::<Vec<u8>>(), [3, 7, 11, 13, 15]);
    }
}
