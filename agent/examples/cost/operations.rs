//! The operations whose cost is measured, in a place of their own.
//!
//! In: a directory. Out: each operation as a round of system calls, tried once.
//! Invariant: an operation that does not end as it is meant to is no measurement but
//! an error. Lacks on purpose: anything that the kernel does once and keeps; files and
//! directories are there before the first round.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::io::Error;
use std::path::Path;

use crate::batch::{Call, Cost, Length, Round, cost};

/// A round, how it is called, and what its last call must return.
struct Operation {
    name: &'static str,
    round: Round,
    returns: i64,
}

/// Instructions of the loop by itself: the counter counts instructions where it says so.
const EMPTY_LOOP: f64 = 2.0;
/// What reading the counter adds to a batch, in instructions per round, at most.
const READING: f64 = 0.5;
const EROFS: i64 = -(libc::EROFS as i64);
const ENOENT: i64 = -(libc::ENOENT as i64);

/// Paths of the operations, as the kernel takes them.
struct Paths {
    read: CString,
    write: CString,
    sealed: CString,
    absent: CString,
    made: CString,
    one: CString,
    other: CString,
    appended: CString,
}

impl Paths {
    /// Makes what is to be there below `place`: a tmpfs, and a part of it bound read-only.
    fn prepare(place: &Path) -> Result<Paths, String> {
        let sealed = place.join("sealed");
        fs::create_dir_all(&sealed).map_err(|error| told(&sealed, &error))?;
        for name in [
            "config.yaml",
            "state.db",
            "names.old",
            "log",
            "sealed/app.pid",
        ] {
            let path = place.join(name);
            fs::write(&path, "0").map_err(|error| told(&path, &error))?;
        }
        mount(&sealed, libc::MS_BIND)?;
        mount(&sealed, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY)?;
        let path = |name: &str| {
            let path = place.join(name);
            CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())
        };
        Ok(Paths {
            read: path("config.yaml")?,
            write: path("state.db")?,
            sealed: path("sealed/app.pid")?,
            absent: path("missing.conf")?,
            made: path("spool")?,
            one: path("names.old")?,
            other: path("names.new")?,
            appended: path("log")?,
        })
    }
}

fn told(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Mounts a directory onto itself, or changes that.
fn mount(path: &Path, flags: libc::c_ulong) -> Result<(), String> {
    let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|e| told(path, &e))?;
    let at = name.as_ptr();
    // SAFETY: NUL-terminated names and no data.
    let result = unsafe { libc::mount(at, at, std::ptr::null(), flags, std::ptr::null()) };
    match result {
        0 => Ok(()),
        _ => Err(told(path, &Error::last_os_error())),
    }
}

fn call(number: i64, arguments: [u64; 4]) -> Call {
    Call { number, arguments }
}

fn open(path: &CStr, flags: i32) -> Call {
    let directory = libc::AT_FDCWD as u64;
    call(
        libc::SYS_openat,
        [directory, path.as_ptr() as u64, flags as u64, 0],
    )
}

fn at(path: &CStr) -> u64 {
    path.as_ptr() as u64
}

/// Measures every operation below `place`; instructions by the operation's name.
pub fn measure(place: &Path, length: Length) -> Result<BTreeMap<String, Cost>, String> {
    let paths = Paths::prepare(place)?;
    // SAFETY: zeroes are a valid `stat`, and the kernel writes no more than that.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a NUL-terminated path.
    let log = unsafe { libc::open(paths.appended.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if log < 0 {
        return Err(format!("{:?}: {}", paths.appended, Error::last_os_error()));
    }
    let byte = [b'x'];
    let operation = |name, round, returns| Operation {
        name,
        round,
        returns,
    };
    let operations = [
        operation("getppid", Round::One(call(libc::SYS_getppid, [0; 4])), -1),
        operation(
            "stat",
            Round::One(call(
                libc::SYS_stat,
                [at(&paths.read), &raw mut status as u64, 0, 0],
            )),
            0,
        ),
        operation(
            "open_read",
            Round::Closed(open(&paths.read, libc::O_RDONLY)),
            0,
        ),
        operation(
            "open_write",
            Round::Closed(open(&paths.write, libc::O_WRONLY)),
            0,
        ),
        operation(
            "open_refused",
            Round::One(open(&paths.sealed, libc::O_WRONLY)),
            EROFS,
        ),
        operation(
            "open_absent",
            Round::One(open(&paths.absent, libc::O_RDONLY)),
            ENOENT,
        ),
        operation(
            "write",
            Round::One(call(
                libc::SYS_write,
                [log as u64, byte.as_ptr() as u64, 1, 0],
            )),
            1,
        ),
        operation(
            "mkdir",
            Round::Undone(
                call(libc::SYS_mkdir, [at(&paths.made), 0o755, 0, 0]),
                libc::SYS_rmdir,
            ),
            0,
        ),
        operation(
            "rename",
            Round::Back(call(
                libc::SYS_rename,
                [at(&paths.one), at(&paths.other), 0, 0],
            )),
            0,
        ),
    ];
    let (empty, _) = cost(Round::Empty, length);
    if (empty.median - EMPTY_LOOP).abs() > READING {
        return Err(format!(
            "the counter does not count instructions: a loop of {EMPTY_LOOP} took {}",
            empty.median
        ));
    }
    let mut measured = BTreeMap::new();
    for operation in operations {
        let (cost, last) = cost(operation.round, length);
        // getppid's answer is whatever it is.
        if operation.returns != -1 && last != operation.returns {
            return Err(format!(
                "{} returned {last}, not {}",
                operation.name, operation.returns
            ));
        }
        measured.insert(operation.name.to_owned(), cost);
    }
    Ok(measured)
}
