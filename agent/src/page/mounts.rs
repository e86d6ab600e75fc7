//! How a container's mounts and user stand, and what of it is worth mending.
//!
//! In: a [`Standing`]. Out: a section. Invariant: what is not known says why; a
//! finding has its fix beside it. Lacks on purpose: judging, which `posture` did.

use maud::{Markup, html};

use super::words::{kept, plain};
use crate::amount::size;
use crate::overview::Standing;
use crate::posture::{Finding, Posture, Root, Seen, Table};

pub(super) fn section(one: &Standing) -> Markup {
    html! {
        section aria-labelledby="mounts" {
            h2 id="mounts" { "Mounts and user" }
            @match one.posture {
                None => { p class="empty" { "Not known: no mount table of it was read." } }
                Some(posture) => {
                    dl class="facts" {
                        div { dt { "Root" } dd { (root(posture)) } }
                        div { dt { "First process runs as" } dd { (user(posture)) } }
                    }
                    @if !posture.findings.is_empty() { (findings(&posture.findings)) }
                    @if let Ok(table) = &posture.facts.table { (writable(table)) }
                }
            }
        }
    }
}

fn root(posture: &Posture) -> String {
    match posture.root {
        Root::ReadOnly => "read-only".to_owned(),
        Root::Writable => "writable".to_owned(),
        Root::Unknown(why) => format!("not known ({})", plain(why.label())),
    }
}

fn user(posture: &Posture) -> String {
    match posture.facts.user {
        Ok(user) => match user.uid {
            Some(uid) if uid == user.host_uid => format!("uid {uid}"),
            Some(uid) => format!("uid {uid}, on the host {}", user.host_uid),
            None => format!("uid {} of the host", user.host_uid),
        },
        Err(why) => format!("not known ({})", plain(why.label())),
    }
}

fn findings(findings: &[Finding]) -> Markup {
    html! {
        h3 { "Findings" }
        ul class="findings" {
            @for finding in findings { li {
                p { strong { (kept(&finding.sentence)) } }
                p { "Fix: " (kept(&finding.fix)) }
                @if !finding.evidence.is_empty() { p class="sub" { "Evidence: " code { (kept(&finding.evidence)) } } }
            } }
        }
    }
}

fn writable(table: &Table) -> Markup {
    html! {
        h3 { "Where else it can write" }
        @if table.writable.is_empty() {
            p class="empty" { "Nowhere." }
        } @else {
            div class="scroll" { table {
                caption class="hidden" { "Writable mounts" }
                thead { tr {
                    th scope="col" { "Mount" }
                    th scope="col" { "Kind" }
                    th scope="col" { "Options" }
                } }
                tbody { @for mount in &table.writable { (row(mount)) } }
            } }
        }
        @if table.dropped > 0 { p class="sub" { "and " (table.dropped) " more" } }
        @if table.cut { p class="sub" { "The mount table is longer than what is read of one." } }
    }
}

fn row(mount: &Seen) -> Markup {
    html! {
        tr {
            th scope="row" { code { (kept(&mount.target)) }
                @if let Some(source) = &mount.source { span class="sub" { "from " (kept(source)) } } }
            td { (plain(mount.kind.label())) span class="sub" { (kept(&mount.fs_type)) } }
            td { (kept(&mount.options).replace(',', ", "))
                @if let Some(most) = mount.size { span class="sub" { "at most " (size(most)) } } }
        }
    }
}
