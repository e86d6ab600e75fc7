//! Signals to this process become signals to the command.
//!
//! In: SIGINT, SIGTERM, SIGHUP, SIGQUIT. Out: their numbers, and whether they are
//! to be sent on. Invariant: a command hears each once; a terminal sends Ctrl-C to
//! it as well, where both are in its foreground. Lacks on purpose: SIGKILL and
//! SIGSTOP, which nobody can send on.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The receivers.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    quit: Signal,
}

impl Signals {
    /// From now on they do not end this process.
    pub(super) fn take() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The next one's number.
    pub(super) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hang_up.recv() => libc::SIGHUP,
            _ = self.quit.recv() => libc::SIGQUIT,
        }
    }
}

/// Must the command be sent it, or has the terminal done so?
pub(super) fn must_forward(signal: i32) -> bool {
    let by_key = [libc::SIGINT, libc::SIGQUIT].contains(&signal);
    // SAFETY: takes no pointer and cannot fail.
    let own = unsafe { libc::getpgrp() };
    let foreground = rustix::termios::tcgetpgrp(std::io::stdin());
    let shared = foreground.is_ok_and(|group| group.as_raw_nonzero().get() == own);
    !(by_key && shared)
}
