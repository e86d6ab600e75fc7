//! This node: what is attached, what is not measured, who answers, what was lost.
//!
//! In: a snapshot. Out: a section. Invariant: what is not measured is said, with
//! its reason; a loss that has happened is shown. Lacks on purpose: the
//! containers.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::Seen;
use super::words::{kept, number, plain, text};
use crate::aggregate::Snapshot;
use crate::catalog::{Sight, sight};
use crate::denial::Operation;
use crate::host::carries;

/// Everything that was not delivered.
pub(super) fn lost(snapshot: &Snapshot) -> u64 {
    snapshot.losses.iter().map(|loss| loss.count).sum()
}

/// The section.
pub(super) fn section(seen: &Seen) -> Markup {
    let snapshot = seen.snapshot;
    let blind = blind_spots(snapshot);
    let ups = snapshot.runtimes.iter();
    html! {
        section class="node-section" aria-labelledby="node" {
            h2 id="node" { "This node" }
            dl class="facts" {
                div { dt { "Containers" } dd {
                    (number(snapshot.containers as u64))
                    @if snapshot.undescribed > 0 { span class="sub" { (snapshot.undescribed) " without a name yet" } }
                } }
                div { dt { "Refusals counted" } dd { (number(snapshot.totals.recorded)) } }
                div { dt { "Hooks" } dd { (hooks(snapshot)) } }
                div { dt { "Runtimes" } dd {
                    @if snapshot.runtimes.is_empty() { "none found" }
                    @for runtime in ups {
                        span class="line" { (text(&runtime.runtime)) ": " (if runtime.up { "answers" } else { "does not answer" }) }
                    }
                } }
                div { dt { "Lost" } dd { (losses(snapshot)) } }
            }
            details data-key="blind" {
                summary { "What is not measured " span class="count" { "(" (blind.len()) ")" } }
                @if blind.is_empty() {
                    p { "Every hook is attached in its best form." }
                } @else {
                    ul class="plain" { @for line in &blind { li { (line) } } }
                }
            }
        }
    }
}

fn hooks(snapshot: &Snapshot) -> Markup {
    let mut backends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for hook in snapshot.hooks.iter() {
        match &hook.state {
            Ok(backend) => *backends.entry(backend.label()).or_default() += 1,
            Err(_) => {
                missing.insert(hook.hook.label());
            }
        }
    }
    html! {
        @if backends.is_empty() { "none attached" }
        @for (backend, many) in &backends { span class="line" { (many) " by " (backend) } }
        @if !missing.is_empty() { span class="sub" { (missing.len()) " not attached" } }
    }
}

fn losses(snapshot: &Snapshot) -> Markup {
    let happened = snapshot.losses.iter().filter(|loss| loss.count > 0);
    html! {
        @if lost(snapshot) == 0 { "nothing" }
        @for loss in happened {
            span class="line" { (number(loss.count)) " " (loss.stage.label()) ": " (plain(loss.reason)) }
        }
    }
}

/// A line for everything that nobody can see here.
fn blind_spots(snapshot: &Snapshot) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for hook in snapshot.hooks.iter() {
        if let Err(reason) = &hook.state {
            missing.entry(reason).or_default().push(hook.hook.label());
        }
    }
    for (reason, hooks) in missing {
        lines.push(format!(
            "Not attached ({}): {}",
            kept(reason),
            hooks.join(", ")
        ));
    }
    let mut unseen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for operation in Operation::ALL {
        if let Some(gap) = gap(snapshot, *operation) {
            unseen.entry(gap).or_default().push(operation.label());
        }
    }
    lines.extend(
        unseen
            .into_iter()
            .map(|(gap, operations)| format!("{gap}: {}", operations.join(", "))),
    );
    for (reason, many) in &snapshot.tmpfs.unmeasured {
        lines.push(format!(
            "Tmpfs mounts not measured or not shown ({}): {many}",
            plain(reason)
        ));
    }
    for (reason, many) in &snapshot.layers.unmeasured {
        lines.push(format!(
            "Writable layers not measured or not shown ({}): {many}",
            plain(reason)
        ));
    }
    let nobodys: u64 = snapshot.unresolved.iter().map(|(.., count)| count).sum();
    if nobodys > 0 {
        lines.push(format!(
            "Refusals whose container is not known: {}",
            number(nobodys)
        ));
    }
    if snapshot.inventoried == 0 {
        lines.push("Successful writes: counted only while a container is watched (sealwatch contract, --inventory)".to_owned());
    }
    lines
}

/// What of an operation's refusals nobody sees.
fn gap(snapshot: &Snapshot, operation: Operation) -> Option<String> {
    let attached = snapshot.hooks.iter().filter_map(|hook| {
        let backend = hook.state.as_ref().ok()?;
        carries(hook.hook, operation).then_some(*backend)
    });
    match attached.map(|backend| sight(operation, backend)).next() {
        Some(Sight::Whole) => None,
        Some(Sight::But(what)) => Some(format!("Not seen, {what}")),
        Some(Sight::Only(what)) => Some(format!("Not seen, all but {what}")),
        Some(Sight::None) | None => Some("Not seen at all".to_owned()),
    }
}
