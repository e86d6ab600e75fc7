//! One at a time, across processes: what is made in the cache is made once.
//!
//! In: a path. Out: a [`Lock`] that is held until it is dropped. Invariant: a
//! process that dies lets go of it.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// An exclusive lock on a file.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for whoever holds it.
    pub(crate) fn take(path: &Path) -> Result<Lock> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        // SAFETY: the descriptor is open, and no memory is passed.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } != 0 {
            return Err(std::io::Error::last_os_error()).context("flock");
        }
        Ok(Lock { _file: file })
    }
}
