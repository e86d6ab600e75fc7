//! What was read of a container, and what was asked for, become its findings.
//!
//! In: [`Facts`], the container as its runtime described it. Out: a [`Posture`].
//! Invariant: pure; no finding without something that was read, so an unknown is
//! never one; the same facts give the same findings in the same order. Lacks on
//! purpose: memory.

use std::sync::Arc;

use super::words::{self, Orchestrator};
use super::{Facts, Finding, Kind, Posture, Root, Seen, Table, User};
use crate::denial::{Container, FindingKind};

/// Judges a container.
pub fn judge(facts: &Arc<Facts>, container: &Arc<Container>) -> Posture {
    let root = match facts.table.as_ref().map(|table| table.root.as_ref()) {
        Ok(Ok(root)) if root.writable => Root::Writable,
        Ok(Ok(_)) => Root::ReadOnly,
        Ok(Err(why)) | Err(why) => Root::Unknown(*why),
    };
    let mut clerk = Clerk {
        of: Orchestrator::of(container),
        findings: Vec::new(),
    };
    if let Ok(table) = &facts.table {
        clerk.table(table, container.read_only_root == Some(true));
    }
    if let Ok(user) = &facts.user {
        clerk.user(*user);
    }
    // The sort is stable: equal kinds stay in the order of their paths.
    clerk.findings.sort_by_key(|finding| finding.kind);
    Posture {
        container: Arc::clone(container),
        facts: Arc::clone(facts),
        root,
        findings: clerk.findings,
    }
}

struct Clerk {
    of: Orchestrator,
    findings: Vec<Finding>,
}

impl Clerk {
    fn table(&mut self, table: &Table, asked_read_only: bool) {
        let root = table.root.as_ref().ok().filter(|root| root.writable);
        if let Some(root) = root {
            let kind = match asked_read_only {
                true => FindingKind::WritableRootAskedReadOnly,
                false => FindingKind::WritableRoot,
            };
            self.mount(kind, root);
        }
        for mount in &table.sockets {
            self.mount(FindingKind::RuntimeSocket, mount);
        }
        for mount in &table.kernel {
            self.mount(FindingKind::WritableKernelFiles, mount);
        }
        for mount in &table.writable {
            match mount.kind {
                Kind::HostPath => self.mount(FindingKind::WritableHostPath, mount),
                Kind::Tmpfs => self.tmpfs(mount),
                Kind::Root | Kind::Volume | Kind::Overlay | Kind::Other => {}
            }
        }
    }

    fn tmpfs(&mut self, mount: &Seen) {
        for (option, kind) in [
            ("noexec", FindingKind::TmpfsExecutable),
            ("nosuid", FindingKind::TmpfsSetuid),
            ("nodev", FindingKind::TmpfsDevices),
        ] {
            if !mount.has(option) {
                self.mount(kind, mount);
            }
        }
        if mount.size.is_none() {
            self.mount(FindingKind::TmpfsWithoutSize, mount);
        }
    }

    fn user(&mut self, user: User) {
        if user.host_uid != 0 {
            return;
        }
        let kind = FindingKind::RunsAsRoot;
        let evidence = "the first process's effective uid is 0, on the host as well";
        self.findings.push(Finding {
            kind,
            place: "/".to_owned(),
            sentence: words::sentence(kind, "/", None, self.of),
            fix: words::fix(kind, "/", self.of),
            evidence: evidence.to_owned(),
        });
    }

    fn mount(&mut self, kind: FindingKind, mount: &Seen) {
        let place = match (kind, mount.target.as_str()) {
            (FindingKind::WritableKernelFiles, "/proc") => "/proc/sys",
            (_, target) => target,
        };
        self.findings.push(Finding {
            kind,
            place: place.to_owned(),
            sentence: words::sentence(kind, place, Some(mount), self.of),
            fix: words::fix(kind, place, self.of),
            evidence: words::evidence(mount),
        });
    }
}
