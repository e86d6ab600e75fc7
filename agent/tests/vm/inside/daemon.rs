//! The daemon under test: started, scraped, stopped.
//!
//! In: a backend and the runtimes' sockets. Out: what it counted and told. Invariant:
//! it is stopped by SIGTERM and must end well. Lacks on purpose: retries; what is not
//! counted within [`SETTLE`] is not counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::SEALWATCH;
use super::super::exposition::{self, Series};
use super::super::known::to_be_counted;
use super::super::report::{Backend, Event, Provoked, Run};
use super::{OUT, Result};

const ADDRESS: &str = "127.0.0.1:9402";
const READY_WITHIN: Duration = Duration::from_secs(240);
const NAMED_WITHIN: Duration = Duration::from_secs(60);
/// From the last refusal to its count in the metrics; skipped runs are told every 10 seconds.
const SETTLE: Duration = Duration::from_secs(15);
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A running daemon.
pub struct Daemon {
    backend: String,
    child: Child,
    events: PathBuf,
    log: PathBuf,
}

/// A container to be compared.
pub struct Compared {
    /// What the report calls it.
    pub container: &'static str,
    /// The runtime's id.
    pub id: String,
    /// Labels of its series.
    pub names: [&'static str; 3],
    /// What was provoked in it.
    pub provoked: Vec<Provoked>,
}

impl Daemon {
    /// Starts it with one backend forced and waits until it is ready.
    pub async fn start(backend: &str, docker: &Path, cri: &Path) -> Result<Daemon> {
        let events = Path::new(OUT).join(format!("events-{backend}.jsonl"));
        let log = Path::new(OUT).join(format!("log-{backend}"));
        // The best of backends falls back to a kretprobe for a function it cannot take.
        let asked = if backend == "fexit" { "auto" } else { backend };
        let child = Command::new(SEALWATCH)
            .args(["run", "--backend", asked, "--events", "json", "--seccomp"])
            .args(["--web.listen-address", ADDRESS])
            .arg("--docker-socket")
            .arg(docker)
            .arg("--cri-endpoint")
            .arg(cri)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&events)?)
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let mut daemon = Daemon {
            backend: backend.into(),
            child,
            events,
            log,
        };
        let begun = Instant::now();
        while !get("/readyz").await.is_ok_and(|(status, _)| status == 200) {
            let ended = daemon.child.try_wait()?;
            if ended.is_some() || begun.elapsed() > READY_WITHIN {
                return Err(format!("not ready ({ended:?}):\n{}", daemon.log()).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("{backend}: ready after {} ms", begun.elapsed().as_millis());
        Ok(daemon)
    }

    fn log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        xtask::step::tail(&text)
    }

    /// Waits until it knows containers by these names, and that their roots are as
    /// read-only as was asked for.
    pub async fn knows(&self, containers: &[[&str; 3]]) -> Result<()> {
        let begun = Instant::now();
        loop {
            let series = exposition::parse(&get("/metrics").await?.1);
            let known = |names: &[&str; 3]| {
                let mut infos = series
                    .iter()
                    .filter(|series| series.name == "sealwatch_container_info");
                let sealed = series.iter().find(|series| {
                    series.name == "sealwatch_rootfs_readonly" && is_of(series, names)
                });
                infos.any(|series| is_of(series, names))
                    && sealed.is_some_and(|series| series.value == 1.0)
            };
            if containers.iter().all(known) {
                return Ok(());
            }
            if begun.elapsed() > NAMED_WITHIN {
                return Err(format!("{containers:?} are not known:\n{}", self.log()).into());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Waits until as much is counted as was provoked, or long enough; then stops it.
    pub async fn settle(mut self, wanted: Vec<Compared>) -> Result<(Backend, Vec<Run>)> {
        let begun = Instant::now();
        let series = loop {
            let (_, text) = get("/metrics").await?;
            let series = exposition::parse(&text);
            let all = wanted.iter().all(|wanted| {
                let counted: u64 = counted(&series, &wanted.names, ["operation", "errno"])
                    .values()
                    .sum();
                counted >= to_be_counted(&self.backend, &wanted.provoked)
            });
            if all || begun.elapsed() > SETTLE {
                fs::write(
                    Path::new(OUT).join(format!("metrics-{}", self.backend)),
                    text,
                )?;
                break series;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        self.stop().await?;
        let events: Vec<Event> = self.events()?;
        let runs = wanted.into_iter().map(|wanted| Run {
            backend: self.backend.clone(),
            container: wanted.container.into(),
            counted: counted(&series, &wanted.names, ["operation", "errno"]),
            by_cause: counted(
                &series,
                &wanted.names,
                ["operation", "errno", "cause", "lsm"],
            ),
            events: events
                .iter()
                .filter(|event| {
                    let named = event.container.as_ref();
                    named.is_some_and(|named| named.id == wanted.id)
                })
                .cloned()
                .collect(),
            id: wanted.id,
            names: wanted.names.map(str::to_owned),
            provoked: wanted.provoked,
        });
        Ok((self.summary(&series), runs.collect()))
    }

    /// Waits until so many denials of a container are counted, or long enough.
    pub async fn counts(&self, names: &[&str; 3], wanted: u64) -> Result<Vec<Series>> {
        let begun = Instant::now();
        loop {
            let series = exposition::parse(&get("/metrics").await?.1);
            let counted: u64 = counted(&series, names, []).values().sum();
            if counted >= wanted || begun.elapsed() > SETTLE {
                return Ok(series);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Stops it and returns what it wrote, line by line.
    pub async fn finish(mut self) -> Result<Vec<serde_json::Value>> {
        self.stop().await?;
        self.events()
    }

    fn events<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>> {
        let text = fs::read_to_string(&self.events)?;
        let lines = text.lines().map(|line| {
            serde_json::from_str(line).map_err(|error| format!("{line}: {error}").into())
        });
        lines.collect()
    }

    async fn stop(&mut self) -> Result<()> {
        let pid = libc::pid_t::try_from(self.child.id())?;
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let begun = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("ended with {status}:\n{}", self.log()).into()),
                None if begun.elapsed() > STOP_WITHIN => return Err("does not stop".into()),
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn summary(&self, series: &[Series]) -> Backend {
        let losses = series.iter().filter(|series| {
            let zero = ["sealwatch_lost_total", "sealwatch_limited_denials_total"];
            zero.contains(&series.name.as_str()) && series.value != 0.0
        });
        let (skips, unwanted): (Vec<_>, Vec<_>) =
            losses.partition(|series| series.label("reason") == "program_skipped");
        Backend {
            name: self.backend.clone(),
            attached: pairs(series, "sealwatch_hooks_attached", "backend"),
            missing: pairs(series, "sealwatch_hooks_missing", "reason"),
            skipped: skips.iter().map(|series| series.value as u64).sum(),
            unwanted: unwanted
                .into_iter()
                .map(|series| format!("{series:?}"))
                .collect(),
            log: self.log(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is it of this container?
pub fn is_of(series: &Series, [namespace, pod, container]: &[&str; 3]) -> bool {
    series.has(&[
        ("namespace", namespace),
        ("pod", pod),
        ("container", container),
    ])
}

/// A label of each hook's series, by hook.
pub fn pairs(series: &[Series], name: &str, value: &str) -> BTreeMap<String, String> {
    let mut pairs: BTreeMap<String, String> = BTreeMap::new();
    for series in series.iter().filter(|series| series.name == name) {
        let words = pairs.entry(series.label("hook").into()).or_default();
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(series.label(value));
    }
    pairs
}

/// Denials of one container by some of their labels, the others added up.
pub fn counted<const N: usize>(
    series: &[Series],
    names: &[&str; 3],
    by: [&str; N],
) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for series in series {
        if series.name == "sealwatch_denials_total" && is_of(series, names) {
            let words = by.map(|label| series.label(label));
            *counted.entry(words.join(" ")).or_insert(0) += series.value as u64;
        }
    }
    counted
}

/// A GET to the daemon: status and body.
pub async fn get(path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(ADDRESS).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the head")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    // Sent in chunks, the body would have their sizes in between.
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return Err("the daemon answers in chunks".into());
    }
    Ok((status, body.to_owned()))
}
