//! A containerd with its CRI, and pods in it as a kubelet would make them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use k8s_cri::v1;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::unmount_below;

/// The image that sandboxes are made of.
pub const PAUSE: &str = "docker.io/sealwatch/pause:latest";

/// A containerd that answers.
pub struct Containerd {
    dir: PathBuf,
    socket: PathBuf,
    daemon: Child,
    client: RuntimeServiceClient<Channel>,
    sandboxes: Vec<String>,
}

/// A container as a pod author would describe it.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub command: &'a [&'a str],
    pub mounts: &'a [(&'a str, &'a Path)],
}

impl Containerd {
    /// Starts it below `dir` and imports the image archives.
    pub async fn start(dir: &Path, archives: &[&Path]) -> Result<Containerd, String> {
        let text = |error: std::io::Error| error.to_string();
        fs::create_dir_all(dir).map_err(text)?;
        let socket = dir.join("c.sock");
        let config = format!(
            r#"version = 2
root = "{0}/root"
state = "{0}/state"
[grpc]
  address = "{1}"
[ttrpc]
  address = "{0}/t.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{0}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{0}/cni"
    conf_dir = "{0}/cni.d"
"#,
            dir.display(),
            socket.display()
        );
        fs::write(dir.join("config.toml"), config).map_err(text)?;
        let daemon = daemon(dir)?;
        let mut engine = Containerd {
            dir: dir.to_owned(),
            socket: socket.clone(),
            daemon,
            client: RuntimeServiceClient::new(channel(&socket)),
            sandboxes: Vec::new(),
        };
        engine.wait_until_ready().await?;
        for archive in archives {
            let output = Command::new("ctr")
                .arg("--address")
                .arg(&socket)
                .args(["--namespace", "k8s.io", "images", "import"])
                .arg(archive)
                .output()
                .map_err(text)?;
            if !output.status.success() {
                return Err(format!("ctr: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
        Ok(engine)
    }

    async fn wait_until_ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while self
            .client
            .version(v1::VersionRequest::default())
            .await
            .is_err()
        {
            if begun.elapsed() > Duration::from_secs(120) {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(format!("containerd's CRI does not answer: {log}"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Kills the daemon and starts it again; its containers run on.
    pub async fn restart(&mut self) -> Result<(), String> {
        self.daemon
            .kill()
            .and_then(|()| self.daemon.wait())
            .map_err(|error| error.to_string())?;
        self.daemon = daemon(&self.dir)?;
        self.wait_until_ready().await
    }

    /// The socket that serves CRI.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes a pod's sandbox and returns its id and its configuration.
    pub async fn pod(
        &mut self,
        namespace: &str,
        name: &str,
        uid: &str,
        labels: &[(&str, &str)],
    ) -> Result<(String, v1::PodSandboxConfig), String> {
        let own = v1::NamespaceMode::Pod;
        self.sandbox([namespace, name, uid], labels, own).await
    }

    /// The same by namespace, name and uid; with `Node` it shares the host's process
    /// numbers.
    pub async fn sandbox(
        &mut self,
        [namespace, name, uid]: [&str; 3],
        labels: &[(&str, &str)],
        pids: v1::NamespaceMode,
    ) -> Result<(String, v1::PodSandboxConfig), String> {
        let own = [
            ("io.kubernetes.pod.name", name),
            ("io.kubernetes.pod.namespace", namespace),
            ("io.kubernetes.pod.uid", uid),
        ];
        let options = v1::NamespaceOption {
            network: v1::NamespaceMode::Node as i32,
            pid: pids as i32,
            ..Default::default()
        };
        let config = v1::PodSandboxConfig {
            metadata: Some(v1::PodSandboxMetadata {
                name: name.to_owned(),
                uid: uid.to_owned(),
                namespace: namespace.to_owned(),
                attempt: 0,
            }),
            log_directory: self.dir.join("logs").display().to_string(),
            labels: owned(own.iter().chain(labels)),
            linux: Some(v1::LinuxPodSandboxConfig {
                cgroup_parent: format!("/kubepods/besteffort/pod{uid}"),
                security_context: Some(v1::LinuxSandboxSecurityContext {
                    namespace_options: Some(options),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = v1::RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: String::new(),
        };
        let answer = self
            .client
            .run_pod_sandbox(request)
            .await
            .map_err(|e| e.to_string())?;
        let id = answer.into_inner().pod_sandbox_id;
        self.sandboxes.push(id.clone());
        Ok((id, config))
    }

    /// Makes and starts a container with a read-only root, and returns its id.
    pub async fn run(
        &mut self,
        pod: &(String, v1::PodSandboxConfig),
        wanted: &Wanted<'_>,
    ) -> Result<String, String> {
        let mount = |(target, source): &(&str, &Path)| v1::Mount {
            container_path: (*target).to_owned(),
            host_path: source.display().to_string(),
            ..Default::default()
        };
        let security = v1::LinuxContainerSecurityContext {
            readonly_rootfs: true,
            ..Default::default()
        };
        let config = v1::ContainerConfig {
            command: wanted.command.iter().map(|&word| word.to_owned()).collect(),
            mounts: wanted.mounts.iter().map(mount).collect(),
            ..container(&pod.1, wanted.name, wanted.image, security)
        };
        self.start_container(pod, config).await
    }

    /// Makes and starts a container, and returns its id.
    pub async fn start_container(
        &mut self,
        pod: &(String, v1::PodSandboxConfig),
        config: v1::ContainerConfig,
    ) -> Result<String, String> {
        let request = v1::CreateContainerRequest {
            pod_sandbox_id: pod.0.clone(),
            config: Some(config),
            sandbox_config: Some(pod.1.clone()),
        };
        let answer = self
            .client
            .create_container(request)
            .await
            .map_err(|e| e.to_string())?;
        let container_id = answer.into_inner().container_id;
        let request = v1::StartContainerRequest {
            container_id: container_id.clone(),
        };
        let started = self.client.start_container(request).await;
        started.map_err(|e| e.to_string())?;
        Ok(container_id)
    }

    /// Runs a command in a container, and returns what it wrote; an error where it fails.
    pub async fn exec(&mut self, id: &str, command: &[&str]) -> Result<String, String> {
        let request = v1::ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: 300,
        };
        let answer = self.client.exec_sync(request).await;
        let answer = answer.map_err(|e| e.to_string())?.into_inner();
        let text = [answer.stdout, answer.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        match answer.exit_code {
            0 => Ok(text),
            code => Err(format!("exit code {code}: {text}")),
        }
    }

    /// With what it ended, if it has.
    pub async fn exit_code(&mut self, id: &str) -> Result<Option<i32>, String> {
        let request = v1::ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: false,
        };
        let answer = self.client.container_status(request).await;
        let status = answer.map_err(|e| e.to_string())?.into_inner().status;
        let ended = |status: &v1::ContainerStatus| {
            status.state == v1::ContainerState::ContainerExited as i32
        };
        Ok(status.filter(ended).map(|status| status.exit_code))
    }

    /// Asks a container to end, as the kubelet does before it kills it.
    pub async fn stop(&mut self, id: &str) -> Result<(), String> {
        let request = v1::StopContainerRequest {
            container_id: id.to_owned(),
            timeout: 10,
        };
        let answer = self.client.stop_container(request).await;
        answer.map(drop).map_err(|e| e.to_string())
    }

    /// What the runtime says of a container: its OCI specification included.
    pub async fn status(&mut self, id: &str) -> serde_json::Value {
        let request = v1::ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: true,
        };
        let answer = self.client.container_status(request).await.unwrap();
        let info = answer.into_inner().info;
        serde_json::from_str(&info["info"]).unwrap()
    }

    /// Removes every pod.
    pub async fn clear(&mut self) {
        for id in std::mem::take(&mut self.sandboxes) {
            let pod_sandbox_id = id.clone();
            let _ = self
                .client
                .stop_pod_sandbox(v1::StopPodSandboxRequest { pod_sandbox_id })
                .await;
            let pod_sandbox_id = id;
            let _ = self
                .client
                .remove_pod_sandbox(v1::RemovePodSandboxRequest { pod_sandbox_id })
                .await;
        }
    }
}

/// What every container of a pod has, beside what its author says of `security`.
pub fn container(
    pod: &v1::PodSandboxConfig,
    name: &str,
    image: &str,
    security: v1::LinuxContainerSecurityContext,
) -> v1::ContainerConfig {
    let mut labels = pod.labels.clone();
    labels.retain(|name, _| name.starts_with("io.kubernetes."));
    labels.insert("io.kubernetes.container.name".to_owned(), name.to_owned());
    let of_pod = pod.linux.as_ref();
    let of_pod = of_pod.and_then(|linux| linux.security_context.as_ref());
    v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata {
            name: name.to_owned(),
            attempt: 0,
        }),
        image: Some(v1::ImageSpec {
            image: image.to_owned(),
            ..Default::default()
        }),
        labels,
        log_path: format!("{name}.log"),
        linux: Some(v1::LinuxContainerConfig {
            security_context: Some(v1::LinuxContainerSecurityContext {
                // As the kubelet asks for them; CRI has none by itself.
                masked_paths: paths(&["/proc/acpi", "/proc/kcore", "/sys/firmware"]),
                readonly_paths: paths(&["/proc/bus", "/proc/irq", "/proc/sys"]),
                namespace_options: of_pod.and_then(|security| security.namespace_options.clone()),
                ..security
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn paths(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn daemon(dir: &Path) -> Result<Child, String> {
    let text = |error: std::io::Error| error.to_string();
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .map_err(text)?;
    Command::new("containerd")
        .arg("--config")
        .arg(dir.join("config.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(text)?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("cannot start containerd: {error}"))
}

fn channel(socket: &Path) -> Channel {
    let socket = socket.to_owned();
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(tower::service_fn(
        move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        },
    ))
}

fn owned<'a>(labels: impl Iterator<Item = &'a (&'a str, &'a str)>) -> HashMap<String, String> {
    labels
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // Tasks outlive their daemon, so what a failed test left goes first.
        let ctr = |args: &[&str]| {
            let mut command = Command::new("ctr");
            command
                .arg("--address")
                .arg(&self.socket)
                .args(["--namespace", "k8s.io", "tasks"]);
            command
                .args(args)
                .output()
                .map(|output| output.stdout)
                .unwrap_or_default()
        };
        let tasks = String::from_utf8_lossy(&ctr(&["list", "--quiet"])).into_owned();
        for task in tasks.lines() {
            ctr(&["delete", "--force", task]);
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        unmount_below(&self.dir);
    }
}
