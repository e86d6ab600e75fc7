//! What is seen of containers: their groups, their processes, their layers.
//!
//! In: facts. Out: findings of control groups, processes and the host's root.
//! Invariant: what is said of containers' processes was tried on those that are
//! there. Lacks on purpose: names, which `runtimes` has.

use super::super::facts::{Facts, GroupLayout, Groups};
use super::super::finding::{Check, Finding};

/// What is read through a container's process.
const BY_PROCESS: &str = "mounts, findings, tmpfs and writable layers";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![groups(facts)];
    findings.extend(processes(facts));
    findings.push(host_root(facts));
    findings
}

fn groups(facts: &Facts) -> Finding {
    let groups = match &facts.groups {
        Ok(groups) => groups,
        Err(reason) => {
            return Finding::failed(
                Check::ControlGroups,
                reason,
                "no container can be told from another, so the daemon does not start",
                "mount -t cgroup2 none /sys/fs/cgroup; in a container, show it the machine's own \
                 /sys/fs/cgroup",
            );
        }
    };
    let layout = layout(groups);
    match &groups.root {
        Some(root) => Finding::ok(
            Check::ControlGroups,
            format!("{layout}, from their root at {}", root.display()),
        ),
        None => Finding::degraded(
            Check::ControlGroups,
            format!("{layout}, of which only a part is shown"),
            format!(
                "containers that were there before the daemon are not known, and {BY_PROCESS} \
                 not measured"
            ),
            "docker run --cgroupns host, or show it the machine's own /sys/fs/cgroup (hostPath \
             in a pod)",
        ),
    }
}

fn layout(groups: &Groups) -> String {
    match &groups.layout {
        GroupLayout::Unified => "version 2".to_owned(),
        GroupLayout::Hybrid(controller) => {
            format!("version 1 with 2 beside it (hybrid); told by the {controller} hierarchy")
        }
        GroupLayout::Legacy(controller) => {
            format!("version 1; told by the {controller} hierarchy")
        }
    }
}

fn processes(facts: &Facts) -> Vec<Finding> {
    let seen = &facts.processes;
    let mut findings = Vec::new();
    if !seen.all {
        findings.push(Finding::degraded(
            Check::Processes,
            "a pid namespace of its own",
            format!("{BY_PROCESS} of containers outside of it"),
            "docker run --pid host, hostPID: true in a pod",
        ));
    }
    if let Some(reason) = &seen.refused {
        let (open, containers) = (seen.open, seen.containers);
        let fix = match seen.hidepid {
            true => "add CAP_SYS_PTRACE, or mount /proc without hidepid",
            false => "run as root with CAP_SYS_PTRACE, under no profile that forbids ptrace",
        };
        findings.push(Finding::degraded(
            Check::Processes,
            format!("{open} of {containers} containers' processes can be looked at: {reason}"),
            format!("{BY_PROCESS} of the others"),
            fix,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            Check::Processes,
            match seen.containers {
                0 => "all are shown; no container to try it on".to_owned(),
                1 => "all are shown; the one container's can be looked at".to_owned(),
                containers => {
                    format!("all are shown; those of {containers} containers can be looked at")
                }
            },
        ));
    }
    findings
}

fn host_root(facts: &Facts) -> Finding {
    match &facts.processes.host_root {
        Ok(root) => Finding::ok(Check::HostRoot, root),
        Err(reason) => Finding::degraded(
            Check::HostRoot,
            reason,
            "writable layers are not measured",
            "docker run --pid host with CAP_SYS_PTRACE, hostPID: true in a pod",
        ),
    }
}
