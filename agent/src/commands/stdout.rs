//! A command's answer -> standard output.
//!
//! In: bytes, the process's descriptors and environment. Out: what was written,
//! yes or no. Invariant: a reader that has gone, such as `head`, has seen enough
//! and is no error. Lacks on purpose: escaping, which is done where a text is
//! made.

use std::io::{self, Write as _};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes all of it.
///
/// # Errors
/// Standard output fails, such as by a full disk.
pub(super) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_ref());
    unless_closed(written.and_then(|()| stdout.flush())).context("cannot write to standard output")
}

/// Whoever reads has seen enough: no error.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Has the user forbidden colours? See <https://no-color.org>.
pub(super) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Does nobody read any more? A writer with nothing to write asks for it.
pub(super) fn reader_is_gone() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    let answered = poll(&mut asked, Some(&now)).is_ok_and(|ready| ready > 0);
    answered && asked[0].revents().intersects(PollFlags::ERR)
}
