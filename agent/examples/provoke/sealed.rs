//! Cases of a file system that is read-only (EROFS).
//!
//! In: a prepared directory. Out: cases. Invariant: run by mistake where writing is
//! allowed, they change nothing outside that directory. Lacks on purpose: fallocate and write under EROFS, which
//! need a descriptor that a read-only file system does not give.

use super::case::{Case, table};
use super::{call, uring};

/// What a read-only file system refuses.
pub fn cases(situation: &'static str) -> Vec<Case> {
    table! { situation, EROFS;
        "erofs-open" "open" File call::open_write;
        "erofs-open-relative" "open" File call::open_relative;
        "erofs-open-dirfd" "open" File call::openat_truncate;
        "erofs-open-openat2" "open" File call::openat2_write;
        "erofs-create" "create" Nothing call::create;
        "erofs-create-relative" "create" Nothing call::creat_relative;
        "erofs-create-dirfd" "create" Nothing call::createat_exclusive;
        "erofs-mkdir" "mkdir" Nothing call::mkdir;
        "erofs-mkdir-relative" "mkdir" Nothing call::mkdir_relative;
        "erofs-mkdir-dirfd" "mkdir" Nothing call::mkdirat;
        "erofs-mknod" "mknod" Nothing call::mknod_fifo;
        "erofs-mknod-dirfd" "mknod" Nothing call::mknodat_fifo;
        "erofs-symlink" "symlink" Nothing call::symlink;
        "erofs-symlink-dirfd" "symlink" Nothing call::symlinkat;
        "erofs-link" "link" Source call::link;
        "erofs-link-dirfd" "link" Source call::linkat;
        "erofs-unlink" "unlink" File call::unlink;
        "erofs-unlink-dirfd" "unlink" File call::unlinkat;
        "erofs-rmdir" "rmdir" Directory call::rmdir;
        "erofs-rmdir-dirfd" "rmdir" Directory call::rmdirat;
        "erofs-rename" "rename" Source call::rename;
        "erofs-rename-dirfd" "rename" Source call::renameat2;
        "erofs-chmod" "chmod" File call::chmod;
        "erofs-chmod-file" "chmod" File call::fchmod;
        "erofs-chmod-dirfd" "chmod" File call::fchmodat;
        "erofs-chown" "chown" File call::chown;
        "erofs-chown-link" "chown" File call::lchown;
        "erofs-chown-file" "chown" File call::fchown;
        "erofs-chown-dirfd" "chown" File call::fchownat;
        "erofs-utime" "utime" File call::utimes;
        "erofs-utime-dirfd" "utime" File call::utimensat;
        "erofs-utime-file" "utime" File call::futimens;
        "erofs-truncate" "truncate" File call::truncate;
        "erofs-truncate-relative" "truncate" File call::truncate_relative;
        "erofs-setxattr" "setxattr" File call::setxattr;
        "erofs-setxattr-link" "setxattr" File call::lsetxattr;
        "erofs-setxattr-file" "setxattr" File call::fsetxattr;
        "erofs-removexattr" "setxattr" File call::removexattr;
        "erofs-removexattr-file" "setxattr" File call::fremovexattr;
        "erofs-bind" "bind" Nothing call::bind_absolute;
        "erofs-bind-relative" "bind" Nothing call::bind_relative;
    }
}

/// The same through io_uring.
pub fn uring_cases() -> Vec<Case> {
    table! { "uring", EROFS;
        "uring-open" "open" File uring::open_write;
        "uring-create" "create" Nothing uring::create;
        "uring-mkdir" "mkdir" Nothing uring::mkdir;
        "uring-unlink" "unlink" File uring::unlink;
        "uring-rename" "rename" Source uring::rename;
    }
}
