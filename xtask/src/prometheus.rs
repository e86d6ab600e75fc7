//! A real Prometheus of one's own, for tests and measurements.
//!
//! In: its configuration. Out: what its API answers. Invariant: it listens on a
//! free port of this machine alone, and dropping it ends it. Lacks on purpose:
//! stand-ins; it is the real program from its package.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

const READY_WITHIN: Duration = Duration::from_secs(60);
/// A query over a fleet may take so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
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
    pub fn start(dir: &Path, config: &str) -> Result<Prometheus> {
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).with_context(|| file.display().to_string())?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = dir.join("prometheus.log");
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| log.display().to_string())?)
            .spawn()
            .context("cannot start prometheus")?;
        let mut started = Prometheus {
            server,
            address,
            log,
        };
        started.wait_until_ready()?;
        Ok(started)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.server.try_wait()? {
                bail!("prometheus ended with {status}\n{}", self.log());
            }
            if self
                .get("/-/ready")
                .is_ok_and(|(status, _)| status == "200")
            {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < READY_WITHIN,
                "prometheus is not ready\n{}",
                self.log()
            );
            std::thread::sleep(POLL);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Status and body of a GET.
    ///
    /// # Errors
    /// Nobody answers, or not in HTTP.
    pub fn get(&self, path: &str) -> Result<(String, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("prometheus did not answer in HTTP")?;
        let status = head.split(' ').nth(1).context("no status")?;
        Ok((status.to_owned(), body.to_owned()))
    }

    /// The data that the API answers to parameters.
    ///
    /// # Errors
    /// What Prometheus says is wrong with the question.
    pub fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let encoded: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let (status, body) = self.get(&format!("/api/v1/{path}?{}", encoded.join("&")))?;
        let mut answer: Value =
            serde_json::from_str(&body).with_context(|| format!("{status}: {body}"))?;
        ensure!(
            answer["status"] == "success",
            "{}",
            answer["error"].as_str().unwrap_or(&body)
        );
        Ok(answer["data"].take())
    }

    /// The instant query's series.
    ///
    /// # Errors
    /// What Prometheus says is wrong with it.
    pub fn query(&self, query: &str) -> Result<Vec<Value>> {
        let mut data = self.ask("query", &[("query", query)])?;
        match data["result"].take() {
            Value::Array(series) => Ok(series),
            other => bail!("{query}: no vector but {other}"),
        }
    }

    /// Its own metrics whose name begins so: name with labels, and value.
    ///
    /// # Errors
    /// Nobody answers, or a line that is no metric.
    pub fn own(&self, prefix: &str) -> Result<Vec<(String, f64)>> {
        let (_, text) = self.get("/metrics")?;
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').context("a line without a value")?;
                Ok((name.to_owned(), value.parse()?))
            })
            .collect()
    }

    /// The one of this name.
    ///
    /// # Errors
    /// As of [`Prometheus::own`], or there is none.
    pub fn one(&self, name: &str) -> Result<f64> {
        let own = self.own(name)?;
        let found = own.iter().find(|(own, _)| own == name);
        Ok(found
            .with_context(|| format!("prometheus has no {name}"))?
            .1)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Has Prometheus' own linter look at a scrape.
///
/// # Errors
/// It is not installed, or what it says.
pub fn lint(metrics: &str) -> Result<()> {
    let mut linter = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start promtool")?;
    let mut input = linter.stdin.take().context("promtool's input")?;
    input.write_all(metrics.as_bytes())?;
    drop(input);
    let output = linter.wait_with_output()?;
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    ensure!(
        output.status.success() && words.trim().is_empty(),
        "promtool: {words}"
    );
    Ok(())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
