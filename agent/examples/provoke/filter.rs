//! Cases of filters that a program puts on itself: seccomp and Landlock.
//!
//! In: a prepared directory in which root may do everything. Out: reports. Invariant:
//! what refuses is installed by this process for itself, and ends with it. Lacks on
//! purpose: profiles of a runtime.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use super::call::{self, errno, syscall};
use super::case::{Case, run_cases, table};

/// What the seccomp filter refuses, with errnos that a file system could give.
fn by_seccomp() -> Vec<Case> {
    let mut cases = table! { "seccomp", EPERM;
        "seccomp-mkdir" "mkdir" Nothing call::mkdirat;
    };
    cases.extend(table! { "seccomp", EACCES;
        "seccomp-unlink" "unlink" File call::unlinkat;
    });
    cases.extend(table! { "seccomp", EROFS;
        "seccomp-rename" "rename" Source call::renameat2;
    });
    cases
}

/// The system calls of [`by_seccomp`] and what they get.
const FILTERED: [(libc::c_long, i32); 3] = [
    (libc::SYS_mkdirat, libc::EPERM),
    (libc::SYS_unlinkat, libc::EACCES),
    (libc::SYS_renameat2, libc::EROFS),
];

/// What Landlock's first version refuses.
fn by_landlock() -> Vec<Case> {
    table! { "landlock", EACCES;
        "landlock-open" "open" File call::open_write;
        "landlock-create" "create" Nothing call::create;
        "landlock-mkdir" "mkdir" Nothing call::mkdir;
        "landlock-mknod" "mknod" Nothing call::mknod_fifo;
        "landlock-symlink" "symlink" Nothing call::symlink;
        "landlock-link" "link" Source call::link;
        "landlock-unlink" "unlink" File call::unlink;
        "landlock-rmdir" "rmdir" Directory call::rmdir;
        "landlock-rename" "rename" Source call::rename;
        "landlock-bind" "bind" Nothing call::bind_absolute;
    }
}

/// What its third version refuses as well.
fn by_landlock_3() -> Vec<Case> {
    table! { "landlock", EACCES;
        "landlock-truncate" "truncate" File call::truncate;
    }
}

/// What it refuses apart from files.
fn by_landlock_tasks() -> Vec<Case> {
    table! { "landlock_task", EPERM;
        "landlock-ptrace" "ptrace" Nothing super::task::ptrace_parent;
    }
}

/// Makes what the cases need.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    for cases in [by_seccomp(), by_landlock(), by_landlock_3()] {
        super::case::prepare_cases(directory, &cases)?;
    }
    Ok(())
}

/// Installs the filter and runs its cases.
pub fn run_seccomp(directory: &Path) -> Result<bool, String> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    // The number is the first member of struct seccomp_data.
    let mut program = vec![step(LOAD, 0, 0)];
    for (number, errno) in FILTERED {
        program.push(step(EQUAL, 1, number as u32));
        program.push(step(RETURN, 0, libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    program.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    no_new_privileges()?;
    let installed = errno(syscall!(
        SYS_seccomp,
        libc::SECCOMP_SET_MODE_FILTER,
        0,
        &raw const filter
    ));
    if installed != 0 {
        return Err(format!("seccomp: errno {installed}"));
    }
    run_cases(directory, &by_seccomp())
}

/// Execute, read file, read directory: what stays allowed everywhere.
const HARMLESS: u64 = 0b1101;
/// All rights of the first version.
const ALL_1: u64 = (1 << 13) - 1;
/// Truncating, since the third version.
const TRUNCATE: u64 = 1 << 14;
/// LANDLOCK_CREATE_RULESET_VERSION.
const VERSION: u32 = 1;
/// LANDLOCK_RULE_PATH_BENEATH.
const PATH_BENEATH: u32 = 1;

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

/// Restricts itself and runs the cases; nothing where the kernel has no Landlock.
pub fn run_landlock(directory: &Path) -> Result<bool, String> {
    let none = std::ptr::null::<u64>();
    let version = syscall!(SYS_landlock_create_ruleset, none, 0, VERSION);
    if version <= 0 {
        return Ok(true);
    }
    let truncates = version >= 3;
    let handled = ALL_1 | if truncates { TRUNCATE } else { 0 };
    let ruleset = syscall!(
        SYS_landlock_create_ruleset,
        &raw const handled,
        size_of_val(&handled),
        0
    );
    if ruleset < 0 {
        return Err(format!("landlock_create_ruleset: errno {}", errno(ruleset)));
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(ruleset as i32) };
    let root = File::open("/").map_err(|error| error.to_string())?;
    let rule = PathBeneath {
        allowed: HARMLESS,
        parent: root.as_raw_fd(),
    };
    let added = errno(syscall!(
        SYS_landlock_add_rule,
        ruleset.as_raw_fd(),
        PATH_BENEATH,
        &raw const rule,
        0
    ));
    no_new_privileges()?;
    let restricted = errno(syscall!(SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0));
    if added != 0 || restricted != 0 {
        return Err(format!("landlock: errno {added}, {restricted}"));
    }
    let mut as_meant =
        run_cases(directory, &by_landlock())? & run_cases(directory, &by_landlock_tasks())?;
    if truncates {
        as_meant &= run_cases(directory, &by_landlock_3())?;
    }
    Ok(as_meant)
}

fn no_new_privileges() -> Result<(), String> {
    // SAFETY: no memory is passed.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err("prctl: no_new_privs".into()),
    }
}
