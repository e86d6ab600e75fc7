//! The daemon under test, as schedules treat it.
//!
//! In: settings. Out: its scrapes and its events. Invariant: the real program, asked
//! over its socket as users ask. Lacks on purpose: mercy.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exposition::{self, Series};

/// Names another daemon than the one that was built with the tests: one that is
/// shipped, or one that is broken on purpose.
pub const PROGRAM: &str = "SEALWATCH_CONSERVATION_DAEMON";
/// Loading programs takes a second here and minutes in a guest.
const READY_WITHIN: Duration = Duration::from_secs(300);
const HTTP_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// The daemon that schedules are played with.
pub fn program() -> OsString {
    std::env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_sealwatch").into())
}

/// A process of it.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    events: PathBuf,
    log: PathBuf,
    /// Bytes of the events that an earlier schedule has read.
    skipped: usize,
    frozen: bool,
}

impl Daemon {
    /// Starts it; it is not ready yet.
    pub fn spawn(directory: &Path, settings: &[String]) -> Result<Daemon, String> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = |name: &str| directory.join(format!("{name}-{number}"));
        let (socket, events, log) = (file("socket"), file("events"), file("log"));
        let create = |path: &Path| File::create(path).map_err(|error| error.to_string());
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SEALWATCH_") {
                command.env_remove(name);
            }
        }
        command
            .args(["run", "--events", "json", "--web.listen-address", "none"])
            .args(["--state-file", "none", "--cri-endpoint", "none"])
            .arg("--web.socket")
            .arg(&socket)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(create(&events)?)
            .stderr(create(&log)?);
        let child = command
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Daemon {
            child,
            socket,
            events,
            log,
            skipped: 0,
            frozen: false,
        })
    }

    /// Waits until it is.
    pub fn ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > READY_WITHIN {
                return Err(format!(
                    "the daemon is not ready ({ended:?}):\n{}",
                    self.log()
                ));
            }
            if self.get("/readyz").is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            sleep(POLL);
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Does it say that some of its pinned programs end with it?
    pub fn leaves_gaps(&self) -> bool {
        self.log().contains("is not counted while no daemon runs")
    }

    fn get(&self, path: &str) -> Result<(u16, String), String> {
        let ask = || -> std::io::Result<String> {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(HTTP_WITHIN))?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|error| format!("GET {path}: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((status.unwrap_or(0), body.to_owned()))
    }

    /// A scrape.
    pub fn scrape(&self) -> Result<Vec<Series>, String> {
        match self.get("/metrics")? {
            (200, text) => Ok(exposition::parse(&text)),
            (status, text) => Err(format!("GET /metrics: {status}\n{text}\n{}", self.log())),
        }
    }

    /// The events since the schedule began. The last line of one that was killed may be cut off.
    pub fn events(&self) -> Result<Vec<Value>, String> {
        let text = fs::read_to_string(&self.events).map_err(|error| error.to_string())?;
        let text = &text[self.skipped..];
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let event = |line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
        whole.lines().map(event).collect()
    }

    /// Leaves out the events so far from now on.
    pub fn skip_events(&mut self) -> Result<(), String> {
        let text = fs::read_to_string(&self.events).map_err(|error| error.to_string())?;
        self.skipped = text.rfind('\n').map_or(0, |end| end + 1);
        Ok(())
    }

    fn signal(&self, signal: i32) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // SAFETY: takes integers; the child was not waited for, so the id is its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// Keeps it from running, until it is thawed.
    pub fn freeze(&mut self) {
        self.frozen = true;
        self.signal(libc::SIGSTOP);
    }

    /// Lets it run again.
    pub fn thaw(&mut self) {
        self.frozen = false;
        self.signal(libc::SIGCONT);
    }

    /// Is it kept from running?
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Kills it.
    pub fn kill(&mut self) -> Result<(), String> {
        self.child.kill().map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Asks it to end.
    pub fn stop(&mut self) -> Result<(), String> {
        self.thaw();
        self.signal(libc::SIGTERM);
        let begun = Instant::now();
        loop {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("the daemon ended with {status}\n{}", self.log()));
                }
                None if begun.elapsed() > STOP_WITHIN => {
                    return Err("SIGTERM does not end it".into());
                }
                None => sleep(POLL),
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in [&self.socket, &self.events, &self.log] {
            let _ = fs::remove_file(file);
        }
    }
}
