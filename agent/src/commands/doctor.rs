//! `sealwatch doctor`: what this host lets Sealwatch see.
//!
//! In: a valid [`Config`]. Out: findings on standard output, and whether the
//! daemon could run. Invariant: a finding is the result of doing what the
//! daemon does (the programs are really attached, for a moment), not of reading
//! a version number. Lacks on purpose: changing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use super::daemon::options;
use crate::catalog::{Sight, sight, tells};
use crate::config::{Config, Sockets};
use crate::denial::{Backend, Cause, Hook, Lsm, Operation};
use crate::host;
use crate::identity::hierarchy::{Hierarchy, Layout};
use crate::identity::runtimes::{CRI_SOCKETS, DOCKER_SOCKETS};
use crate::source::kernel::{self, Kernel, modules};

/// Widest label of a finding.
const LABEL_WIDTH: usize = 18;

/// The findings, in the order in which they are printed.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn add(&mut self, label: &str, finding: &str) {
        self.0
            .push_str(&format!("{label:<LABEL_WIDTH$}{finding}\n"));
    }
}

/// Prints the findings; true where the daemon could run.
///
/// # Errors
/// Standard output is closed.
pub async fn run(config: &Config) -> anyhow::Result<bool> {
    let mut findings = Findings::default();
    findings.add(
        "kernel",
        first_line("/proc/sys/kernel/osrelease")
            .as_deref()
            .unwrap_or("unknown"),
    );
    let lockdown = first_line("/sys/kernel/security/lockdown");
    findings.add(
        "lockdown",
        lockdown.as_deref().unwrap_or("not shown (no securityfs)"),
    );
    let lsms = first_line(modules::LIST);
    findings.add(
        "security modules",
        lsms.as_deref().unwrap_or(
            "not shown (no securityfs); each one is watched whose functions the kernel has",
        ),
    );
    let able = match Layout::read() {
        Err(error) => {
            findings.add("control groups", &format!("NOT USABLE: {error}"));
            false
        }
        Ok(layout) => {
            findings.add("control groups", &hierarchy(&layout));
            match kernel::load(&options(config, &layout)) {
                Ok(kernel) => {
                    attached(&mut findings, &kernel);
                    true
                }
                Err(error) => {
                    findings.add("kernel half", &format!("NOT USABLE: {error}"));
                    false
                }
            }
        }
    };
    sockets(
        &mut findings,
        "docker sockets",
        &config.docker_sockets,
        &DOCKER_SOCKETS,
    );
    sockets(
        &mut findings,
        "cri endpoints",
        &config.cri_endpoints,
        &CRI_SOCKETS,
    );
    std::io::stdout().write_all(findings.0.as_bytes())?;
    Ok(able)
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned)
}

fn hierarchy(layout: &Layout) -> String {
    match &layout.hierarchy {
        Hierarchy::Unified => "version 2".to_owned(),
        Hierarchy::V1 { controller } => {
            format!("version 1 or hybrid; the {controller} hierarchy counts")
        }
    }
}

/// What was attached, and what is not measured with it.
fn attached(findings: &mut Findings, kernel: &Kernel) {
    let plan = kernel.plan();
    let mut backends: BTreeMap<Backend, Vec<Hook>> = BTreeMap::new();
    for attachment in &plan.attachments {
        let hooks = backends.entry(attachment.backend).or_default();
        if !hooks.contains(&attachment.hook) {
            hooks.push(attachment.hook);
        }
    }
    for (backend, hooks) in &backends {
        let names: Vec<_> = hooks.iter().map(|hook| hook.label()).collect();
        findings.add(
            backend.label(),
            &format!("{} hooks: {}", names.len(), names.join(", ")),
        );
        let of_files = |hook: &&Hook| host::row(**hook).is_some() || **hook == Hook::SyscallExit;
        if hooks.iter().any(|hook| of_files(&hook)) {
            findings.add("", &format!("tells causes: {}", causes(*backend)));
        }
    }
    for (hook, reason) in &plan.missing {
        findings.add("not attached", &format!("{}: {reason}", hook.label()));
    }
    for module in Lsm::ALL {
        if let Some(finding) = naming(kernel, *module) {
            findings.add(module.label(), &finding);
        }
    }
    for field in kernel.missing_fields() {
        findings.add(
            "not readable",
            &format!("{field}: not in this kernel's BTF"),
        );
    }
    for operation in Operation::ALL {
        let seen = backends
            .iter()
            .filter(|(_, hooks)| carries(hooks, *operation));
        let gap = match seen.map(|(backend, _)| sight(*operation, *backend)).next() {
            Some(Sight::Whole) => continue,
            Some(Sight::But(what)) => format!("{}: {what}", operation.label()),
            Some(Sight::Only(what)) => format!("{}: all but {what}", operation.label()),
            Some(Sight::None) | None => format!("{}: at all", operation.label()),
        };
        findings.add("not measured", &gap);
    }
}

/// The causes that a backend can tell, each with its limit.
fn causes(backend: Backend) -> String {
    let told = Cause::ALL
        .iter()
        .filter(|cause| **cause != Cause::Unknown)
        .filter_map(|cause| match tells(*cause, backend) {
            Sight::Whole => Some(cause.label().to_owned()),
            Sight::But(what) => Some(format!("{} (not {what})", cause.label())),
            Sight::Only(what) => Some(format!("{} ({what})", cause.label())),
            Sight::None => None,
        });
    told.collect::<Vec<_>>().join(", ")
}

/// Are the refusals of a security module named? `None` for one that is not active.
fn naming(kernel: &Kernel, module: Lsm) -> Option<String> {
    let (facts, plan) = (kernel.facts(), kernel.plan());
    let of_module = |hook: &Hook| host::module(*hook) == Some(module);
    let hooks: BTreeSet<_> = plan.attachments.iter().map(|a| a.hook).collect();
    let hooks: Vec<_> = hooks
        .iter()
        .filter(|hook| of_module(hook))
        .map(|h| h.label())
        .collect();
    let gaps = plan.missing.iter().filter(|(hook, _)| of_module(hook));
    let gaps: Vec<_> = gaps
        .map(|(hook, reason)| format!("{} ({reason})", hook.label()))
        .collect();
    match (hooks.is_empty(), gaps.is_empty()) {
        (true, true) if module == Lsm::Bpf && facts.active(module) => {
            Some("no program is on a security hook; looked for every 10 s".to_owned())
        }
        (true, true) => None,
        (true, false) => Some(format!("refusals NOT named, without {}", gaps.join(", "))),
        (false, _) => {
            let mut finding = format!("refusals named, by {}", hooks.join(", "));
            if !gaps.is_empty() {
                finding.push_str(&format!("; not those of {}", gaps.join(", ")));
            }
            if module == Lsm::Apparmor && !kernel.knows_profiles() {
                finding.push_str("; no profiles, since the kernel hides its symbols");
            }
            Some(finding)
        }
    }
}

/// Does one of the hooks carry the operation?
fn carries(hooks: &[Hook], operation: Operation) -> bool {
    hooks.iter().any(|hook| match host::row(*hook) {
        Some(row) => match operation {
            Operation::Create => row.operation == Some(Operation::Open),
            Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability => {
                row.module.is_some()
            }
            other => row.operation == Some(other),
        },
        None => *hook == Hook::SyscallExit,
    })
}

fn sockets(findings: &mut Findings, label: &str, wanted: &Sockets, usual: &[&str]) {
    let paths: Vec<&Path> = match wanted {
        Sockets::Auto => usual
            .iter()
            .map(Path::new)
            .filter(|path| path.exists())
            .collect(),
        Sockets::Only(paths) => paths.iter().map(|path| path.as_path()).collect(),
    };
    if paths.is_empty() {
        findings.add(
            label,
            "none; containers that only they know keep their ids for names",
        );
    }
    for path in paths {
        let state = match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => "answers".to_owned(),
            Err(error) => format!("NOT USABLE: {error}"),
        };
        findings.add(label, &format!("{}: {state}", path.display()));
    }
}
