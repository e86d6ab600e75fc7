//! A real Prometheus of a test's own.
//!
//! In: its configuration. Out: what its API answers. Invariant: it listens on a
//! free port of this machine alone, and dropping it ends it. Lacks on purpose:
//! stand-ins; what is tested is the real program from its package.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const READY_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// A running Prometheus.
pub struct Prometheus {
    server: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Prometheus {
    /// Starts it with this prometheus.yml, and its data below `dir`, and waits
    /// until it is ready.
    ///
    /// # Errors
    /// It is not installed, or does not come up (with its log).
    pub fn start(dir: &Path, config: &str) -> Result<Prometheus, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| error.to_string())?;
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).map_err(|error| error.to_string())?;
        let log = dir.join("prometheus.log");
        let stderr = File::create(&log).map_err(|error| error.to_string())?;
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("cannot start prometheus: {error}"))?;
        let mut started = Prometheus {
            server,
            address,
            log,
        };
        started.wait_until_ready()?;
        Ok(started)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let ended = self.server.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Err(format!("prometheus ended with {status}\n{}", self.log()));
            }
            if self.get("/-/ready").0 == 200 {
                return Ok(());
            }
            if begun.elapsed() > READY_WITHIN {
                return Err(format!("prometheus is not ready\n{}", self.log()));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Status and body of a GET; status 0 where nothing answers.
    pub fn get(&self, path: &str) -> (u16, String) {
        let ask = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_WITHIN)?;
            stream.set_read_timeout(Some(ANSWER_WITHIN))?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or(0), body.to_owned())
    }

    /// The data that the API answers to parameters.
    ///
    /// # Errors
    /// What it says is wrong.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let encoded: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let (status, body) = self.get(&format!("/api/v1/{path}?{}", encoded.join("&")));
        let mut answer: Value =
            serde_json::from_str(&body).map_err(|error| format!("{status}: {error}: {body}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].take()),
            _ => Err(answer["error"].as_str().unwrap_or(&body).to_owned()),
        }
    }

    /// The instant query's series.
    ///
    /// # Errors
    /// What Prometheus says is wrong with it.
    pub fn try_query(&self, query: &str) -> Result<Vec<Value>, String> {
        let mut data = self.ask("query", &[("query", query)])?;
        match data["result"].take() {
            Value::Array(series) => Ok(series),
            other => Err(format!("no vector but {other}")),
        }
    }

    /// The instant query's series; none where the query is wrong.
    pub fn query(&self, query: &str) -> Vec<Value> {
        self.try_query(query).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
