//! The real daemon as a child, read the way users read it.
//!
//! In: settings. Out: its events, its metrics and its API's answers. Invariant:
//! a daemon that ends early or never gets ready fails the test with its log.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::exposition::{self, Series};

const READY_WITHIN: Duration = Duration::from_secs(30);
const HTTP_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// A running daemon.
pub struct Agent {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    events: Arc<Mutex<Vec<Event>>>,
}

/// One line of its standard output.
#[derive(Clone, Debug)]
pub struct Event {
    /// CLOCK_MONOTONIC nanoseconds when the line was read.
    pub read_ns: u64,
    /// The line.
    pub json: Value,
}

impl Event {
    /// A member's text, or "".
    pub fn text(&self, pointer: &str) -> &str {
        self.json
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

impl Agent {
    /// Starts the daemon and waits until it is ready.
    pub fn start(dir: &Path, settings: &[&str]) -> Agent {
        Agent::start_in(&[], dir, settings)
    }

    /// The same with variables of its own.
    pub fn start_in(variables: &[(&str, &str)], dir: &Path, settings: &[&str]) -> Agent {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
        command.envs(variables.iter().copied());
        Agent::start_by(command, dir, settings)
    }

    /// The same by another program, whose last argument so far is the daemon's.
    pub fn start_by(mut command: Command, dir: &Path, settings: &[&str]) -> Agent {
        let log = dir.join("sealwatch.log");
        let given: Vec<_> = command
            .get_envs()
            .map(|(name, _)| name.to_owned())
            .collect();
        // What the tests' caller set for himself is not meant for this daemon.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SEALWATCH_") && !given.contains(&name) {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args([
                "run",
                "--events",
                "json",
                "--web.listen-address",
                "127.0.0.1:0",
            ])
            .args(own_socket(dir, settings))
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let json = serde_json::from_str(&line)
                    .unwrap_or_else(|error| Value::String(format!("{error}: {line}")));
                sink.lock().unwrap().push(Event {
                    read_ns: monotonic_ns(),
                    json,
                });
            }
        });
        let mut agent = Agent {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log,
            events,
        };
        agent.wait_until_ready();
        agent
    }

    fn wait_until_ready(&mut self) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}\n{}", self.log());
            }
            let log = self.log();
            let address = log.split("address=").nth(1).and_then(|rest| {
                rest.split(|c: char| c.is_whitespace() || c == '\u{1b}')
                    .next()?
                    .parse()
                    .ok()
            });
            if let Some(address) = address {
                self.address = address;
                // All that it has logged so far is there once this is.
                if log.contains(" ready") && self.get("/readyz").0 == 200 {
                    return;
                }
            }
            assert!(
                begun.elapsed() < READY_WITHIN,
                "the daemon is not ready\n{log}"
            );
            std::thread::sleep(POLL);
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it logged.
    pub fn log(&self) -> String {
        // Colours, if any, stand between a field's name and its value.
        let bytes = fs::read(&self.log).unwrap_or_default();
        let mut text = String::new();
        let mut escape = false;
        for c in String::from_utf8_lossy(&bytes).chars() {
            match c {
                '\u{1b}' => escape = true,
                'm' if escape => escape = false,
                _ if escape => {}
                _ => text.push(c),
            }
        }
        text
    }

    /// The events so far that satisfy `wanted`.
    pub fn events(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let events = self.events.lock().unwrap();
        let odd = events.iter().find(|event| !event.json.is_object());
        assert!(odd.is_none(), "not an event: {odd:?}");
        events
            .iter()
            .filter(|event| wanted(event))
            .cloned()
            .collect()
    }

    /// Status and body of a GET; status 0 where nothing answers.
    pub fn get(&self, path: &str) -> (u16, String) {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&self.address, HTTP_WITHIN)?;
            stream.set_read_timeout(Some(HTTP_WITHIN))?;
            write!(
                stream,
                "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n",
                self.address
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or(0), body.to_owned())
    }

    /// Its metrics as text.
    pub fn metrics_text(&self) -> String {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}\n{}", self.log());
        body
    }

    /// Its metrics.
    pub fn metrics(&self) -> Vec<Series> {
        exposition::parse(&self.metrics_text())
    }

    /// The sum of a metric over the series with these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let all = self.metrics();
        all.iter()
            .filter(|series| series.name == name && series.has(labels))
            .map(|series| series.value)
            .sum()
    }

    /// The denials of its API.
    pub fn denials(&self) -> Vec<Event> {
        let (status, body) = self.get("/api/v1/denials");
        assert_eq!(status, 200, "{body}");
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        let denials = answer["denials"].take();
        let denials = serde_json::from_value::<Vec<Value>>(denials).unwrap();
        denials
            .into_iter()
            .map(|json| Event {
                read_ns: monotonic_ns(),
                json,
            })
            .collect()
    }

    /// Asks it to end, and waits for that.
    pub fn stop(mut self) -> ExitStatus {
        self.end()
    }

    /// The same, where its events are still wanted.
    pub fn end(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.pid()).unwrap();
        // SAFETY: takes integers; the child was not waited for, so the id is its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "SIGTERM did not end the daemon"
            );
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket of its own, as at the usual place there is one daemon at most.
fn own_socket(dir: &Path, settings: &[&str]) -> Option<String> {
    let given = settings.iter().any(|word| word.starts_with("--web.socket"));
    let socket = dir.join("sealwatch.sock");
    (!given).then(|| format!("--web.socket={}", socket.display()))
}

/// Polls until `true`, or fails after `within`.
pub fn eventually(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < within, "{what}: not within {within:?}");
        std::thread::sleep(POLL);
    }
}

/// CLOCK_MONOTONIC, the clock of the events' `monotonic_ns`.
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
