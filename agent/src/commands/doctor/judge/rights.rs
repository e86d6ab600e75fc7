//! What this process may do, against what Sealwatch needs it for.
//!
//! In: facts. Out: findings of capabilities, user namespace, filter and locked
//! memory. Invariant: a capability is asked for only where something on this host
//! needs it. Lacks on purpose: permissions of single files.

use super::super::facts::{Facts, Failure, Step};
use super::super::finding::{Check, Finding, Status};
use crate::commands::rights::{self, Need};
use crate::denial::{CAP_SYS_RESOURCE, capability_name};

/// Up to here the kernel counts tables and programs as locked memory.
const LOCKED_MEMORY_UNTIL: (u32, u32) = (5, 10);

fn has(facts: &Facts, capability: u32) -> bool {
    facts.rights.effective & 1 << capability != 0
}

/// Names of the capabilities in a set.
pub fn names(set: u64) -> Vec<String> {
    let numbers = (0..u64::BITS).filter(|number| set & 1 << number != 0);
    numbers
        .map(|number| match capability_name(number) {
            Some(name) => name.to_owned(),
            None => format!("capability {number}"),
        })
        .collect()
}

/// Names of those that are needed on this host and not there.
pub fn missing(facts: &Facts) -> Vec<&'static str> {
    let missing = needs(facts).filter(|need| !need.is_met(facts.rights.effective));
    missing.map(Need::name).collect()
}

/// Names of those without which nothing is attached.
pub(super) fn vital_missing(facts: &Facts) -> Vec<&'static str> {
    let missing = needs(facts).filter(|need| need.vital && !need.is_met(facts.rights.effective));
    missing.map(Need::name).collect()
}

fn needs(facts: &Facts) -> impl Iterator<Item = &'static Need> {
    rights::needs(facts.kernel.modules.as_deref())
}

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = capabilities(facts);
    findings.push(user_namespace(facts));
    findings.push(filter(facts));
    findings.push(locked_memory(facts));
    findings
}

fn capabilities(facts: &Facts) -> Vec<Finding> {
    let unmet = needs(facts).filter(|need| !need.is_met(facts.rights.effective));
    let mut findings: Vec<_> = unmet.map(|need| without(facts, need)).collect();
    if findings.is_empty() {
        let there: Vec<_> = needs(facts).map(Need::name).collect();
        findings.push(Finding::ok(
            Check::Capabilities,
            format!("all that are needed here: {}", there.join(", ")),
        ));
    }
    findings
}

fn without(facts: &Facts, need: &Need) -> Finding {
    let name = need.name();
    Finding {
        status: match need.vital && facts.half.is_err() {
            true => Status::Failed,
            false => Status::Degraded,
        },
        ..Finding::degraded(
            Check::Capabilities,
            format!("{name} is missing, for {}", need.purpose),
            need.without,
            format!(
                "run as root, or add {name}: docker run --cap-add, capabilities.add of a pod, \
                 AmbientCapabilities= of a unit"
            ),
        )
    }
}

fn user_namespace(facts: &Facts) -> Finding {
    match facts.rights.own_user_namespace {
        true => Finding::ok(Check::UserNamespace, "the machine's own"),
        false => Finding {
            status: match facts.half {
                Ok(_) => Status::Degraded,
                Err(_) => Status::Failed,
            },
            ..Finding::degraded(
                Check::UserNamespace,
                "one within the machine's own",
                "capabilities in it count for nothing that eBPF asks",
                "run outside of rootless engines and user namespaces: docker run --userns host, \
                 hostUsers: true",
            )
        },
    }
}

fn filter(facts: &Facts) -> Finding {
    if !facts.rights.seccomp {
        return Finding::ok(Check::SeccompFilter, "none over this process");
    }
    let found = "there is one over this process";
    // Engines let bpf() and perf_event_open() through with the capabilities for them.
    match (&facts.half, vital_missing(facts).is_empty()) {
        (Err(Failure { errno, .. }), true) if *errno == Some(libc::EPERM) => Finding::failed(
            Check::SeccompFilter,
            found,
            "nothing can be attached if it is what refuses bpf() or perf_event_open()",
            "docker run --security-opt seccomp=unconfined, or a profile that allows both calls",
        ),
        _ => Finding::ok(Check::SeccompFilter, found),
    }
}

fn locked_memory(facts: &Facts) -> Finding {
    let counted = facts.kernel.version();
    if counted.is_some_and(|version| version > LOCKED_MEMORY_UNTIL) {
        return Finding::ok(Check::LockedMemory, "this kernel does not count it");
    }
    let may_raise = has(facts, CAP_SYS_RESOURCE);
    let limit = facts.rights.locked_memory.filter(|_| !may_raise);
    match (limit, &facts.half) {
        (None, _) => Finding::ok(Check::LockedMemory, "no limit"),
        (Some(limit), Ok(_)) => Finding::ok(
            Check::LockedMemory,
            format!("{limit} bytes, which is enough"),
        ),
        (Some(limit), Err(failure)) if failure.step == Step::Load => Finding::failed(
            Check::LockedMemory,
            format!("{limit} bytes"),
            "the tables may have no room, and then nothing is attached",
            "ulimit -l unlimited before the start, docker run --ulimit memlock=-1, \
             LimitMEMLOCK=infinity in a unit, or add CAP_SYS_RESOURCE",
        ),
        (Some(limit), Err(_)) => Finding::ok(
            Check::LockedMemory,
            format!("{limit} bytes; not what failed"),
        ),
    }
}
