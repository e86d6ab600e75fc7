//! The kernel's test of mode bits, done again: which class of the file's users
//! the task was in, what that class lacked, and whether the owner lacks it too.
//!
//! In: the file and the task as a sample tells them. Out: [`Judged`]. Invariant:
//! a class that depends on a group which was not carried is not named. Lacks on
//! purpose: access control lists and id-mapped mounts, which samples do not tell.

use crate::denial::{Denial, Operation};

/// `S_IFMT`, `S_IFDIR` and `S_IFREG` of `inode.i_mode`.
const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
/// `O_ACCMODE` and its values, and `O_TRUNC`.
const O_ACCMODE: u32 = 0o3;
const O_RDONLY: u32 = 0;
const O_WRONLY: u32 = 1;
const O_TRUNC: u32 = 0o1000;

const READ: u32 = 4;
const WRITE: u32 = 2;
const EXECUTE: u32 = 1;

/// Which of the file's three sets of bits counts for the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Its uid owns the file.
    Owner,
    /// One of its groups is the file's.
    Group,
    /// Neither.
    Other,
}

impl Class {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Class::Owner => "owner",
            Class::Group => "group",
            Class::Other => "other",
        }
    }

    const fn bits(self, mode: u32) -> u32 {
        match self {
            Class::Owner => (mode >> 6) & 7,
            Class::Group => (mode >> 3) & 7,
            Class::Other => mode & 7,
        }
    }
}

/// What the bits say of a task that they were found not to allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// The task's class, where its groups were carried.
    pub(super) class: Option<Class>,
    /// What the class lacks of `rwx`, as bits; 0 where the bits shown do allow
    /// it, which only an access control list can take back.
    pub(super) lacks: u32,
    /// The task is not the owner, whose bits have what the task's class lacks.
    pub(super) owner_could: bool,
}

/// Does the evidence show a file at all?
pub(super) fn has_file(denial: &Denial) -> bool {
    denial.evidence.inode_mode != 0
}

/// A regular file that nobody may execute: no capability overrides that.
pub(super) fn nobody_may_execute(denial: &Denial) -> bool {
    let mode = denial.evidence.inode_mode;
    mode & S_IFMT == S_IFREG && mode & 0o111 == 0
}

/// Is the file a directory?
pub(super) fn is_directory(denial: &Denial) -> bool {
    denial.evidence.inode_mode & S_IFMT == S_IFDIR
}

/// Judges a refusal by mode bits; none where the file was not seen.
pub(super) fn judge(denial: &Denial) -> Option<Judged> {
    if !has_file(denial) {
        return None;
    }
    let class = class(denial);
    let known = class.map(|class| of_class(denial, class));
    Some(known.unwrap_or_else(|| {
        // It was refused, so its class is one that lacks something.
        let candidates = [Class::Group, Class::Other].map(|class| of_class(denial, class));
        let mut lacking = candidates.iter().filter(|judged| judged.lacks != 0);
        let first = lacking.next().copied();
        let same = first.filter(|first| {
            lacking
                .all(|other| (other.lacks, other.owner_could) == (first.lacks, first.owner_could))
        });
        let unsure = Judged {
            class: None,
            lacks: 0,
            owner_could: false,
        };
        Judged {
            class: None,
            ..same.unwrap_or(unsure)
        }
    }))
}

fn of_class(denial: &Denial, class: Class) -> Judged {
    let mode = denial.evidence.inode_mode;
    let bits = class.bits(mode);
    let lacks = needed(denial, bits) & !bits;
    let owner = Class::Owner.bits(mode);
    Judged {
        class: Some(class),
        lacks,
        owner_could: class != Class::Owner && lacks != 0 && owner & lacks == lacks,
    }
}

fn class(denial: &Denial) -> Option<Class> {
    let evidence = &denial.evidence;
    if denial.uid == evidence.inode_uid {
        return Some(Class::Owner);
    }
    let task = denial.credentials.as_ref();
    let member = denial.gid == evidence.inode_gid
        || task.is_some_and(|task| task.groups.contains(&evidence.inode_gid));
    match member {
        true => Some(Class::Group),
        false => task
            .filter(|task| task.has_all_groups())
            .map(|_| Class::Other),
    }
}

/// What the operation needs of the file, given the bits of the task's class: a
/// directory is searched before anything else is done in it.
fn needed(denial: &Denial, bits: u32) -> u32 {
    let opened = match denial.open_flags & O_ACCMODE {
        O_RDONLY => READ,
        O_WRONLY => WRITE,
        _ => READ | WRITE,
    };
    let truncated = if denial.open_flags & O_TRUNC == 0 {
        0
    } else {
        WRITE
    };
    match denial.operation {
        _ if is_directory(denial) && bits & EXECUTE == 0 => EXECUTE,
        Operation::Open => opened | truncated,
        Operation::Create if !is_directory(denial) => opened | truncated,
        Operation::Exec => EXECUTE,
        Operation::Create
        | Operation::Mkdir
        | Operation::Mknod
        | Operation::Symlink
        | Operation::Link
        | Operation::Unlink
        | Operation::Rmdir
        | Operation::Rename
        | Operation::Chmod
        | Operation::Chown
        | Operation::Utime
        | Operation::Truncate
        | Operation::Fallocate
        | Operation::Setxattr
        | Operation::Bind
        | Operation::Write
        | Operation::Mmap
        | Operation::Ptrace
        | Operation::Mount
        | Operation::Signal
        | Operation::Capability => WRITE,
    }
}

/// `rwx` in words: `read and write`.
pub(super) fn words(bits: u32) -> String {
    let names: Vec<_> = [(READ, "read"), (WRITE, "write"), (EXECUTE, "execute")]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| name)
        .collect();
    names.join(" and ")
}
