//! Lines go to a descriptor that may block, fill up or close.
//!
//! In: lines. Out: the same, one after the other. Invariant: the caller never
//! waits for the reader; what does not fit the queue, finds no room on the disk,
//! or is read by nobody any more is counted as lost; a line that was cut by a
//! full disk is ended before the next. Lacks on purpose: the lines' content.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

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
/// Loss: the disk that is written to has no room.
pub const REASON_OUTPUT_FULL: &str = "output_full";

/// Why a line was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full: the next line is tried again.
    Full,
    /// Nothing is written any more.
    Closed,
}

/// Is told each trouble once, in its thread, and that a full disk has room again.
pub trait Told: Send + 'static {
    /// It begins.
    fn begins(&self, trouble: Trouble, error: &io::Error);
    /// Lines are written again.
    fn over(&self) {}
}

#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    queue_full: AtomicU64,
    output_full: AtomicU64,
    output_closed: AtomicU64,
}

enum Item {
    Line(String),
    /// Everything before it is written.
    Mark(SyncSender<()>),
}

/// The near end of the queue to the writing thread.
#[derive(Debug)]
pub struct Output {
    stage: Stage,
    queue: SyncSender<Item>,
    shared: Arc<Shared>,
}

impl Output {
    /// Starts the thread of that name that writes to `output`.
    pub fn start(
        stage: Stage,
        output: impl Write + Send + 'static,
        told: impl Told,
    ) -> io::Result<Self> {
        let (queue, items) = mpsc::sync_channel(QUEUE_LINES);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(stage.label().to_owned())
            .spawn(move || write_all(output, &items, &theirs, &told))?;
        Ok(Output {
            stage,
            queue,
            shared,
        })
    }

    /// Hands a line over, without its newline, or counts it as lost.
    pub fn write(&self, line: String) {
        let bytes = line.len() + 1;
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued + bytes <= QUEUE_BYTES && self.queue.try_send(Item::Line(line)).is_ok() {
            return;
        }
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.shared.queue_full.fetch_add(1, Ordering::Relaxed);
    }

    /// What was lost, cumulative.
    pub fn losses(&self) -> [Loss; 3] {
        let loss = |reason, count: &AtomicU64| Loss {
            stage: self.stage,
            reason,
            count: count.load(Ordering::Relaxed),
        };
        [
            loss(REASON_QUEUE_FULL, &self.shared.queue_full),
            loss(REASON_OUTPUT_FULL, &self.shared.output_full),
            loss(REASON_OUTPUT_CLOSED, &self.shared.output_closed),
        ]
    }

    /// Waits until everything is written, but not for a reader that does not
    /// read. True if all is written.
    pub fn flush(&self) -> bool {
        let end = Instant::now() + FLUSH_WAIT;
        let (mark, reached) = mpsc::sync_channel(1);
        while let Err(refused) = self.queue.try_send(Item::Mark(mark.clone())) {
            let ended = matches!(refused, mpsc::TrySendError::Disconnected(_));
            if ended || Instant::now() >= end {
                return false;
            }
            std::thread::sleep(RETRY_WAIT);
        }
        let left = end.saturating_duration_since(Instant::now());
        reached.recv_timeout(left).is_ok()
    }
}

fn write_all(mut output: impl Write, items: &Receiver<Item>, shared: &Shared, told: &impl Told) {
    let mut trouble = None;
    // Part of a line is on the disk, and its newline is not.
    let mut cut = false;
    // After the output's end the queue is still emptied, so that each line is counted.
    for item in items {
        let mut line = match item {
            Item::Line(line) => line,
            Item::Mark(reached) => {
                // Whoever waited may have given up.
                let _ = reached.send(());
                continue;
            }
        };
        shared
            .queued_bytes
            .fetch_sub(line.len() + 1, Ordering::Relaxed);
        if trouble == Some(Trouble::Closed) {
            shared.output_closed.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        line.push('\n');
        if cut {
            line.insert(0, '\n');
        }
        let mut written = 0;
        let Err(error) = write_whole(&mut output, line.as_bytes(), &mut written) else {
            cut = false;
            if trouble.take().is_some() {
                told.over();
            }
            continue;
        };
        cut = match written {
            0 => cut,
            written => line.as_bytes()[written - 1] != b'\n',
        };
        let (met, counter) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                (Trouble::Full, &shared.output_full)
            }
            _ => (Trouble::Closed, &shared.output_closed),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if trouble != Some(met) {
            trouble = Some(met);
            told.begins(met, &error);
        }
    }
}

/// `written` grows by what the output took, also where it fails.
fn write_whole(output: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match output.write(&bytes[*written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => *written += more,
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
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<Option<Trouble>>>>);

    impl Told for Heard {
        fn begins(&self, trouble: Trouble, _: &io::Error) {
            self.0.lock().unwrap().push(Some(trouble));
        }
        fn over(&self) {
            self.0.lock().unwrap().push(None);
        }
    }

    fn start(output: impl Write + Send + 'static) -> (Output, Heard) {
        let heard = Heard::default();
        let output = Output::start(Stage::Events, output, heard.clone());
        (output.unwrap(), heard)
    }

    fn lost(output: &Output) -> [u64; 3] {
        output.losses().map(|loss| loss.count)
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (reader, writer) = io::pipe().unwrap();
        let (output, _) = start(writer);
        for number in 0..100 {
            output.write(format!("{number}"));
        }
        assert!(output.flush());
        drop(output);
        let read: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        let wanted = (0..100).map(|number| number.to_string());
        assert_eq!(read, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_that_does_not_read_never_stalls_the_writer() {
        let (_reader, writer) = io::pipe().unwrap();
        let (output, _) = start(writer);
        let started = Instant::now();
        for _ in 0..20_000 {
            output.write("x".repeat(1_000));
        }
        assert!(started.elapsed() < Duration::from_secs(1));
        let [full, ..] = lost(&output);
        assert!(full > 10_000, "{full:?}");
        let started = Instant::now();
        assert!(!output.flush());
        assert!(started.elapsed() < FLUSH_WAIT * 2);
    }

    #[test]
    fn a_reader_that_goes_away_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (output, heard) = start(writer);
        for _ in 0..10 {
            output.write("x".to_owned());
        }
        assert!(output.flush());
        assert_eq!(lost(&output), [0, 0, 10]);
        assert_eq!(*heard.0.lock().unwrap(), [Some(Trouble::Closed)]);
    }

    /// A disk with room for so many bytes.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (held, room) = &mut *self.0.lock().unwrap();
            let taken = bytes.len().min(*room);
            if taken == 0 {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            *room -= taken;
            held.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_tried_again_and_leaves_no_line_of_two() {
        let disk = Disk(Arc::new(Mutex::new((Vec::new(), 7))));
        let (output, heard) = start(disk.clone());
        for line in ["one", "twotwo", "three"] {
            output.write(line.to_owned());
        }
        assert!(output.flush());
        assert_eq!(lost(&output), [0, 2, 0]);
        disk.0.lock().unwrap().1 = 1_000;
        output.write("four".to_owned());
        output.write("five".to_owned());
        assert!(output.flush());
        let held = disk.0.lock().unwrap().0.clone();
        assert_eq!(String::from_utf8(held).unwrap(), "one\ntwo\nfour\nfive\n");
        let told = heard.0.lock().unwrap().clone();
        assert_eq!(told, [Some(Trouble::Full), None]);
        assert_eq!(lost(&output), [0, 2, 0]);
    }
}
