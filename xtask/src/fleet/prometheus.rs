//! A real Prometheus that scrapes the fleet, with the project's rules.
//!
//! In: the fleet's address, the rules. Out: what it costs and answers. Invariant:
//! its numbers are its own metrics; it is killed when this is dropped. Lacks on
//! purpose: retention, since a run takes minutes.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::server::Fleet;

const READY_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(300);

pub(super) struct Prometheus {
    server: Child,
    address: SocketAddr,
}

impl Prometheus {
    pub(super) fn start(
        dir: &Path,
        fleet: &Fleet,
        at: SocketAddr,
        interval_s: u64,
        rules: &Path,
    ) -> Result<Prometheus> {
        let targets: Vec<Value> = (0..fleet.nodes)
            .map(|node| {
                serde_json::json!({
                    "targets": [at.to_string()],
                    "labels": {"__metrics_path__": format!("/node/{node}"), "instance": format!("node-{node}")},
                })
            })
            .collect();
        let nodes = dir.join("nodes.json");
        std::fs::write(&nodes, serde_json::to_string(&targets)?)?;
        let config = dir.join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {interval_s}s, evaluation_interval: 1m}}\n\
                 rule_files: ['{}']\nscrape_configs:\n\
                 - {{job_name: sealwatch, honor_labels: true, file_sd_configs: [{{files: ['{}']}}]}}\n",
                rules.display(),
                nodes.display()
            ),
        )?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.join("prometheus.log"))?)
            .spawn()
            .context("cannot start prometheus")?;
        let prometheus = Prometheus { server, address };
        let begun = Instant::now();
        while !prometheus
            .get("/-/ready")
            .is_ok_and(|(status, _)| status == 200)
        {
            ensure!(
                begun.elapsed() < READY_WITHIN,
                "prometheus was not ready in time"
            );
            thread::sleep(POLL);
        }
        Ok(prometheus)
    }

    /// Status and body.
    pub(super) fn get(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("prometheus did not answer in HTTP")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    /// The answer's result and how long it took.
    pub(super) fn query(&self, query: &str) -> Result<(Vec<Value>, Duration)> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let begun = Instant::now();
        let (status, body) = self.get(&format!("/api/v1/query?query={encoded}"))?;
        let took = begun.elapsed();
        if status != 200 {
            bail!("{query}: {body}");
        }
        let body: Value = serde_json::from_str(&body)?;
        let result = body["data"]["result"].as_array().cloned();
        Ok((result.unwrap_or_default(), took))
    }

    /// Its own metrics whose name begins so: name with labels, and value.
    pub(super) fn own(&self, prefix: &str) -> Result<Vec<(String, f64)>> {
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
    pub(super) fn one(&self, name: &str) -> Result<f64> {
        let own = self.own(name)?;
        let found = own.iter().find(|(own, _)| own == name);
        Ok(found
            .with_context(|| format!("prometheus has no {name}"))?
            .1)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}
