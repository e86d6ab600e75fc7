//! One at a time, across processes: what is made in the cache is made once.
//!
//! In: a path. Out: a [`Lock`] that is held until it is dropped. Invariant: a
//! process that dies lets go of it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// An exclusive lock on a file.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for whoever holds it.
    ///
    /// # Errors
    /// A file that cannot be made or locked.
    pub fn take(path: &Path) -> Result<Lock> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        flock(&file, libc::LOCK_EX).context("flock")?;
        Ok(Lock { _file: file })
    }

    /// Takes it unless somebody holds it.
    ///
    /// # Errors
    /// A file that cannot be made or locked.
    pub fn take_if_free(path: &Path) -> Result<Option<Lock>> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        match flock(&file, libc::LOCK_EX | libc::LOCK_NB) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("flock"),
        }
    }
}

fn flock(file: &File, operation: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open, and no memory is passed.
    match unsafe { libc::flock(file.as_raw_fd(), operation) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
