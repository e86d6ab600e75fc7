//! In the guest: SELinux enforces, and a container of Docker's is refused by it.
//!
//! In: the compiled policy, containerd, dockerd, the daemon. Out:
//! `/lab/out/told.json`. Invariant: each refusal happens once. Lacks on purpose:
//! judging.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use xtask::step;

use super::super::engines::containerd::Containerd;
use super::super::selinux::{POLICY, Told, expected};
use super::container::Docker;
use super::daemon::{Daemon, is_of};
use super::{OUT, Result};

/// The labels `namespace`, `pod`, `container` of the container's series.
const NAMES: [&str; 3] = ["", "", "lab-selinux"];
/// The volume, on ext4, whose files are the host's for want of a label.
const VOLUME: &str = "/run/lab/volume";
/// What the container does, after it was told to go on.
const SCRIPT: &str = "until [ -e /vol/go ]; do busybox sleep 0.1; done; \
    echo >/vol/new; busybox mkdir /vol/directory; \
    provoke once /vol/file; busybox rm -f /vol/file; busybox sleep 1000";

/// Provokes the refusals and writes what was told of them.
pub async fn run() -> Result<()> {
    enforce()?;
    let archive = Path::new(super::super::ARCHIVE);
    let lab = Path::new("/var/lib/containerd/lab");
    let containerd = Containerd::start(lab, &[archive]).await?;
    let docker = Docker::start(containerd.socket(), &[archive], &["--selinux-enabled"]).await?;
    let daemon = Daemon::start("fexit", docker.socket(), containerd.socket()).await?;
    make_volume()?;
    let id = docker.confined(NAMES[2], SCRIPT, VOLUME).await?;
    daemon.knows(&[NAMES]).await?;
    // It may look at a file of the host's, though not read it.
    fs::write(Path::new(VOLUME).join("go"), "")?;
    let wanted = expected();
    let series = daemon
        .counts(&NAMES, wanted.iter().map(|told| told.count).sum())
        .await?;
    let events = daemon.finish().await?;
    let mut told: Vec<Told> = Vec::new();
    for event in events
        .iter()
        .filter(|event| event["container"]["id"] == id.as_str())
    {
        let text = |pointer: &str| {
            let found = event.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let (operation, errno) = (text("/operation"), text("/errno"));
        let (cause, lsm) = (text("/cause"), text("/lsm"));
        let labels = [
            ("operation", operation.as_str()),
            ("errno", &errno),
            ("cause", &cause),
            ("lsm", &lsm),
        ];
        let of_it = series.iter().filter(|series| {
            series.name == "sealwatch_denials_total" && is_of(series, &NAMES) && series.has(&labels)
        });
        let count = of_it.map(|series| series.value as u64).sum();
        told.push(Told {
            path: text("/path"),
            subject: text("/details/lsm/subject"),
            object: text("/details/lsm/object"),
            class: text("/details/lsm/class"),
            operation,
            errno,
            cause,
            lsm,
            count,
        });
    }
    told.sort_by(|one, other| (&one.operation, &one.path).cmp(&(&other.operation, &other.path)));
    fs::write(
        Path::new(OUT).join("told.json"),
        serde_json::to_string(&told)?,
    )?;
    Ok(())
}

/// Loads the policy and has the kernel enforce it.
fn enforce() -> Result<()> {
    let contexts = Path::new("/etc/selinux/lab/contexts");
    fs::create_dir_all(contexts)?;
    fs::write(
        "/etc/selinux/config",
        "SELINUX=enforcing\nSELINUXTYPE=lab\n",
    )?;
    fs::write(
        contexts.join("lxc_contexts"),
        "process = \"system_u:system_r:container_t:s0\"\n\
         file = \"system_u:object_r:container_file_t:s0\"\n\
         ro_file = \"system_u:object_r:container_file_t:s0\"\n",
    )?;
    let mount = ["-t", "selinuxfs", "none", "/sys/fs/selinux"];
    step::output(Command::new("mount").args(mount))?;
    fs::write("/sys/fs/selinux/load", fs::read(POLICY)?)?;
    fs::write("/sys/fs/selinux/enforce", "1")?;
    Ok(())
}

fn make_volume() -> Result<()> {
    let image = format!("{VOLUME}.img");
    fs::create_dir_all(VOLUME)?;
    step::output(Command::new("truncate").args(["-s", "16M", &image]))?;
    step::output(Command::new("mkfs.ext4").args(["-q", &image]))?;
    step::output(Command::new("mount").args(["-o", "loop", &image, VOLUME]))?;
    fs::write(Path::new(VOLUME).join("file"), "content")?;
    Ok(())
}
