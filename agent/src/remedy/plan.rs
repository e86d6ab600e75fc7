//! What to change becomes text to copy, in the words of who runs the container.
//!
//! In: a [`Plan`] of plain words. Out: changes: flags for Docker, keys of a
//! Compose service, or a strategic merge patch of a Kubernetes workload.
//! Invariant: every change can be parsed by its reader; nothing of it is
//! anything but our own text and plain words. Lacks on purpose: deciding what
//! to change.

use super::{
    Advice,
    mounting::Mounting,
    plain::{plain, slug},
};
use crate::denial::{Change, Target};

/// Stands for the container's name where it is not known.
const NAMELESS: &str = "CONTAINER";

/// What to change.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan<'a> {
    /// Variables to set.
    pub(super) environment: &'a [(&'a str, &'a str)],
    /// A mount to add.
    pub(super) mount: Option<Mounting<'a>>,
    /// A group that a pod's volumes should belong to.
    pub(super) volume_group: Option<u32>,
    /// Whom the container should run as; never root.
    pub(super) user: Option<(u32, u32)>,
    /// A capability to add, without `CAP_`.
    pub(super) capability: Option<&'a str>,
    /// A profile of its own for AppArmor.
    pub(super) apparmor: Option<&'a str>,
    /// Should a seccomp profile of its own be named?
    pub(super) seccomp: bool,
}

impl Plan<'_> {
    /// The changes, for whoever runs the container.
    pub(super) fn changes(&self, advice: &Advice) -> Vec<Change> {
        let mut changes: Vec<Change> = self
            .environment
            .iter()
            .map(|(name, value)| change(Target::Environment, format!("{name}={value}")))
            .collect();
        if advice.kubernetes {
            changes.extend(self.kubernetes(advice));
        } else {
            let flags = self.flags();
            if !flags.is_empty() {
                changes.push(change(Target::Docker, flags.join(" ")));
                changes.push(change(Target::Compose, self.compose()));
            }
        }
        changes
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        for (name, value) in self.environment {
            flags.push(format!("--env {name}={value}"));
        }
        flags.extend(
            self.mount
                .as_ref()
                .map(|mount| mount.flag(&slug(mount.at()))),
        );
        if let Some((uid, gid)) = self.user {
            flags.push(format!("--user {uid}:{gid}"));
        }
        if let Some(name) = self.capability {
            flags.push(format!("--cap-add {name}"));
        }
        if let Some(name) = self.apparmor {
            flags.push(format!("--security-opt apparmor={name}"));
        }
        if self.seccomp {
            flags.push("--security-opt seccomp=PROFILE.json".to_owned());
        }
        flags
    }

    fn compose(&self) -> String {
        let mut lines = Vec::new();
        let mut list = |key: &str, items: Vec<String>| {
            if !items.is_empty() {
                lines.push(format!("{key}:"));
                lines.extend(items.iter().map(|item| format!("  - \"{item}\"")));
            }
        };
        let environment = self.environment.iter();
        list(
            "environment",
            environment.map(|(k, v)| format!("{k}={v}")).collect(),
        );
        if let Some(mount) = &self.mount {
            let (key, item) = mount.compose(&slug(mount.at()));
            list(key, vec![item]);
        }
        list(
            "cap_add",
            self.capability.map(str::to_owned).into_iter().collect(),
        );
        let mut security = Vec::new();
        security.extend(self.apparmor.map(|name| format!("apparmor={name}")));
        security.extend(self.seccomp.then(|| "seccomp=PROFILE.json".to_owned()));
        list("security_opt", security);
        if let Some((uid, gid)) = self.user {
            lines.push(format!("user: \"{uid}:{gid}\""));
        }
        if let Some(Mounting::Volume { at }) = &self.mount {
            lines.push(format!(
                "# beside services, at the top level: volumes: {{{}: {{}}}}",
                slug(at)
            ));
        }
        lines.join("\n")
    }

    fn kubernetes(&self, advice: &Advice) -> Option<Change> {
        let mut pod = Vec::new();
        let mut security = Vec::new();
        if let Some((uid, gid)) = self.user {
            security.push(format!("  runAsUser: {uid}"));
            security.push(format!("  runAsGroup: {gid}"));
        }
        if let Some(gid) = self.volume_group {
            security.push(format!("  fsGroup: {gid}"));
            security.push("  fsGroupChangePolicy: OnRootMismatch".to_owned());
        }
        section(&mut pod, "securityContext:", security);
        let container = self.container();
        if !container.is_empty() {
            let name = plain(advice.container).unwrap_or(NAMELESS);
            pod.push("containers:".to_owned());
            pod.push(format!("  - name: \"{name}\""));
            pod.extend(container.iter().map(|line| format!("    {line}")));
        }
        section(&mut pod, "volumes:", self.volume());
        if pod.is_empty() {
            return None;
        }
        let head = ["spec:", "  template:", "    spec:"].map(str::to_owned);
        let body = pod.iter().map(|line| format!("      {line}"));
        let text: Vec<String> = head.into_iter().chain(body).collect();
        Some(change(Target::Kubernetes, text.join("\n")))
    }

    fn container(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let environment = self
            .environment
            .iter()
            .flat_map(|(k, v)| [format!("  - name: {k}"), format!("    value: \"{v}\"")]);
        section(&mut lines, "env:", environment.collect());
        if let Some(mount) = &self.mount {
            lines.push("volumeMounts:".to_owned());
            lines.extend(
                mount
                    .volume_mount(&slug(mount.at()))
                    .map(|line| format!("  {line}")),
            );
        }
        let mut security = Vec::new();
        if let Some(name) = self.capability {
            security.push("  capabilities:".to_owned());
            security.push(format!("    add: [\"{name}\"]"));
        }
        if let Some(name) = self.apparmor {
            security.push("  appArmorProfile:".to_owned());
            security.push("    type: Localhost".to_owned());
            security.push(format!("    localhostProfile: \"{name}\""));
        }
        if self.seccomp {
            security.push("  seccompProfile:".to_owned());
            security.push("    type: Localhost".to_owned());
            security.push("    localhostProfile: PROFILE.json".to_owned());
        }
        section(&mut lines, "securityContext:", security);
        lines
    }

    fn volume(&self) -> Vec<String> {
        let volume = self
            .mount
            .as_ref()
            .map(|mount| mount.volume(&slug(mount.at())));
        let lines = volume.into_iter().flatten();
        lines.map(|line| format!("  {line}")).collect()
    }
}

/// One change.
pub(super) fn change(target: Target, text: String) -> Change {
    Change { target, text }
}

fn section(lines: &mut Vec<String>, head: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.push(head.to_owned());
        lines.extend(body);
    }
}
