//! The contracts of a pod's containers as one strategic merge patch of the
//! workload that makes it.
//!
//! In: [`Subject`]s of one pod. Out: YAML. Invariant: each volume has one name
//! in the pod; what an emptyDir would hide of an image is copied into it first.
//! Lacks on purpose: the claims themselves, which are objects of their own and
//! stand in comments.

use std::collections::HashSet;

use super::{Named, Sheet, Subject, comment, indented, mounts, quoted, remarks};
use crate::contract::{Kind, Size};
use crate::remedy::plain;

/// Where an init container has the volume that it fills.
const FILLED_AT: &str = "/sealwatch";
/// Stands for an image that is not known.
const IMAGE: &str = "IMAGE";
/// Least size of a claim, and how many times what was seen.
const CLAIM_MIN: u64 = 1 << 30;
const CLAIM_HEADROOM: u64 = 4;

/// The patch.
pub fn kubernetes(subjects: &[Subject]) -> Sheet {
    let mut taken = HashSet::new();
    let several = subjects.len() > 1;
    let parts: Vec<(&Subject, Vec<Named>)> = subjects
        .iter()
        .map(|subject| {
            let prefix = if several { subject.name } else { "" };
            (subject, mounts(subject.contract, prefix, &mut taken))
        })
        .collect();
    let all = || parts.iter().flat_map(|(_, mounts)| mounts);
    let mut pod = Vec::new();
    let group = all().find_map(|mount| {
        let owner = mount.root.owner.filter(|_| mount.root.kind == Kind::Volume);
        owner.filter(|owner| owner.uid != 0)
    });
    if let Some(owner) = group {
        pod.push("securityContext:".to_owned());
        pod.push(
            "  # A new volume is root's; so the container's group may write there.".to_owned(),
        );
        pod.push(format!("  fsGroup: {}", owner.gid));
        pod.push("  fsGroupChangePolicy: OnRootMismatch".to_owned());
    }
    let copies = parts.iter().flat_map(|(subject, mounts)| {
        let copied = mounts.iter().filter(|mount| mount.copies());
        copied.flat_map(|mount| init(subject, mount))
    });
    section(&mut pod, "initContainers:", copies.collect());
    let containers = parts
        .iter()
        .flat_map(|(subject, mounts)| container(subject, mounts));
    section(&mut pod, "containers:", containers.collect());
    section(
        &mut pod,
        "volumes:",
        all()
            .flat_map(|mount| mount.mount.volume(&mount.name))
            .collect(),
    );
    let mut lines: Vec<String> = ["spec:", "  template:", "    spec:"]
        .map(str::to_owned)
        .into();
    lines.extend(indented(6, pod));
    lines.extend(
        all()
            .filter(|mount| mount.root.kind == Kind::Volume)
            .flat_map(claim),
    );
    for (subject, _) in &parts {
        let remarks = remarks(subject.contract).into_iter();
        lines.extend(remarks.map(|remark| match several {
            true => format!("# {}: {remark}", quoted(subject.name)),
            false => format!("# {remark}"),
        }));
    }
    Sheet {
        text: lines.join("\n") + "\n",
        remarks: Vec::new(),
    }
}

fn section(lines: &mut Vec<String>, head: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.push(head.to_owned());
        lines.extend(indented(2, body));
    }
}

fn container(subject: &Subject, mounts: &[Named]) -> Vec<String> {
    let contract = subject.contract;
    let mut lines = Vec::new();
    if contract.read_only_root {
        section(
            &mut lines,
            "securityContext:",
            vec!["readOnlyRootFilesystem: true".to_owned()],
        );
    }
    let environment = contract.environment.iter().flat_map(|variable| {
        let value = [
            format!("- name: {}", variable.name),
            format!("  value: {}", quoted(&variable.value)),
        ];
        comment(&variable.reason).into_iter().chain(value)
    });
    section(&mut lines, "env:", environment.collect());
    let mounted = mounts.iter().flat_map(|mount| {
        let lines = mount.mount.volume_mount(&mount.name);
        comment(&mount.root.reason).into_iter().chain(lines)
    });
    section(&mut lines, "volumeMounts:", mounted.collect());
    item(&format!("name: {}", quoted(subject.name)), lines)
}

/// Copies what the image has. A claim is filled once, when it is new.
fn init(subject: &Subject, mount: &Named) -> Vec<String> {
    let at = mount.mount.at();
    let to = format!("{FILLED_AT}{at}");
    let script = match mount.root.kind {
        Kind::Volume => format!("[ -n \"$(ls -A {to})\" ] || cp -a {at}/. {to}/"),
        Kind::Tmpfs | Kind::ShouldNotExist => format!("cp -a {at}/. {to}/"),
    };
    let image = match subject.image {
        "" => IMAGE,
        image => image,
    };
    let name = format!("fill-{}", mount.name);
    let mut lines = vec![
        format!(
            "# The image has files at {at} that the volume would hide. Needs sh and cp in the image."
        ),
        format!("image: {}", quoted(image)),
        format!("command: [\"sh\", \"-c\", {}]", quoted(&script)),
    ];
    section(
        &mut lines,
        "securityContext:",
        vec!["readOnlyRootFilesystem: true".to_owned()],
    );
    let volume = [
        format!("- name: {}", mount.name),
        format!("  mountPath: \"{to}\""),
    ];
    section(&mut lines, "volumeMounts:", volume.into());
    item(&format!("name: {name}"), lines)
}

/// An item of a list, from its first line and those below it.
fn item(first: &str, lines: Vec<String>) -> Vec<String> {
    std::iter::once(format!("- {first}"))
        .chain(indented(2, lines))
        .collect()
}

/// A claim to make, in comments.
fn claim(mount: &Named) -> Vec<String> {
    let seen = mount
        .root
        .seen_bytes
        .unwrap_or(0)
        .saturating_mul(CLAIM_HEADROOM);
    let bytes = seen.clamp(CLAIM_MIN, 1 << 60).next_power_of_two();
    let size = Size::bytes(bytes)
        .map(|size| size.to_string())
        .unwrap_or_default();
    let claim = [
        format!(
            "For the volume {}, where there is no claim yet:",
            plain(&mount.name).unwrap_or("of that name")
        ),
        "apiVersion: v1".to_owned(),
        "kind: PersistentVolumeClaim".to_owned(),
        format!("metadata: {{name: {}}}", mount.name),
        format!(
            "spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}"
        ),
    ];
    claim.map(|line| format!("# {line}")).into()
}
