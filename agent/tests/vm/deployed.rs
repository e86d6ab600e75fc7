//! What the daemon's own pod saw in a guest, against the daemon that ran on the host.
//!
//! In: what it told, and the host's doctor. Out: differences. Invariant: the pod has
//! what its manifest says and nothing else, and sees the same; what the manifest
//! leaves out on purpose is named here. Lacks on purpose: what it counted, which the
//! table judges like every other run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::report::Report;

/// The kernel that it is tried on: one more daemon costs a guest a minute and more.
const KERNEL: &str = "6.12";
/// Needs CAP_SYS_ADMIN, which the manifest does not give, to know what to watch.
const WITHOUT_SYS_ADMIN: &str = "bpf_lsm";
/// Only with --seccomp, which the manifest does not ask for.
const NOT_ASKED_FOR: &str = "seccomp";

/// What was told.
#[derive(Debug, Deserialize, Serialize)]
pub struct Told {
    /// `sealwatch_hooks_attached` of the pod's daemon.
    pub attached: BTreeMap<String, String>,
    /// `sealwatch_hooks_missing` of the pod's daemon.
    pub missing: BTreeMap<String, String>,
    /// `sealwatch_runtime_up`, by runtime.
    pub runtimes: BTreeMap<String, f64>,
    /// Most memory that its control group took, tables of the kernel included, and
    /// the manifest's limit; the peak is told since Linux 5.19.
    pub memory_peak: Option<u64>,
    pub memory_limit: u64,
    /// Events in tracefs and pins after it was stopped and uninstalled.
    pub left: Vec<String>,
    /// From its start until it was ready.
    pub seconds: u64,
}

/// Is it tried on this kernel?
pub fn is_tried(release: &str) -> bool {
    release.starts_with(KERNEL)
}

/// Everything that is not as it must be.
pub fn differences(kernel: &str, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: String| found.push(format!("kernel {kernel}, deployed: {what}"));
    if !is_tried(kernel) {
        return found;
    }
    let (Some(told), Some(host)) = (&report.deployed, &report.doctor) else {
        differs("it was not run".to_owned());
        return found;
    };
    let mut expected = host.hooks(true);
    expected.retain(|hook, _| ![WITHOUT_SYS_ADMIN, NOT_ASKED_FOR].contains(&hook.as_str()));
    if told.attached != expected {
        differs(format!("{:?}\n  expected: {expected:?}", told.attached));
    }
    // Without CAP_SYS_ADMIN nobody knows of programs on security hooks, which is no
    // missing hook; the doctor says it.
    if !told.missing.is_empty() {
        differs(format!("missing {:?}", told.missing));
    }
    let up: Vec<&str> = told
        .runtimes
        .iter()
        .filter(|(_, up)| **up == 1.0)
        .map(|(runtime, _)| runtime.as_str())
        .collect();
    if up != ["containerd", "docker"] {
        differs(format!("runtimes {:?}", told.runtimes));
    }
    if told
        .memory_peak
        .is_some_and(|peak| peak * 4 > told.memory_limit * 3)
    {
        differs(format!(
            "{:?} of {} bytes",
            told.memory_peak, told.memory_limit
        ));
    }
    if !told.left.is_empty() {
        differs(format!("it leaves {:?}", told.left));
    }
    found
}
