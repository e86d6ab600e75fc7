//! The kernel half, step by step, and each backend by itself.
//!
//! In: facts. Out: findings of the half, the three backends and their file systems.
//! Invariant: what is said of a backend was tried, with this kernel and by this
//! process. Lacks on purpose: single hooks.

use super::super::facts::{Attached, Facts, Failure, Presence, Step};
use super::super::finding::{Check, Finding};
use super::rights::vital_missing;
use crate::config::BackendChoice;
use crate::denial::{Backend, Hook};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![half(facts), tracefs(facts), bpffs(facts)];
    match &facts.half {
        Ok(attached) => findings.extend([
            trampolines(facts, attached),
            kprobes(attached),
            Finding::ok(Check::Tracepoints, works(attached, Backend::Tracepoint)),
        ]),
        Err(failure) if failure.step == Step::Follow => {
            findings.push(no_tracepoints(facts, failure))
        }
        Err(_) => {}
    }
    findings
}

/// What to do for hooks to have a better backend.
pub(super) fn better_backend(facts: &Facts, attached: &Attached) -> String {
    if let BackendChoice::Only(backend) = facts.backend {
        let forced = backend.label();
        return format!("leave out --backend {forced}: auto takes the best for each hook");
    }
    if attached.fexit.is_ok() {
        return "use another kernel: this one has no fitting function, or lets nothing be attached \
                to it"
            .to_owned();
    }
    let instead = instead(attached).label();
    match facts.kernel.lockdown() {
        Some(state @ ("integrity" | "confidentiality")) => format!(
            "this kernel is locked down ({state}): boot with lockdown=none, or accept the \
             {instead} backend"
        ),
        Some(_) | None => format!(
            "boot a kernel that is not locked down and has \
             CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y, or accept the {instead} backend"
        ),
    }
}

/// What hooks have where there are no trampolines.
fn instead(attached: &Attached) -> Backend {
    match used(attached, Backend::Kprobe) {
        0 => Backend::Tracepoint,
        _ => Backend::Kprobe,
    }
}

fn half(facts: &Facts) -> Finding {
    let failure = match &facts.half {
        Ok(_) => return Finding::ok(Check::KernelHalf, "loaded, attached and detached again"),
        Err(failure) => failure,
    };
    let step = match failure.step {
        Step::Groups => "finding the control groups",
        Step::Build => "having a kernel half",
        Step::Types => "reading the kernel's types",
        Step::Load => "loading",
        Step::Follow => "following control groups",
        Step::Attach => "attaching hooks",
    };
    Finding::failed(
        Check::KernelHalf,
        format!("{step} failed: {}", failure.reason),
        "nothing is measured",
        mend(facts, failure),
    )
}

/// What to do where a step failed.
fn mend(facts: &Facts, failure: &Failure) -> String {
    match failure.step {
        Step::Groups => format!("see {}", Check::ControlGroups.label()),
        Step::Build => "build it with the kernel half: cargo xtask build".to_owned(),
        Step::Types => format!("see {}", Check::Btf.label()),
        Step::Load | Step::Follow | Step::Attach => allow(facts, failure.errno),
    }
}

/// What to do where the kernel refuses.
fn allow(facts: &Facts, errno: Option<i32>) -> String {
    let missing = vital_missing(facts);
    if !missing.is_empty() {
        return format!("run as root, or add {}", missing.join(" and "));
    }
    if !facts.rights.own_user_namespace {
        return format!("see {}", Check::UserNamespace.label());
    }
    match (errno, facts.kernel.lockdown()) {
        (Some(libc::EPERM), Some("confidentiality")) => {
            "this kernel is locked down: boot with lockdown=integrity or lockdown=none".to_owned()
        }
        (Some(libc::EPERM), _) if facts.rights.seccomp => {
            format!("see {}", Check::SeccompFilter.label())
        }
        (Some(libc::EPERM | libc::ENOMEM), _) => format!(
            "see {} and the kernel's log (dmesg)",
            Check::LockedMemory.label()
        ),
        (Some(libc::EMFILE), _) => {
            "raise the limit of open files to 1,024 or more: ulimit -n, LimitNOFILE= of a unit, \
             docker run --ulimit nofile="
                .to_owned()
        }
        (Some(libc::EINVAL), _) => {
            "Linux 5.8 or later is needed, and 5.10 or later is tested".to_owned()
        }
        _ => "see the kernel's log (dmesg), and `sealwatch doctor --log.level debug` for what the \
              verifier said"
            .to_owned(),
    }
}

fn trampolines(facts: &Facts, attached: &Attached) -> Finding {
    match &attached.fexit {
        Ok(()) => Finding::ok(Check::Trampolines, works(attached, Backend::Fexit)),
        Err(reason) => Finding::degraded(
            Check::Trampolines,
            format!("refused: {reason}"),
            format!(
                "hooks have the {} backend, which tells fewer causes",
                instead(attached).label()
            ),
            better_backend(facts, attached),
        ),
    }
}

fn kprobes(attached: &Attached) -> Finding {
    let reason = match &attached.kprobe {
        Ok(()) => return Finding::ok(Check::Kprobes, works(attached, Backend::Kprobe)),
        Err(reason) => reason,
    };
    let found = format!("refused: {reason}");
    if attached.fexit.is_ok() {
        let means = "needed only for functions that take no trampoline";
        return Finding::limited(Check::Kprobes, found, means);
    }
    Finding::degraded(
        Check::Kprobes,
        found,
        "the tracepoint backend is left, which tells the fewest causes",
        "boot a kernel that is not locked down and has CONFIG_KPROBE_EVENTS=y, or accept the \
         tracepoint backend",
    )
}

/// They serve the control groups, so all fails without them.
fn no_tracepoints(facts: &Facts, failure: &Failure) -> Finding {
    Finding::failed(
        Check::Tracepoints,
        format!("refused: {}", failure.reason),
        "birth and death of containers are not seen, so nothing is measured",
        allow(facts, failure.errno),
    )
}

fn works(attached: &Attached, backend: Backend) -> String {
    let birth_and_death = match backend {
        Backend::Tracepoint => " beside those that follow control groups",
        Backend::Fexit | Backend::Kprobe => "",
    };
    match used(attached, backend) {
        0 => format!("allowed; no hook needs it{birth_and_death}"),
        1 => format!("allowed; 1 hook has it{birth_and_death}"),
        hooks => format!("allowed; {hooks} hooks have it{birth_and_death}"),
    }
}

/// Hooks of a backend.
fn used(attached: &Attached, backend: Backend) -> usize {
    let hooks = attached.hooks.iter();
    hooks
        .filter(|hook| hook.state == Ok(backend) && hook.hook != Hook::OomKill)
        .count()
}

fn tracefs(facts: &Facts) -> Finding {
    let needed = match &facts.half {
        Ok(attached) => used(attached, Backend::Kprobe) > 0,
        Err(_) => false,
    };
    match (&facts.mounts.tracefs, needed) {
        (Presence::At(path), _) => Finding::ok(Check::Tracefs, path.display().to_string()),
        (Presence::Unmounted, true) => Finding::degraded(
            Check::Tracefs,
            "not mounted",
            "while as many tasks as there are processors are inside one function, further \
             refusals in it are not seen",
            "mount -t tracefs none /sys/kernel/tracing; in a container, show it the machine's own",
        ),
        (Presence::Unmounted, false) => Finding::ok(Check::Tracefs, "not mounted, nor needed"),
        (Presence::Unsupported, _) => Finding::ok(Check::Tracefs, "this kernel has none"),
    }
}

fn bpffs(facts: &Facts) -> Finding {
    let found = match &facts.mounts.bpffs {
        Presence::At(path) => path.display().to_string(),
        Presence::Unmounted | Presence::Unsupported => "not mounted, nor needed".to_owned(),
    };
    Finding::ok(Check::Bpffs, found)
}
