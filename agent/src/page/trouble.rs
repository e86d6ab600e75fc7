//! What keeps failing: degraded write roots, and starts that fail.
//!
//! In: a [`Standing`]. Out: a section, or nothing where nothing keeps failing.
//! Invariant: each is a sentence that says since when, how often and what it
//! means. Lacks on purpose: single refusals.

use std::time::SystemTime;

use maud::{Markup, html};

use super::words::{ago, counted, kept, plain};
use crate::degrade::{RootView, StartView};
use crate::denial::Lsm;
use crate::overview::Standing;

pub(super) fn section(one: &Standing, now: SystemTime) -> Markup {
    html! {
        @if one.start.is_some() || !one.degraded.is_empty() {
            section class="trouble" aria-labelledby="trouble" {
                h2 id="trouble" { "What keeps failing" }
                ul class="plain" {
                    @if let Some(start) = one.start { li { (failing(start, now)) } }
                    @for root in &one.degraded { li { (degraded(root, now)) } }
                }
            }
        }
    }
}

fn because(cause: crate::denial::Cause, lsm: Option<Lsm>) -> String {
    match lsm {
        Some(lsm) => format!("{} ({})", plain(cause.label()), lsm.label()),
        None => plain(cause.label()),
    }
}

fn failing(start: &StartView, now: SystemTime) -> Markup {
    html! {
        p { strong { "It fails to start" } ", " (counted(start.failures, "time")) " in a row, last "
            (ago(start.last, now))
            @if let Some(code) = start.exit_code { ", with exit code " (code) }
            "." }
        p { "The last that was refused before its end: " (start.operation.label()) " under "
            code { (kept(&start.write_root)) } ", " b { (start.errno.label()) } ", cause: "
            (because(start.cause, start.lsm)) "." }
    }
}

fn degraded(root: &RootView, now: SystemTime) -> Markup {
    html! {
        p { strong { "It runs on without " code { (kept(&root.write_root)) } } ": "
            (counted(root.failures, "write")) " failed since " (ago(root.since, now))
            ", the last " (ago(root.last, now)) "." }
        p { "Last: " (root.operation.label()) ", " b { (root.errno.label()) } ", cause: "
            (because(root.cause, root.lsm)) "." }
        @if let Some(cache) = root.cache {
            p { "That is its " (cache.name) "; while it cannot be written: " (cache.means) "." }
        }
        @if root.ever_succeeded == Some(true) {
            p { "Writes there succeeded earlier in this run." }
        }
    }
}
