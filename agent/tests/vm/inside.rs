//! In the guest: each backend watches a Docker container and a pod being refused.
//!
//! In: dockerd, containerd, the daemon, `provoke`. Out: `/lab/out/report.json`.
//! Invariant: a container lives until its counts are read; the daemon sees the whole
//! of its life. Lacks on purpose: judging.

mod container;
mod daemon;
mod place;

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::engines::containerd::Containerd;
use super::report::Report;
use container::{DOCKER_NAMES, Docker, POD_NAMES};
use daemon::Daemon;
use place::Place;

/// What the guest leaves.
const OUT: &str = "/lab/out";
/// The backends, weakest last.
const BACKENDS: [&str; 3] = ["fexit", "kprobe", "tracepoint"];

/// Errors end as text in the report.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Runs every backend and writes the report, whatever happens.
pub async fn run() -> Result<()> {
    let mut report = Report::default();
    if let Err(error) = collect(&mut report).await {
        report.broken.push(error.to_string());
    }
    fs::write(
        Path::new(OUT).join("report.json"),
        serde_json::to_string(&report)?,
    )?;
    Ok(())
}

async fn collect(report: &mut Report) -> Result<()> {
    // Off by default, on in every distribution.
    fs::write("/proc/sys/fs/protected_hardlinks", "1")?;
    let archive = Path::new(super::ARCHIVE);
    let lab = Path::new("/var/lib/containerd/lab");
    let containerd = Containerd::start(lab, &[archive]).await?;
    let docker = Docker::start(containerd.socket(), archive).await?;
    let mut watched = Watched {
        docker,
        containerd,
        there: None,
    };
    for backend in BACKENDS {
        if let Err(error) = one(backend, &mut watched, report).await {
            report.broken.push(format!("{backend}: {error}"));
        }
    }
    Ok(())
}

/// The runtimes, and the containers once they are there.
struct Watched {
    docker: Docker,
    containerd: Containerd,
    there: Option<[(Place, String); 2]>,
}

impl Watched {
    /// Starts one container of each runtime, unless they are there.
    async fn containers(&mut self) -> Result<&mut [(Place, String); 2]> {
        if self.there.is_none() {
            let in_docker = Place::make("docker", true)?;
            let id = self.docker.run(&in_docker).await?;
            let in_pod = Place::make("pod", false)?;
            let pod_id = container::run_pod(&mut self.containerd, &in_pod).await?;
            self.there = Some([(in_docker, id), (in_pod, pod_id)]);
        }
        self.there.as_mut().ok_or_else(|| "no containers".into())
    }
}

/// Under the first backend the containers are born while the daemon watches; the later
/// ones find them running.
async fn one(backend: &str, watched: &mut Watched, report: &mut Report) -> Result<()> {
    let begun = Instant::now();
    let daemon = Daemon::start(
        backend,
        watched.docker.socket(),
        watched.containerd.socket(),
    )
    .await?;
    let [(in_docker, id), (in_pod, pod_id)] = watched.containers().await?;
    daemon.knows(&[DOCKER_NAMES, POD_NAMES]).await?;
    let wanted = [
        (
            "docker",
            id.clone(),
            DOCKER_NAMES,
            in_docker.provoke(backend).await?,
        ),
        (
            "cri",
            pod_id.clone(),
            POD_NAMES,
            in_pod.provoke(backend).await?,
        ),
    ];
    let (told, runs) = daemon.settle(wanted).await?;
    report.backends.push(told);
    report.runs.extend(runs);
    println!("{backend}: done in {} s", begun.elapsed().as_secs());
    Ok(())
}
