//! What the state machine is told: moments, and failures under a write root.
//!
//! In: counts of denials with what is known of them. Out: [`Failure`] and its
//! [`Bearing`]. Invariant: what is not known to be a write is not taken for one.
//! Lacks on purpose: the counters, which `aggregate` reads.

use std::time::{Duration, SystemTime};

use crate::denial::{Cause, Denial, Errno, Lsm, Operation};

/// `O_ACCMODE`: the bits of an open's flags that say reading or writing.
const ACCESS_MODE: u32 = 0o3;
/// `O_TRUNC`, which writes whatever the access mode says.
const TRUNCATE: u32 = 0o1000;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// CLOCK_MONOTONIC nanoseconds.
    pub monotonic_ns: u64,
    /// The wall clock, for people.
    pub wall: SystemTime,
}

impl Moment {
    /// Wall clock time of an earlier moment.
    pub(super) fn wall_at(&self, monotonic_ns: u64) -> SystemTime {
        let ago = Duration::from_nanos(self.monotonic_ns.saturating_sub(monotonic_ns));
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }
}

/// Failures of one kind under one write root, since the last time they were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Where the writes belong.
    pub write_root: &'a str,
    /// How many.
    pub count: u64,
    /// CLOCK_MONOTONIC nanoseconds of the latest (`CountValue::last_ns`).
    pub last_ns: u64,
    /// What was tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// Why.
    pub cause: Cause,
    /// The security module, where it is the cause and known.
    pub lsm: Option<Lsm>,
    /// The flags of an open, from a sample; `None` where there was none.
    pub open_flags: Option<u32>,
}

/// What a failure says of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearing {
    /// A write was refused.
    Write,
    /// Something without which a program may not start was refused.
    Start,
    /// Nothing that matters here.
    None,
}

impl Failure<'_> {
    pub(super) fn bearing(&self) -> Bearing {
        bearing(self.operation, self.errno, self.open_flags)
    }
}

pub(super) fn bearing_of(denial: &Denial) -> Bearing {
    bearing(denial.operation, denial.errno, Some(denial.open_flags))
}

fn bearing(operation: Operation, errno: Errno, open_flags: Option<u32>) -> Bearing {
    // Reading takes no space and does not mind a read-only mount.
    let only_writes = matches!(errno, Errno::Erofs | Errno::Enospc | Errno::Edquot);
    match operation {
        Operation::Open => {
            let for_writing = open_flags.is_some_and(|flags| flags & (ACCESS_MODE | TRUNCATE) != 0);
            match only_writes || for_writing {
                true => Bearing::Write,
                false => Bearing::Start,
            }
        }
        // EACCES and EPERM speak of execution as often as of writing.
        Operation::Mmap if only_writes => Bearing::Write,
        Operation::Mmap | Operation::Exec => Bearing::Start,
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
        | Operation::Write => Bearing::Write,
        Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability => {
            Bearing::None
        }
    }
}

/// The latest failure, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) at_ns: u64,
    pub(super) wall: SystemTime,
    pub(super) operation: Operation,
    pub(super) errno: Errno,
    pub(super) cause: Cause,
    pub(super) lsm: Option<Lsm>,
}

impl Fact {
    pub(super) fn of(failure: &Failure, at_ns: u64, now: Moment) -> Self {
        Fact {
            at_ns,
            wall: now.wall_at(at_ns),
            operation: failure.operation,
            errno: failure.errno,
            cause: failure.cause,
            lsm: failure.lsm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_writes_are_writes() {
        for (operation, errno, flags, expected) in [
            (Operation::Create, Errno::Eacces, None, Bearing::Write),
            (Operation::Open, Errno::Erofs, None, Bearing::Write),
            (Operation::Open, Errno::Eacces, None, Bearing::Start),
            (Operation::Open, Errno::Eacces, Some(0), Bearing::Start),
            (Operation::Open, Errno::Eacces, Some(0o1), Bearing::Write),
            (Operation::Open, Errno::Eacces, Some(0o2), Bearing::Write),
            (Operation::Open, Errno::Eacces, Some(0o1000), Bearing::Write),
            (Operation::Mmap, Errno::Enospc, None, Bearing::Write),
            (Operation::Mmap, Errno::Eperm, None, Bearing::Start),
            (Operation::Exec, Errno::Eacces, None, Bearing::Start),
            (Operation::Ptrace, Errno::Eperm, None, Bearing::None),
            (Operation::Signal, Errno::Eperm, None, Bearing::None),
        ] {
            let got = bearing(operation, errno, flags);
            assert_eq!(got, expected, "{operation:?} {errno:?} {flags:?}");
        }
    }
}
