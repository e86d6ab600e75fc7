//! Control groups of containers, as runtimes name them.
//!
//! In: a shape and an id. Out: the groups' names; what is removed again. Invariant:
//! each is told from others' by a mark in its id, so that what a run left that was
//! ended half-way is no container of a later one. Lacks on purpose: processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sealwatch::identity::hierarchy::Layout;

/// Longest that a control group stays busy with a process that has ended.
const EMPTY_WITHIN: Duration = Duration::from_secs(10);

/// How a runtime names a container's control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Docker with cgroupfs.
    Docker,
    /// Docker with systemd.
    DockerScope,
    /// A pod's, with cgroupfs.
    Pod,
    /// A pod's, with systemd.
    PodScope,
    /// Podman, whose process lies in a group of its own below.
    Podman,
    /// Docker with a group that the container has made itself.
    Below,
    /// No container's: a service of the host.
    Host,
}

impl Shape {
    /// The groups to make below what is there already; the process is in the last.
    pub fn groups(self, id: &str) -> (String, Vec<String>) {
        let uid = format!(
            "{}-{}-{}-{}-{}",
            &id[..8],
            &id[8..12],
            &id[12..16],
            &id[16..20],
            &id[20..32]
        );
        let (above, own) = match self {
            Shape::Docker => ("docker".into(), vec![id.into()]),
            Shape::DockerScope => ("system.slice".into(), vec![format!("docker-{id}.scope")]),
            Shape::Pod => (
                "kubepods/burstable".into(),
                vec![format!("pod{uid}"), id.into()],
            ),
            Shape::PodScope => {
                let slice = format!("kubepods-pod{}.slice", uid.replace('-', "_"));
                (
                    "kubepods.slice".into(),
                    vec![slice, format!("cri-containerd-{id}.scope")],
                )
            }
            Shape::Podman => (
                "machine.slice".into(),
                vec![format!("libpod-{id}.scope"), "container".into()],
            ),
            Shape::Below => ("docker".into(), vec![id.into(), "init.scope".into()]),
            Shape::Host => (
                "system.slice".into(),
                vec![format!("conserved-{id}.service")],
            ),
        };
        (above, own)
    }
}

/// Groups that those of all shapes are made in, each after those below it.
pub const ABOVE: [&str; 6] = [
    "docker",
    "kubepods/burstable",
    "kubepods",
    "kubepods.slice",
    "machine.slice",
    "system.slice",
];

/// Part of each id, and of each group's name, so that they can be told from others'.
const MARK: &str = "5ea15ea1";

/// An id that no other container has, now or in another run.
pub fn fresh_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let word = |at: u64| format!("{:016x}", RandomState::new().hash_one((number, at)));
    let [first, second, third, fourth] = [0, 1, 2, 3].map(word);
    // Where all shapes' names have it in one piece.
    [&first, &second[..8], MARK, &third, &fourth].concat()
}

/// Where the control groups are seen from their root.
pub fn root() -> Result<PathBuf, String> {
    let layout = Layout::read().map_err(|error| error.to_string())?;
    let root = layout.root().map(Path::to_path_buf);
    root.ok_or_else(|| "no mount shows the control groups from their root".into())
}

/// Removes a control group as soon as its last process is gone.
pub fn remove(group: &Path) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) if begun.elapsed() < EMPTY_WITHIN => {
                std::thread::sleep(Duration::from_millis(1))
            }
            Err(error) => return Err(format!("{}: {error}", group.display())),
        }
    }
}

/// Removes the control groups of a run that was ended half-way, which a daemon would take
/// for containers.
pub fn remove_left_over(groups: &Path) {
    fn sweep(directory: &Path) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for path in directories.map(|entry| entry.path()) {
            if path.to_string_lossy().contains(MARK) {
                sweep(&path);
                let _ = fs::remove_dir(path);
            }
        }
    }
    for above in ABOVE {
        sweep(&groups.join(above));
    }
}

/// So many containers' control groups begin and end, and nothing happens in them.
pub fn churn(groups: &Path, number: u32) -> Result<(), String> {
    for _ in 0..number {
        let group = groups.join("docker").join(fresh_id());
        let made = fs::create_dir_all(&group);
        made.map_err(|error| format!("{}: {error}", group.display()))?;
        remove(&group)?;
    }
    Ok(())
}
