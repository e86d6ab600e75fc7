//! File operations through io_uring, without a system call of their family.
//!
//! In: a target. Out: the errno of the request, from its completion. Invariant: one
//! ring per call, gone when the call returns. Lacks on purpose: everything that
//! liburing does for speed.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use super::call::{errno, syscall};
use super::case::Target;

/// IORING_OP_OPENAT.
const OPENAT: u8 = 18;
/// IORING_OP_WRITE.
const WRITE: u8 = 23;
/// IORING_OP_RENAMEAT, since 5.11.
const RENAMEAT: u8 = 35;
/// IORING_OP_UNLINKAT, since 5.11.
const UNLINKAT: u8 = 36;
/// IORING_OP_MKDIRAT, since 5.15.
const MKDIRAT: u8 = 37;
/// IORING_ENTER_GETEVENTS.
const GETEVENTS: u32 = 1;
/// IORING_FEAT_SINGLE_MMAP.
const SINGLE_MMAP: u32 = 1;
/// IORING_OFF_SQES.
const OFFSET_ENTRIES: i64 = 0x1000_0000;
const ENTRIES: u32 = 1;

/// `struct io_sqring_offsets` and `struct io_cqring_offsets`.
#[repr(C)]
#[derive(Default)]
struct Offsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    rest: [u32; 6],
}

/// `struct io_uring_params`.
#[repr(C)]
#[derive(Default)]
struct Parameters {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    submissions: Offsets,
    completions: Offsets,
}

/// `struct io_uring_sqe`, as requests by path and writes use it.
#[repr(C)]
#[derive(Default)]
struct Entry {
    opcode: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    /// Or the address of the second path.
    offset: u64,
    address: u64,
    /// Bytes, or the mode, or the second directory.
    length: u32,
    /// Flags of the operation.
    op_flags: u32,
    user_data: u64,
    rest: [u64; 3],
}

/// Memory shared with the kernel.
struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    fn new(fd: RawFd, length: usize, offset: i64) -> Result<Mapping, i32> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(errno(-1));
        }
        Ok(Mapping {
            start: start.cast(),
            length,
        })
    }

    /// One of the ring's indices.
    fn index(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel's offsets lie within the mapping and are aligned for a u32.
        unsafe { &*self.start.add(offset as usize).cast::<AtomicU32>() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and no reference into it is left.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

/// Opens the target for writing, relative to its directory.
pub fn open_write(t: &Target) -> i32 {
    openat(t, libc::O_WRONLY)
}

/// Creates the target, relative to its directory.
pub fn create(t: &Target) -> i32 {
    openat(t, libc::O_WRONLY | libc::O_CREAT)
}

/// Makes the target, a directory, relative to its directory.
pub fn mkdir(t: &Target) -> i32 {
    later(Entry {
        opcode: MKDIRAT,
        fd: t.dirfd(),
        address: t.relative.as_ptr() as u64,
        length: 0o755,
        ..Entry::default()
    })
}

/// Unlinks the target, relative to its directory.
pub fn unlink(t: &Target) -> i32 {
    later(Entry {
        opcode: UNLINKAT,
        fd: t.dirfd(),
        address: t.relative.as_ptr() as u64,
        ..Entry::default()
    })
}

/// Renames the target's source to it, relative to its directory.
pub fn rename(t: &Target) -> i32 {
    let source = t.source();
    later(Entry {
        opcode: RENAMEAT,
        fd: t.dirfd(),
        address: source.as_ptr() as u64,
        length: t.dirfd() as u32,
        offset: t.relative.as_ptr() as u64,
        ..Entry::default()
    })
}

/// Writes a piece at the start of an open file.
pub fn write(fd: RawFd, piece: &[u8]) -> i32 {
    let entry = Entry {
        opcode: WRITE,
        fd,
        address: piece.as_ptr() as u64,
        length: piece.len() as u32,
        ..Entry::default()
    };
    refused(request(entry))
}

fn openat(t: &Target, flags: i32) -> i32 {
    let entry = Entry {
        opcode: OPENAT,
        fd: t.dirfd(),
        address: t.relative.as_ptr() as u64,
        length: 0o644,
        op_flags: flags as u32,
        ..Entry::default()
    };
    match request(entry) {
        Ok(fd) if fd >= 0 => {
            // SAFETY: the request made the descriptor, and nobody else has it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            0
        }
        other => refused(other),
    }
}

/// A request that older kernels do not have.
fn later(entry: Entry) -> i32 {
    match refused(request(entry)) {
        libc::EINVAL => libc::ENOSYS,
        errno => errno,
    }
}

fn refused(result: Result<i32, i32>) -> i32 {
    match result {
        Ok(negative @ ..0) => -negative,
        Ok(_) => 0,
        Err(errno) => errno,
    }
}

/// The request's result, or the errno of setting the ring up.
fn request(entry: Entry) -> Result<i32, i32> {
    let mut parameters = Parameters::default();
    let fd = syscall!(SYS_io_uring_setup, ENTRIES, &raw mut parameters);
    if fd < 0 {
        return Err(errno(-1));
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let ring = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    if parameters.features & SINGLE_MMAP == 0 {
        return Err(libc::ENOSYS);
    }
    // The completion entries (16 bytes each) lie behind both rings' indices.
    let completions = parameters.completions.rest[1];
    let array = parameters.submissions.rest[2];
    let length = (completions + 16 * parameters.cq_entries).max(array + 4 * parameters.sq_entries);
    let rings = Mapping::new(ring.as_raw_fd(), length as usize, 0)?;
    let entries = Mapping::new(ring.as_raw_fd(), size_of::<Entry>(), OFFSET_ENTRIES)?;
    // SAFETY: the mapping holds one entry, which the kernel reads only on submission.
    unsafe { entries.start.cast::<Entry>().write(entry) };
    rings.index(array).store(0, Ordering::Relaxed);
    rings
        .index(parameters.submissions.tail)
        .store(1, Ordering::Release);
    let none = std::ptr::null::<libc::sigset_t>();
    let submitted = syscall!(
        SYS_io_uring_enter,
        ring.as_raw_fd(),
        1,
        1,
        GETEVENTS,
        none,
        0
    );
    if submitted < 0 {
        return Err(errno(-1));
    }
    if rings
        .index(parameters.completions.tail)
        .load(Ordering::Acquire)
        != 1
    {
        return Err(libc::EAGAIN);
    }
    // struct io_uring_cqe: user_data (u64), res (i32), flags (u32).
    Ok(rings.index(completions + 8).load(Ordering::Relaxed) as i32)
}
