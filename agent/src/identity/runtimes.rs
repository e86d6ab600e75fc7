//! The runtimes' sockets become one stream of descriptions.
//!
//! In: which sockets, and look-ups. Out: [`Runtimes`]. Invariant: runs beside
//! the hot path; every queue is bounded; a socket that is absent, dead or slow
//! is tried again for ever, and delays names, never counts. Lacks on purpose:
//! either API's dialect.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::cri::{self, CriError};
use super::docker;
use super::status::{EndpointStatus, Reporter, RuntimeStatus};
use super::{Description, LookUp};
use crate::config::Sockets;
use crate::denial::Runtime;
use crate::mountinfo::process;

/// Where Docker and Podman listen unless told otherwise.
pub const DOCKER_SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];
/// Where containerd, CRI-O and the distributions' own copies of them listen.
pub const CRI_SOCKETS: [&str; 5] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/run/cri-dockerd.sock",
];

/// Descriptions that wait for the pipeline; then the sessions wait.
const DESCRIPTIONS_MAX: usize = 1_024;
/// Look-ups that wait to be handed out, and at each socket; then they are dropped.
const LOOK_UPS_MAX: usize = 1_024;
/// An absent socket is looked for this often.
const ABSENT_EVERY: Duration = Duration::from_secs(5);
/// Waits between sessions grow from the first to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// A session that lasted this long was a good one: the next wait is short again.
const GOOD_SESSION: Duration = Duration::from_secs(60);

/// The pipeline's ends.
#[derive(Debug)]
pub struct Runtimes {
    /// What the runtimes tell, unasked and asked.
    pub descriptions: mpsc::Receiver<Description>,
    /// Wishes; to be sent with `try_send`.
    pub look_ups: mpsc::Sender<LookUp>,
    /// How the sockets are.
    pub status: Arc<RuntimeStatus>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Docker,
    Cri,
}

impl Api {
    /// Whether a container of this runtime may be known at the other end.
    fn serves(self, runtime: Runtime) -> bool {
        match runtime {
            // cri-dockerd's containers are Docker's; Docker itself knows them best.
            Runtime::Docker | Runtime::Podman => self == Api::Docker,
            Runtime::Containerd | Runtime::Crio => self == Api::Cri,
            Runtime::Unspecified => true,
        }
    }
}

/// Starts to listen; ends when the receiver is dropped. To be called inside tokio.
pub fn start(docker: &Sockets, cri: &Sockets) -> Runtimes {
    let (out, descriptions) = mpsc::channel(DESCRIPTIONS_MAX);
    let (look_ups, wishes) = mpsc::channel(LOOK_UPS_MAX);
    let mut endpoints = Vec::new();
    let mut queues = Vec::new();
    for (path, api, asked_for) in all_places(docker, cri) {
        let runtime = by_name(&path, api);
        let status = Arc::new(EndpointStatus::new(path, runtime, asked_for));
        let reporter = Reporter {
            status: status.clone(),
            descriptions: out.clone(),
        };
        let (queue, waiting) = mpsc::channel(LOOK_UPS_MAX);
        tokio::spawn(attend(api, asked_for, waiting, reporter));
        queues.push((api, queue, status.clone()));
        endpoints.push(status);
    }
    tokio::spawn(hand_out(wishes, queues));
    Runtimes {
        descriptions,
        look_ups,
        status: Arc::new(RuntimeStatus { endpoints }),
    }
}

/// Every socket, its API, and whether the user named it.
pub(super) fn all_places(docker: &Sockets, cri: &Sockets) -> Vec<(PathBuf, Api, bool)> {
    let mut all = places(docker, &DOCKER_SOCKETS, Api::Docker);
    all.extend(places(cri, &CRI_SOCKETS, Api::Cri));
    all
}

fn places(sockets: &Sockets, usual: &[&str], api: Api) -> Vec<(PathBuf, Api, bool)> {
    match sockets {
        Sockets::Auto => usual
            .iter()
            .map(|path| (PathBuf::from(path), api, false))
            .collect(),
        Sockets::Only(paths) => paths.iter().map(|path| (path.clone(), api, true)).collect(),
    }
}

/// Who is expected at a socket, until he says himself.
pub(super) fn by_name(path: &Path, api: Api) -> Runtime {
    let path = path.to_string_lossy();
    match api {
        Api::Docker if path.contains("podman") => Runtime::Podman,
        Api::Docker => Runtime::Docker,
        Api::Cri if path.contains("crio") => Runtime::Crio,
        Api::Cri if path.contains("dockerd") => Runtime::Docker,
        Api::Cri => Runtime::Containerd,
    }
}

/// Where a socket is reached: at its own path, or, from a container that shares
/// the host's process numbers, below the host's root, so that no socket has to
/// be mounted.
pub(super) fn reached(socket: &Path) -> PathBuf {
    if socket.exists() {
        return socket.to_owned();
    }
    let on_host = below(Path::new(process::host_root()), socket);
    match on_host.exists() {
        true => on_host,
        false => socket.to_owned(),
    }
}

/// A socket below another root. `/var/run` is a link to `/run`, which would lead
/// back into this process's own root.
fn below(root: &Path, socket: &Path) -> PathBuf {
    match socket.strip_prefix("/var/run") {
        Ok(rest) => root.join("run").join(rest),
        Err(_) => root.join(socket.strip_prefix("/").unwrap_or(socket)),
    }
}

/// Gives each wish to the sockets that may know the container.
async fn hand_out(
    mut wishes: mpsc::Receiver<LookUp>,
    queues: Vec<(Api, mpsc::Sender<LookUp>, Arc<EndpointStatus>)>,
) {
    while let Some(wish) = wishes.recv().await {
        for (api, queue, status) in &queues {
            // A session that begins lists everything, so nothing is kept for it.
            let wanted = api.serves(wish.runtime) && status.is_up();
            if wanted && queue.try_send(wish.clone()).is_err() {
                status.look_up_dropped();
            }
        }
    }
}

/// Keeps a session with one socket going.
async fn attend(
    api: Api,
    asked_for: bool,
    mut look_ups: mpsc::Receiver<LookUp>,
    reporter: Reporter,
) {
    let status = reporter.status.clone();
    let mut wait = BACK_OFF.0;
    let mut since = wall_seconds();
    loop {
        if reporter.descriptions.is_closed() || look_ups.is_closed() {
            return;
        }
        let socket = reached(&status.path);
        if !socket.exists() {
            if asked_for {
                status.failed(&"there is no such socket");
            }
            sleep(ABSENT_EVERY).await;
            continue;
        }
        let begun = Instant::now();
        let (error, not_served): (Box<dyn Error + Send>, bool) = match api {
            Api::Docker => {
                // What is to come is not left out where the clock was set back.
                since = since.min(wall_seconds());
                let Err(error) = docker::serve(&socket, &mut since, &mut look_ups, &reporter).await;
                (Box::new(error), false)
            }
            Api::Cri => {
                let Err(error) = cri::serve(&socket, &mut look_ups, &reporter).await;
                let not_served = matches!(error, CriError::NotServed);
                (Box::new(error), not_served)
            }
        };
        if reporter.descriptions.is_closed() {
            return;
        }
        status.failed(&error);
        // Docker's own containerd has its CRI switched off as a rule.
        if not_served && !asked_for {
            status.irrelevant();
            wait = BACK_OFF.1;
        } else {
            let socket = socket.display();
            tracing::warn!(%socket, %error, "a container runtime does not answer, trying again");
        }
        status.session_ended();
        if begun.elapsed() >= GOOD_SESSION {
            wait = BACK_OFF.0;
        }
        sleep(wait).await;
        wait = (wait * 2).min(BACK_OFF.1);
        // What was asked meanwhile is in the next session's list.
        while look_ups.try_recv().is_ok() {}
    }
}

fn wall_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_below_the_hosts_root() {
        let root = Path::new("/proc/1/root");
        for (socket, on_host) in [
            ("/var/run/docker.sock", "/proc/1/root/run/docker.sock"),
            ("/run/crio/crio.sock", "/proc/1/root/run/crio/crio.sock"),
        ] {
            assert_eq!(below(root, Path::new(socket)), Path::new(on_host));
            assert_eq!(
                below(Path::new("/"), Path::new("/run/x")),
                Path::new("/run/x")
            );
        }
        let absent = Path::new("/run/no-such-runtime.sock");
        assert_eq!(reached(absent), absent);
    }
}
