//! Cases of a file system or quota that is full: by bytes, by inodes.
//!
//! In: an empty directory with a limit, and what its end is called. Out: reports.
//! Invariant: what fills the directory is refused once, and that is reported too.
//! Lacks on purpose: emptying it, as what was provoked must stay full meanwhile.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

use super::call::{self, opened, syscall};
use super::case::{ATTEMPTS, Act, Outcome, Target};
use super::{descriptor, uring};

/// More pieces or files than any limit that is tested.
const FILLERS_MAX: usize = 100_000;

/// A limit that can be reached.
#[derive(Clone, Copy)]
pub struct Limit {
    situation: &'static str,
    /// Begins the cases' names.
    prefix: &'static str,
    errno: i32,
}

impl Limit {
    fn outcome<'a>(
        &self,
        case: &'a str,
        operation: &'a str,
        got: i32,
        path: &'a str,
        count: u64,
    ) -> Outcome<'a> {
        Outcome {
            situation: self.situation,
            case,
            operation,
            meant: self.errno,
            got,
            path,
            count,
        }
    }
}

/// Of a tmpfs by `size=`.
pub const TMPFS_BYTES: Limit = Limit {
    situation: "tmpfs_bytes",
    prefix: "enospc",
    errno: libc::ENOSPC,
};
/// Of a tmpfs by `nr_inodes=`.
pub const TMPFS_INODES: Limit = Limit {
    situation: "tmpfs_inodes",
    ..TMPFS_BYTES
};
/// Of a disk.
pub const DISK: Limit = Limit {
    situation: "disk_full",
    ..TMPFS_BYTES
};
/// Of a user on a disk.
pub const QUOTA: Limit = Limit {
    situation: "quota",
    prefix: "edquot",
    errno: libc::EDQUOT,
};

/// A way to take bytes: what it adds to the situation, the case's name, the
/// operation, the call.
type Way = (&'static str, &'static str, &'static str, fn(RawFd) -> i32);

const WAYS: [Way; 6] = [
    ("", "write-position", "write", descriptor::pwrite),
    ("", "write-vector", "write", descriptor::writev),
    ("", "write-vector-position", "write", descriptor::pwritev),
    ("", "fallocate", "fallocate", descriptor::fallocate),
    ("_sendfile", "write-sendfile", "write", descriptor::sendfile),
    ("_sendfile", "write-splice", "write", descriptor::splice),
];
/// Those that are watched on a tmpfs only.
const TMPFS_WAYS: [Way; 2] = [
    ("_uring", "write-uring", "write", |fd| {
        uring::write(fd, &descriptor::PIECE)
    }),
    ("_fault", "mmap-fault", "mmap", descriptor::page_fault),
];

/// Writes until there is no room, then writes in every other way.
pub fn bytes(directory: &Path, limit: Limit) -> Result<bool, String> {
    let prefix = limit.prefix;
    let open = |name: &str| {
        let path = directory.join(format!("{prefix}-{name}"));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>((file, path.to_string_lossy().into_owned()))
    };
    let mut ways = WAYS.to_vec();
    if limit.situation == TMPFS_BYTES.situation {
        ways.extend(TMPFS_WAYS);
    }
    let mut files = Vec::new();
    for (_, name, ..) in &ways {
        files.push(open(name)?);
    }
    let (filler, path) = open("write")?;
    let mut got = 0;
    for _ in 0..FILLERS_MAX {
        got = descriptor::write(filler.as_raw_fd());
        if got != 0 {
            break;
        }
    }
    let filled = format!("{prefix}-write");
    let mut as_meant = limit.outcome(&filled, "write", got, &path, 1).tell();
    for ((variant, name, operation, way), (file, path)) in ways.into_iter().zip(&files) {
        for _ in 0..ATTEMPTS {
            got = way(file.as_raw_fd());
        }
        let situation = format!("{}{variant}", limit.situation);
        as_meant &= Outcome {
            situation: &situation,
            ..limit.outcome(&format!("{prefix}-{name}"), operation, got, path, ATTEMPTS)
        }
        .tell();
    }
    Ok(as_meant)
}

/// Fills a disk, whose directories take room as well.
pub fn disk(directory: &Path) -> Result<bool, String> {
    let as_meant = bytes(directory, DISK)?;
    let target = Target::new(directory, "enospc-mkdir")?;
    let mut got = 0;
    for _ in 0..ATTEMPTS {
        got = call::mkdir(&target);
    }
    let path = target.absolute.to_string_lossy().into_owned();
    let outcome = DISK.outcome("enospc-mkdir", "mkdir", got, &path, ATTEMPTS);
    Ok(outcome.tell() & as_meant)
}

/// Makes files until there is no inode, then everything else that needs one.
pub fn inodes(directory: &Path, limit: Limit) -> Result<bool, String> {
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let prefix = limit.prefix;
    let ways: [(&str, &str, Act); 7] = [
        ("create-dirfd", "create", call::createat_exclusive),
        ("mkdir", "mkdir", call::mkdir),
        ("mknod", "mknod", call::mknod_fifo),
        ("symlink", "symlink", call::symlink),
        ("symlink-dirfd", "symlink", call::symlinkat),
        ("bind", "bind", call::bind_absolute),
        // Last: a quota does not count links.
        ("link", "link", call::link),
    ];
    let ways = if limit.errno == libc::EDQUOT {
        &ways[..6]
    } else {
        &ways[..]
    };
    let source = directory.join(format!("{prefix}-link.from"));
    File::create(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut got = 0;
    let mut last = String::new();
    for number in 0..FILLERS_MAX {
        last = directory
            .join(format!("{prefix}-create-{number}"))
            .to_string_lossy()
            .into_owned();
        let path = CString::new(last.as_str()).map_err(|error| error.to_string())?;
        got = opened(syscall!(
            SYS_open,
            path.as_ptr(),
            libc::O_CREAT | libc::O_WRONLY,
            0o644
        ));
        if got != 0 {
            break;
        }
    }
    let filled = format!("{prefix}-create");
    let mut as_meant = limit.outcome(&filled, "create", got, &last, 1).tell();
    for (name, operation, way) in ways {
        let case = format!("{prefix}-{name}");
        let target = Target::new(directory, &case)?;
        for _ in 0..ATTEMPTS {
            got = way(&target);
        }
        let path = target.absolute.to_string_lossy().into_owned();
        let outcome = limit.outcome(&case, operation, got, &path, ATTEMPTS);
        as_meant &= outcome.tell();
    }
    Ok(as_meant)
}
