//! What to change becomes text to copy, in the words of who runs the container.
//!
//! In: a [`Plan`] of plain words. Out: changes: flags for Docker, keys of a
//! Compose service, or a strategic merge patch of a Kubernetes workload.
//! Invariant: every change can be parsed by its reader; nothing of it is
//! anything but our own text and plain words. Lacks on purpose: deciding what
//! to change.

use super::{
    Advice,
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

/// A mount to add.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mounting<'a> {
    /// A tmpfs.
    Tmpfs {
        /// Target, a plain path.
        at: &'a str,
        /// Size; as it was where there is none.
        mebibytes: Option<u64>,
        /// Most inodes.
        inodes: Option<u64>,
        /// Owner of its root directory; root's where there is none.
        owner: Option<(u32, u32)>,
    },
    /// A volume that outlives the container.
    Volume {
        /// Target, a plain path.
        at: &'a str,
    },
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
        match &self.mount {
            Some(mount @ Mounting::Tmpfs { at, .. }) => {
                flags.push(format!("--tmpfs {at}:{}", options(mount)));
            }
            Some(Mounting::Volume { at }) => flags.push(format!("--volume {}:{at}", slug(at))),
            None => {}
        }
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
        match &self.mount {
            Some(mount @ Mounting::Tmpfs { at, .. }) => {
                list("tmpfs", vec![format!("{at}:{}", options(mount))]);
            }
            Some(Mounting::Volume { at }) => {
                list("volumes", vec![format!("{}:{at}", slug(at))]);
            }
            None => {}
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
        if let Some(Mounting::Tmpfs { at, .. } | Mounting::Volume { at }) = self.mount {
            lines.push("volumeMounts:".to_owned());
            lines.push(format!("  - name: {}", slug(at)));
            lines.push(format!("    mountPath: \"{at}\""));
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
        match &self.mount {
            Some(Mounting::Tmpfs { at, mebibytes, .. }) => {
                let mut lines = vec![
                    format!("  - name: {}", slug(at)),
                    "    emptyDir:".to_owned(),
                    "      medium: Memory".to_owned(),
                ];
                lines.extend(mebibytes.map(|size| format!("      sizeLimit: {size}Mi")));
                lines
            }
            Some(Mounting::Volume { at }) => {
                let name = slug(at);
                vec![
                    format!("  - name: {name}"),
                    "    persistentVolumeClaim:".to_owned(),
                    format!("      claimName: {name}"),
                ]
            }
            None => Vec::new(),
        }
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

/// Mount options of a tmpfs. Docker makes it root's, with the mode of the
/// image's directory, so that a process of another user needs it as its own.
fn options(mount: &Mounting) -> String {
    let mut text = "rw,nosuid,nodev,noexec".to_owned();
    if let Mounting::Tmpfs {
        mebibytes,
        inodes,
        owner,
        ..
    } = mount
    {
        let mut add = |key: &str, value: String| {
            text.push(',');
            text.push_str(key);
            text.push('=');
            text.push_str(&value);
        };
        if let Some(size) = mebibytes {
            add("size", format!("{size}m"));
        }
        if let Some(count) = inodes {
            add("nr_inodes", count.to_string());
        }
        if let Some((uid, gid)) = owner {
            add("uid", uid.to_string());
            add("gid", gid.to_string());
        }
    }
    text
}
