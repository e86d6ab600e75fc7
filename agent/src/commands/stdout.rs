//! What the commands know of their standard output.
//!
//! In: the process's descriptors and environment. Out: yes or no. Invariant: a
//! reader who has seen enough is no error. Lacks on purpose: writing.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Has the user forbidden colours? See <https://no-color.org>.
pub(super) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Whoever reads has seen enough: no error.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Does nobody read any more? A writer with nothing to write asks for it.
pub(super) fn reader_is_gone() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    let answered = poll(&mut asked, Some(&now)).is_ok_and(|ready| ready > 0);
    answered && asked[0].revents().intersects(PollFlags::ERR)
}
