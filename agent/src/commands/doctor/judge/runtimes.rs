//! Who answers at the runtimes' sockets.
//!
//! In: facts. Out: findings of runtimes and of their storage. Invariant: a usual
//! socket that is not there is no finding as long as another answers. Lacks on
//! purpose: what the runtimes know.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use crate::identity::introduction::{Introduction, Met, Outcome};

/// Drivers whose writable layers are overlays, as the layer's walker knows them.
const OVERLAYS: [&str; 3] = ["overlay2", "overlay", "overlayfs"];
/// What happens without a runtime's word.
const UNNAMED: &str = "containers that only it knows keep their ids for names";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> = facts.runtimes.iter().filter_map(runtime).collect();
    if findings.is_empty() {
        findings.push(Finding::degraded(
            Check::Runtimes,
            "no socket of a runtime is there",
            "containers keep their ids for names",
            "start the runtime, or name its socket with --docker-socket or --cri-endpoint; in a \
             container, mount it",
        ));
    }
    findings.extend(facts.runtimes.iter().filter_map(storage));
    findings
}

/// Nothing is said of what nobody asked for and nobody misses.
fn runtime(asked: &Introduction) -> Option<Finding> {
    let socket = asked.socket.display();
    let expected = asked.runtime.label();
    Some(match &asked.outcome {
        Outcome::Met(met) => Finding::ok(Check::Runtimes, hello(asked, met)),
        Outcome::Absent if !asked.asked_for => return None,
        // Docker's own containerd has its CRI switched off as a rule.
        Outcome::NotServed if !asked.asked_for => return None,
        Outcome::Absent => Finding::degraded(
            Check::Runtimes,
            format!("{socket}: there is no such socket"),
            UNNAMED,
            format!("start {expected}, or name another socket; in a container, mount it"),
        ),
        Outcome::NotPermitted => Finding::degraded(
            Check::Runtimes,
            format!("{socket}: this process may not speak to it"),
            UNNAMED,
            "run as root, or as a member of the socket's group",
        ),
        Outcome::NotServed => Finding::degraded(
            Check::Runtimes,
            format!("{socket}: no CRI is served there"),
            UNNAMED,
            "take cri out of disabled_plugins in containerd's config.toml",
        ),
        Outcome::Failed(reason) => Finding::degraded(
            Check::Runtimes,
            format!("{socket}: {reason}"),
            UNNAMED,
            format!("restart {expected}, or name another socket"),
        ),
    })
}

fn hello(asked: &Introduction, met: &Met) -> String {
    let (runtime, socket) = (met.runtime.label(), asked.socket.display());
    format!("{runtime} {} at {socket}, API {}", met.version, met.api)
}

fn storage(asked: &Introduction) -> Option<Finding> {
    let Outcome::Met(met) = &asked.outcome else {
        return None;
    };
    let (runtime, storage) = (met.runtime.label(), met.storage.as_ref()?);
    let found = format!("{runtime}: {} in {}", storage.driver, storage.directory);
    Some(match OVERLAYS.contains(&storage.driver.as_str()) {
        true => Finding::ok(Check::Storage, found),
        false => Finding::degraded(
            Check::Storage,
            found,
            "writable layers of its containers are not measured, since they are no overlays",
            format!("have {runtime} use overlay2, or overlay for Podman"),
        ),
    })
}
