//! A host on which nothing is amiss, and ways to spoil it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::facts::*;
use crate::aggregate::HookState;
use crate::alert::Answering;
use crate::config::{BackendChoice, ReceiverKind};
use crate::denial::{Backend, Lsm, Runtime};
use crate::host::{self, Wanted, plan};
use crate::identity::introduction::{Introduction, Met, Outcome, Storage};
use crate::source::kernel::pins::Look;

pub(super) const ALL_CAPABILITIES: u64 = (1 << 41) - 1;
pub(super) const REFUSED: &str = "Operation not permitted (os error 1)";

/// A kernel with every function that is looked for.
pub(super) fn kernel_facts() -> host::Facts {
    let functions = host::rows().flat_map(|row| {
        let arguments = row.arguments.first().copied().unwrap_or_default();
        row.symbols
            .iter()
            .map(move |symbol| ((*symbol).to_owned(), arguments))
    });
    host::Facts {
        functions: functions.collect(),
        modules: Some(BTreeSet::from([Lsm::Lockdown, Lsm::Yama, Lsm::Apparmor])),
        tells_victim: true,
        ..host::Facts::default()
    }
}

pub(super) fn attached(facts: host::Facts, wanted: Wanted) -> Attached {
    let plan = plan(&facts, wanted);
    Attached {
        hooks: HookState::of(&plan),
        plan,
        missing_fields: Vec::new(),
        knows_profiles: true,
        fexit: facts.no_trampolines.clone().map_or(Ok(()), Err),
        kprobe: facts.no_kprobes.clone().map_or(Ok(()), Err),
        facts,
    }
}

/// A host on which nothing is amiss.
pub(super) fn healthy() -> Facts {
    Facts {
        kernel: Kernel {
            release: "6.12.41-amd64".to_owned(),
            lockdown: Some("[none] integrity confidentiality".to_owned()),
            modules: Some("lockdown,capability,yama,apparmor".to_owned()),
            has_btf: true,
            has_sysfs: true,
        },
        rights: Rights {
            effective: ALL_CAPABILITIES,
            own_user_namespace: true,
            seccomp: false,
            locked_memory: Some(8 << 20),
        },
        groups: Ok(Groups {
            layout: GroupLayout::Unified,
            root: Some(PathBuf::from("/sys/fs/cgroup")),
        }),
        processes: Processes {
            all: true,
            hidepid: false,
            containers: 2,
            open: 2,
            refused: None,
            host_root: Ok("/".to_owned()),
        },
        mounts: Mounts {
            tracefs: Presence::At(PathBuf::from("/sys/kernel/tracing")),
            securityfs: Presence::At(PathBuf::from("/sys/kernel/security")),
            bpffs: Presence::Unmounted,
        },
        half: Ok(attached(kernel_facts(), Wanted::Auto)),
        runtimes: vec![
            introduced(docker("overlay2")),
            introduced(Outcome::Absent),
            introduced(Outcome::NotServed),
        ],
        receivers: vec![told(ReceiverKind::Alertmanager, Ok(()))],
        state: State::At(PathBuf::from("/var/lib/sealwatch/state.json"), Ok(())),
        pins: Pins {
            place: PathBuf::from("/sys/fs/bpf/sealwatch"),
            asked_for: true,
            look: Ok(Look::Free),
        },
        address: Some(listening("127.0.0.1:9402", Taken::Free)),
        socket: Some(listening("/run/sealwatch/sealwatch.sock", Taken::Free)),
        socket_asked_for: false,
        backend: BackendChoice::Auto,
    }
}

pub(super) fn docker(driver: &str) -> Outcome {
    Outcome::Met(Met {
        runtime: Runtime::Docker,
        version: "26.1.5".to_owned(),
        api: "1.45".to_owned(),
        storage: Some(Storage {
            driver: driver.to_owned(),
            directory: "/var/lib/docker".to_owned(),
        }),
    })
}

pub(super) fn introduced(outcome: Outcome) -> Introduction {
    Introduction {
        runtime: Runtime::Docker,
        socket: PathBuf::from("/run/docker.sock"),
        asked_for: false,
        outcome,
    }
}

pub(super) fn failed(step: Step, errno: Option<i32>) -> Result<Attached, Failure> {
    Err(Failure {
        step,
        reason: REFUSED.to_owned(),
        errno,
    })
}

pub(super) fn without(facts: &mut Facts, capabilities: &[u32]) {
    for capability in capabilities {
        facts.rights.effective &= !(1 << capability);
    }
}

pub(super) fn barred(facts: &mut Facts, kprobes: bool) {
    let mut kernel = kernel_facts();
    kernel.no_trampolines = Some(REFUSED.to_owned());
    kernel.no_kprobes = kprobes.then(|| "kprobes are not compiled into this kernel".to_owned());
    facts.half = Ok(attached(kernel, Wanted::Auto));
}

pub(super) fn half(facts: &mut Facts) -> &mut Attached {
    facts.half.as_mut().unwrap()
}

pub(super) fn asked(outcome: Outcome) -> Introduction {
    Introduction {
        asked_for: true,
        ..introduced(outcome)
    }
}

pub(super) fn refuse(facts: &mut host::Facts, symbol: &str) {
    for backend in [Backend::Fexit, Backend::Kprobe] {
        facts
            .refused
            .insert((backend, symbol.to_owned()), REFUSED.to_owned());
    }
}

pub(super) fn listening(place: &str, taken: Taken) -> Address {
    Address {
        place: place.to_owned(),
        taken,
    }
}

/// Somebody who is told of alerts.
pub(super) fn told(kind: ReceiverKind, outcome: Result<(), String>) -> Answering {
    Answering {
        kind,
        place: "alerts:9093".to_owned(),
        outcome,
    }
}
