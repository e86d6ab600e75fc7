//! A text that outlives the daemon: one file, replaced whole.
//!
//! In: texts, a path. Out: the file; after a restart, its bytes. Invariant: the
//! file has one text or another and never half of one, whenever the daemon or
//! the machine stops; who hands a text over never waits for the disk; a place
//! that cannot be written costs a line of log and a count, not the daemon.
//! Lacks on purpose: knowing what the text says.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

/// Where the state lies if nothing else is said and the directory is there: a
/// directory of the host that a DaemonSet mounts.
pub const DIRECTORY: &str = "/var/lib/sealwatch";
/// The file's name there.
pub const NAME: &str = "state.json";
/// How long the end waits for a slow disk.
const END_WAIT: Duration = Duration::from_secs(2);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Loss: a text that could not be written.
pub const REASON_UNWRITTEN: &str = "state_unwritten";
/// Loss: a file that could not be used.
pub const REASON_UNREADABLE: &str = "state_unreadable";

/// The usual place, if there is one: systemd's `STATE_DIRECTORY`, or
/// [`DIRECTORY`] where it exists.
pub fn usual_path(state_directory: Option<&str>) -> Option<PathBuf> {
    // systemd separates several by colons.
    let named = state_directory.and_then(|named| named.split(':').find(|dir| !dir.is_empty()));
    match named {
        Some(directory) => Some(Path::new(directory).join(NAME)),
        None => Path::new(DIRECTORY)
            .is_dir()
            .then(|| Path::new(DIRECTORY).join(NAME)),
    }
}

/// Which boot of the machine this is.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string(BOOT_ID)?.trim().to_owned())
}

/// The file's bytes, one more than `bytes_max` at most; none where there is no file.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    // Not to wait for the other end of a FIFO.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Where a text lies while it is being written.
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Replaces the file: a new one is written, reaches the disk, and takes its name.
/// Where it cannot, nothing is left of it, so that a full disk is no fuller.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = unfinished(path);
    let written = write_and_rename(&new, path, text);
    if written.is_err() {
        // It may never have been there.
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn write_and_rename(new: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut file = options.open(new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// The near end of the queue to the writing thread.
#[derive(Debug)]
pub struct StateWriter {
    queue: SyncSender<String>,
    unwritten: Arc<AtomicU64>,
    done: Receiver<()>,
}

impl StateWriter {
    /// Starts the thread that writes to `path`.
    pub fn start(path: PathBuf) -> io::Result<Self> {
        let (queue, texts) = mpsc::sync_channel(1);
        let (finished, done) = mpsc::sync_channel(1);
        let unwritten = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&unwritten);
        std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                write_all(&path, &texts, &theirs);
                // Nobody listens where the daemon did not wait.
                let _ = finished.send(());
            })?;
        Ok(StateWriter {
            queue,
            unwritten,
            done,
        })
    }

    /// Hands a text over; false while the disk is busy with earlier ones.
    pub fn write(&self, text: String) -> bool {
        self.queue.try_send(text).is_ok()
    }

    /// Texts that could not be written, cumulative.
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Writes the last text, unless the disk takes too long. True if the thread
    /// has ended.
    pub fn finish(self, last: Option<String>) -> bool {
        if let Some(text) = last {
            self.write(text);
        }
        drop(self.queue);
        self.done.recv_timeout(END_WAIT).is_ok()
    }
}

fn write_all(path: &Path, texts: &Receiver<String>, unwritten: &AtomicU64) {
    let mut told = false;
    for text in texts {
        match replace(path, &text) {
            Ok(()) => {
                if std::mem::take(&mut told) {
                    let path = path.display();
                    tracing::info!(%path, "the state is kept again");
                }
            }
            Err(error) => {
                unwritten.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut told, true) {
                    let path = path.display();
                    tracing::warn!(%error, %path, "the state cannot be kept: a restart goes on from what is there, or begins anew; make room, or name a writable place with --state-file, or none");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        assert_eq!(read(&path, 9).unwrap(), None);
        // What a daemon left that was killed while it wrote.
        std::fs::write(dir.path().join("state.json.new"), "half of a longer text").unwrap();
        let writer = StateWriter::start(path.clone()).unwrap();
        assert!(writer.write("one".to_owned()));
        assert_eq!(writer.unwritten(), 0);
        assert!(writer.finish(None));
        assert_eq!(read(&path, 9).unwrap().as_deref(), Some(&b"one"[..]));
        replace(&path, "another one").unwrap();
        assert_eq!(read(&path, 6).unwrap().as_deref(), Some(&b"another"[..]));
        let names = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_used_is_an_error_and_no_wait() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path(), 9).is_err(), "a directory");
        let fifo = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert!(read(&fifo, 9).is_err(), "a FIFO without a writer");
        let missing = dir.path().join("missing/state.json");
        assert!(read(&missing, 9).unwrap().is_none());
        let writer = StateWriter::start(missing).unwrap();
        let unwritten = Arc::clone(&writer.unwritten);
        assert!(writer.finish(Some("text".to_owned())));
        assert_eq!(unwritten.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn systemds_directory_comes_first() {
        assert_eq!(
            usual_path(Some("/run/a:/run/b")),
            Some("/run/a/state.json".into())
        );
    }
}
