//! The ways from what was seen to a cause, as one table.
//!
//! In: a [`Question`]. Out: whether a rule holds. Invariant: the first rule that
//! holds for a counter's key holds for its samples too, unless it is the one
//! that waits for a sample. Lacks on purpose: words, which have a file of
//! their own.

use sealwatch_ebpf::wire::Signals;

use super::{Question, access, words};
use crate::denial::{CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, Cause, Errno, Lsm, Operation};

/// `MNT_READONLY` in `vfsmount.mnt_flags`.
pub(super) const MNT_READONLY: u32 = 0x40;
/// `SB_RDONLY` in `super_block.s_flags`.
pub(super) const SB_RDONLY: u64 = 1;
/// `s_magic` of tmpfs.
pub(super) const TMPFS_MAGIC: u64 = 0x0102_1994;
/// `s_magic` of file systems that lie on a disk: ext4, xfs, btrfs, f2fs.
const DISK_MAGICS: [u64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// One way to a cause; the first that holds is the answer.
pub(super) struct Rule {
    pub(super) cause: Cause,
    /// The errnos it explains.
    pub(super) errnos: &'static [Errno],
    /// What must have been seen.
    pub(super) holds: fn(&Question) -> bool,
    /// The same in words.
    pub(super) words: fn(&Question) -> String,
}

const PERMISSION: &[Errno] = &[Errno::Eperm, Errno::Eacces];
const EPERM: &[Errno] = &[Errno::Eperm];
const EACCES: &[Errno] = &[Errno::Eacces];
const ENOSPC: &[Errno] = &[Errno::Enospc];
const EROFS: &[Errno] = &[Errno::Erofs];

/// From the most to the least specific.
pub(super) const RULES: &[Rule] = &[
    // A filter may return any errno, and the kernel has then looked at nothing else.
    Rule {
        cause: Cause::Seccomp,
        errnos: &Errno::ALL,
        holds: |question| question.saw(Signals::SECCOMP),
        words: |question| {
            format!(
                "a seccomp filter returned {} before the kernel began",
                question.errno.label()
            )
        },
    },
    // A module is asked after the mode bits have allowed it, and about a
    // capability after the task was found to have it: what it refuses would
    // have been allowed.
    Rule {
        cause: Cause::Lsm,
        errnos: PERMISSION,
        holds: |question| question.saw(Signals::SECURITY) || question.lsm.is_some(),
        words: words::of_module,
    },
    Rule {
        cause: Cause::ReadOnlyMount,
        errnos: EROFS,
        holds: |question| question.saw(Signals::READ_ONLY_MOUNT),
        words: |question| format!("{} has MNT_READONLY", words::place(question)),
    },
    Rule {
        cause: Cause::ReadOnlySuperblock,
        errnos: EROFS,
        holds: |question| question.saw(Signals::READ_ONLY_SUPERBLOCK),
        words: |question| format!("the superblock of {} has SB_RDONLY", words::place(question)),
    },
    // A BPF program may return any errno, too.
    Rule {
        cause: Cause::Lsm,
        errnos: &[Errno::Erofs, Errno::Enospc, Errno::Edquot],
        holds: |question| question.lsm == Some(Lsm::Bpf),
        words: words::of_module,
    },
    Rule {
        cause: Cause::ReadOnlyMount,
        errnos: EROFS,
        holds: |question| evidence(question, |e| e.mount_flags & MNT_READONLY != 0),
        words: |question| format!("{} has MNT_READONLY", words::place(question)),
    },
    Rule {
        cause: Cause::ReadOnlySuperblock,
        errnos: EROFS,
        holds: |question| evidence(question, |e| e.super_flags & SB_RDONLY != 0),
        words: |question| format!("the superblock of {} has SB_RDONLY", words::place(question)),
    },
    // A mapping of a file on such a mount asks for this as well and may succeed;
    // one that is refused with these errnos asked to execute.
    Rule {
        cause: Cause::NoexecMount,
        errnos: PERMISSION,
        holds: |question| {
            matches!(question.operation, Operation::Exec | Operation::Mmap)
                && question.saw(Signals::NOEXEC)
        },
        words: |question| format!("{} forbids execution (noexec)", words::place(question)),
    },
    Rule {
        cause: Cause::NodevMount,
        errnos: EACCES,
        holds: |question| question.saw(Signals::NODEV),
        words: |question| format!("{} forbids device files (nodev)", words::place(question)),
    },
    Rule {
        cause: Cause::Ownership,
        errnos: PERMISSION,
        holds: |question| question.saw(Signals::PROTECTED),
        words: words::of_protected,
    },
    Rule {
        cause: Cause::Immutable,
        errnos: EPERM,
        holds: |question| question.saw(Signals::IMMUTABLE),
        words: words::of_immutable,
    },
    Rule {
        cause: Cause::Ownership,
        errnos: EPERM,
        holds: |question| question.saw(Signals::INODE_OWNER),
        words: |question| {
            format!(
                "only the file's owner may do it, or CAP_FOWNER: {}",
                words::who(question)
            )
        },
    },
    // Whose file it is decides between the causes that follow.
    Rule {
        cause: Cause::Unknown,
        errnos: PERMISSION,
        holds: |question| question.saw(Signals::INODE_CAPABILITY) && question.sample.is_none(),
        words: |_| String::new(),
    },
    // The owner may not give its file away either.
    Rule {
        cause: Cause::Capability,
        errnos: EPERM,
        holds: |question| {
            question.saw(Signals::INODE_CAPABILITY) && refused(question) == Some(CAP_CHOWN)
        },
        words: words::of_owner_capability,
    },
    Rule {
        cause: Cause::Ownership,
        errnos: EPERM,
        holds: |question| {
            question.saw(Signals::INODE_CAPABILITY) && refused(question) == Some(CAP_FOWNER)
        },
        words: words::of_owner_capability,
    },
    Rule {
        cause: Cause::Ownership,
        errnos: EACCES,
        holds: |question| mode_bits_refused(question) && owner_could(question),
        words: words::of_mode_bits,
    },
    Rule {
        cause: Cause::ModeBits,
        errnos: EACCES,
        holds: |question| mode_bits_refused(question),
        words: words::of_mode_bits,
    },
    Rule {
        cause: Cause::ModeBits,
        errnos: EACCES,
        holds: |question| {
            question.operation == Operation::Exec
                && question.denial().is_some_and(access::nobody_may_execute)
        },
        words: |question| {
            format!(
                "the file has no execute bit for anybody: {}",
                words::who(question)
            )
        },
    },
    Rule {
        cause: Cause::Capability,
        errnos: EPERM,
        holds: |question| question.saw(Signals::CAPABILITY),
        words: words::of_capability,
    },
    Rule {
        cause: Cause::Quota,
        errnos: &[Errno::Edquot],
        holds: |_| true,
        words: |question| format!("a quota of {} is used up (EDQUOT)", words::place(question)),
    },
    Rule {
        cause: Cause::TmpfsFullBytes,
        errnos: ENOSPC,
        holds: |question| question.saw(Signals::TMPFS_BYTES),
        words: |question| words::of_full(question, "bytes"),
    },
    Rule {
        cause: Cause::TmpfsFullInodes,
        errnos: ENOSPC,
        holds: |question| question.saw(Signals::TMPFS_INODES),
        words: |question| words::of_full(question, "inodes"),
    },
    Rule {
        cause: Cause::DiskFull,
        errnos: ENOSPC,
        holds: |question| question.saw(Signals::DISK_FULL),
        words: |question| words::of_full(question, "blocks"),
    },
    Rule {
        cause: Cause::TmpfsFullBytes,
        errnos: ENOSPC,
        holds: |question| {
            takes_bytes(question.operation) && evidence(question, |e| e.fs_magic == TMPFS_MAGIC)
        },
        words: |question| {
            format!(
                "{} is a tmpfs, and the operation takes bytes",
                words::place(question)
            )
        },
    },
    Rule {
        cause: Cause::TmpfsFullInodes,
        errnos: ENOSPC,
        holds: |question| {
            takes_inode(question.operation) && evidence(question, |e| e.fs_magic == TMPFS_MAGIC)
        },
        words: |question| {
            format!(
                "{} is a tmpfs, and the operation takes an inode",
                words::place(question)
            )
        },
    },
    Rule {
        cause: Cause::DiskFull,
        errnos: ENOSPC,
        holds: |question| evidence(question, |e| DISK_MAGICS.contains(&e.fs_magic)),
        words: |question| format!("{} is on a disk", words::place(question)),
    },
];

fn evidence(question: &Question, holds: fn(&crate::denial::Evidence) -> bool) -> bool {
    question
        .denial()
        .is_some_and(|denial| holds(&denial.evidence))
}

/// The capability that was asked for last and refused.
fn refused(question: &Question) -> Option<u32> {
    question.denial()?.refused_capability()
}

/// Was it the test of mode bits? Its last word is CAP_DAC_OVERRIDE. Where
/// CAP_DAC_READ_SEARCH was the last to be refused, CAP_DAC_OVERRIDE was granted:
/// so it is for root in most containers, and something else refused then.
fn mode_bits_refused(question: &Question) -> bool {
    let Some(denial) = question.denial().filter(|denial| access::has_file(denial)) else {
        return false;
    };
    question.saw(Signals::INODE_CAPABILITY)
        && match denial.refused_capability() {
            Some(number) => number == CAP_DAC_OVERRIDE,
            None => !denial
                .credentials
                .as_ref()
                .is_some_and(|task| task.has_capability(CAP_DAC_OVERRIDE)),
        }
}

fn owner_could(question: &Question) -> bool {
    let judged = question.denial().and_then(access::judge);
    judged.is_some_and(|judged| judged.owner_could)
}

/// On a tmpfs these need pages and no inode.
fn takes_bytes(operation: Operation) -> bool {
    matches!(operation, Operation::Write | Operation::Fallocate)
}

/// On a tmpfs these need an inode and no page. A symlink is missing: a long
/// target takes a page as well, so its ENOSPC does not tell which ran out.
fn takes_inode(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::Mkdir | Operation::Mknod | Operation::Link | Operation::Bind
    )
}
