//! One container: what is wrong with it, why, and what to change.
//!
//! In: a [`Standing`], what happened lately. Out: the page at `/containers/ID`.
//! Invariant: what is wrong comes first, then how it stands; a part of which
//! nothing is known says so. Lacks on purpose: other containers.

use maud::{Markup, html};

use super::frame::{Parts, document};
use super::words::{ago, badge, kept, number, place, text};
use super::{Happened, Seen, denials, happened, mounts, notices, tmpfs, trouble};
use crate::overview::Standing;

/// The page.
pub fn page(seen: &Seen, one: &Standing, happened: &[Happened]) -> String {
    let container = &one.container;
    let name = text(&container.name);
    let live = html! {
        (notices::of(seen))
        div class="badges" {
            @for state in &one.states { (badge(*state)) }
            @if let Some(ended) = one.ended { span class="badge ended" { "ended " (ago(ended, seen.now)) } }
        }
        (identity(one))
        (trouble::section(one, seen.now))
        (denials::section(one, seen.now))
        (tmpfs::section(one, seen.snapshot, seen.now_ns))
        (tmpfs::layer(one))
        (mounts::section(one))
        (happened::section(happened, seen.now))
    };
    let fixed = html! {
        nav class="crumbs" aria-label="Where you are" { a href="../" { "All containers" } }
        h1 { (name) }
        @if let Some(place) = place(container) { p class="place" { (place) } }
    };
    let parts = Parts {
        title: &name,
        base: "../",
        fixed,
        live,
    };
    document(seen, parts)
}

fn identity(one: &Standing) -> Markup {
    let container = &one.container;
    let asked = container.read_only_root.map(|asked| match asked {
        true => "a read-only root",
        false => "a writable root",
    });
    let rows = [
        ("Image", &container.image),
        ("Workload", &container.workload),
        ("Project", &container.project),
        ("Revision", &container.revision),
        ("Track", &container.track),
    ];
    let kills: u64 = one.oom_kills.iter().map(|kill| kill.killed).sum();
    html! {
        dl class="facts" {
            @for (label, value) in rows {
                @if !value.is_empty() { div { dt { (label) } dd { (text(value)) } } }
            }
            div { dt { "Runtime" } dd { (container.runtime.label()) } }
            div { dt { "Asked for" } dd { (asked.unwrap_or("not known")) } }
            @if kills > 0 {
                div { dt { "Killed for want of memory" } dd { (number(kills)) } }
            }
            div class="id" { dt { "Id" } dd { code { (kept(&container.id)) } } }
        }
    }
}
