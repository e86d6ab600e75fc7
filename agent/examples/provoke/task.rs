//! Operations on tasks and on the system: ptrace, signal, mount, capability.
//!
//! In: nothing of the target but where it is. Out: 0, or the errno. Invariant:
//! where it is not refused, the task goes on as before. Lacks on purpose: tasks
//! outside the container.

use std::process::{Command, Stdio};

use super::call::{errno, syscall};
use super::case::Target;

/// Attaches to the parent, which has the same rights but for a security module's.
pub fn ptrace_parent(_: &Target) -> i32 {
    // SAFETY: no memory is passed.
    let parent = unsafe { libc::getppid() };
    let seized = errno(syscall!(SYS_ptrace, libc::PTRACE_SEIZE, parent, 0, 0));
    if seized == 0 {
        // The tracee runs on; the tracer's end lets it go.
        return 0;
    }
    seized
}

/// Attaches to a child, which Yama does not mind.
pub fn ptrace_child(_: &Target) -> i32 {
    let child = Command::new("/proc/self/exe")
        .arg("until-end-of-input")
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        return libc::ECHILD;
    };
    let seized = errno(syscall!(SYS_ptrace, libc::PTRACE_SEIZE, child.id(), 0, 0));
    // Closes the child's input, which ends it.
    match child.wait() {
        Ok(_) => seized,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}

/// Asks the parent whether it is there.
pub fn signal_parent(_: &Target) -> i32 {
    // SAFETY: no memory is passed.
    let parent = unsafe { libc::getppid() };
    errno(syscall!(SYS_kill, parent, libc::SIGCONT))
}

/// Mounts a tmpfs on the target.
pub fn mount(t: &Target) -> i32 {
    errno(syscall!(
        SYS_mount,
        c"none".as_ptr(),
        t.absolute.as_ptr(),
        c"tmpfs".as_ptr(),
        0,
        std::ptr::null::<libc::c_char>()
    ))
}

/// Makes the target the root.
pub fn chroot(t: &Target) -> i32 {
    errno(syscall!(SYS_chroot, t.absolute.as_ptr()))
}
