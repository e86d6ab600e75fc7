//! The daemon as the demonstration runs it: a child that serves on a port.
//!
//! In: the binary and an engine's socket. Out: what it serves.
//! Invariant: a daemon that ends or never gets ready is an error with the end of its log.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::POLL;
use crate::step;

/// The daemon's usual port, taken if it is free.
const PORT: u16 = 9402;
/// How often a starting daemon is asked; how soon it is ready is measured by it.
const READY_POLL: Duration = Duration::from_millis(2);
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The kernel takes its time to let go of programs, and more of it where it is emulated.
const STOP_WITHIN: Duration = Duration::from_secs(60);
const HTTP_WITHIN: Duration = Duration::from_secs(5);

/// A running daemon.
pub(crate) struct Agent {
    binary: PathBuf,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    ready_after: Duration,
}

impl Agent {
    /// Starts the daemon with these settings besides, and waits until it is ready.
    pub(crate) fn start(
        binary: &Path,
        docker: &Path,
        dir: &Path,
        settings: &[&str],
    ) -> Result<Agent> {
        let address = free_address()?;
        let log = dir.join("sealwatch.log");
        let begun = Instant::now();
        let child = Command::new(binary)
            // Beside a daemon of the machine's own, if there is one.
            .args(["run", "--cri-endpoint", "none", "--web.socket", "none"])
            .args(["--web.listen-address", &address.to_string()])
            .arg("--docker-socket")
            .arg(docker)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            // Ctrl-C on the terminal is for this process, which then stops the daemon.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut agent = Agent {
            binary: binary.to_path_buf(),
            child,
            address,
            log,
            ready_after: Duration::ZERO,
        };
        agent.wait_until_ready()?;
        agent.ready_after = begun.elapsed();
        Ok(agent)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From before its start until it told that it is ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Where the metrics are.
    pub(crate) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Fails once the daemon has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("sealwatch ended with {status}\n{}", self.log_tail()),
            None => Ok(()),
        }
    }

    /// What `sealwatch report` prints, as a `table` or as `json`.
    pub(crate) fn report(&self, format: &str) -> Result<String> {
        let url = format!("http://{}", self.address);
        step::output(
            Command::new(&self.binary).args(["report", "--agent", &url, "--format", format]),
        )
    }

    /// The end of the daemon's log.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        format!(
            "the end of its log:\n{}",
            step::tail(&String::from_utf8_lossy(&text))
        )
    }

    /// Stops the daemon in order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // SAFETY: kill takes integers; the child was not waited for, so the id is its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let begun = Instant::now();
        while begun.elapsed() < STOP_WITHIN {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!(
                    "on SIGTERM sealwatch ended with {status}\n{}",
                    self.log_tail()
                ),
                None => thread::sleep(POLL),
            }
        }
        bail!(
            "sealwatch did not end within {} s of SIGTERM",
            STOP_WITHIN.as_secs()
        )
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.check()?;
            if self.is_ready().unwrap_or(false) {
                return Ok(());
            }
            if begun.elapsed() > READY_WITHIN {
                bail!(
                    "sealwatch was not ready within {} s\n{}",
                    READY_WITHIN.as_secs(),
                    self.log_tail()
                );
            }
            thread::sleep(READY_POLL);
        }
    }

    /// The text of a scrape.
    pub(crate) fn metrics(&self) -> Result<String> {
        self.body("/metrics")
    }

    /// What it answers to a GET.
    pub(crate) fn body(&self, path: &str) -> Result<String> {
        ask(self.address, path)
    }

    /// Does `/readyz` answer 200?
    fn is_ready(&self) -> Result<bool> {
        Ok(get(self.address, "/readyz")?.split(' ').nth(1) == Some("200"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Only what an error left behind; `stop` has waited otherwise.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// The usual port, or any free one where it is taken.
fn free_address() -> Result<SocketAddr> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    Ok(bind(PORT).or_else(|_| bind(0))?.local_addr()?)
}

/// What a daemon answers to a GET.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let answer = get(address, path)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the daemon did not answer in HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "{path} answers {status}: {body}");
    Ok(body.to_owned())
}

/// The whole answer. One line over HTTP/1.0 needs no client.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, HTTP_WITHIN)?;
    stream.set_read_timeout(Some(HTTP_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
