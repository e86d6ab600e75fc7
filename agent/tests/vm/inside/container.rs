//! Containers with a read-only root: by Docker's API, and in a pod by CRI.
//!
//! In: a [`Place`]. Out: a running container's id. Invariant: no command-line client,
//! which takes seconds in a guest. Lacks on purpose: networks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ImportImageOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use futures_util::TryStreamExt as _;

use super::super::engines::containerd::{Containerd, Wanted};
use super::super::image;
use super::{Place, Result};

const READY_WITHIN: Duration = Duration::from_secs(60);
/// The labels of the pod's container's series.
pub const POD_NAMES: [&str; 3] = ["lab", "pod-1", "app"];

/// What a container may do.
pub struct Rights {
    /// Capabilities beside Docker's own.
    pub capabilities: &'static [&'static str],
    /// The AppArmor profile.
    pub apparmor: &'static str,
}

/// A dockerd that answers.
pub struct Docker {
    client: bollard::Docker,
    socket: PathBuf,
    daemon: Child,
}

impl Docker {
    /// Starts it on a containerd that runs already, as its own may take longer to start
    /// in a guest than it waits for, and loads the images.
    pub async fn start(containerd: &Path, archives: &[&Path], flags: &[&str]) -> Result<Docker> {
        let socket = PathBuf::from("/run/docker.sock");
        let log = fs::File::create("/run/dockerd.log")?;
        let daemon = Command::new("dockerd")
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            .arg(format!("--host=unix://{}", socket.display()))
            .arg("--containerd")
            .arg(containerd)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let begun = Instant::now();
        let client = loop {
            match connect(&socket).await {
                Ok(client) => break client,
                Err(_) if begun.elapsed() < READY_WITHIN => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => {
                    let log = fs::read_to_string("/run/dockerd.log").unwrap_or_default();
                    return Err(format!("dockerd: {error}\n{log}").into());
                }
            }
        };
        for archive in archives {
            let body = bollard::body_full(fs::read(archive)?.into());
            let options = ImportImageOptionsBuilder::default().quiet(true).build();
            client
                .import_image(options, body, None)
                .try_collect::<Vec<_>>()
                .await?;
        }
        // It starts programs for these answers, which takes an emulator longer
        // the first time than anybody who asks would wait.
        client.version().await?;
        client.info().await?;
        Ok(Docker {
            client,
            socket,
            daemon,
        })
    }

    /// The socket that answers its API.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts a container, with a read-only root.
    pub async fn run(&self, name: &str, rights: &Rights, place: &Place) -> Result<String> {
        let binds = place
            .mounts()
            .into_iter()
            .map(|(target, source)| format!("{}:{target}", source.display()));
        let body = ContainerCreateBody {
            image: Some(image::NAME.into()),
            cmd: Some(place.command().to_vec()),
            host_config: Some(HostConfig {
                readonly_rootfs: Some(true),
                binds: Some(binds.collect()),
                network_mode: Some("none".into()),
                cap_add: Some(
                    rights
                        .capabilities
                        .iter()
                        .map(|&name| name.into())
                        .collect(),
                ),
                // The profile of some versions refuses io_uring before a file is looked at.
                security_opt: Some(vec![
                    "seccomp=unconfined".into(),
                    format!("apparmor={}", rights.apparmor),
                ]),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.create(name, body).await
    }

    /// Starts a container that Docker labels for SELinux, with a volume that it does not.
    pub async fn confined(&self, name: &str, script: &str, volume: &str) -> Result<String> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        let body = ContainerCreateBody {
            image: Some(image::NAME.into()),
            cmd: Some(words.to_vec()),
            host_config: Some(HostConfig {
                readonly_rootfs: Some(true),
                binds: Some(vec![format!("{volume}:/vol")]),
                network_mode: Some("none".into()),
                // The policy has no categories to tell containers apart.
                security_opt: Some(vec!["label=level:s0".into()]),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.create(name, body).await
    }

    /// Kills and removes a container.
    pub async fn remove(&self, id: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        Ok(self.client.remove_container(id, Some(options)).await?)
    }

    async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<String> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let created = self.client.create_container(Some(options), body).await?;
        self.client
            .start_container(&created.id, None::<StartContainerOptions>)
            .await?;
        Ok(created.id)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

async fn connect(socket: &Path) -> std::result::Result<bollard::Docker, bollard::errors::Error> {
    let version = bollard::API_DEFAULT_VERSION;
    let client = bollard::Docker::connect_with_unix(&socket.to_string_lossy(), 120, version)?;
    client.negotiate_version().await
}

/// Starts the container in a pod of its own, with a read-only root.
pub async fn run_pod(containerd: &mut Containerd, place: &Place) -> Result<String> {
    let [namespace, pod, name] = POD_NAMES;
    let uid = "7f1e6a3c-0000-4000-8000-0123456789ab";
    let sandbox = containerd.pod(namespace, pod, uid, &[]).await?;
    let command = place.command();
    let mounts = place.mounts();
    let wanted = Wanted {
        name,
        image: image::NAME,
        command: &command.each_ref().map(String::as_str),
        mounts: &mounts
            .iter()
            .map(|(to, from)| (to.as_str(), from.as_path()))
            .collect::<Vec<_>>(),
    };
    Ok(containerd.run(&sandbox, &wanted).await?)
}
