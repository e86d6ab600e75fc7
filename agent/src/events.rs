//! Explained samples become lines of JSON on standard output.
//!
//! In: samples with the count of their counter. Out: one object per line.
//! Invariant: the caller never waits for the reader; what does not fit the
//! queue, and what nobody reads any more, is counted as lost. Lacks on purpose:
//! the object's shape, which `record` has.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use serde::Serialize;

use crate::aggregate::{Explained, Killed};
use crate::denial::{Loss, Stage};
use crate::record::{self, KillRecord, Record, VERSION};

pub use crate::record::transition;

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

#[derive(Serialize)]
struct Event<'a> {
    version: u32,
    time: String,
    monotonic_ns: u64,
    #[serde(flatten)]
    record: Record<'a>,
    count: u64,
}

/// One line, without its newline.
pub fn line(sample: &Explained, count: u64) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Event {
        version: VERSION,
        time: record::time(sample.time),
        monotonic_ns: sample.denial.time_ns,
        record: Record::of(sample),
        count,
    })
}

/// One line of processes killed for want of memory, without its newline.
pub fn killed_line(killed: &Killed) -> Result<String, serde_json::Error> {
    serde_json::to_string(&KillRecord::of(killed))
}

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

    use crate::denial::{
        Backend, Cause, CgroupId, ContainerPath, Denial, Errno, Evidence, Hook, LsmDetail,
        Operation, Owner, PathKey, Resolution, Unresolved, Verdict,
    };

    fn sample(path: &[u8]) -> Explained {
        Explained {
            denial: Denial {
                cgroup: CgroupId(7),
                path_key: PathKey(255),
                time_ns: 1_000,
                operation: Operation::Create,
                errno: Errno::Erofs,
                signals: 1,
                lsm: None,
                backend: Backend::Fexit,
                hook: Hook::Open,
                path: ContainerPath {
                    bytes: path.to_vec(),
                    resolution: Resolution::Absolute,
                },
                pid: 1,
                tid: 2,
                uid: 3,
                gid: 4,
                mount_namespace: 5,
                comm: b"ev\nil".to_vec(),
                evidence: Evidence::default(),
                open_flags: 0,
                credentials: None,
                lsm_detail: LsmDetail::default(),
            },
            owner: Owner::Unknown(Unresolved::CgroupUnseen),
            verdict: Verdict {
                cause: Cause::ReadOnlyMount,
                evidence: "the mount has MNT_READONLY".to_owned(),
                remedy: None,
            },
            write_root: "/var/run".into(),
            mount: None,
            time: std::time::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_line_is_one_object_whatever_the_bytes() {
        let text = line(&sample(b"/a\n\"}\xff\x1b[2J"), 9).unwrap();
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["version"], 2);
        assert_eq!(value["time"], "1970-01-01T00:00:00.000000000Z");
        assert_eq!(value["path"], "/a\\x0a\"}\\xff\\x1b[2J");
        assert_eq!(value["comm"], "ev\\x0ail");
        assert_eq!(value["owner"], "unknown");
        assert_eq!(value["unresolved"], "cgroup_unseen");
        assert_eq!(value["container"], serde_json::Value::Null);
        assert_eq!(value["path_key"], "ff");
        assert_eq!(value["count"], 9);
    }

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
