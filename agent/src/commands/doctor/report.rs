//! Facts and findings -> what `--json` prints.
//!
//! In: [`Facts`], their findings. Out: [`Report`]. Invariant: names stay; a field may
//! come without a new version, and none goes or changes its meaning. Lacks on purpose:
//! prose of its own.

use serde::Serialize;

use super::facts::{Facts, GroupLayout};
use super::finding::{Finding, Status};
use super::judge;
use super::measured::{self, Seen};
use crate::catalog::{self, Sight};
use crate::identity::introduction::Outcome;

/// Of the form below.
pub const VERSION: u32 = 1;

/// What the doctor says.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Of this form.
    pub version: u32,
    /// Sealwatch's own version.
    pub sealwatch: &'static str,
    /// The worst status of a finding.
    pub verdict: Status,
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// The kernel's release.
    pub kernel: String,
    /// The word of lockdown; null where it is not shown.
    pub lockdown: Option<String>,
    /// How control groups are laid out; null where there are none.
    pub control_groups: Option<&'static str>,
    /// Each hook once per backend, or once as missing; empty where nothing was attached.
    pub hooks: Vec<Hook>,
    /// What is measured of each operation.
    pub operations: Vec<Measured>,
    /// Which causes are told.
    pub causes: Vec<Measured>,
    /// Of this process.
    pub capabilities: Capabilities,
    /// Who was asked, and who answered.
    pub runtimes: Vec<Runtime>,
}

/// A hook.
#[derive(Debug, Serialize)]
pub struct Hook {
    hook: &'static str,
    purpose: &'static str,
    attached: bool,
    /// Null for one that is missing.
    backend: Option<&'static str>,
    /// Why it is missing.
    reason: Option<String>,
}

/// How much there is to see.
#[derive(Debug, Serialize)]
pub struct Measured {
    name: &'static str,
    /// `all`, `part` or `none`.
    measured: &'static str,
    /// What of a part.
    but_not: Option<String>,
    only: Option<&'static str>,
    backends: Vec<&'static str>,
    /// With a better backend there would be more.
    less_than_best: bool,
}

/// Sets of capabilities by name.
#[derive(Debug, Serialize)]
pub struct Capabilities {
    effective: Vec<String>,
    /// Needed on this host.
    missing: Vec<&'static str>,
}

/// A runtime's socket.
#[derive(Debug, Serialize)]
pub struct Runtime {
    runtime: &'static str,
    socket: String,
    /// `answers`, `absent`, `not_permitted`, `not_served` or `failed`.
    state: &'static str,
    version: Option<String>,
    storage_driver: Option<String>,
    error: Option<String>,
}

impl Report {
    /// Of a host.
    pub fn of(facts: &Facts) -> Report {
        let findings = judge::judge(facts);
        let attached = facts.half.as_ref().ok();
        let operations = attached.map(|half| measured::operations(&half.plan));
        let causes = attached.map(|half| measured::causes(&half.plan, half.facts.seccomp));
        Report {
            version: VERSION,
            sealwatch: env!("CARGO_PKG_VERSION"),
            verdict: judge::verdict(&findings),
            kernel: facts.kernel.release.clone(),
            lockdown: facts.kernel.lockdown().map(str::to_owned),
            control_groups: facts
                .groups
                .as_ref()
                .ok()
                .map(|groups| match groups.layout {
                    GroupLayout::Unified => "v2",
                    GroupLayout::Hybrid(_) => "hybrid",
                    GroupLayout::Legacy(_) => "v1",
                }),
            hooks: attached
                .map(|half| half.hooks.iter().map(hook).collect())
                .unwrap_or_default(),
            operations: each(operations, |operation| operation.label()),
            causes: each(causes, |cause| cause.label()),
            capabilities: Capabilities {
                effective: judge::names(facts.rights.effective),
                missing: judge::missing(facts),
            },
            runtimes: facts.runtimes.iter().map(runtime).collect(),
            findings,
        }
    }
}

fn hook(hook: &crate::aggregate::HookState) -> Hook {
    Hook {
        hook: hook.hook.label(),
        purpose: catalog::purpose(hook.hook),
        attached: hook.state.is_ok(),
        backend: hook.state.as_ref().ok().map(|backend| backend.label()),
        reason: hook.state.as_ref().err().cloned(),
    }
}

fn each<T: Copy>(seen: Option<Vec<Seen<T>>>, label: impl Fn(T) -> &'static str) -> Vec<Measured> {
    let all = seen.into_iter().flatten();
    all.map(|seen| measured(&seen, label(seen.subject)))
        .collect()
}

fn measured<T>(seen: &Seen<T>, name: &'static str) -> Measured {
    let mut but_not: Vec<&str> = seen.missing.clone();
    if let Sight::But(what) = seen.sight {
        but_not.insert(0, what);
    }
    let part = !but_not.is_empty();
    Measured {
        name,
        measured: match seen.sight {
            Sight::None => "none",
            Sight::Whole if !part => "all",
            Sight::Whole | Sight::But(_) | Sight::Only(_) => "part",
        },
        but_not: part.then(|| but_not.join(", ")),
        only: match seen.sight {
            Sight::Only(what) => Some(what),
            Sight::Whole | Sight::But(_) | Sight::None => None,
        },
        backends: seen
            .backends
            .iter()
            .map(|backend| backend.label())
            .collect(),
        less_than_best: seen.less_than_best,
    }
}

fn runtime(asked: &crate::identity::introduction::Introduction) -> Runtime {
    let (state, met, error) = match &asked.outcome {
        Outcome::Met(met) => ("answers", Some(met), None),
        Outcome::Absent => ("absent", None, None),
        Outcome::NotPermitted => ("not_permitted", None, None),
        Outcome::NotServed => ("not_served", None, None),
        Outcome::Failed(error) => ("failed", None, Some(error.clone())),
    };
    let storage = met.and_then(|met| met.storage.as_ref());
    Runtime {
        runtime: asked.runtime.label(),
        socket: asked.socket.display().to_string(),
        state,
        version: met.map(|met| met.version.clone()),
        storage_driver: storage.map(|storage| storage.driver.clone()),
        error,
    }
}
