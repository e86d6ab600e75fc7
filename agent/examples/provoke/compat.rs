//! Cases of 32-bit system calls, from a 64-bit program.
//!
//! In: a prepared, read-only directory. Out: cases. Invariant: the kernel is entered
//! by `int $0x80`, with the numbers of i386 and addresses below 4 GiB. Lacks on
//! purpose: 32-bit programs, which the kernel tells from these in nothing that matters.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use super::case::{Case, Target, table};

/// What a read-only mount refuses.
pub fn cases() -> Vec<Case> {
    let mut cases = table! { "compat", EROFS;
        "compat-open" "open" File |t| call(5, [low(&t.absolute, 0), libc::O_WRONLY, 0, 0, 0]);
        "compat-open-dirfd" "open" File
            |t| call(295, [t.dirfd(), low(&t.relative, 0), libc::O_WRONLY, 0, 0]);
        "compat-create" "create" Nothing
            |t| call(5, [low(&t.absolute, 0), libc::O_WRONLY | libc::O_CREAT, 0o644, 0, 0]);
        "compat-create-creat" "create" Nothing |t| call(8, [low(&t.absolute, 0), 0o644, 0, 0, 0]);
        "compat-mkdir" "mkdir" Nothing |t| call(39, [low(&t.absolute, 0), 0o755, 0, 0, 0]);
        "compat-mkdir-relative" "mkdir" Nothing |t| call(39, [low(&t.relative, 0), 0o755, 0, 0, 0]);
        "compat-mknod" "mknod" Nothing
            |t| call(14, [low(&t.absolute, 0), (libc::S_IFIFO | 0o644) as i32, 0, 0, 0]);
        "compat-unlink" "unlink" File |t| call(10, [low(&t.absolute, 0), 0, 0, 0, 0]);
        "compat-rmdir" "rmdir" Directory |t| call(40, [low(&t.absolute, 0), 0, 0, 0, 0]);
        "compat-rename" "rename" Source
            |t| call(38, [low(&t.source(), 1), low(&t.absolute, 0), 0, 0, 0]);
        "compat-link" "link" Source
            |t| call(9, [low(&t.source(), 1), low(&t.absolute, 0), 0, 0, 0]);
        "compat-symlink" "symlink" Nothing
            |t| call(83, [low(c"somewhere", 1), low(&t.absolute, 0), 0, 0, 0]);
        "compat-chmod" "chmod" File |t| call(15, [low(&t.absolute, 0), 0o600, 0, 0, 0]);
        "compat-chown" "chown" File |t| call(212, [low(&t.absolute, 0), 12_345, 12_345, 0, 0]);
        "compat-truncate" "truncate" File |t| call(92, [low(&t.absolute, 0), 1, 0, 0, 0]);
        "compat-setxattr" "setxattr" File
            |t| call(226, [low(&t.absolute, 0), low(c"user.x", 1), low(c"1", 2), 1, 0]);
    };
    cases.extend(table! { "compat_file", EROFS;
        "compat-chown-file" "chown" File
            |t| on_file(t, |fd| call(207, [fd, 12_345, 12_345, 0, 0]));
        "compat-setxattr-file" "setxattr" File
            |t| on_file(t, |fd| call(228, [fd, low(c"user.x", 1), low(c"1", 2), 1, 0]));
    });
    cases
}

/// Bytes of one text below 4 GiB.
const SLOT: usize = 4096;
const SLOTS: usize = 3;

/// A copy of a text where 32 bits reach it, in one of a few slots.
fn low(text: &CStr, slot: usize) -> i32 {
    static START: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let start = START.get_or_init(|| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        let none = std::ptr::null_mut();
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { libc::mmap(none, SLOT * SLOTS, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return 0;
        }
        start as usize
    });
    let bytes = text.to_bytes_with_nul();
    if *start == 0 || bytes.len() > SLOT || slot >= SLOTS {
        // A bad address: the call fails with EFAULT, and the case with it.
        return 0;
    }
    let to = start + slot * SLOT;
    // SAFETY: the slot is mapped and as long as `bytes`; one thread uses it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
    to as i32
}

fn on_file(t: &Target, then: impl FnOnce(i32) -> i32) -> i32 {
    match File::open(OsStr::from_bytes(t.absolute.as_bytes())) {
        Ok(file) => then(file.as_raw_fd()),
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}

/// One system call of i386: 0, or the errno.
#[cfg(target_arch = "x86_64")]
fn call(number: i32, arguments: [i32; 5]) -> i32 {
    let [a, b, c, d, e] = arguments;
    let result: i64;
    // SAFETY: the call's memory is mapped and outlives it. rbx, which is not an
    // operand's to name, is put back; older kernels do not keep r8 to r11.
    unsafe {
        std::arch::asm!(
            "xchg {first}, rbx",
            "int 0x80",
            "xchg {first}, rbx",
            first = inout(reg) i64::from(a as u32) => _,
            inlateout("rax") i64::from(number) => result,
            in("rcx") i64::from(b as u32),
            in("rdx") i64::from(c as u32),
            in("rsi") i64::from(d as u32),
            in("rdi") i64::from(e as u32),
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    (result as i32).min(0).wrapping_neg()
}

#[cfg(not(target_arch = "x86_64"))]
fn call(_: i32, _: [i32; 5]) -> i32 {
    libc::ENOSYS
}
