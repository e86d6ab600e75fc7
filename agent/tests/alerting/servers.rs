//! The real Prometheus and Alertmanager from their packages.
//!
//! In: a directory, addresses. Out: servers that answer. Invariant: nothing is
//! shared with the machine's own, and dropping one stops it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use xtask::prometheus::Prometheus;

use super::agent::eventually;
use super::told::Told;

const READY_WITHIN: Duration = Duration::from_secs(20);
const IO_WITHIN: Duration = Duration::from_secs(5);

/// An address that is free now.
pub fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Body of a GET; empty where nobody answers.
fn get(address: SocketAddr, path: &str) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(IO_WITHIN))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_default();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    match head.split(' ').nth(1) {
        Some("200") => body.to_owned(),
        _ => String::new(),
    }
}

/// A running server.
pub struct Server {
    child: Child,
}

impl Server {
    fn start(mut command: Command, dir: &Path, address: SocketAddr) -> Result<Server, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.join(format!("{program}.log")))
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let server = Server { child };
        eventually(&format!("{program} is ready"), READY_WITHIN, || {
            !get(address, "/-/ready").is_empty()
        });
        Ok(server)
    }

    /// Ends it as its service would be.
    pub fn stop(mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: takes integers; the child was not waited for, so the id is its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real Alertmanager at that address, which tells a webhook at once.
pub fn alertmanager(dir: &Path, address: SocketAddr, tells: SocketAddr) -> Result<Server, String> {
    let config = dir.join("alertmanager.yml");
    let text = format!(
        "route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
         receivers:\n- name: test\n  webhook_configs: [{{url: 'http://{tells}/', send_resolved: true}}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", dir.join("alerts").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    Server::start(command, dir, address)
}

/// The alerts that an Alertmanager holds to be active.
pub fn active(alertmanager: SocketAddr) -> Vec<Told> {
    let body = get(alertmanager, "/api/v2/alerts");
    let alerts: Vec<Value> = serde_json::from_str(&body).unwrap_or_default();
    alerts.into_iter().map(Told).collect()
}

/// A real Prometheus that scrapes a daemon and tells an Alertmanager.
pub fn prometheus(
    dir: &Path,
    rules: &Path,
    scrapes: SocketAddr,
    tells: SocketAddr,
) -> Result<Prometheus, String> {
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}']\n\
         scrape_configs:\n- job_name: sealwatch\n  static_configs: [{{targets: ['{scrapes}']}}]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{tells}']}}]}}]}}\n",
        rules.display()
    );
    Prometheus::start(dir, &text).map_err(|error| format!("{error:#}"))
}
