//! Lines of events go to standard output.
//!
//! In: lines. Out: the same, one after the other (`output`). Invariant: the caller
//! never waits for the reader; what is not written is counted, and told once.
//! Lacks on purpose: the lines' content.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;

use crate::denial::{Loss, Stage};
use crate::output::{Output, Told, Trouble};

/// The near end of the queue to the writing thread.
#[derive(Debug)]
pub struct EventWriter(Output);

impl EventWriter {
    /// Starts the thread that writes to standard output.
    pub fn to_stdout() -> io::Result<Self> {
        // A descriptor of its own, without the standard library's lock and buffer.
        Self::start(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Starts the thread that writes to `output`.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        Output::start(Stage::Events, output, Log).map(EventWriter)
    }

    /// Hands a line over, or counts it as lost.
    pub fn write(&self, line: String) {
        self.0.write(line);
    }

    /// What was lost, cumulative.
    pub fn losses(&self) -> [Loss; 3] {
        self.0.losses()
    }

    /// Waits until everything is written, but not for a reader that does not
    /// read. True if all is written.
    pub fn finish(self) -> bool {
        self.0.flush()
    }
}

/// Troubles go to the log.
struct Log;

impl Told for Log {
    fn begins(&self, trouble: Trouble, error: &io::Error) {
        match trouble {
            Trouble::Full => {
                tracing::warn!(%error, "events are lost until there is room for them again");
            }
            Trouble::Closed => tracing::warn!(%error, "events are not written any more"),
        }
    }

    fn over(&self) {
        tracing::info!("events are written again");
    }
}
