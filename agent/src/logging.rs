//! The log goes to standard error, and nobody waits for whoever reads it.
//!
//! In: lines of `tracing`. Out: the same on standard error. Invariant: a reader that
//! does not read keeps neither the hot path nor the daemon's end; what it misses is
//! counted. Lacks on purpose: what is logged, and how it looks.

use std::io::{self, Write};
use std::sync::OnceLock;

use tracing_subscriber::fmt::MakeWriter;

use crate::denial::{Loss, Stage};
use crate::output::{Output, Told, Trouble};

/// A process has one log.
static LOG: OnceLock<Output> = OnceLock::new();

/// The way into the log.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Log {
    /// Starts it; where there is no thread for it, lines are written as they come.
    pub fn start() -> Log {
        if let Ok(output) = Output::start(Stage::Log, io::stderr(), Nobody) {
            // One that runs already stays.
            let _ = LOG.set(output);
        }
        Log
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        Log
    }
}

/// Each call is one line, which is how `tracing_subscriber` writes.
impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match LOG.get() {
            Some(output) => {
                let text = String::from_utf8_lossy(bytes);
                output.write(text.strip_suffix('\n').unwrap_or(&text).to_owned());
                Ok(bytes.len())
            }
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that were lost, cumulative.
pub fn losses() -> impl Iterator<Item = Loss> {
    LOG.get().into_iter().flat_map(Output::losses)
}

/// Waits until the log is written, but not for a reader that does not read.
pub fn flush() {
    if let Some(output) = LOG.get() {
        output.flush();
    }
}

/// Says after the log's last line why the program ends, waiting as little.
pub fn last_words(text: String) {
    flush();
    match Output::start(Stage::Log, io::stderr(), Nobody) {
        Ok(output) => {
            output.write(text);
            output.flush();
        }
        // Whoever closed standard error does not want to know.
        Err(_) => drop(writeln!(io::stderr(), "{text}")),
    }
}

/// Troubles of the log cannot be told in the log; they are counted.
struct Nobody;

impl Told for Nobody {
    fn begins(&self, _: Trouble, _: &io::Error) {}
}
