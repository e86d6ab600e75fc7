//! Hook by hook, and module by module.
//!
//! In: facts. Out: findings of hooks, modules and fields. Invariant: what is attached
//! is told from the same plan as `sealwatch_hooks_attached`. Lacks on purpose: what
//! that comes to for an operation, which `measured` tells.

use std::collections::{BTreeMap, BTreeSet};

use super::super::facts::{Attached, Facts};
use super::super::finding::{Check, Finding};
use super::half::better_backend;
use crate::catalog;
use crate::denial::{Hook, Lsm};
use crate::host;

/// Hooks that are named one by one; more are counted.
const NAMED_MAX: usize = 8;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Ok(attached) = &facts.half else {
        return Vec::new();
    };
    let fix = better_backend(facts, attached);
    let mut findings = hooks(attached, &fix);
    for module in Lsm::ALL {
        findings.extend(naming(attached, *module, &fix));
    }
    findings.push(fields(attached));
    findings
}

fn hooks(attached: &Attached, fix: &str) -> Vec<Finding> {
    let mut backends: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, Vec<Hook>> = BTreeMap::new();
    for hook in &attached.hooks {
        match &hook.state {
            Ok(backend) => backends.entry(backend).or_default().push(hook.hook.label()),
            Err(reason) => reasons.entry(reason).or_default().push(hook.hook),
        }
    }
    let placed = backends
        .into_iter()
        .map(|(backend, hooks)| {
            format!(
                "{} by {}: {}",
                hooks.len(),
                backend.label(),
                hooks.join(", ")
            )
        })
        .map(|found| Finding::ok(Check::Hooks, found));
    let missing = reasons
        .into_iter()
        .map(|(reason, hooks)| missing(reason, &hooks, fix));
    placed.chain(missing).collect()
}

fn missing(reason: &str, hooks: &[Hook], fix: &str) -> Finding {
    let label = |hook: &Hook| hook.label();
    let purpose = |hook: &Hook| catalog::purpose(*hook);
    let few = hooks.len() <= NAMED_MAX;
    let which = match few {
        true => hooks.iter().map(label).collect::<Vec<_>>().join(", "),
        false => format!("{} hooks (--json names them)", hooks.len()),
    };
    let means = match few {
        true => hooks.iter().map(purpose).collect::<BTreeSet<_>>(),
        false => BTreeSet::from(["what only they see; `operations` and `causes` have it"]),
    };
    let means = means.into_iter().collect::<Vec<_>>().join("; ");
    Finding::degraded(
        Check::Hooks,
        format!("not attached: {which}: {reason}"),
        means,
        fix,
    )
}

/// Are the refusals of a security module named? Nothing is said of one that is not active.
fn naming(attached: &Attached, module: Lsm, fix: &str) -> Vec<Finding> {
    let of_module = |hook: &Hook| host::module(*hook) == Some(module);
    let placed = attached.plan.attachments.iter().map(|placed| placed.hook);
    let hooks: BTreeSet<Hook> = placed.filter(of_module).collect();
    let hooks: Vec<_> = hooks.iter().map(|hook| hook.label()).collect();
    let gaps = attached.plan.missing.iter();
    let gaps: Vec<_> = gaps.filter(|(hook, _)| of_module(hook)).collect();
    let name = module.label();
    let mut findings = Vec::new();
    match (hooks.is_empty(), gaps.is_empty()) {
        (true, true) if module == Lsm::Bpf && attached.facts.active(module) => {
            findings.push(Finding::ok(
                Check::ModuleHooks,
                "bpf: no program is on a security hook; looked for every 10 s",
            ));
        }
        (true, true) => {}
        (false, _) => findings.push(Finding::ok(
            Check::ModuleHooks,
            format!("{name}: refusals are named, by {}", hooks.join(", ")),
        )),
        (true, false) => {}
    }
    let purposes: Vec<_> = gaps
        .iter()
        .map(|(hook, _)| catalog::purpose(*hook))
        .collect();
    let reasons: BTreeSet<_> = gaps.iter().map(|(_, reason)| reason.as_str()).collect();
    if !gaps.is_empty() {
        let reasons: Vec<_> = reasons.into_iter().collect();
        findings.push(Finding::degraded(
            Check::ModuleHooks,
            format!("{name}: {}", reasons.join("; ")),
            format!("its refusals are not named: {}", purposes.join(", ")),
            fix,
        ));
    }
    if module == Lsm::Apparmor && !hooks.is_empty() && !attached.knows_profiles {
        findings.push(Finding::degraded(
            Check::ModuleHooks,
            format!("{name}: the kernel hides its symbols' addresses"),
            "the profile that refuses is not told",
            "add CAP_SYSLOG, and set kernel.kptr_restrict to 1 or 0",
        ));
    }
    findings
}

fn fields(attached: &Attached) -> Finding {
    match attached.missing_fields.as_slice() {
        [] => Finding::ok(Check::Fields, "all are in this kernel's BTF"),
        missing => Finding::degraded(
            Check::Fields,
            format!("not in this kernel's BTF: {}", missing.join(", ")),
            "what depends on them reads as zero",
            "report it with this output; until then another kernel",
        ),
    }
}
