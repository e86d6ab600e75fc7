//! System calls as functions of a [`Target`]: 0, or the errno.
//!
//! In: a target that is there or not, as the case needs. Out: the errno. Invariant:
//! no call but the one named can be refused. Lacks on purpose: libc's wrappers where
//! they call something else than they are named after.

mod open;

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::case::Target;

pub use open::*;

/// The errno of a call that returns a number below zero on failure.
pub fn errno(result: i64) -> i32 {
    if result >= 0 {
        return 0;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(-1)
}

/// The same for a call that returns a descriptor, which is closed.
pub fn opened(fd: i64) -> i32 {
    let errno = errno(fd);
    if let Ok(fd @ 0..) = RawFd::try_from(fd) {
        // SAFETY: the descriptor was just made and nobody else has it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    errno
}

/// Runs one system call with up to five arguments.
macro_rules! syscall {
    ($number:ident $(, $argument:expr)*) => {
        // SAFETY: the arguments are numbers or point to memory that outlives the call.
        unsafe { libc::syscall(libc::$number $(, $argument)*) }
    };
}
pub(crate) use syscall;

const MODE: u32 = 0o644;

pub fn mkdir(t: &Target) -> i32 {
    errno(syscall!(SYS_mkdir, t.absolute.as_ptr(), 0o755))
}
pub fn mkdir_relative(t: &Target) -> i32 {
    errno(syscall!(SYS_mkdir, t.relative.as_ptr(), 0o755))
}
pub fn mkdirat(t: &Target) -> i32 {
    errno(syscall!(SYS_mkdirat, t.dirfd(), t.relative.as_ptr(), 0o755))
}
pub fn mknod_fifo(t: &Target) -> i32 {
    errno(syscall!(
        SYS_mknod,
        t.absolute.as_ptr(),
        libc::S_IFIFO | MODE,
        0
    ))
}
pub fn mknodat_fifo(t: &Target) -> i32 {
    errno(syscall!(
        SYS_mknodat,
        t.dirfd(),
        t.relative.as_ptr(),
        libc::S_IFIFO | MODE,
        0
    ))
}
pub fn mknod_device(t: &Target) -> i32 {
    let null = libc::makedev(1, 3);
    errno(syscall!(
        SYS_mknod,
        t.absolute.as_ptr(),
        libc::S_IFCHR | MODE,
        null
    ))
}
pub fn symlink(t: &Target) -> i32 {
    errno(syscall!(
        SYS_symlink,
        c"somewhere".as_ptr(),
        t.absolute.as_ptr()
    ))
}
pub fn symlinkat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_symlinkat,
        c"somewhere".as_ptr(),
        t.dirfd(),
        t.relative.as_ptr()
    ))
}
pub fn link(t: &Target) -> i32 {
    errno(syscall!(SYS_link, t.source().as_ptr(), t.absolute.as_ptr()))
}
pub fn linkat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_linkat,
        t.dirfd(),
        t.source().as_ptr(),
        t.dirfd(),
        t.relative.as_ptr(),
        0
    ))
}
pub fn unlink(t: &Target) -> i32 {
    errno(syscall!(SYS_unlink, t.absolute.as_ptr()))
}
pub fn unlinkat(t: &Target) -> i32 {
    errno(syscall!(SYS_unlinkat, t.dirfd(), t.relative.as_ptr(), 0))
}
pub fn rmdir(t: &Target) -> i32 {
    errno(syscall!(SYS_rmdir, t.absolute.as_ptr()))
}
pub fn rmdirat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_unlinkat,
        t.dirfd(),
        t.relative.as_ptr(),
        libc::AT_REMOVEDIR
    ))
}
pub fn rename(t: &Target) -> i32 {
    errno(syscall!(
        SYS_rename,
        t.source().as_ptr(),
        t.absolute.as_ptr()
    ))
}
pub fn renameat2(t: &Target) -> i32 {
    let flags = libc::RENAME_NOREPLACE;
    errno(syscall!(
        SYS_renameat2,
        t.dirfd(),
        t.source().as_ptr(),
        t.dirfd(),
        t.relative.as_ptr(),
        flags
    ))
}
pub fn chmod(t: &Target) -> i32 {
    errno(syscall!(SYS_chmod, t.absolute.as_ptr(), 0o600))
}
pub fn fchmod(t: &Target) -> i32 {
    on_file(t, |fd| syscall!(SYS_fchmod, fd, 0o600))
}
pub fn fchmodat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_fchmodat,
        t.dirfd(),
        t.relative.as_ptr(),
        0o600
    ))
}
pub fn chown(t: &Target) -> i32 {
    errno(syscall!(SYS_chown, t.absolute.as_ptr(), 12_345, 12_345))
}
pub fn lchown(t: &Target) -> i32 {
    errno(syscall!(SYS_lchown, t.relative.as_ptr(), 12_345, 12_345))
}
pub fn fchown(t: &Target) -> i32 {
    on_file(t, |fd| syscall!(SYS_fchown, fd, 12_345, 12_345))
}
pub fn fchownat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_fchownat,
        t.dirfd(),
        t.relative.as_ptr(),
        12_345,
        12_345,
        0
    ))
}
/// Any times but "now", which more people may set.
const TIMES: [libc::timespec; 2] = [libc::timespec {
    tv_sec: 1,
    tv_nsec: 1,
}; 2];
pub fn utimensat(t: &Target) -> i32 {
    errno(syscall!(
        SYS_utimensat,
        t.dirfd(),
        t.relative.as_ptr(),
        TIMES.as_ptr(),
        0
    ))
}
pub fn utime_now(t: &Target) -> i32 {
    let now = std::ptr::null::<libc::timespec>();
    errno(syscall!(
        SYS_utimensat,
        libc::AT_FDCWD,
        t.absolute.as_ptr(),
        now,
        0
    ))
}
pub fn futimens(t: &Target) -> i32 {
    let none = std::ptr::null::<libc::c_char>();
    on_file(t, |fd| syscall!(SYS_utimensat, fd, none, TIMES.as_ptr(), 0))
}
pub fn utimes(t: &Target) -> i32 {
    let times = [libc::timeval {
        tv_sec: 1,
        tv_usec: 1,
    }; 2];
    errno(syscall!(SYS_utimes, t.absolute.as_ptr(), times.as_ptr()))
}
pub fn truncate(t: &Target) -> i32 {
    errno(syscall!(SYS_truncate, t.absolute.as_ptr(), 1))
}
pub fn truncate_relative(t: &Target) -> i32 {
    errno(syscall!(SYS_truncate, t.relative.as_ptr(), 1))
}

const USER: &CStr = c"user.sealwatch";
const TRUSTED: &CStr = c"trusted.sealwatch";
const VALUE: &[u8] = b"1";

pub fn setxattr(t: &Target) -> i32 {
    errno(syscall!(
        SYS_setxattr,
        t.absolute.as_ptr(),
        USER.as_ptr(),
        VALUE.as_ptr(),
        1,
        0
    ))
}
pub fn lsetxattr(t: &Target) -> i32 {
    errno(syscall!(
        SYS_lsetxattr,
        t.relative.as_ptr(),
        USER.as_ptr(),
        VALUE.as_ptr(),
        1,
        0
    ))
}
pub fn fsetxattr(t: &Target) -> i32 {
    on_file(t, |fd| {
        syscall!(SYS_fsetxattr, fd, USER.as_ptr(), VALUE.as_ptr(), 1, 0)
    })
}
pub fn removexattr(t: &Target) -> i32 {
    errno(syscall!(
        SYS_removexattr,
        t.absolute.as_ptr(),
        USER.as_ptr()
    ))
}
pub fn fremovexattr(t: &Target) -> i32 {
    on_file(t, |fd| syscall!(SYS_fremovexattr, fd, USER.as_ptr()))
}
pub fn setxattr_trusted(t: &Target) -> i32 {
    errno(syscall!(
        SYS_setxattr,
        t.absolute.as_ptr(),
        TRUSTED.as_ptr(),
        VALUE.as_ptr(),
        1,
        0
    ))
}
pub fn fsetxattr_trusted(t: &Target) -> i32 {
    on_file(t, |fd| {
        syscall!(SYS_fsetxattr, fd, TRUSTED.as_ptr(), VALUE.as_ptr(), 1, 0)
    })
}

pub fn bind_absolute(t: &Target) -> i32 {
    bind(&t.absolute)
}
pub fn bind_relative(t: &Target) -> i32 {
    bind(&t.relative)
}
fn bind(path: &CStr) -> i32 {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) };
    if fd < 0 {
        return errno(-1);
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: zero is a valid value of each of its integers.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().zip(path.to_bytes_with_nul()) {
        *to = *from as libc::c_char;
    }
    let length = size_of::<libc::sa_family_t>() + path.to_bytes_with_nul().len();
    errno(syscall!(
        SYS_bind,
        socket.as_raw_fd(),
        &raw const address,
        length
    ))
}

pub fn execve(t: &Target) -> i32 {
    let arguments = [t.absolute.as_ptr(), std::ptr::null()];
    let none = [std::ptr::null::<libc::c_char>()];
    errno(syscall!(
        SYS_execve,
        t.absolute.as_ptr(),
        arguments.as_ptr(),
        none.as_ptr()
    ))
}
pub fn execveat(t: &Target) -> i32 {
    let arguments = [t.absolute.as_ptr(), std::ptr::null()];
    let none = [std::ptr::null::<libc::c_char>()];
    errno(syscall!(
        SYS_execveat,
        t.dirfd(),
        t.relative.as_ptr(),
        arguments.as_ptr(),
        none.as_ptr(),
        0
    ))
}

/// A call on the target's descriptor, open for reading.
fn on_file(t: &Target, call: impl FnOnce(RawFd) -> i64) -> i32 {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::OsStr::from_bytes(t.absolute.as_bytes());
    match File::open(path) {
        Ok(file) => errno(call(file.as_raw_fd())),
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}
