//! Writes to an open file, in every way there is: 0, or the errno.
//!
//! In: a descriptor open for reading and writing. Out: the errno. Invariant: one
//! attempt is one refusal. Lacks on purpose: writes that succeed halfway.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::{errno, syscall};

/// Bytes written at once; a page, so that no write ends halfway.
pub const PIECE: [u8; 4096] = [1; 4096];

pub fn write(fd: RawFd) -> i32 {
    errno(syscall!(SYS_write, fd, PIECE.as_ptr(), PIECE.len()))
}

pub fn pwrite(fd: RawFd) -> i32 {
    errno(syscall!(
        SYS_pwrite64,
        fd,
        PIECE.as_ptr(),
        PIECE.len(),
        0_i64
    ))
}

/// Of one piece.
fn vector() -> libc::iovec {
    libc::iovec {
        iov_base: PIECE.as_ptr().cast_mut().cast(),
        iov_len: PIECE.len(),
    }
}

pub fn writev(fd: RawFd) -> i32 {
    let piece = vector();
    errno(syscall!(SYS_writev, fd, &raw const piece, 1))
}

pub fn pwritev(fd: RawFd) -> i32 {
    let piece = vector();
    errno(syscall!(SYS_pwritev, fd, &raw const piece, 1, 0_i64, 0_i64))
}

pub fn fallocate(fd: RawFd) -> i32 {
    errno(syscall!(SYS_fallocate, fd, 0, 0_i64, 4096_i64))
}

pub fn sendfile(fd: RawFd) -> i32 {
    let from = match File::open("/proc/self/exe") {
        Ok(from) => from,
        Err(error) => return error.raw_os_error().unwrap_or(-1),
    };
    let none = std::ptr::null::<libc::off_t>();
    errno(syscall!(
        SYS_sendfile,
        fd,
        from.as_raw_fd(),
        none,
        PIECE.len()
    ))
}

pub fn splice(fd: RawFd) -> i32 {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors into `ends`.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return errno(-1);
    }
    // SAFETY: both were just made, and nobody else has them.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let filled = errno(syscall!(
        SYS_write,
        write.as_raw_fd(),
        PIECE.as_ptr(),
        PIECE.len()
    ));
    if filled != 0 {
        return filled;
    }
    let none = std::ptr::null::<libc::loff_t>();
    errno(syscall!(
        SYS_splice,
        read.as_raw_fd(),
        none,
        fd,
        none,
        PIECE.len(),
        0
    ))
}

/// Set by the handler of SIGBUS.
static BUS_ERROR: AtomicBool = AtomicBool::new(false);

/// A store into a shared mapping of the file, on a page that has no memory yet: ENOSPC
/// where the task is sent SIGBUS for it.
pub fn page_fault(fd: RawFd) -> i32 {
    const LENGTH: usize = PIECE.len();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // A page past everything that was written, within the file.
    let offset = 1 << 30;
    // SAFETY: no memory is passed.
    if unsafe { libc::ftruncate(fd, offset + LENGTH as i64) } != 0 {
        return errno(-1);
    }
    // SAFETY: a new mapping, at a place that the kernel chooses.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            LENGTH,
            protection,
            libc::MAP_SHARED,
            fd,
            offset,
        )
    };
    if page == libc::MAP_FAILED {
        return errno(-1);
    }
    BUS_ERROR.store(false, Ordering::SeqCst);
    // SAFETY: zero is a valid value of each of its members.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_bus_error as extern "C" fn(_, _, _) as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler only stores a flag and steps the fault aside.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) };
    // SAFETY: mapped above; where the page cannot be had the handler maps another.
    unsafe { std::ptr::write_volatile(page.cast::<u8>(), 1) };
    // SAFETY: the mapping is this function's own.
    unsafe { libc::munmap(page, LENGTH) };
    if BUS_ERROR.load(Ordering::SeqCst) {
        libc::ENOSPC
    } else {
        0
    }
}

/// Puts private memory where the fault was, so that the store goes on.
extern "C" fn on_bus_error(_: i32, info: *const libc::siginfo_t, _: *const libc::c_void) {
    BUS_ERROR.store(true, Ordering::SeqCst);
    // SAFETY: the kernel passes a siginfo_t with the address of the fault.
    let address = unsafe { (*info).si_addr() } as usize & !(PIECE.len() - 1);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: replaces the page that the fault was on, which `page_fault` owns.
    unsafe { libc::mmap(address as *mut _, PIECE.len(), protection, flags, -1, 0) };
}
