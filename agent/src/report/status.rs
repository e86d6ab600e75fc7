//! How the daemon itself is becomes the list that `/api/v1/status` serves.
//!
//! In: a [`Snapshot`], what the daemon waits for, the node's name. Out: JSON.
//! Invariant: what is not measured is listed with its reason; fields are added,
//! never changed, within one [`VERSION`]. Lacks on purpose: containers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::aggregate::Snapshot;
use crate::catalog::purpose;
use crate::denial::{Backend, escape};
use crate::record::VERSION;

/// How the daemon is.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub struct Listing<'a> {
    version: u32,
    /// The program's own version.
    sealwatch: &'static str,
    /// The name of the machine.
    node: String,
    /// Tells this daemon from an earlier or later one.
    run: String,
    /// What it still waits for; empty once it is ready.
    waits_for: &'a [&'static str],
    /// Attached programs by backend.
    hooks: Vec<Attached>,
    /// Hooks that could not be attached.
    not_measured: Vec<Unmeasured<'a>>,
    runtimes: Vec<RuntimeEntry<'a>>,
    /// What was not delivered, where there is any.
    losses: Vec<LossEntry>,
    /// Refusals that the kernel has counted.
    recorded: u64,
    /// Containers that are there.
    containers: usize,
    /// Those of them without a name.
    undescribed: usize,
}

/// Programs of one backend.
#[derive(Serialize, ToSchema)]
#[schema(as = AttachedHooks)]
struct Attached {
    backend: &'static str,
    count: usize,
}

/// A hook that is not attached.
#[derive(Serialize, ToSchema)]
#[schema(as = MissingHook)]
struct Unmeasured<'a> {
    hook: &'static str,
    purpose: &'static str,
    reason: &'a str,
}

/// A runtime's endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Runtime)]
struct RuntimeEntry<'a> {
    runtime: &'a str,
    endpoint: &'a str,
    up: bool,
}

/// Something that was not delivered.
#[derive(Serialize, ToSchema)]
#[schema(as = Lost)]
struct LossEntry {
    stage: &'static str,
    reason: &'static str,
    count: u64,
}

/// Who serves.
#[derive(Debug)]
pub struct Server<'a> {
    /// The name of the machine.
    pub node: &'a [u8],
    /// Tells this daemon from an earlier or later one.
    pub run: u64,
    /// What it still waits for.
    pub waits_for: &'a [&'static str],
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, server: &Server<'_>) -> Result<String, serde_json::Error> {
    let hooks = snapshot.hooks.iter();
    let by = |backend: Backend| {
        let attached = hooks.clone().filter(|hook| hook.state == Ok(backend));
        (attached.count(), backend)
    };
    let counts = Backend::ALL.iter().copied().map(by);
    let missing = hooks.clone().filter_map(|hook| {
        Some(Unmeasured {
            hook: hook.hook.label(),
            purpose: purpose(hook.hook),
            reason: hook.state.as_ref().err()?,
        })
    });
    let losses = snapshot.losses.iter().filter(|loss| loss.count > 0);
    serde_json::to_string(&Listing {
        version: VERSION,
        sealwatch: env!("CARGO_PKG_VERSION"),
        node: escape(server.node),
        run: format!("{:x}", server.run),
        waits_for: server.waits_for,
        hooks: counts
            .filter(|(count, _)| *count > 0)
            .map(|(count, backend)| Attached {
                backend: backend.label(),
                count,
            })
            .collect(),
        not_measured: missing.collect(),
        runtimes: snapshot
            .runtimes
            .iter()
            .map(|state| RuntimeEntry {
                runtime: &state.runtime,
                endpoint: &state.endpoint,
                up: state.up,
            })
            .collect(),
        losses: losses
            .map(|loss| LossEntry {
                stage: loss.stage.label(),
                reason: loss.reason,
                count: loss.count,
            })
            .collect(),
        recorded: snapshot.totals.recorded,
        containers: snapshot.containers,
        undescribed: snapshot.undescribed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::HookState;
    use crate::denial::{Hook, Loss, Stage};

    #[test]
    fn hooks_are_summed_and_the_missing_named() {
        let hook = |hook, state| HookState { hook, state };
        let loss = |count| Loss {
            stage: Stage::Events,
            reason: "queue_full",
            count,
        };
        let snapshot = Snapshot {
            hooks: [
                hook(Hook::Open, Ok(Backend::Tracepoint)),
                hook(Hook::Mkdir, Ok(Backend::Tracepoint)),
                hook(Hook::Unlink, Err("no trampolines".to_owned())),
            ]
            .into(),
            losses: vec![loss(0), loss(3)],
            ..Snapshot::default()
        };
        let server = Server {
            node: b"n\x1b1",
            run: 255,
            waits_for: &["hooks"],
        };
        let json = listing(&snapshot, &server).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["node"], "n\\x1b1");
        assert_eq!(json["run"], "ff");
        assert_eq!(
            json["hooks"],
            serde_json::json!([{"backend": "tracepoint", "count": 2}])
        );
        assert_eq!(json["not_measured"][0]["hook"], Hook::Unlink.label());
        assert_eq!(json["not_measured"][0]["reason"], "no trampolines");
        assert_eq!(json["losses"].as_array().unwrap().len(), 1);
        assert_eq!(json["waits_for"][0], "hooks");
    }
}
