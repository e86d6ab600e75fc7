//! Loads: refusals at full speed, a single one, and what is no denial.
//!
//! In: a path that is refused, or a directory that can be written. Out: a report
//! with the exact number. Invariant: `benign` is refused nothing. Lacks on purpose:
//! pacing.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::call::{opened, syscall};
use super::case::Outcome;

/// Opens `path` for writing from several threads until the time is up.
pub fn flood(threads: u64, seconds: u64, path: &str) -> Result<bool, String> {
    let name = CString::new(path).map_err(|error| error.to_string())?;
    let over = AtomicBool::new(false);
    let attempt = || opened(syscall!(SYS_open, name.as_ptr(), libc::O_WRONLY, 0));
    let meant = attempt();
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0_u64;
                    while !over.load(Ordering::Relaxed) {
                        if attempt() != meant {
                            return Err(count);
                        }
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        workers
            .into_iter()
            .map(|worker| worker.join())
            .collect::<Vec<_>>()
    });
    let mut total = 1;
    for count in counts {
        match count {
            Ok(Ok(count)) => total += count,
            _ => return Err(format!("{path}: the errno changed on the way")),
        }
    }
    tell("flood", meant, path, total);
    Ok(meant != 0)
}

/// Opens `path` for writing once.
pub fn once(path: &str) -> Result<bool, String> {
    let name = CString::new(path).map_err(|error| error.to_string())?;
    let got = opened(syscall!(SYS_open, name.as_ptr(), libc::O_WRONLY, 0));
    tell("once", got, path, 1);
    Ok(got != 0)
}

/// Reports so many refusals of opens.
pub fn tell(case: &str, errno: i32, path: &str, count: u64) {
    Outcome {
        situation: "load",
        case,
        operation: "open",
        meant: errno,
        got: errno,
        path,
        count,
    }
    .tell();
}

/// Fails with errnos that are no denials, and succeeds, a thousand times each.
pub fn benign(directory: &Path) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    let there = directory.join("there");
    for round in 0..1000 {
        let absent = directory.join(format!("absent-{round}"));
        if File::open(&absent).is_ok() || fs::remove_file(&absent).is_ok() {
            return Err(format!("{} is there", absent.display()));
        }
        fs::write(&there, "content").map_err(fail)?;
        fs::read(&there).map_err(fail)?;
        // EEXIST and ENOTDIR.
        if fs::create_dir(&there).is_ok() || File::open(there.join("below")).is_ok() {
            return Err(format!("{} is a directory", there.display()));
        }
        fs::rename(&there, &absent).map_err(fail)?;
        fs::remove_file(&absent).map_err(fail)?;
    }
    Ok(true)
}
