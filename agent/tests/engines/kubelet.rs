//! A pod's manifest becomes running containers, as a kubelet makes them, without a cluster.
//!
//! In: the manifest as JSON, and a [`Containerd`]. Out: the ids of its containers,
//! with their volumes mounted and their init containers at their end. Invariant: a
//! field that is not known here is an error, so that nothing of a patch is left out
//! in silence. Lacks on purpose: fields that no test has, and a network.

mod manifest;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::containerd::{Containerd, container};
use k8s_cri::v1;
use manifest::{Container, HostPathKind, Manifest, Metadata, Profile, ProfileKind, Security, Spec};
use manifest::{Variable, Volume};

/// The name of the node.
const NODE: &str = "node-1";

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
        ..
    } = &metadata;
    let pids = match spec.host_pid {
        true => v1::NamespaceMode::Node,
        false => v1::NamespaceMode::Pod,
    };
    let pod = containerd
        .sandbox([namespace, name, uid], &[], pids)
        .await?;
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
    if let Some(host) = &volume.host_path {
        if host.kind == HostPathKind::DirectoryOrCreate {
            fs::create_dir_all(&host.path).map_err(text)?;
        }
        return match Path::new(&host.path).is_dir() {
            true => Ok(()),
            false => Err(format!(
                "volume {}: {} is no directory",
                volume.name, host.path
            )),
        };
    }
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
        command.arg("-o").arg(format!("size={}", bytes(limit)?));
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
    let security = v1::LinuxContainerSecurityContext {
        supplemental_groups: spec
            .security_context
            .fs_group
            .into_iter()
            .map(i64::from)
            .collect(),
        ..security(&wanted.security_context)
    };
    let mut mounts = Vec::new();
    for mount in &wanted.volume_mounts {
        let volume = spec.volumes.iter().find(|volume| volume.name == mount.name);
        let volume = volume.ok_or(format!("there is no volume {:?}", mount.name))?;
        let source: PathBuf = match &volume.host_path {
            Some(host) => PathBuf::from(&host.path),
            None => volumes.join(&mount.name).join(&mount.sub_path),
        };
        mounts.push(v1::Mount {
            container_path: mount.mount_path.clone(),
            host_path: source.display().to_string(),
            readonly: mount.read_only,
            ..Default::default()
        });
    }
    let variables: Result<Vec<_>, String> = wanted.env.iter().map(variable).collect();
    let mut config = v1::ContainerConfig {
        command: wanted.command.clone(),
        args: wanted.args.clone(),
        envs: variables?,
        mounts,
        ..container(pod, &wanted.name, &wanted.image, security)
    };
    if let (Some(limit), Some(linux)) = (&wanted.resources.limits.memory, &mut config.linux) {
        linux.resources = Some(v1::LinuxContainerResources {
            memory_limit_in_bytes: i64::try_from(bytes(limit)?).map_err(|e| e.to_string())?,
            ..Default::default()
        });
    }
    Ok(config)
}

/// A variable of the container's environment; of the pod's fields only the node's name.
fn variable(wanted: &Variable) -> Result<v1::KeyValue, String> {
    let value = match (&wanted.value, &wanted.value_from) {
        (Some(value), None) => value.clone(),
        (None, Some(source)) if source.field_ref.field_path == "spec.nodeName" => NODE.to_owned(),
        _ => return Err(format!("the value of {} is not known", wanted.name)),
    };
    Ok(v1::KeyValue {
        key: wanted.name.clone(),
        value,
    })
}

/// A quantity such as `64Mi`.
fn bytes(quantity: &str) -> Result<u64, String> {
    let size = sealwatch::contract::Size::parse(quantity);
    Ok(size.ok_or(format!("{quantity:?} is no size"))?.get())
}

fn security(wanted: &Security) -> v1::LinuxContainerSecurityContext {
    let number = |value: Option<i64>| value.map(|value| v1::Int64Value { value });
    let profile = |profile: &Profile| v1::SecurityProfile {
        profile_type: match profile.kind {
            ProfileKind::RuntimeDefault => v1::security_profile::ProfileType::RuntimeDefault,
            ProfileKind::Unconfined => v1::security_profile::ProfileType::Unconfined,
        } as i32,
        localhost_ref: String::new(),
    };
    let labels = wanted.se_linux_options.as_ref();
    v1::LinuxContainerSecurityContext {
        readonly_rootfs: wanted.read_only_root_filesystem,
        run_as_user: number(wanted.run_as_user),
        run_as_group: number(wanted.run_as_group),
        no_new_privs: wanted.allow_privilege_escalation == Some(false),
        capabilities: Some(v1::Capability {
            add_capabilities: wanted.capabilities.add.clone(),
            drop_capabilities: wanted.capabilities.drop.clone(),
            ..Default::default()
        }),
        seccomp: wanted.seccomp_profile.as_ref().map(profile),
        apparmor: wanted.app_armor_profile.as_ref().map(profile),
        selinux_options: labels.map(|labels| v1::SeLinuxOption {
            r#type: labels.kind.clone(),
            ..Default::default()
        }),
        ..Default::default()
    }
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
