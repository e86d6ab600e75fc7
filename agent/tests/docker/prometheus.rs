//! A real Prometheus scrapes the daemon, and its linter has nothing to say.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};

struct Prometheus {
    server: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(stage: &Stage, target: SocketAddr) -> Result<Prometheus, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| error.to_string())?;
        let config = stage.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
             - job_name: sealwatch\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(&config, text).map_err(|error| error.to_string())?;
        let log = File::create(stage.path().join("prometheus.log")).map_err(|e| e.to_string())?;
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                stage.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start prometheus: {error}"))?;
        Ok(Prometheus { server, address })
    }

    /// The instant query's results.
    fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.address)?;
            write!(stream, "GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn prometheus_scrapes_and_its_linter_is_content() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("prometheus_scrapes", &why),
    };
    let agent = stage.agent(&[]);
    let prometheus = match Prometheus::start(&stage, agent.address()) {
        Ok(prometheus) => prometheus,
        Err(why) => return cannot_run("prometheus_scrapes", &why),
    };
    let name = unique("scraped");
    stage.run(
        &name,
        &[],
        &[
            "sh",
            "-c",
            "echo > /srv/a; echo > /srv/a; mkdir /srv/b; exit 0",
        ],
    );
    let query = format!("sum(sealwatch_denials_total{{container=\"{name}\",errno=\"EROFS\"}})");
    eventually("Prometheus has the count", Duration::from_secs(30), || {
        prometheus
            .query(&query)
            .first()
            .is_some_and(|result| result["value"][1] == "3")
    });
    let up = prometheus.query("up{job=\"sealwatch\"}");
    assert!(
        up.iter().all(|result| result["value"][1] == "1") && up.len() == 1,
        "{up:?}"
    );
    // The join that dashboards and alerts use.
    let joined = format!(
        "sealwatch_denials_total{{container=\"{name}\"}} \
         * on (namespace, pod, container) group_left (image) sealwatch_container_info"
    );
    let joined = prometheus.query(&joined);
    assert!(!joined.is_empty(), "the info metric joins");
    assert!(
        joined
            .iter()
            .all(|result| result["metric"]["image"] == xtask::engine::IMAGE)
    );

    let mut linter = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    linter
        .stdin
        .take()
        .unwrap()
        .write_all(agent.metrics_text().as_bytes())
        .unwrap();
    let output = linter.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(
        output.status.success() && words.trim().is_empty(),
        "{words}"
    );
}
