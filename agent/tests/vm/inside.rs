//! In the guest: each backend watches Docker containers and a pod being refused.
//!
//! In: dockerd, containerd, the daemon, `provoke`. Out: `/lab/out/report.json`.
//! Invariant: a container lives until its counts are read; the daemon sees the whole
//! of its life. Lacks on purpose: judging.

mod container;
mod daemon;
mod deployed;
mod doctor;
mod module;
mod place;
pub mod selinux;

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::engines::containerd::Containerd;
use super::image;
use super::known::to_be_counted;
use super::report::Report;
use container::{Docker, POD_NAMES, Rights};
use daemon::{Compared, Daemon};
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
    for name in ["hardlinks", "symlinks", "regular", "fifos"] {
        fs::write(format!("/proc/sys/fs/protected_{name}"), "1")?;
    }
    fs::write("/proc/sys/kernel/yama/ptrace_scope", "1")?;
    module::load_profile()?;
    let _held = module::attach_program()?;
    let archive = Path::new(super::ARCHIVE);
    let lab = Path::new("/var/lib/containerd/lab");
    let archives = [archive, Path::new(super::OWN_ARCHIVE)];
    let mut containerd = Containerd::start(lab, &archives).await?;
    let docker = Docker::start(containerd.socket(), &archives, &[]).await?;
    match doctor::ask(docker.socket(), containerd.socket()) {
        Ok(told) => {
            println!("doctor: {} s", told.seconds);
            report.doctor = Some(told);
        }
        Err(error) => report.broken.push(error.to_string()),
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    if super::deployed::is_tried(&release) {
        match deployed::run(&mut containerd, &docker).await {
            Ok((told, run)) => {
                report.deployed = Some(told);
                report.runs.push(run);
            }
            Err(error) => report.broken.push(format!("deployed: {error}")),
        }
    }
    let mut watched = Watched {
        docker,
        containerd,
        there: Vec::new(),
    };
    for backend in BACKENDS {
        if let Err(error) = one(backend, &mut watched, report).await {
            report.broken.push(format!("{backend}: {error}"));
        }
    }
    Ok(())
}

/// A container that is there.
struct Watch {
    /// What the report calls it.
    name: &'static str,
    /// The labels of its series.
    names: [&'static str; 3],
    id: String,
    place: Place,
}

/// The runtimes, and the containers once they are there.
struct Watched {
    docker: Docker,
    containerd: Containerd,
    there: Vec<Watch>,
}

/// The everyday cases: all, or those that need no capability and are not had elsewhere.
fn everyday(name: &str, all: bool, volume: &str) -> Result<Place> {
    let mut place = Place::new(name)?;
    place.suites(&[&format!("root={}", image::SEALED)]);
    if all {
        // Once, apart from what else refuses ptrace.
        place.suites(&["yama=/vol"]);
    }
    place.read_only("ro", &["volume"])?;
    place.small("small", "size=64k", "bytes")?;
    place.small("few", "nr_inodes=32,size=1m", "inodes")?;
    place.quota("ext4", all)?;
    place.volume("vol", volume, "refused")?;
    Ok(place)
}

/// The others that no profile is needed for.
fn special() -> Result<Place> {
    let mut place = Place::new("special")?;
    place.read_only("ro", &["compat", "uring", "names"])?;
    place.suites(&["chroot=/ro/names", "pivot=/ro/names"]);
    place.writable(
        "vol",
        &["guarded", "namespace", "seccomp", "landlock", "bpf"],
    )?;
    place.suites(&["grouped=/vol/guarded", "unconfined=/vol"]);
    place.lower_only("lower", "superblock")?;
    place.read_only_disk("disk", "disk")?;
    place.tmpfs("noexec", "noexec", "noexec")?;
    place.tmpfs("nodev", "nodev", "nodev")?;
    place.full_disk("full")?;
    Ok(place)
}

/// Those of a profile.
fn armored(suite: &str) -> Result<Place> {
    let mut place = Place::new(suite)?;
    place.writable("armor", &[suite])?;
    Ok(place)
}

impl Watched {
    async fn docker(&mut self, name: &'static str, rights: Rights, place: Place) -> Result<()> {
        let begun = Instant::now();
        let id = self.docker.run(name, &rights, &place).await?;
        println!("{name}: started in {} ms", begun.elapsed().as_millis());
        self.there.push(Watch {
            name,
            names: ["", "", name],
            id,
            place,
        });
        Ok(())
    }

    /// Starts the containers, unless they are there.
    async fn containers(&mut self) -> Result<()> {
        if !self.there.is_empty() {
            return Ok(());
        }
        let rights = |capabilities, apparmor| Rights {
            capabilities,
            apparmor,
        };
        let place = everyday("everyday", true, "ext4/volumes/data/_data")?;
        let immutable = rights(&["LINUX_IMMUTABLE"], "unconfined");
        self.docker("everyday", immutable, place).await?;
        let place = everyday("pod", false, "ext4/kubernetes.io~empty-dir/data")?;
        let id = container::run_pod(&mut self.containerd, &place).await?;
        self.there.push(Watch {
            name: "pod",
            names: POD_NAMES,
            id,
            place,
        });
        self.docker("special", rights(&[], "unconfined"), special()?)
            .await?;
        let profile = rights(&["SYS_ADMIN"], module::PROFILE);
        self.docker("profile", profile, armored("profile")?).await?;
        let profile = rights(&["SYS_ADMIN"], "docker-default");
        self.docker("docker-default", profile, armored("docker-default")?)
            .await
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
    watched.containers().await?;
    let names: Vec<_> = watched.there.iter().map(|watch| watch.names).collect();
    daemon.knows(&names).await?;
    let known = begun.elapsed().as_secs();
    let mut wanted = Vec::new();
    for watch in &mut watched.there {
        let provoked = watch.place.provoke(backend).await?;
        // One container's refusals fit into the ring of samples, all of them together
        // may not: a guest's processor is slow, and here nothing may be lost.
        daemon
            .counts(&watch.names, to_be_counted(backend, &provoked))
            .await?;
        wanted.push(Compared {
            container: watch.name,
            id: watch.id.clone(),
            names: watch.names,
            provoked,
        });
    }
    let provoked = begun.elapsed().as_secs();
    let (told, runs) = daemon.settle(wanted).await?;
    report.backends.push(told);
    report.runs.extend(runs);
    println!(
        "{backend}: known after {known} s, provoked after {provoked} s, done after {} s",
        begun.elapsed().as_secs()
    );
    Ok(())
}
