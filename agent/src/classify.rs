//! What the kernel was seen to decide becomes the cause of a denial.
//!
//! In: a [`Question`]: what was refused, the signals of its counter, and where
//! there is a sample, its evidence. Out: a [`Verdict`], exactly one for every
//! input. Invariant: nothing is guessed; a rule speaks only from what was seen,
//! and [`Cause::Unknown`] is the answer where none does. Lacks on purpose: any
//! look at the machine, and rules for what the kernel half does not yet see.
//!
//! Counters and samples get the same cause: rules on signals need the counter's
//! key alone, and a rule on evidence takes effect for a counter from its first
//! sample on (`aggregate` holds a new counter back until that sample is in).

#[cfg(test)]
mod tests;

use sealwatch_ebpf::wire::{CountKey, Signals};

use crate::decode::{self, DecodeError};
use crate::denial::{Cause, Denial, Errno, Evidence, Lsm, Operation, Remedy, Verdict};

/// `MNT_READONLY` in `vfsmount.mnt_flags`.
const MNT_READONLY: u32 = 0x40;
/// `SB_RDONLY` in `super_block.s_flags`.
const SB_RDONLY: u64 = 1;
/// `s_magic` of tmpfs.
const TMPFS_MAGIC: u64 = 0x0102_1994;
/// `s_magic` of file systems that lie on a disk: ext4, xfs, btrfs, f2fs.
const DISK_MAGICS: [u64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// What a verdict is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the task tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// `wire::Signals` bits.
    pub signals: u16,
    /// The security module that refused, where known.
    pub lsm: Option<Lsm>,
    /// What a sample adds to the counter's key.
    pub sample: Option<Sampled<'a>>,
}

/// What only a sample tells.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    /// What the file looked like.
    pub evidence: &'a Evidence,
    /// fsuid of the task.
    pub uid: u32,
    /// fsgid of the task.
    pub gid: u32,
    /// Where the write belongs.
    pub write_root: &'a str,
}

impl<'a> Question<'a> {
    /// Of a sample.
    pub fn of_sample(denial: &'a Denial, write_root: &'a str) -> Self {
        Question {
            operation: denial.operation,
            errno: denial.errno,
            signals: denial.signals,
            lsm: denial.lsm,
            sample: Some(Sampled {
                evidence: &denial.evidence,
                uid: denial.uid,
                gid: denial.gid,
                write_root,
            }),
        }
    }

    /// Of a counter; fails where a number of its key names nothing.
    pub fn of_key(key: &CountKey) -> Result<Self, DecodeError> {
        Ok(Question {
            operation: decode::operation(key.operation)?,
            errno: decode::errno(key.errno)?,
            signals: key.signals,
            lsm: decode::lsm(key.lsm)?,
            sample: None,
        })
    }

    fn saw(&self, signal: u16) -> bool {
        self.signals & signal != 0
    }

    fn evidence(&self) -> Option<&'a Evidence> {
        self.sample.map(|sample| sample.evidence)
    }

    fn on_file_system(&self, magics: &[u64]) -> bool {
        self.evidence()
            .is_some_and(|evidence| magics.contains(&evidence.fs_magic))
    }
}

/// One way to a cause; the first that holds is the answer.
struct Rule {
    cause: Cause,
    /// The errnos it explains.
    errnos: &'static [Errno],
    /// What must have been seen.
    holds: fn(&Question) -> bool,
    /// The same in words, for a sample.
    words: fn(&Question) -> String,
}

const PERMISSION: &[Errno] = &[Errno::Eperm, Errno::Eacces];

/// From the most to the least specific.
const RULES: &[Rule] = &[
    Rule {
        cause: Cause::Lsm,
        errnos: PERMISSION,
        holds: |question| question.saw(Signals::SECURITY) || question.lsm.is_some(),
        words: |_| "a security module's hook returned the error".to_owned(),
    },
    Rule {
        cause: Cause::ReadOnlyMount,
        errnos: &[Errno::Erofs],
        holds: |question| question.saw(Signals::READ_ONLY_MOUNT),
        words: |_| "the mount has MNT_READONLY".to_owned(),
    },
    Rule {
        cause: Cause::ReadOnlySuperblock,
        errnos: &[Errno::Erofs],
        holds: |question| question.saw(Signals::READ_ONLY_SUPERBLOCK),
        words: |_| "the superblock has SB_RDONLY".to_owned(),
    },
    Rule {
        cause: Cause::ReadOnlyMount,
        errnos: &[Errno::Erofs],
        holds: |question| {
            question
                .evidence()
                .is_some_and(|e| e.mount_flags & MNT_READONLY != 0)
        },
        words: |_| "the file's mount has MNT_READONLY".to_owned(),
    },
    Rule {
        cause: Cause::ReadOnlySuperblock,
        errnos: &[Errno::Erofs],
        holds: |question| {
            question
                .evidence()
                .is_some_and(|e| e.super_flags & SB_RDONLY != 0)
        },
        words: |_| "the file's superblock has SB_RDONLY".to_owned(),
    },
    Rule {
        cause: Cause::Ownership,
        errnos: &[Errno::Eperm],
        holds: |question| question.saw(Signals::INODE_OWNER),
        words: |question| {
            format!(
                "the task was found not to own the file and lacks CAP_FOWNER{}",
                who(question)
            )
        },
    },
    Rule {
        cause: Cause::ModeBits,
        errnos: PERMISSION,
        holds: |question| question.saw(Signals::INODE_CAPABILITY),
        words: |question| {
            format!(
                "the mode bits deny it and no capability overrides them{}",
                who(question)
            )
        },
    },
    Rule {
        cause: Cause::Quota,
        errnos: &[Errno::Edquot],
        holds: |_| true,
        words: |_| "EDQUOT has no other meaning".to_owned(),
    },
    Rule {
        cause: Cause::TmpfsFullBytes,
        errnos: &[Errno::Enospc],
        holds: |question| {
            takes_bytes(question.operation) && question.on_file_system(&[TMPFS_MAGIC])
        },
        words: |_| "the file is on a tmpfs and the operation takes bytes".to_owned(),
    },
    Rule {
        cause: Cause::TmpfsFullInodes,
        errnos: &[Errno::Enospc],
        holds: |question| {
            takes_inode(question.operation) && question.on_file_system(&[TMPFS_MAGIC])
        },
        words: |_| "the file is on a tmpfs and the operation takes an inode".to_owned(),
    },
    Rule {
        cause: Cause::DiskFull,
        errnos: &[Errno::Enospc],
        holds: |question| question.on_file_system(&DISK_MAGICS),
        words: |question| match question.evidence() {
            Some(evidence) => format!("the file is on a disk, s_magic {:#x}", evidence.fs_magic),
            None => String::new(),
        },
    },
];

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

/// Whose the file is and who the task was, where the file was seen.
fn who(question: &Question) -> String {
    match question.sample {
        Some(Sampled {
            evidence, uid, gid, ..
        }) if evidence.inode_mode != 0 => format!(
            ": mode {:04o} of {}:{}, the task was {uid}:{gid}",
            evidence.inode_mode & 0o7777,
            evidence.inode_uid,
            evidence.inode_gid,
        ),
        Some(Sampled { uid, gid, .. }) => format!(": the task was {uid}:{gid}"),
        None => String::new(),
    }
}

/// The cause, with its evidence and remedy where there is a sample.
pub fn classify(question: &Question) -> Verdict {
    let rule = RULES
        .iter()
        .find(|rule| rule.errnos.contains(&question.errno) && (rule.holds)(question));
    match rule {
        Some(rule) => Verdict {
            cause: rule.cause,
            evidence: (rule.words)(question),
            remedy: remedy(rule.cause, question),
        },
        None => Verdict {
            cause: Cause::Unknown,
            evidence: String::new(),
            remedy: None,
        },
    }
}

fn remedy(cause: Cause, question: &Question) -> Option<Remedy> {
    let root = question.sample?.write_root;
    if !root.starts_with('/') || root == "/" {
        return None;
    }
    let sentence = match cause {
        Cause::ReadOnlyMount | Cause::ReadOnlySuperblock => {
            format!("mount a tmpfs (to discard) or a volume (to keep) at {root}")
        }
        Cause::TmpfsFullBytes => format!("give the tmpfs at {root} a larger size="),
        Cause::TmpfsFullInodes => format!("give the tmpfs at {root} a larger nr_inodes="),
        Cause::ModeBits
        | Cause::Ownership
        | Cause::Lsm
        | Cause::NoexecMount
        | Cause::NodevMount
        | Cause::Immutable
        | Cause::DiskFull
        | Cause::Quota
        | Cause::Capability
        | Cause::Seccomp
        | Cause::Unknown => return None,
    };
    Some(Remedy {
        sentence,
        changes: Vec::new(),
    })
}
