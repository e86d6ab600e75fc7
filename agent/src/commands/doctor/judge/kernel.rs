//! The kernel's words about itself.
//!
//! In: facts. Out: findings of kernel, types, lockdown and modules. Invariant: a
//! version number decides nothing here. Lacks on purpose: what the kernel allows,
//! which `half` was told by trying.

use super::super::facts::{Facts, Presence};
use super::super::finding::{Check, Finding};

/// What a kernel is built with where it has BTF.
const BTF_OPTION: &str = "CONFIG_DEBUG_INFO_BTF=y";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![kernel(facts), btf(facts), lockdown(facts), modules(facts)]
}

fn kernel(facts: &Facts) -> Finding {
    let release = match facts.kernel.release.as_str() {
        "" => "of a release that /proc does not tell",
        release => release,
    };
    Finding::ok(
        Check::Kernel,
        format!("Linux {release} on {}", std::env::consts::ARCH),
    )
}

fn btf(facts: &Facts) -> Finding {
    let path = crate::source::btf::VMLINUX;
    if facts.kernel.has_btf {
        return Finding::ok(Check::Btf, path);
    }
    let fix = match facts.kernel.has_sysfs {
        true => format!(
            "boot a kernel built with {BTF_OPTION}, as distributions' kernels are since Linux \
             5.10; in a container, show it the machine's own /sys"
        ),
        false => "show this process the machine's sysfs: mount -t sysfs none /sys".to_owned(),
    };
    Finding::failed(
        Check::Btf,
        format!("{path} is not there"),
        "nothing of the kernel can be read, so nothing can be attached",
        fix,
    )
}

fn lockdown(facts: &Facts) -> Finding {
    let found = match facts.kernel.lockdown() {
        Some(state) => state.to_owned(),
        None => match facts.mounts.securityfs {
            Presence::At(_) => "this kernel has none".to_owned(),
            Presence::Unmounted | Presence::Unsupported => {
                "not shown without securityfs".to_owned()
            }
        },
    };
    // Whether it bars anything is told by trying.
    Finding::ok(Check::Lockdown, found)
}

fn modules(facts: &Facts) -> Finding {
    match (&facts.kernel.modules, &facts.mounts.securityfs) {
        (Some(modules), _) => Finding::ok(Check::SecurityModules, modules.replace(',', ", ")),
        (None, Presence::Unsupported) => {
            Finding::ok(Check::SecurityModules, "this kernel has none")
        }
        (None, Presence::At(path)) => Finding::degraded(
            Check::SecurityModules,
            format!("{} tells none", path.display()),
            "each module is watched whose functions the kernel has, active or not",
            "let this process read /sys/kernel/security/lsm",
        ),
        (None, Presence::Unmounted) => Finding::degraded(
            Check::SecurityModules,
            "not shown: securityfs is not mounted",
            "each module is watched whose functions the kernel has, active or not, and whether \
             lockdown is on is not told",
            "mount -t securityfs none /sys/kernel/security; in a container, show it the \
             machine's own /sys/kernel/security",
        ),
    }
}
