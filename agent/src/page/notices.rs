//! What a reader must know before believing the rest of the page.
//!
//! In: a snapshot. Out: a short list, or nothing. Invariant: only what makes the
//! page say less than the truth: not ready, nothing attached, a runtime that
//! does not answer, something lost. Lacks on purpose: what is as it should be.

use maud::{Markup, html};

use super::Seen;
use super::node::lost;
use super::words::{counted, text};
use crate::amount::span;

/// The list.
pub(super) fn of(seen: &Seen) -> Markup {
    let snapshot = seen.snapshot;
    let attached = snapshot.hooks.iter().any(|hook| hook.state.is_ok());
    let down = snapshot.runtimes.iter().filter(|runtime| !runtime.up);
    let down: Vec<String> = down.map(|runtime| text(&runtime.endpoint)).collect();
    let lost = lost(snapshot);
    let mut notes: Vec<String> = Vec::new();
    if !seen.waits_for.is_empty() {
        let waits_for = seen.waits_for.join(" and ");
        notes.push(format!(
            "Sealwatch is starting and waits for {waits_for}: nothing here is whole yet."
        ));
    } else if !attached {
        notes.push(
            "No hook is attached: refusals are not measured, which is not the same as none."
                .to_owned(),
        );
    }
    if !down.is_empty() {
        let down = down.join(", ");
        notes.push(format!(
            "No answer from {down}: names of new containers are missing until it answers."
        ));
    }
    if lost > 0 {
        notes.push(format!(
            "{} lost since the start: see “This node” below.",
            counted(lost, "event")
        ));
    }
    if let Some(gap) = snapshot.state.unwatched {
        notes.push(format!(
            "Nothing was counted for {} before this start.",
            span(gap.as_secs())
        ));
    }
    html! {
        @if !notes.is_empty() {
            section class="notices" aria-label="Notices" { ul {
                @for note in &notes { li { (note) } }
            } }
        }
    }
}
