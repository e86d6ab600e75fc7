//! A pod's manifest becomes running containers, as a kubelet makes them, without a cluster.
//!
//! In: the manifest as JSON, and a [`Containerd`]. Out: the ids of its containers,
//! with their volumes mounted and their init containers at their end. Invariant: a
//! field that is not known here is an error, so that nothing of a patch is left out
//! in silence. Lacks on purpose: fields that no test has, and a network.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_cri::v1;
use serde::Deserialize;

use super::containerd::{Containerd, container};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    security_context: PodSecurity,
    #[serde(default)]
    init_containers: Vec<Container>,
    containers: Vec<Container>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodSecurity {
    fs_group: Option<u32>,
    /// A new volume's root never matches, so either policy does the same.
    #[serde(rename = "fsGroupChangePolicy")]
    _policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Container {
    name: String,
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: Vec<Variable>,
    #[serde(default)]
    security_context: Security,
    #[serde(default)]
    volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Security {
    run_as_user: Option<i64>,
    run_as_group: Option<i64>,
    #[serde(default)]
    read_only_root_filesystem: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mount {
    name: String,
    mount_path: String,
    #[serde(default)]
    sub_path: String,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Volume {
    name: String,
    empty_dir: Option<EmptyDir>,
    persistent_volume_claim: Option<Claim>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EmptyDir {
    #[serde(default)]
    medium: String,
    size_limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Claim {
    #[serde(rename = "claimName")]
    _claim_name: String,
}

/// Runs the pod, and returns the ids of its containers in their order. `volumes`
/// is an empty directory for what it mounts.
pub async fn run(
    containerd: &mut Containerd,
    manifest: serde_json::Value,
    volumes: &Path,
) -> Result<Vec<String>, String> {
    let shown = format!("{manifest:#}");
    let parsed = serde_json::from_value(manifest);
    let Manifest { metadata, spec, .. } = parsed.map_err(|error| format!("{error}: {shown}"))?;
    for volume in &spec.volumes {
        provide(volume, spec.security_context.fs_group, volumes)?;
    }
    let Metadata {
        name,
        namespace,
        uid,
    } = &metadata;
    let pod = containerd.pod(namespace, name, uid, &[]).await?;
    for init in &spec.init_containers {
        let config = config(&pod.1, &spec, init, volumes)?;
        let id = containerd.start_container(&pod, config).await?;
        end_well(containerd, &id, &init.name).await?;
    }
    let mut ids = Vec::new();
    for container in &spec.containers {
        let config = config(&pod.1, &spec, container, volumes)?;
        ids.push(containerd.start_container(&pod, config).await?);
    }
    Ok(ids)
}

/// Makes a volume's directory, as the kubelet does: a directory in memory is a
/// tmpfs, any user may write to an empty one, and a new disk is root's.
fn provide(volume: &Volume, group: Option<u32>, volumes: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| format!("volume {}: {error}", volume.name);
    let directory = volumes.join(&volume.name);
    fs::create_dir_all(&directory).map_err(text)?;
    let mode = match (&volume.empty_dir, &volume.persistent_volume_claim) {
        (Some(empty), None) => {
            if empty.medium == "Memory" {
                mount_tmpfs(&directory, empty.size_limit.as_deref())?;
            } else if !empty.medium.is_empty() {
                return Err(format!("volume {}: {:?}", volume.name, empty.medium));
            }
            0o777
        }
        (None, Some(_)) => 0o755,
        _ => return Err(format!("volume {} is of no kind", volume.name)),
    };
    let mode = match group {
        Some(group) => {
            chown(&directory, None, Some(group)).map_err(text)?;
            mode | 0o2070
        }
        None => mode,
    };
    fs::set_permissions(&directory, Permissions::from_mode(mode)).map_err(text)
}

fn mount_tmpfs(directory: &Path, limit: Option<&str>) -> Result<(), String> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "tmpfs"]).arg(directory);
    if let Some(limit) = limit {
        let bytes = sealwatch::contract::Size::parse(limit).ok_or(format!("sizeLimit {limit}"))?;
        command.arg("-o").arg(format!("size={}", bytes.get()));
    }
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn config(
    pod: &v1::PodSandboxConfig,
    spec: &Spec,
    wanted: &Container,
    volumes: &Path,
) -> Result<v1::ContainerConfig, String> {
    let number = |value: Option<i64>| value.map(|value| v1::Int64Value { value });
    let security = v1::LinuxContainerSecurityContext {
        readonly_rootfs: wanted.security_context.read_only_root_filesystem,
        run_as_user: number(wanted.security_context.run_as_user),
        run_as_group: number(wanted.security_context.run_as_group),
        supplemental_groups: spec
            .security_context
            .fs_group
            .into_iter()
            .map(i64::from)
            .collect(),
        ..Default::default()
    };
    let mut mounts = Vec::new();
    for mount in &wanted.volume_mounts {
        if !spec.volumes.iter().any(|volume| volume.name == mount.name) {
            return Err(format!("there is no volume {:?}", mount.name));
        }
        let source: PathBuf = volumes.join(&mount.name).join(&mount.sub_path);
        mounts.push(v1::Mount {
            container_path: mount.mount_path.clone(),
            host_path: source.display().to_string(),
            readonly: mount.read_only,
            ..Default::default()
        });
    }
    let variable = |variable: &Variable| v1::KeyValue {
        key: variable.name.clone(),
        value: variable.value.clone(),
    };
    Ok(v1::ContainerConfig {
        command: wanted.command.clone(),
        args: wanted.args.clone(),
        envs: wanted.env.iter().map(variable).collect(),
        mounts,
        ..container(pod, &wanted.name, &wanted.image, security)
    })
}

/// Waits for an init container, which must end with exit code 0.
async fn end_well(containerd: &mut Containerd, id: &str, name: &str) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match containerd.exit_code(id).await? {
            Some(0) => return Ok(()),
            Some(code) => return Err(format!("{name} ended with {code}")),
            None if begun.elapsed() > Duration::from_secs(30) => {
                return Err(format!("{name} does not end"));
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
