//! In the guest: the daemon in its own pod, exactly as the plain manifest has it.
//!
//! In: `deploy/kubernetes/sealwatch.yaml`, the image, both runtimes. Out: [`Told`],
//! and what it counted of one container. Invariant: rights, mounts and profiles are
//! read from the manifest, and its readiness probe is what is waited for. Lacks on
//! purpose: judging.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use serde_json::{Value, json};
use xtask::{layout, step};

use super::super::SEALWATCH;
use super::super::deployed::Told;
use super::super::engines::containerd::Containerd;
use super::super::engines::kubelet;
use super::super::exposition::{self, Series};
use super::super::known::to_be_counted;
use super::super::report::{Event, Run};
use super::container::{Docker, Rights};
use super::daemon::{counted, get, pairs};
use super::doctor::own_events;
use super::{Result, everyday};

/// What the daemon is compared as: it takes the best of each hook.
const BACKEND: &str = "fexit";
/// The container that it watches from its birth.
const NAME: &str = "deployed";
/// Where a node's containerd is looked for.
const USUAL: &str = "/run/containerd/containerd.sock";
/// Where the manifest has programs pinned.
const PINS: &str = "/sys/fs/bpf/sealwatch";
const READY_WITHIN: Duration = Duration::from_secs(240);
const NAMED_WITHIN: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(15);

/// Runs it, has things refused, and stops it.
pub async fn run(containerd: &mut Containerd, docker: &Docker) -> Result<(Told, Run)> {
    fs::create_dir_all("/run/containerd")?;
    fs::write(USUAL, "")?;
    let socket = containerd.socket().display().to_string();
    step::output(Command::new("mount").args(["--bind", &socket, USUAL]))?;
    let pod = manifest()?;
    let container = pod["spec"]["containers"][0].clone();
    let volumes = PathBuf::from("/run/lab-deployed");
    fs::create_dir_all(&volumes)?;
    let begun = Instant::now();
    let id = kubelet::run(containerd, pod, &volumes).await?.remove(0);
    let told = watch(containerd, docker, &container, &id, begun).await;
    let stopped = containerd.stop(&id).await;
    let (mut told, run) = told?;
    stopped?;
    // What it left on purpose goes by its own command.
    step::output(Command::new(SEALWATCH).arg("uninstall"))?;
    told.left = own_events()?;
    if Path::new(PINS).exists() {
        told.left.push(PINS.to_owned());
    }
    step::output(Command::new("umount").arg(USUAL))?;
    Ok((told, run))
}

/// The pod that the DaemonSet of the manifest makes.
fn manifest() -> Result<Value> {
    let file = layout::root().join("deploy/kubernetes/sealwatch.yaml");
    let text = fs::read_to_string(&file)?;
    for document in serde_yaml_ng::Deserializer::from_str(&text) {
        let object = Value::deserialize(document)?;
        if object["kind"] != "DaemonSet" {
            continue;
        }
        let template = &object["spec"]["template"];
        return Ok(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "sealwatch-x7k2p",
                "namespace": object["metadata"]["namespace"],
                "uid": "7f1e6a3c-0000-4000-8000-0123456789ac",
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"]["annotations"],
            },
            "spec": template["spec"],
        }));
    }
    Err(format!("{} has no DaemonSet", file.display()).into())
}

async fn watch(
    containerd: &mut Containerd,
    docker: &Docker,
    container: &Value,
    id: &str,
    begun: Instant,
) -> Result<(Told, Run)> {
    let probe = container["readinessProbe"]["httpGet"]["path"].as_str();
    let probe = probe.ok_or("no readiness probe")?;
    while !get(probe).await.is_ok_and(|(status, _)| status == 200) {
        let ended = containerd.exit_code(id).await?;
        if ended.is_some() || begun.elapsed() > READY_WITHIN {
            let log = containerd.socket().with_file_name("logs/sealwatch.log");
            let log = fs::read_to_string(log).unwrap_or_default();
            return Err(format!("not ready ({ended:?}):\n{}", step::tail(&log)).into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = begun.elapsed().as_secs();
    println!("deployed: ready after {} ms", begun.elapsed().as_millis());
    let run = refused(docker).await?;
    let series = exposition::parse(&get("/metrics").await?.1);
    let limit = container["resources"]["limits"]["memory"].as_str();
    let limit = limit.and_then(sealwatch::contract::Size::parse);
    let told = Told {
        attached: pairs(&series, "sealwatch_hooks_attached", "backend"),
        missing: pairs(&series, "sealwatch_hooks_missing", "reason"),
        runtimes: runtimes(&series),
        memory_peak: peak(id),
        memory_limit: limit.ok_or("no memory limit")?.get(),
        left: Vec::new(),
        seconds,
    };
    println!("deployed: done after {} s", begun.elapsed().as_secs());
    Ok((told, run))
}

fn runtimes(series: &[Series]) -> BTreeMap<String, f64> {
    let ups = series
        .iter()
        .filter(|series| series.name == "sealwatch_runtime_up");
    ups.map(|series| (series.label("runtime").to_owned(), series.value))
        .collect()
}

/// A container is born, refused what every container is in these tests, and goes.
async fn refused(docker: &Docker) -> Result<Run> {
    let mut place = everyday(NAME, false, "ext4/kubernetes.io~empty-dir/data")?;
    let rights = Rights {
        capabilities: &[],
        apparmor: "unconfined",
    };
    let id = docker.run(NAME, &rights, &place).await?;
    let names = ["", "", NAME];
    let begun = Instant::now();
    loop {
        let series = exposition::parse(&get("/metrics").await?.1);
        let known = series.iter().any(|series| {
            series.name == "sealwatch_rootfs_readonly" && super::daemon::is_of(series, &names)
        });
        if known {
            break;
        }
        if begun.elapsed() > NAMED_WITHIN {
            return Err(format!("{NAME} is not known").into());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let provoked = place.provoke(BACKEND).await?;
    let begun = Instant::now();
    let wanted = to_be_counted(BACKEND, &provoked);
    let series = loop {
        let series = exposition::parse(&get("/metrics").await?.1);
        let sum: u64 = counted(&series, &names, ["operation"]).values().sum();
        if sum >= wanted || begun.elapsed() > SETTLE {
            break series;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    let (_, text) = get(&format!(
        "/api/v1/events?limit=4096&event=denial&container={NAME}"
    ))
    .await?;
    let page: Value = serde_json::from_str(&text)?;
    let entries = page["events"].as_array().ok_or("no events")?.iter();
    let events = entries.map(|entry| Event::deserialize(&entry["event"]));
    let events = events.collect::<std::result::Result<Vec<_>, _>>()?;
    docker.remove(&id).await?;
    Ok(Run {
        backend: BACKEND.into(),
        container: NAME.into(),
        counted: counted(&series, &names, ["operation", "errno"]),
        by_cause: counted(&series, &names, ["operation", "errno", "cause", "lsm"]),
        events,
        id,
        names: names.map(str::to_owned),
        provoked,
    })
}

/// Most memory that the container's control group took.
fn peak(id: &str) -> Option<u64> {
    let found = step::output(
        Command::new("find")
            .args(["/sys/fs/cgroup", "-type", "d", "-name"])
            .arg(format!("*{id}*")),
    );
    let directory = found.ok()?.lines().next()?.to_owned();
    let text = fs::read_to_string(Path::new(&directory).join("memory.peak")).ok()?;
    text.trim().parse().ok()
}
