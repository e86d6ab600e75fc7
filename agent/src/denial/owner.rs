//! Whose denial it is: a container with all that is known of it, the host, or nobody known.
//!
//! In: nothing. Out: the types that identity fills and every later stage reads.
//! Invariant: an owner that is not known says why. Lacks on purpose: finding out.

use std::sync::Arc;

/// The container runtimes whose control group paths are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// Docker Engine.
    Docker,
    /// containerd through CRI.
    Containerd,
    /// CRI-O.
    Crio,
    /// Podman.
    Podman,
    /// A container whose path tells its id but not its runtime (kubelet's cgroupfs layout).
    Unspecified,
}

impl Runtime {
    /// The name used in metrics and events.
    pub const fn label(self) -> &'static str {
        match self {
            Runtime::Docker => "docker",
            Runtime::Containerd => "containerd",
            Runtime::Crio => "cri-o",
            Runtime::Podman => "podman",
            Runtime::Unspecified => "unspecified",
        }
    }
}

/// What is known of a container. Empty strings stand for what does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The runtime's id, 64 hexadecimal digits as a rule.
    pub id: String,
    /// Who runs it.
    pub runtime: Runtime,
    /// Name: the container's name in its pod, or Docker's name without the slash.
    /// The first 12 digits of the id until the runtime has told more.
    pub name: String,
    /// Image as the user named it.
    pub image: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Kubernetes pod name.
    pub pod: String,
    /// The pod's uid.
    pub pod_uid: String,
    /// Workload: Compose service, or the pod's owner as its labels tell.
    pub workload: String,
    /// Compose project.
    pub project: String,
    /// Revision: the `pod-template-hash` or `controller-revision-hash` label.
    pub revision: String,
    /// Rollout track: the `track`, `rollout` or `app.kubernetes.io/track` label.
    pub track: String,
    /// Was a read-only root asked for? `None` until the runtime has told.
    pub read_only_root: Option<bool>,
    /// Destinations of the container's own mounts (volumes, binds, tmpfs), as write roots.
    pub mount_targets: Vec<String>,
    /// True once the runtime's answer is in.
    pub described: bool,
}

impl Container {
    /// A container of which only the control group is known.
    pub fn unnamed(id: &str, runtime: Runtime) -> Container {
        Container {
            id: id.to_owned(),
            runtime,
            name: id.chars().take(12).collect(),
            image: String::new(),
            namespace: String::new(),
            pod: String::new(),
            pod_uid: String::new(),
            workload: String::new(),
            project: String::new(),
            revision: String::new(),
            track: String::new(),
            read_only_root: None,
            mount_targets: Vec::new(),
            described: false,
        }
    }
}

/// Whose denial it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A container's.
    Container(Arc<Container>),
    /// The host's: the control group belongs to no container.
    Host,
    /// Nobody's that is known.
    Unknown(Unresolved),
}

/// Why an owner is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unresolved {
    /// The control group was never seen (its creation event was lost and it is gone).
    CgroupUnseen,
    /// The kernel half could not read the task's control group.
    CgroupUnreadable,
    /// The path could not be understood.
    PathUnparsable,
    /// The counter's control group is not known because the kernel's table was full.
    CounterOverflow,
}

impl Unresolved {
    /// Every member.
    pub const ALL: [Unresolved; 4] = [
        Unresolved::CgroupUnseen,
        Unresolved::CgroupUnreadable,
        Unresolved::PathUnparsable,
        Unresolved::CounterOverflow,
    ];

    /// The name used in metrics and events.
    pub const fn label(self) -> &'static str {
        match self {
            Unresolved::CgroupUnseen => "cgroup_unseen",
            Unresolved::CgroupUnreadable => "cgroup_unreadable",
            Unresolved::PathUnparsable => "path_unparsable",
            Unresolved::CounterOverflow => "counter_overflow",
        }
    }
}
