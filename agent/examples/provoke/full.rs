//! Cases of a file system or quota that is full: by bytes, by inodes.
//!
//! In: an empty directory with a limit, and the errno that its end brings. Out:
//! reports. Invariant: what fills the directory is refused once, and that is
//! reported too. Lacks on purpose: page faults in a mapping, which are no refusals
//! of a system call.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::call::{self, errno, syscall};
use super::{ATTEMPTS, Act, Target, report};

/// Bytes written at once; a page, so that no write ends halfway.
const PIECE: [u8; 4096] = [1; 4096];
/// More pieces or files than any limit that is tested.
const FILLERS_MAX: usize = 100_000;

/// Writes until there is no room, then writes in every other way.
pub fn bytes(directory: &Path, meant: i32) -> Result<bool, String> {
    let prefix = prefix(meant);
    let open = |name: &str| {
        let path = directory.join(format!("{prefix}-{name}"));
        let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>((file, path.to_string_lossy().into_owned()))
    };
    let ways: [(&str, &str, fn(&File) -> i32); 5] = [
        ("write-position", "write", |file| {
            errno(syscall!(
                SYS_pwrite64,
                file.as_raw_fd(),
                PIECE.as_ptr(),
                PIECE.len(),
                0_i64
            ))
        }),
        ("write-vector", "write", |file| {
            let piece = libc::iovec {
                iov_base: PIECE.as_ptr().cast_mut().cast(),
                iov_len: PIECE.len(),
            };
            errno(syscall!(SYS_writev, file.as_raw_fd(), &raw const piece, 1))
        }),
        ("write-vector-position", "write", |file| {
            let piece = libc::iovec {
                iov_base: PIECE.as_ptr().cast_mut().cast(),
                iov_len: PIECE.len(),
            };
            errno(syscall!(
                SYS_pwritev,
                file.as_raw_fd(),
                &raw const piece,
                1,
                0_i64,
                0_i64
            ))
        }),
        ("write-sendfile", "write", |file| {
            match File::open("/proc/self/exe") {
                Ok(from) => errno(syscall!(
                    SYS_sendfile,
                    file.as_raw_fd(),
                    from.as_raw_fd(),
                    std::ptr::null::<libc::off_t>(),
                    PIECE.len()
                )),
                Err(error) => error.raw_os_error().unwrap_or(-1),
            }
        }),
        ("fallocate", "fallocate", |file| {
            errno(syscall!(
                SYS_fallocate,
                file.as_raw_fd(),
                0,
                0_i64,
                4096_i64
            ))
        }),
    ];
    let mut files = Vec::new();
    for (name, _, _) in ways {
        files.push(open(name)?);
    }
    let (filler, path) = open("write")?;
    let mut got = 0;
    for _ in 0..FILLERS_MAX {
        got = errno(syscall!(
            SYS_write,
            filler.as_raw_fd(),
            PIECE.as_ptr(),
            PIECE.len()
        ));
        if got != 0 {
            break;
        }
    }
    let mut as_meant = report(&format!("{prefix}-write"), "write", meant, got, &path, 1);
    for ((name, operation, way), (file, path)) in ways.into_iter().zip(&files) {
        for _ in 0..ATTEMPTS {
            got = way(file);
        }
        as_meant &= report(
            &format!("{prefix}-{name}"),
            operation,
            meant,
            got,
            path,
            ATTEMPTS,
        );
    }
    Ok(as_meant)
}

/// Makes files until there is no inode, then everything else that needs one.
pub fn inodes(directory: &Path, meant: i32) -> Result<bool, String> {
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let prefix = prefix(meant);
    let ways: [(&str, &str, Act); 7] = [
        ("create-dirfd", "create", call::createat_exclusive),
        ("mkdir", "mkdir", call::mkdir),
        ("mknod", "mknod", call::mknod_fifo),
        ("symlink", "symlink", call::symlink),
        ("symlink-dirfd", "symlink", call::symlinkat),
        ("bind", "bind", call::bind_absolute),
        // Last: a quota does not count links.
        ("link", "link", call::link),
    ];
    let ways = if meant == libc::EDQUOT {
        &ways[..6]
    } else {
        &ways[..]
    };
    let source = directory.join(format!("{prefix}-link.from"));
    File::create(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut got = 0;
    let mut last = String::new();
    for number in 0..FILLERS_MAX {
        last = directory
            .join(format!("{prefix}-create-{number}"))
            .to_string_lossy()
            .into_owned();
        let path = CString::new(last.as_str()).map_err(|error| error.to_string())?;
        got = call::opened(syscall!(
            SYS_open,
            path.as_ptr(),
            libc::O_CREAT | libc::O_WRONLY,
            0o644
        ));
        if got != 0 {
            break;
        }
    }
    let mut as_meant = report(&format!("{prefix}-create"), "create", meant, got, &last, 1);
    for (name, operation, way) in ways {
        let case = format!("{prefix}-{name}");
        let target = Target::new(directory, &case)?;
        for _ in 0..ATTEMPTS {
            got = way(&target);
        }
        let path = target.absolute.to_string_lossy().into_owned();
        as_meant &= report(&case, operation, meant, got, &path, ATTEMPTS);
    }
    Ok(as_meant)
}

fn prefix(errno: i32) -> &'static str {
    if errno == libc::EDQUOT {
        "edquot"
    } else {
        "enospc"
    }
}
