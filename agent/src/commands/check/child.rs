//! A process of our own, waited for and stopped.
//!
//! In: a command. Out: its end. Invariant: a signal goes to the process that
//! was started or to nobody, since only this one reaps it. Lacks on purpose:
//! its output, which is the caller's.

use std::io::Read as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How often it is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);
/// What it gets to end after SIGTERM.
const TERM_WAIT: Duration = Duration::from_secs(10);

/// Most that is read of an answer.
const OUTPUT_MAX_BYTES: u64 = 64 << 10;

/// A running process; one that is dropped goes on.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> std::io::Result<Running> {
        command.spawn().map(Running)
    }

    /// Waits for its end. May be given up and asked again.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            sleep(POLL).await;
        }
    }

    /// What it wrote, once it has ended; bounded, as it is ours to ask for little.
    pub(super) fn output(&mut self) -> String {
        let mut text = String::new();
        if let Some(stdout) = self.0.stdout.take() {
            // What is no text is no answer.
            let _ = stdout.take(OUTPUT_MAX_BYTES).read_to_string(&mut text);
        }
        text
    }

    /// Sends a signal, unless it has ended.
    pub(super) fn signal(&mut self, signal: i32) {
        let Ok(pid) = i32::try_from(self.0.id()) else {
            return;
        };
        if matches!(self.0.try_wait(), Ok(None)) {
            // SAFETY: takes integers; the process is not reaped, so the number is its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// Ends it: asks, waits, and then takes no refusal.
    pub(super) async fn end(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(libc::SIGTERM);
        match timeout(TERM_WAIT, self.ended()).await {
            Ok(ended) => ended,
            Err(_) => {
                self.signal(libc::SIGKILL);
                self.ended().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ends_are_told_and_signals_arrive() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Running::start(&mut command).unwrap()
        };
        assert_eq!(shell("exit 7").ended().await.unwrap().code(), Some(7));
        let ended = shell("exec sleep 60").end().await.unwrap();
        assert_eq!(ended.code(), None);
        let mut gone = shell("exit 0");
        gone.ended().await.unwrap();
        gone.signal(libc::SIGKILL);
        assert_eq!(gone.ended().await.unwrap().code(), Some(0));
    }
}
