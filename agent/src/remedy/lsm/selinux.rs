//! Advice for SELinux: the label, the boolean, or a policy of the container's own.
//!
//! In: both contexts and the class. Out: a volume's label, `chcon` and
//! `semanage` lines, a boolean. Invariant: only types are repeated, and only a
//! volume is labelled anew. Lacks on purpose: where a volume lies on the host.

use super::super::{
    Advice, MountKind,
    knowledge::BOOLEANS,
    pattern::fits,
    plain::{plain, plain_path, shown},
    plan::change,
    read_only::words,
};
use crate::denial::{Change, Remedy, Target};

/// Stands for the volume's directory on the host.
const SOURCE: &str = "SOURCE";
/// The type that containers may write.
const CONTAINER_FILE: &str = "container_file_t";
/// Classes of what lies in a directory.
const FILES: [&str; 5] = ["file", "dir", "lnk_file", "sock_file", "fifo_file"];

pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    let subject = part(advice.subject, 2);
    let object = part(advice.object, 2);
    let boolean = BOOLEANS.iter().find(|(kind, class, ..)| {
        object.is_some_and(|object| fits(kind, object))
            && (class.is_empty() || *class == advice.class)
    });
    if let Some((_, _, name, purpose)) = boolean {
        return Some(Remedy {
            sentence: format!(
                "SELinux keeps containers from {purpose}: if all containers of this host may use them, set the boolean {name}"
            ),
            changes: vec![change(Target::Selinux, format!("setsebool -P {name} on"))],
        });
    }
    let types = match (subject, object) {
        (Some(subject), Some(object)) => format!("SELinux keeps {subject} from {object}"),
        (_, _) => "SELinux refuses it".to_owned(),
    };
    if !FILES.contains(&advice.class) && !advice.class.is_empty() {
        return words(format!(
            "{types}: ask the owner of the policy, or make one for this container alone (udica)"
        ));
    }
    let volume = advice.mount.filter(|mount| {
        matches!(
            mount.kind,
            MountKind::Volume | MountKind::HostPath | MountKind::Other
        )
    });
    let Some(mount) = volume else {
        return words(format!(
            "{types}: write to a volume instead, or make a policy for this container alone (udica)"
        ));
    };
    let at = shown(mount.target, "this mount");
    if object == Some(CONTAINER_FILE) {
        return Some(Remedy {
            sentence: format!(
                "{types}, since the volume at {at} carries another container's categories: share it with :z, or give both the same level"
            ),
            changes: label(mount.target, "z", advice),
        });
    }
    let mut changes = label(mount.target, "Z", advice);
    changes.extend([
        change(Target::Selinux, format!("chcon -R -t {CONTAINER_FILE} {SOURCE}")),
        change(
            Target::Selinux,
            format!("semanage fcontext -a -t {CONTAINER_FILE} '{SOURCE}(/.*)?' && restorecon -R {SOURCE}"),
        ),
    ]);
    Some(Remedy {
        sentence: format!(
            "{types}: label the volume at {at} for containers (:Z for this one, :z for several), its own directory on the host only and never one of the system such as /etc or /home"
        ),
        changes,
    })
}

/// The flag that has the runtime label a volume.
fn label(target: &str, option: &str, advice: &Advice) -> Vec<Change> {
    match plain_path(target) {
        Some(target) if !advice.kubernetes => vec![
            change(
                Target::Docker,
                format!("--volume {SOURCE}:{target}:{option}"),
            ),
            change(
                Target::Compose,
                format!("volumes:\n  - \"{SOURCE}:{target}:{option}\""),
            ),
        ],
        Some(_) | None => Vec::new(),
    }
}

/// A part of a context: user, role, type, level.
fn part(context: &str, index: usize) -> Option<&str> {
    context.split(':').nth(index).and_then(plain)
}
