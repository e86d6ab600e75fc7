//! Refusals whose outcome is known: a system call, the place, the errno.
//!
//! In: a row of [`REFUSALS`] and a number of a path. Out: one refused call.
//! Invariant: each call is one operation, which the kernel refuses once, with the
//! row's errno. Lacks on purpose: successes, and refusals that only some backends see.

use std::ffi::CString;
use std::path::Path;

/// Files and directories that each container finds in its part of a place.
pub const FILES: u32 = 4;
/// Spellings of one name that are told apart: bits of the path's number.
const SPELLINGS: u32 = 10;

/// Where a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A tmpfs that is mounted read-only.
    ReadOnly,
    /// Of root, without a bit for others, and the caller is another.
    Locked,
    /// A tmpfs without inodes.
    Full,
}

impl Place {
    /// Its directory below the ground.
    pub const fn directory(self) -> &'static str {
        match self {
            Place::ReadOnly => "sealed",
            Place::Locked => "locked",
            Place::Full => "full",
        }
    }
}

/// What the call names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A file that is there.
    File,
    /// A directory that is there.
    Directory,
    /// Nothing.
    Free,
}

/// One row.
pub struct Refusal {
    /// The daemon's label.
    pub operation: &'static str,
    /// The errno.
    pub errno: i32,
    /// Where.
    pub place: Place,
    target: Target,
    call: fn(&Names) -> i64,
}

/// The names of one call.
struct Names {
    path: CString,
    beside: CString,
}

macro_rules! call {
    ($number:ident $(, $argument:expr)*) => {
        // SAFETY: the arguments are numbers or names that outlive the call.
        unsafe { libc::syscall(libc::$number $(, $argument)*) }
    };
}

const AT: i32 = libc::AT_FDCWD;

fn open(names: &Names) -> i64 {
    call!(SYS_openat, AT, names.path.as_ptr(), libc::O_WRONLY, 0)
}
fn create(names: &Names) -> i64 {
    let flags = libc::O_WRONLY | libc::O_CREAT;
    call!(SYS_openat, AT, names.path.as_ptr(), flags, 0o600)
}
fn mkdir(names: &Names) -> i64 {
    call!(SYS_mkdirat, AT, names.path.as_ptr(), 0o700)
}
fn mknod(names: &Names) -> i64 {
    let mode = libc::S_IFIFO | 0o600;
    call!(SYS_mknodat, AT, names.path.as_ptr(), mode, 0)
}
fn symlink(names: &Names) -> i64 {
    call!(SYS_symlinkat, c"nowhere".as_ptr(), AT, names.path.as_ptr())
}
fn link(names: &Names) -> i64 {
    call!(
        SYS_linkat,
        AT,
        names.beside.as_ptr(),
        AT,
        names.path.as_ptr(),
        0
    )
}
fn unlink(names: &Names) -> i64 {
    call!(SYS_unlinkat, AT, names.path.as_ptr(), 0)
}
fn rmdir(names: &Names) -> i64 {
    call!(SYS_unlinkat, AT, names.path.as_ptr(), libc::AT_REMOVEDIR)
}
fn rename(names: &Names) -> i64 {
    call!(
        SYS_renameat2,
        AT,
        names.path.as_ptr(),
        AT,
        names.beside.as_ptr(),
        0
    )
}
fn chmod(names: &Names) -> i64 {
    call!(SYS_fchmodat, AT, names.path.as_ptr(), 0o640)
}
fn chown(names: &Names) -> i64 {
    call!(SYS_fchownat, AT, names.path.as_ptr(), 7, 7, 0)
}
fn utime(names: &Names) -> i64 {
    let now = std::ptr::null::<libc::timespec>();
    call!(SYS_utimensat, AT, names.path.as_ptr(), now, 0)
}
fn truncate(names: &Names) -> i64 {
    call!(SYS_truncate, names.path.as_ptr(), 0)
}

const fn row(
    operation: &'static str,
    errno: i32,
    place: Place,
    target: Target,
    call: fn(&Names) -> i64,
) -> Refusal {
    Refusal {
        operation,
        errno,
        place,
        target,
        call,
    }
}

/// Rows of [`REFUSALS`].
pub const ROWS: usize = 26;

use Place::{Full, Locked, ReadOnly};
use Target::{Directory, File, Free};

/// Every refusal; no two rows have operation and errno in common, so that the
/// daemon's labels tell the row.
pub const REFUSALS: [Refusal; ROWS] = [
    row("open", libc::EROFS, ReadOnly, File, open),
    row("create", libc::EROFS, ReadOnly, Free, create),
    row("mkdir", libc::EROFS, ReadOnly, Free, mkdir),
    row("mknod", libc::EROFS, ReadOnly, Free, mknod),
    row("symlink", libc::EROFS, ReadOnly, Free, symlink),
    row("link", libc::EROFS, ReadOnly, Free, link),
    row("unlink", libc::EROFS, ReadOnly, File, unlink),
    row("rmdir", libc::EROFS, ReadOnly, Directory, rmdir),
    row("rename", libc::EROFS, ReadOnly, File, rename),
    row("chmod", libc::EROFS, ReadOnly, File, chmod),
    row("chown", libc::EROFS, ReadOnly, File, chown),
    row("utime", libc::EROFS, ReadOnly, File, utime),
    row("truncate", libc::EROFS, ReadOnly, File, truncate),
    row("open", libc::EACCES, Locked, File, open),
    row("create", libc::EACCES, Locked, Free, create),
    row("mkdir", libc::EACCES, Locked, Free, mkdir),
    row("symlink", libc::EACCES, Locked, Free, symlink),
    row("unlink", libc::EACCES, Locked, File, unlink),
    row("rename", libc::EACCES, Locked, File, rename),
    row("truncate", libc::EACCES, Locked, File, truncate),
    row("chmod", libc::EPERM, Locked, File, chmod),
    row("chown", libc::EPERM, Locked, File, chown),
    row("create", libc::ENOSPC, Full, Free, create),
    row("mkdir", libc::ENOSPC, Full, Free, mkdir),
    row("symlink", libc::ENOSPC, Full, Free, symlink),
    row("mknod", libc::ENOSPC, Full, Free, mknod),
];

/// The row that the daemon's labels stand for.
pub fn row_of(operation: &str, errno: &str) -> Option<usize> {
    let fits = |row: &Refusal| row.operation == operation && label(row.errno) == errno;
    REFUSALS.iter().position(fits)
}

/// An errno's name.
pub fn label(errno: i32) -> &'static str {
    match errno {
        libc::EROFS => "EROFS",
        libc::EACCES => "EACCES",
        libc::EPERM => "EPERM",
        libc::ENOSPC => "ENOSPC",
        _ => "another errno",
    }
}

impl Refusal {
    /// The call on path number `number` of `part`; other numbers are other paths to
    /// the daemon.
    pub fn prepared(&'static self, part: &Path, number: u32) -> Prepared {
        let part = part.to_string_lossy();
        let path = match self.target {
            Free => format!("{part}/n{number}"),
            target => {
                let letter = if target == File { 'f' } else { 'd' };
                let mut path = part.to_string();
                let spelling = number / FILES;
                for bit in 0..SPELLINGS {
                    let there = spelling >> bit != 0;
                    path.push_str(match spelling >> bit & 1 {
                        1 => "/.",
                        _ if there => "/",
                        _ => "",
                    });
                }
                format!("{path}/{letter}{}", number % FILES)
            }
        };
        let beside = match self.target {
            Free => format!("{part}/f0"),
            _ => format!("{part}/n0"),
        };
        Prepared {
            refusal: self,
            names: Names {
                path: CString::new(path).unwrap(),
                beside: CString::new(beside).unwrap(),
            },
        }
    }
}

/// A call that is ready to be made again and again.
pub struct Prepared {
    refusal: &'static Refusal,
    names: Names,
}

impl Prepared {
    /// Makes the call; what came of it where it was not refused as meant.
    pub fn make(&self) -> Result<(), String> {
        let result = (self.refusal.call)(&self.names);
        let error = std::io::Error::last_os_error();
        if result == -1 && error.raw_os_error() == Some(self.refusal.errno) {
            return Ok(());
        }
        Err(format!(
            "{} of {:?}: {} was meant, {result} came ({error})",
            self.refusal.operation,
            self.names.path,
            label(self.refusal.errno)
        ))
    }
}

#[test]
fn a_row_is_told_by_its_labels_and_a_path_by_its_number() {
    for (at, row) in REFUSALS.iter().enumerate() {
        assert_eq!(row_of(row.operation, label(row.errno)), Some(at));
        let path = |number| row.prepared(Path::new("/x"), number).names.path;
        let paths: std::collections::HashSet<_> = (0..2_000).map(path).collect();
        assert_eq!(paths.len(), 2_000, "{}", row.operation);
    }
}
