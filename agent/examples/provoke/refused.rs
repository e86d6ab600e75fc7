//! Cases of a user without rights: EACCES by mode bits, EPERM by ownership.
//!
//! In: a directory of root's, prepared as root; the cases run as [`USER`]. Out:
//! cases. Invariant: the directory and what is in it belong to root, but for what a
//! case must own to come as far as it is meant to. Lacks on purpose: security modules.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::case::{Case, prepare_cases, table};
use super::{USER, call, uring};

/// What another's directory and files refuse.
pub fn cases() -> Vec<Case> {
    let mut cases = table! { "ownership", EACCES;
        "eacces-open" "open" File call::open_write;
        "eacces-open-relative" "open" File call::open_relative;
        "eacces-open-read" "open" File call::open_read;
        "eacces-open-openat2" "open" File call::openat2_write;
        "eacces-create" "create" Nothing call::create;
        "eacces-create-dirfd" "create" Nothing call::createat_exclusive;
        "eacces-mkdir" "mkdir" Nothing call::mkdir;
        "eacces-mkdir-dirfd" "mkdir" Nothing call::mkdirat;
        "eacces-mknod" "mknod" Nothing call::mknod_fifo;
        "eacces-symlink" "symlink" Nothing call::symlink;
        "eacces-link" "link" Source call::link;
        "eacces-unlink" "unlink" File call::unlink;
        "eacces-unlink-dirfd" "unlink" File call::unlinkat;
        "eacces-rmdir" "rmdir" Directory call::rmdir;
        "eacces-rename" "rename" Source call::rename;
        "secret/eacces-chown" "chown" File call::chown;
        "eacces-utime" "utime" File call::utime_now;
        "eacces-truncate" "truncate" File call::truncate;
        "eacces-setxattr" "setxattr" File call::setxattr;
        "eacces-setxattr-file" "setxattr" File call::fsetxattr;
        "eacces-removexattr" "setxattr" File call::removexattr;
        "eacces-bind" "bind" Nothing call::bind_absolute;
        "eacces-bind-relative" "bind" Nothing call::bind_relative;
    };
    cases.extend(table! { "uring_ownership", EACCES;
        "uring-open" "open" File uring::open_write;
    });
    cases.extend(table! { "search", EACCES;
        "secret/eacces-chmod" "chmod" File call::chmod;
        "secret/eacces-truncate" "truncate" File call::truncate_relative;
    });
    cases.extend(table! { "no_execute_bit", EACCES;
        "eacces-exec" "exec" File call::execve;
        "eacces-exec-dirfd" "exec" File call::execveat;
    });
    cases.extend(table! { "sticky", EPERM;
        "sticky/eperm-unlink" "unlink" File call::unlink;
        "sticky/eperm-rmdir" "rmdir" Directory call::rmdirat;
        "sticky/eperm-rename" "rename" Source call::rename;
    });
    cases.extend(table! { "capability", EPERM;
        "mine/eperm-mknod" "mknod" Nothing call::mknod_device;
        "mine/eperm-setxattr" "setxattr" File call::setxattr_trusted;
        "mine/eperm-setxattr-file" "setxattr" File call::fsetxattr_trusted;
        "eperm-chown" "chown" File call::chown;
        "eperm-chown-link" "chown" File call::lchown;
        "eperm-chown-file" "chown" File call::fchown;
        "eperm-chown-dirfd" "chown" File call::fchownat;
    });
    cases.extend(table! { "owner_only", EPERM;
        "eperm-open" "open" File call::open_noatime;
        "eperm-chmod" "chmod" File call::chmod;
        "eperm-chmod-file" "chmod" File call::fchmod;
        "eperm-chmod-dirfd" "chmod" File call::fchmodat;
        "eperm-utime" "utime" File call::utimes;
        "eperm-utime-dirfd" "utime" File call::utimensat;
        "eperm-utime-file" "utime" File call::futimens;
    });
    cases
}

/// Makes the cases' files, and gives the user what it must own.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &cases())?;
    let mode =
        |name: &str, mode| set_permissions(directory.join(name), Permissions::from_mode(mode));
    let give = |name: &str| chown(directory.join(name), Some(USER), Some(USER));
    mode("", 0o755)?;
    mode("sticky", 0o1777)?;
    mode("secret", 0o700)?;
    mode("eacces-open-read", 0o600)?;
    // One may link one's own file; the directory refuses.
    give("eacces-link.from")?;
    for name in ["mine", "mine/eperm-setxattr", "mine/eperm-setxattr-file"] {
        give(name)?;
    }
    Ok(())
}
