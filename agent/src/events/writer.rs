//! Lines of events go to standard output.
//!
//! In: lines. Out: the same, one after the other. Invariant: the caller never
//! waits for the reader; what does not fit the queue, and what nobody reads any
//! more, is counted as lost. Lacks on purpose: the lines' content.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use crate::denial::{Loss, Stage};

/// Most lines that wait for the reader.
const QUEUE_LINES: usize = 4_096;
/// Most bytes that wait for the reader; a hostile path makes a long line.
const QUEUE_BYTES: usize = 4 << 20;
/// How long the end waits for a slow reader.
const FLUSH_WAIT: Duration = Duration::from_secs(2);
/// How long the writer waits where the output would block although it should not.
const RETRY_WAIT: Duration = Duration::from_millis(10);

/// Loss: the reader is too slow.
pub const REASON_QUEUE_FULL: &str = "queue_full";
/// Loss: there is no reader any more.
pub const REASON_OUTPUT_CLOSED: &str = "output_closed";

#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    queue_full: AtomicU64,
    output_closed: AtomicU64,
}

/// The near end of the queue to the writing thread.
#[derive(Debug)]
pub struct EventWriter {
    queue: SyncSender<String>,
    shared: Arc<Shared>,
    done: Receiver<()>,
}

impl EventWriter {
    /// Starts the thread that writes to standard output.
    pub fn to_stdout() -> io::Result<Self> {
        // A descriptor of its own, without the standard library's lock and buffer.
        Self::start(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Starts the thread that writes to `output`.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = mpsc::sync_channel(QUEUE_LINES);
        let (finished, done) = mpsc::sync_channel(1);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                write_lines(output, &lines, &theirs);
                // Nobody listens where the daemon did not wait.
                let _ = finished.send(());
            })?;
        Ok(EventWriter {
            queue,
            shared,
            done,
        })
    }

    /// Hands a line over, or counts it as lost.
    pub fn write(&self, line: String) {
        let bytes = line.len() + 1;
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued + bytes <= QUEUE_BYTES && self.queue.try_send(line).is_ok() {
            return;
        }
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.shared.queue_full.fetch_add(1, Ordering::Relaxed);
    }

    /// What was lost, cumulative.
    pub fn losses(&self) -> [Loss; 2] {
        let loss = |reason, count: &AtomicU64| Loss {
            stage: Stage::Events,
            reason,
            count: count.load(Ordering::Relaxed),
        };
        [
            loss(REASON_QUEUE_FULL, &self.shared.queue_full),
            loss(REASON_OUTPUT_CLOSED, &self.shared.output_closed),
        ]
    }

    /// Waits until everything is written, but not for a reader that does not
    /// read. True if all is written.
    pub fn finish(self) -> bool {
        drop(self.queue);
        self.done.recv_timeout(FLUSH_WAIT).is_ok()
    }
}

fn write_lines(mut output: impl Write, lines: &Receiver<String>, shared: &Shared) {
    let mut open = true;
    // After the output's end the queue is still emptied, so that each line is counted.
    for mut line in lines {
        line.push('\n');
        shared.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        if open && let Err(error) = write_whole(&mut output, line.as_bytes()) {
            tracing::warn!(%error, "events are not written any more");
            open = false;
        }
        if !open {
            shared.output_closed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_whole(output: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever gave us the pipe has made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY_WAIT),
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::time::Instant;

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (reader, writer) = io::pipe().unwrap();
        let events = EventWriter::start(writer).unwrap();
        for number in 0..100 {
            events.write(format!("{number}"));
        }
        assert!(events.finish());
        let read: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        assert_eq!(
            read,
            (0..100)
                .map(|number| number.to_string())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_reader_that_does_not_read_never_stalls_the_writer() {
        let (_reader, writer) = io::pipe().unwrap();
        let events = EventWriter::start(writer).unwrap();
        let started = Instant::now();
        for _ in 0..20_000 {
            events.write("x".repeat(1_000));
        }
        assert!(started.elapsed() < Duration::from_secs(1));
        let [full, _] = events.losses();
        assert!(full.count > 10_000, "{full:?}");
        assert!(!events.finish());
    }

    #[test]
    fn a_reader_that_goes_away_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let events = EventWriter::start(writer).unwrap();
        for _ in 0..10 {
            events.write("x".to_owned());
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while events.losses()[1].count < 10 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(events.losses().map(|loss| loss.count), [0, 10]);
        assert!(events.finish());
    }
}
