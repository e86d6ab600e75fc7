//! Cases of immutable and append-only files (EPERM).
//!
//! In: a prepared directory on a file system that has such files. Out: reports.
//! Invariant: the flags are set by the run itself, by a root that has
//! CAP_LINUX_IMMUTABLE. Lacks on purpose: clearing them.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::case::{Case, Target, prepare_cases, repeat, run_cases, table};
use super::{call, descriptor};

/// FS_IMMUTABLE_FL.
const IMMUTABLE: libc::c_long = 0x10;
/// FS_APPEND_FL.
const APPEND: libc::c_long = 0x20;

/// What an immutable file or directory refuses, even to root.
fn immutable() -> Vec<Case> {
    table! { "immutable", EPERM;
        "eperm-open" "open" File call::open_write;
        "frozen/eperm-create" "create" Nothing call::create;
        "frozen/eperm-mkdir" "mkdir" Nothing call::mkdir;
        "frozen/eperm-mknod" "mknod" Nothing call::mknod_fifo;
        "frozen/eperm-symlink" "symlink" Nothing call::symlink;
        "frozen/eperm-link" "link" Source call::link;
        "frozen/eperm-rename" "rename" Source call::rename;
        "frozen/eperm-bind" "bind" Nothing call::bind_absolute;
        "eperm-unlink" "unlink" File call::unlink;
        "eperm-rmdir" "rmdir" Directory call::rmdir;
        "eperm-chmod" "chmod" File call::chmod;
        "eperm-chown" "chown" File call::fchown;
        "eperm-utime" "utime" File call::utimensat;
        "eperm-truncate" "truncate" File call::truncate;
        "eperm-setxattr" "setxattr" File call::setxattr;
    }
}

/// What an append-only file or directory refuses, even to root.
fn append_only() -> Vec<Case> {
    table! { "append_only", EPERM;
        "append-open" "open" File call::open_write;
        "append-truncate" "truncate" File call::truncate;
        "append-unlink" "unlink" File call::unlink;
        "append-chmod" "chmod" File call::chmod;
        "growing/append-unlink" "unlink" File call::unlinkat;
        "growing/append-rename" "rename" Source call::rename;
    }
}

/// What a file refuses that was open for writing before it became immutable.
fn open_before() -> Vec<Case> {
    table! { "immutable", EPERM;
        "eperm-fallocate" "fallocate" File |_| libc::ENOSYS;
        "eperm-write" "write" File |_| libc::ENOSYS;
    }
}

/// Makes the cases' files.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &immutable())?;
    prepare_cases(directory, &append_only())?;
    prepare_cases(directory, &open_before())
}

/// Sets the flags and runs the cases.
pub fn run(directory: &Path) -> Result<bool, String> {
    let fail = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let set = |name: &str, flag| {
        let path = directory.join(name);
        flagged(&path, flag).map_err(|error| fail(&path, error))
    };
    let mut files = Vec::new();
    for case in open_before() {
        let path = directory.join(case.name);
        let file = File::options().write(true).open(&path);
        files.push(file.map_err(|error| fail(&path, error))?);
    }
    let cases = immutable().into_iter().map(|case| (case, IMMUTABLE));
    let cases = cases.chain(append_only().into_iter().map(|case| (case, APPEND)));
    for (case, flag) in cases {
        if !case.name.contains('/') && directory.join(case.name).exists() {
            set(case.name, flag)?;
        }
    }
    set("frozen", IMMUTABLE)?;
    set("growing", APPEND)?;
    let mut as_meant = run_cases(directory, &immutable())? & run_cases(directory, &append_only())?;
    for (case, file) in open_before().iter().zip(&files) {
        set(case.name, IMMUTABLE)?;
        let path = Target::new(directory, case.name)?.absolute;
        as_meant &= repeat(case, &path.to_string_lossy(), || match case.operation {
            "fallocate" => descriptor::fallocate(file.as_raw_fd()),
            _ => descriptor::write(file.as_raw_fd()),
        });
    }
    Ok(as_meant)
}

fn flagged(path: &Path, flag: libc::c_long) -> std::io::Result<()> {
    let file = File::open(path)?;
    let mut flags: libc::c_long = 0;
    // SAFETY: the request reads one long into `flags`.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    flags |= flag;
    // SAFETY: the request reads one long from `flags`.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
