//! Cases of a file system that is read-only (EROFS), and of immutable files (EPERM).
//!
//! In: a prepared directory. Out: cases. Invariant: run by mistake where writing is
//! allowed, they change nothing outside that directory. Lacks on purpose: fallocate and write under EROFS, which
//! need a descriptor that a read-only file system does not give.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::Needs::{Directory, File as Regular, Nothing, Source};
use super::{ATTEMPTS, Case, call, report, run_cases, uring};

/// FS_IMMUTABLE_FL.
const IMMUTABLE: libc::c_long = 0x10;

macro_rules! table {
    ($errno:ident; $($name:literal $operation:literal $needs:ident $act:expr;)+) => {
        vec![$(Case {
            name: $name,
            operation: $operation,
            errno: libc::$errno,
            needs: $needs,
            act: $act,
        },)+]
    };
}
pub(crate) use table;

/// What a read-only file system refuses.
pub fn cases() -> Vec<Case> {
    table! { EROFS;
        "erofs-open" "open" Regular call::open_write;
        "erofs-open-relative" "open" Regular call::open_relative;
        "erofs-open-dirfd" "open" Regular call::openat_truncate;
        "erofs-open-openat2" "open" Regular call::openat2_write;
        "erofs-open-uring" "open" Regular uring::open_write;
        "erofs-create" "create" Nothing call::create;
        "erofs-create-relative" "create" Nothing call::creat_relative;
        "erofs-create-dirfd" "create" Nothing call::createat_exclusive;
        "erofs-create-uring" "create" Nothing uring::create;
        "erofs-mkdir" "mkdir" Nothing call::mkdir;
        "erofs-mkdir-relative" "mkdir" Nothing call::mkdir_relative;
        "erofs-mkdir-dirfd" "mkdir" Nothing call::mkdirat;
        "erofs-mknod" "mknod" Nothing call::mknod_fifo;
        "erofs-mknod-dirfd" "mknod" Nothing call::mknodat_fifo;
        "erofs-symlink" "symlink" Nothing call::symlink;
        "erofs-symlink-dirfd" "symlink" Nothing call::symlinkat;
        "erofs-link" "link" Source call::link;
        "erofs-link-dirfd" "link" Source call::linkat;
        "erofs-unlink" "unlink" Regular call::unlink;
        "erofs-unlink-dirfd" "unlink" Regular call::unlinkat;
        "erofs-rmdir" "rmdir" Directory call::rmdir;
        "erofs-rmdir-dirfd" "rmdir" Directory call::rmdirat;
        "erofs-rename" "rename" Source call::rename;
        "erofs-rename-dirfd" "rename" Source call::renameat2;
        "erofs-chmod" "chmod" Regular call::chmod;
        "erofs-chmod-file" "chmod" Regular call::fchmod;
        "erofs-chmod-dirfd" "chmod" Regular call::fchmodat;
        "erofs-chown" "chown" Regular call::chown;
        "erofs-chown-link" "chown" Regular call::lchown;
        "erofs-chown-file" "chown" Regular call::fchown;
        "erofs-chown-dirfd" "chown" Regular call::fchownat;
        "erofs-utime" "utime" Regular call::utimes;
        "erofs-utime-dirfd" "utime" Regular call::utimensat;
        "erofs-utime-file" "utime" Regular call::futimens;
        "erofs-truncate" "truncate" Regular call::truncate;
        "erofs-truncate-relative" "truncate" Regular call::truncate_relative;
        "erofs-setxattr" "setxattr" Regular call::setxattr;
        "erofs-setxattr-link" "setxattr" Regular call::lsetxattr;
        "erofs-setxattr-file" "setxattr" Regular call::fsetxattr;
        "erofs-removexattr" "setxattr" Regular call::removexattr;
        "erofs-removexattr-file" "setxattr" Regular call::fremovexattr;
        "erofs-bind" "bind" Nothing call::bind_absolute;
        "erofs-bind-relative" "bind" Nothing call::bind_relative;
    }
}

/// What an immutable file or directory refuses, even to root.
pub fn frozen_cases() -> Vec<Case> {
    table! { EPERM;
        "eperm-open" "open" Regular call::open_write;
        "frozen/eperm-create" "create" Nothing call::create;
        "frozen/eperm-mkdir" "mkdir" Nothing call::mkdir;
        "frozen/eperm-mknod" "mknod" Nothing call::mknod_fifo;
        "frozen/eperm-symlink" "symlink" Nothing call::symlink;
        "frozen/eperm-link" "link" Source call::link;
        "frozen/eperm-rename" "rename" Source call::rename;
        "frozen/eperm-bind" "bind" Nothing call::bind_absolute;
        "eperm-unlink" "unlink" Regular call::unlink;
        "eperm-rmdir" "rmdir" Directory call::rmdir;
        "eperm-chmod" "chmod" Regular call::chmod;
        "eperm-chown" "chown" Regular call::fchown;
        "eperm-utime" "utime" Regular call::utimensat;
        "eperm-truncate" "truncate" Regular call::truncate;
        "eperm-setxattr" "setxattr" Regular call::setxattr;
    }
}

/// Makes the prepared files immutable and runs the cases, then those of a file
/// that was open for writing before.
pub fn freeze_and_run(directory: &Path) -> Result<bool, String> {
    let fail = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    const OPEN_BEFORE: [&str; 2] = ["eperm-fallocate", "eperm-write"];
    for name in OPEN_BEFORE {
        let path = directory.join(name);
        File::create(&path).map_err(|error| fail(&path, error))?;
    }
    let writable = OPEN_BEFORE.map(|name| File::options().write(true).open(directory.join(name)));
    for case in frozen_cases() {
        let path = directory.join(case.name);
        if path.exists() && !case.name.contains('/') {
            freeze(&path).map_err(|error| fail(&path, error))?;
        }
    }
    for name in ["frozen", "eperm-fallocate", "eperm-write"] {
        let path = directory.join(name);
        freeze(&path).map_err(|error| fail(&path, error))?;
    }
    let mut as_meant = run_cases(directory, &frozen_cases())?;
    let [fallocate, write] = writable;
    for (name, operation, file) in [
        ("eperm-fallocate", "fallocate", fallocate),
        ("eperm-write", "write", write),
    ] {
        let path = directory.join(name);
        let fd = file.map_err(|error| fail(&path, error))?;
        let mut got = 0;
        for _ in 0..ATTEMPTS {
            got = match operation {
                "fallocate" => call::errno(call::syscall!(
                    SYS_fallocate,
                    fd.as_raw_fd(),
                    0,
                    0_i64,
                    4096_i64
                )),
                _ => call::errno(call::syscall!(SYS_write, fd.as_raw_fd(), b"x".as_ptr(), 1)),
            };
        }
        as_meant &= report(
            name,
            operation,
            libc::EPERM,
            got,
            &path.to_string_lossy(),
            ATTEMPTS,
        );
    }
    Ok(as_meant)
}

fn freeze(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    let mut flags: libc::c_long = 0;
    // SAFETY: the request reads one long into `flags`.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    flags |= IMMUTABLE;
    // SAFETY: the request reads one long from `flags`.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}
