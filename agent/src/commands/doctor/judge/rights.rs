//! What this process may do, against what Sealwatch needs it for.
//!
//! In: facts. Out: findings of capabilities, user namespace, filter and locked
//! memory. Invariant: a capability is asked for only where something on this host
//! needs it. Lacks on purpose: permissions of single files.

use super::super::facts::{Facts, Failure, Step};
use super::super::finding::{Check, Finding, Status};
use crate::denial::{
    CAP_BPF, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE,
    CAP_SYS_RESOURCE, CAP_SYSLOG, Lsm, capability_name,
};

/// Up to here the kernel counts tables and programs as locked memory.
const LOCKED_MEMORY_UNTIL: (u32, u32) = (5, 10);

/// What a capability is needed for.
struct Need {
    /// Any one of them does; the first is the narrowest.
    any_of: &'static [u32],
    /// What for.
    purpose: &'static str,
    /// What is not measured without it.
    without: &'static str,
    /// Without it nothing is.
    vital: bool,
    /// Does anything on this host need it?
    applies: fn(&Facts) -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        any_of: &[CAP_BPF, CAP_SYS_ADMIN],
        purpose: "making tables and loading programs",
        without: "nothing can be attached",
        vital: true,
        applies: |_| true,
    },
    Need {
        any_of: &[CAP_PERFMON, CAP_SYS_ADMIN],
        purpose: "reading the kernel's memory and attaching programs",
        without: "nothing can be attached",
        vital: true,
        applies: |_| true,
    },
    Need {
        any_of: &[CAP_SYS_PTRACE],
        purpose: "looking at containers' processes",
        without: "mounts, findings, tmpfs and writable layers of containers that run as another \
                  user or with other capabilities",
        vital: false,
        applies: |_| true,
    },
    Need {
        any_of: &[CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE],
        purpose: "looking into directories of other users",
        without: "files in closed directories of writable layers, and a tmpfs below such a one",
        vital: false,
        applies: |_| true,
    },
    Need {
        any_of: &[CAP_SYSLOG],
        purpose: "finding where AppArmor keeps its profiles",
        without: "the profile in events of AppArmor's refusals",
        vital: false,
        applies: |facts| active(facts, Lsm::Apparmor),
    },
    Need {
        any_of: &[CAP_SYS_ADMIN],
        purpose: "listing the BPF programs on security hooks",
        without: "the refusals of such programs by name; they count as `unknown`",
        vital: false,
        applies: |facts| active(facts, Lsm::Bpf),
    },
];

/// A module that the kernel lists, or may have where it does not list any.
fn active(facts: &Facts, module: Lsm) -> bool {
    let modules = facts.kernel.modules.as_deref();
    modules.is_none_or(|list| list.trim().split(',').any(|name| name == module.label()))
}

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
    let missing = needs(facts).filter(|need| !need.is_met(facts));
    missing.map(Need::name).collect()
}

/// Names of those without which nothing is attached.
pub(super) fn vital_missing(facts: &Facts) -> Vec<&'static str> {
    let missing = needs(facts).filter(|need| need.vital && !need.is_met(facts));
    missing.map(Need::name).collect()
}

fn needs(facts: &Facts) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(|need| (need.applies)(facts))
}

impl Need {
    fn is_met(&self, facts: &Facts) -> bool {
        self.any_of.iter().any(|capability| has(facts, *capability))
    }

    fn name(&self) -> &'static str {
        let first = self
            .any_of
            .first()
            .and_then(|first| capability_name(*first));
        first.unwrap_or_default()
    }
}

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = capabilities(facts);
    findings.push(user_namespace(facts));
    findings.push(filter(facts));
    findings.push(locked_memory(facts));
    findings
}

fn capabilities(facts: &Facts) -> Vec<Finding> {
    let unmet = needs(facts).filter(|need| !need.is_met(facts));
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
