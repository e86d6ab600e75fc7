//! Cases of mode bits, groups, fs.protected_* and deleted directories.
//!
//! In: a directory of root's, prepared as root; the cases run as [`USER`], once with
//! one more group. Out: reports. Invariant: each case is refused by one rule alone.
//! Lacks on purpose: access control lists.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::case::{Case, Target, prepare_cases, repeat, run_cases, table};
use super::{USER, call};

/// Neither root nor [`USER`].
const OTHER: u32 = 20_002;
/// A group that [`USER`] is in besides its own.
const GROUP: u32 = 20_001;

/// What even the owner may not do.
fn modes() -> Vec<Case> {
    table! { "mode_bits", EACCES;
        "mode-open" "open" File call::open_write;
        "mode-truncate" "truncate" File call::truncate;
        "mode-exec" "exec" File call::execve;
        "mode-setxattr" "setxattr" File call::setxattr;
        "shut/mode-create" "create" Nothing call::create;
        "shut/mode-mkdir" "mkdir" Nothing call::mkdir;
        "shut/mode-unlink" "unlink" File call::unlink;
    }
}

/// What fs.protected_symlinks, _regular, _fifos and _hardlinks refuse.
fn protected() -> Vec<Case> {
    let mut cases = table! { "protected", EACCES;
        "sticky/protected-symlink" "open" Nothing call::open_read;
        "sticky/protected-regular" "create" File call::create;
        "sticky/protected-fifo" "create" Nothing call::create_nonblock;
    };
    cases.extend(table! { "protected", EPERM;
        "open/protected-hardlink" "link" Source call::link;
    });
    cases
}

/// What the bits of a supplementary group refuse and the owner's would not.
fn grouped() -> Vec<Case> {
    table! { "group", EACCES;
        "group-open" "open" File call::open_write;
        "group-open-excluded" "open" File call::open_read;
    }
}

fn others() -> Vec<Case> {
    let mut cases = table! { "deleted_directory", EACCES;
        "deleted-open" "open" File call::open_write;
    };
    cases.extend(table! { "by_handle", EPERM;
        "open/handle-open" "open" File call::open_by_handle;
    });
    cases
}

/// Makes the cases' files, whose modes and owners are the cases.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    let mode =
        |name: &str, mode| set_permissions(directory.join(name), Permissions::from_mode(mode));
    let give = |name: &str, user| chown(directory.join(name), Some(user), Some(user));
    mode("", 0o755)?;
    for cases in [modes(), protected(), grouped(), others()] {
        prepare_cases(directory, &cases)?;
    }
    for case in modes() {
        if directory.join(case.name).exists() {
            mode(case.name, 0o444)?;
            give(case.name, USER)?;
        }
    }
    give("shut", USER)?;
    mode("shut", 0o555)?;
    mode("sticky", 0o1777)?;
    mode("open", 0o777)?;
    symlink("/etc/passwd", directory.join("sticky/protected-symlink"))?;
    std::os::unix::fs::lchown(
        directory.join("sticky/protected-symlink"),
        Some(OTHER),
        Some(OTHER),
    )?;
    call::make_fifo(&directory.join("sticky/protected-fifo"))?;
    for name in ["sticky/protected-regular", "sticky/protected-fifo"] {
        mode(name, 0o666)?;
        give(name, OTHER)?;
    }
    mode("open/protected-hardlink.from", 0o600)?;
    give("open/protected-hardlink.from", OTHER)?;
    for (name, bits) in [("group-open", 0o646), ("group-open-excluded", 0o606)] {
        mode(name, bits)?;
        chown(directory.join(name), None, Some(GROUP))?;
    }
    Ok(())
}

/// Runs the cases of a user in its own group.
pub fn run(directory: &Path) -> Result<bool, String> {
    let mut as_meant = run_cases(directory, &modes())? & run_cases(directory, &protected())?;
    let [ref deleted, ref handle] = others()[..] else {
        return Err("the cases have changed".into());
    };
    // A handle is no path, so there is none to tell.
    let target = Target::new(directory, handle.name)?;
    as_meant &= repeat(handle, "", || (handle.act)(&target));
    // A directory that is gone while the task is in it.
    let gone = directory.join("open/gone");
    let fail = |error: std::io::Error| format!("{}: {error}", gone.display());
    std::fs::create_dir(&gone).map_err(fail)?;
    std::env::set_current_dir(&gone).map_err(fail)?;
    std::fs::remove_dir(&gone).map_err(fail)?;
    let upwards = Target::new(directory, &format!("../../{}", deleted.name))?;
    let path = directory.join(deleted.name);
    as_meant &= repeat(deleted, &path.to_string_lossy(), || {
        call::open_relative(&upwards)
    });
    Ok(as_meant)
}

/// Becomes a user with one more group, and runs its cases.
pub fn run_grouped(directory: &Path) -> Result<bool, String> {
    // SAFETY: the kernel reads one number; this process has one thread.
    let became = unsafe {
        libc::setgroups(1, [GROUP].as_ptr()) == 0
            && libc::setgid(USER) == 0
            && libc::setuid(USER) == 0
    };
    if !became {
        return Err(format!("cannot become {USER}"));
    }
    run_cases(directory, &grouped())
}
