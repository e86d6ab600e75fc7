//! What is said of each finding.
//!
//! In: a kind, a mount, whose it is. Out: sentences. Invariant: pure; each
//! sentence names the path, each fix the setting in the words of who runs the
//! container. Lacks on purpose: deciding that something is a finding.

use super::{Kind, Seen};
use crate::denial::{Container, FindingKind};

/// In words: what is the matter at a path.
pub(super) fn sentence(
    kind: FindingKind,
    place: &str,
    mount: Option<&Seen>,
    of: Orchestrator,
) -> String {
    let source = mount.and_then(|mount| mount.source.as_deref());
    match kind {
        FindingKind::RuntimeSocket => {
            let name = source.unwrap_or(place);
            format!("the container runtime's socket {name} is mounted at {place}")
        }
        FindingKind::WritableRootAskedReadOnly => {
            format!(
                "the root is writable although {} was asked for",
                of.read_only()
            )
        }
        FindingKind::WritableKernelFiles => {
            format!("the kernel's files below {place} are writable")
        }
        FindingKind::WritableHostPath => match source {
            Some(source) => format!("writable host path {source} at {place}"),
            None => format!("writable host path at {place}"),
        },
        FindingKind::WritableRoot => "the root is writable".to_owned(),
        FindingKind::RunsAsRoot => "it runs as root".to_owned(),
        FindingKind::TmpfsExecutable => format!("programs in tmpfs {place} can be executed"),
        FindingKind::TmpfsSetuid => format!("set-user-id programs in tmpfs {place} take effect"),
        FindingKind::TmpfsDevices => format!("device files in tmpfs {place} take effect"),
        FindingKind::TmpfsWithoutSize => format!("tmpfs {place} without size"),
    }
}

/// What to change.
pub(super) fn fix(kind: FindingKind, place: &str, of: Orchestrator) -> String {
    let kubernetes = of == Orchestrator::Kubernetes;
    let option = |name: &str, effect: &str| match kubernetes {
        true => format!(
            "an emptyDir takes no mount options: have an AppArmor or SELinux profile {effect}"
        ),
        false => format!("mount it with {name}: --tmpfs {place}:{name}"),
    };
    match kind {
        FindingKind::RuntimeSocket => {
            "take the mount away, or put a proxy in front that allows what is needed alone"
                .to_owned()
        }
        FindingKind::WritableRootAskedReadOnly => format!(
            "someone inside has remounted it, which takes CAP_SYS_ADMIN: take {} away and start the container anew",
            if kubernetes {
                "privileged: true"
            } else {
                "--privileged or --cap-add SYS_ADMIN"
            }
        ),
        FindingKind::WritableKernelFiles => format!(
            "run it without {}",
            if kubernetes {
                "privileged: true"
            } else {
                "--privileged"
            }
        ),
        FindingKind::WritableHostPath => match kubernetes {
            true => "set readOnly: true on the volume mount, or use a volume".to_owned(),
            false => format!("append :ro to the mount at {place}, or use a volume"),
        },
        FindingKind::WritableRoot => format!(
            "set {}, with a tmpfs or a volume wherever it has to write",
            of.read_only()
        ),
        FindingKind::RunsAsRoot => match kubernetes {
            true => {
                "set runAsNonRoot: true and runAsUser, or hostUsers: false for the pod".to_owned()
            }
            false => "set --user UID:GID, or USER in the image".to_owned(),
        },
        FindingKind::TmpfsExecutable => option("noexec", "deny execution there"),
        FindingKind::TmpfsSetuid => match kubernetes {
            true => {
                "set allowPrivilegeEscalation: false, which takes the bits their effect".to_owned()
            }
            false => option("nosuid", ""),
        },
        FindingKind::TmpfsDevices => match kubernetes {
            true => "drop CAP_MKNOD, so that nobody makes device files there".to_owned(),
            false => option("nodev", ""),
        },
        FindingKind::TmpfsWithoutSize => match kubernetes {
            true => "set sizeLimit on the emptyDir".to_owned(),
            false => format!("give it a size: --tmpfs {place}:size=64m"),
        },
    }
}

/// In whose words a setting is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orchestrator {
    /// A pod's author.
    Kubernetes,
    /// Who types `docker run`, or `podman run`.
    Engine,
}

impl Orchestrator {
    pub(super) fn of(container: &Container) -> Self {
        match container.pod.is_empty() {
            true => Orchestrator::Engine,
            false => Orchestrator::Kubernetes,
        }
    }

    const fn read_only(self) -> &'static str {
        match self {
            Orchestrator::Kubernetes => "readOnlyRootFilesystem",
            Orchestrator::Engine => "--read-only",
        }
    }
}

/// What the kernel told of a mount.
pub(super) fn evidence(mount: &Seen) -> String {
    let system = if mount.super_read_only { "ro" } else { "rw" };
    let size = match (mount.kind, mount.size) {
        (Kind::Tmpfs, Some(size)) => format!(", size {size}"),
        _ => String::new(),
    };
    format!(
        "{} on {}: mount {}, file system {system}{size}",
        mount.fs_type, mount.target, mount.options
    )
}
