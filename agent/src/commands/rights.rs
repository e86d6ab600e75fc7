//! The capabilities that Sealwatch needs, what for, and which of them it has not.
//!
//! In: the kernel's list of security modules, a set of capabilities. Out: [`Need`]s;
//! lines of log. Invariant: one is asked for only where something on this host needs
//! it. Lacks on purpose: what follows where nothing can be attached, which the loader
//! is told by the kernel.

use crate::denial::{
    CAP_BPF, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE,
    CAP_SYSLOG, Lsm, capability_name,
};
use crate::source::kernel::modules;

/// What a capability is needed for.
pub(super) struct Need {
    /// Any one of them does; the first is the narrowest.
    any_of: &'static [u32],
    /// What for.
    pub(super) purpose: &'static str,
    /// What is not measured without it.
    pub(super) without: &'static str,
    /// Without it nothing is.
    pub(super) vital: bool,
    /// Only where this module is active, or may be.
    module: Option<Lsm>,
}

const NEEDS: &[Need] = &[
    Need {
        any_of: &[CAP_BPF, CAP_SYS_ADMIN],
        purpose: "making tables and loading programs",
        without: "nothing can be attached",
        vital: true,
        module: None,
    },
    Need {
        any_of: &[CAP_PERFMON, CAP_SYS_ADMIN],
        purpose: "reading the kernel's memory and attaching programs",
        without: "nothing can be attached",
        vital: true,
        module: None,
    },
    Need {
        any_of: &[CAP_SYS_PTRACE],
        purpose: "looking at containers' processes",
        without: "mounts, findings, tmpfs and writable layers of containers that run as another \
                  user or with other capabilities",
        vital: false,
        module: None,
    },
    Need {
        any_of: &[CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE],
        purpose: "looking into directories of other users",
        without: "files in closed directories of writable layers, and a tmpfs below such a one",
        vital: false,
        module: None,
    },
    Need {
        any_of: &[CAP_SYSLOG],
        purpose: "finding where AppArmor keeps its profiles",
        without: "the profile in events of AppArmor's refusals",
        vital: false,
        module: Some(Lsm::Apparmor),
    },
    Need {
        any_of: &[CAP_SYS_ADMIN],
        purpose: "listing the BPF programs on security hooks",
        without: "the refusals of such programs by name; they count as `unknown`",
        vital: false,
        module: Some(Lsm::Bpf),
    },
];

/// Those of a host with these modules, as securityfs lists them; where it lists none,
/// each module may be there.
pub(super) fn needs(modules: Option<&str>) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(move |need| {
        let active = |module: Lsm| {
            modules.is_none_or(|list| list.trim().split(',').any(|name| name == module.label()))
        };
        need.module.is_none_or(active)
    })
}

impl Need {
    /// Is one of them in the set?
    pub(super) fn is_met(&self, effective: u64) -> bool {
        let mut any_of = self.any_of.iter();
        any_of.any(|capability| effective & 1 << capability != 0)
    }

    /// The narrowest that does.
    pub(super) fn name(&self) -> &'static str {
        let first = self
            .any_of
            .first()
            .and_then(|first| capability_name(*first));
        first.unwrap_or_default()
    }
}

/// Says in the log which of them this process has not, now that it has attached what
/// it can.
pub(super) fn log_missing() {
    let this = procfs::process::Process::myself();
    let Ok(status) = this.and_then(|this| this.status()) else {
        return;
    };
    let modules = std::fs::read_to_string(modules::LIST).ok();
    for need in needs(modules.as_deref()).filter(|need| !need.is_met(status.capeff)) {
        tracing::warn!(
            capability = need.name(),
            without = need.without,
            "missing, so not measured"
        );
    }
}
