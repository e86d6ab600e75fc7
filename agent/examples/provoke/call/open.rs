//! The open family as functions of a [`Target`]: 0, or the errno.
//!
//! In: a target that is there or not, as the case needs. Out: the errno. Invariant:
//! what was opened is closed. Lacks on purpose: opens through io_uring.

use std::os::unix::ffi::OsStrExt;

use super::super::case::Target;
use super::{MODE, errno, opened, syscall};

pub fn open_write(t: &Target) -> i32 {
    opened(syscall!(SYS_open, t.absolute.as_ptr(), libc::O_WRONLY, 0))
}
pub fn open_relative(t: &Target) -> i32 {
    opened(syscall!(
        SYS_openat,
        libc::AT_FDCWD,
        t.relative.as_ptr(),
        libc::O_RDWR,
        0
    ))
}
pub fn openat_truncate(t: &Target) -> i32 {
    opened(syscall!(
        SYS_openat,
        t.dirfd(),
        t.relative.as_ptr(),
        libc::O_WRONLY | libc::O_TRUNC,
        0
    ))
}
pub fn open_read(t: &Target) -> i32 {
    opened(syscall!(
        SYS_openat,
        libc::AT_FDCWD,
        t.absolute.as_ptr(),
        libc::O_RDONLY,
        0
    ))
}
pub fn open_noatime(t: &Target) -> i32 {
    opened(syscall!(
        SYS_openat,
        t.dirfd(),
        t.relative.as_ptr(),
        libc::O_NOATIME,
        0
    ))
}
pub fn openat2_write(t: &Target) -> i32 {
    // struct open_how: flags, mode, resolve.
    let how = [libc::O_WRONLY as u64, 0, 0];
    opened(syscall!(
        SYS_openat2,
        t.dirfd(),
        t.relative.as_ptr(),
        how.as_ptr(),
        size_of_val(&how)
    ))
}
pub fn create(t: &Target) -> i32 {
    let flags = libc::O_WRONLY | libc::O_CREAT;
    opened(syscall!(SYS_open, t.absolute.as_ptr(), flags, MODE))
}
pub fn creat_relative(t: &Target) -> i32 {
    opened(syscall!(SYS_creat, t.relative.as_ptr(), MODE))
}
pub fn createat_exclusive(t: &Target) -> i32 {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    opened(syscall!(
        SYS_openat,
        t.dirfd(),
        t.relative.as_ptr(),
        flags,
        MODE
    ))
}
/// Creates without waiting for a reader of what is a pipe already.
pub fn create_nonblock(t: &Target) -> i32 {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_NONBLOCK;
    opened(syscall!(SYS_open, t.absolute.as_ptr(), flags, MODE))
}

/// `struct file_handle` with room for the largest.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    handle: [u8; 128],
}

/// Opens the target by its handle, which takes a capability even where the path takes none.
pub fn open_by_handle(t: &Target) -> i32 {
    let mut handle = Handle {
        bytes: 128,
        kind: 0,
        handle: [0; 128],
    };
    let mut mount = 0_i32;
    let named = errno(syscall!(
        SYS_name_to_handle_at,
        t.dirfd(),
        t.relative.as_ptr(),
        &raw mut handle,
        &raw mut mount,
        0
    ));
    if named != 0 {
        return named;
    }
    opened(syscall!(
        SYS_open_by_handle_at,
        t.dirfd(),
        &raw const handle,
        libc::O_RDONLY
    ))
}

/// Makes a pipe with a name.
pub fn make_fifo(path: &std::path::Path) -> std::io::Result<()> {
    let name = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the name outlives the call.
    match unsafe { libc::mkfifo(name.as_ptr(), 0o644) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
