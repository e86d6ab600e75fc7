//! Cases of noexec and nodev mounts, and of mapping a file.
//!
//! In: a directory on a tmpfs that is mounted so; the device node is made by
//! `prepare`, as root of the machine. Out: cases. Invariant: nothing but the mount
//! stands in the way. Lacks on purpose: nosuid, which refuses nothing.

use std::ffi::OsStr;
use std::fs::{File, Permissions, set_permissions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::call::{self, errno};
use super::case::{Case, Target, prepare_cases, repeat, run_cases, table};

/// What a noexec mount refuses.
fn noexec() -> Vec<Case> {
    let mut cases = table! { "noexec", EACCES;
        "noexec-exec" "exec" File call::execve;
        "noexec-exec-dirfd" "exec" File call::execveat;
    };
    cases.extend(table! { "noexec", EPERM;
        "noexec-mmap" "mmap" File mmap_exec;
    });
    cases.extend(table! { "mapping", EACCES;
        "mapping-mmap" "mmap" File mmap_write;
    });
    cases
}

/// What it refuses of a mapping that is there already, which has no path.
fn mprotect() -> Vec<Case> {
    table! { "noexec_mprotect", EACCES;
        "noexec-mprotect" "mmap" File mprotect_exec;
    }
}

/// Runs them.
pub fn run_noexec(directory: &Path) -> Result<bool, String> {
    let mut as_meant = run_cases(directory, &noexec())?;
    for case in mprotect() {
        let target = Target::new(directory, case.name)?;
        as_meant &= repeat(&case, "", || (case.act)(&target));
    }
    Ok(as_meant)
}

/// Makes executables.
pub fn prepare_noexec(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &noexec())?;
    prepare_cases(directory, &mprotect())?;
    for case in noexec() {
        set_permissions(directory.join(case.name), Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// What a nodev mount refuses.
pub fn nodev() -> Vec<Case> {
    table! { "nodev", EACCES;
        "nodev-open" "open" Nothing call::open_write;
        "nodev-open-read" "open" Nothing call::open_read;
    }
}

/// Makes device nodes, of /dev/null.
pub fn prepare_nodev(directory: &Path) -> std::io::Result<()> {
    for case in nodev() {
        let target = Target::new(directory, case.name).map_err(std::io::Error::other)?;
        match call::mknod_device(&target) {
            0 => {}
            errno => return Err(std::io::Error::from_raw_os_error(errno)),
        }
    }
    Ok(())
}

fn mmap_exec(t: &Target) -> i32 {
    map(t, libc::PROT_READ | libc::PROT_EXEC, |_| 0)
}

/// Mapped for reading, then made executable.
fn mprotect_exec(t: &Target) -> i32 {
    map(t, libc::PROT_READ, |page| {
        let protection = libc::PROT_READ | libc::PROT_EXEC;
        // SAFETY: the page is mapped, and nothing else uses it.
        errno(unsafe { libc::mprotect(page, 4096, protection) }.into())
    })
}

/// For writing, of a file that is open for reading.
fn mmap_write(t: &Target) -> i32 {
    map(t, libc::PROT_READ | libc::PROT_WRITE, |_| 0)
}

/// Maps the target's first page from a descriptor for reading.
fn map(t: &Target, protection: i32, then: impl FnOnce(*mut libc::c_void) -> i32) -> i32 {
    let file = match File::open(OsStr::from_bytes(t.absolute.as_bytes())) {
        Ok(file) => file,
        Err(error) => return error.raw_os_error().unwrap_or(-1),
    };
    let none = std::ptr::null_mut();
    // SAFETY: a new mapping, at a place that the kernel chooses.
    let page = unsafe {
        libc::mmap(
            none,
            4096,
            protection,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return errno(-1);
    }
    let got = then(page);
    // SAFETY: mapped above, and nothing else uses it.
    unsafe { libc::munmap(page, 4096) };
    got
}
