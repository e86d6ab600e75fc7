//! What was refused, by write root, with the cause, the evidence and the remedy.
//!
//! In: a [`Standing`]. Out: a section. Invariant: the write root refused most
//! comes first; each remedy stands once in its root; [`ROWS_MAX`] rows of a root at most,
//! and the rest is counted. Lacks on purpose: sums over other containers.

use std::time::SystemTime;

use maud::{Markup, html};

use super::words::{ago, counted, kept, lines, number, plain, text};
use crate::aggregate::Recent;
use crate::denial::{Cause, Change, Remedy, Target, escape};
use crate::overview::Standing;

/// Most rows of one write root.
const ROWS_MAX: usize = 50;

/// The refusals under one write root.
struct Group<'a> {
    root: &'a str,
    rows: Vec<&'a Recent>,
}

impl Group<'_> {
    fn refusals(&self) -> u64 {
        self.rows.iter().map(|row| row.count.max(1)).sum()
    }
}

fn groups<'a>(one: &Standing<'a>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for row in &one.recent {
        let root = &*row.sample.write_root;
        match groups.iter_mut().find(|group| group.root == root) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group {
                root,
                rows: vec![row],
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.refusals()));
    groups
}

pub(super) fn section(one: &Standing, now: SystemTime) -> Markup {
    let groups = groups(one);
    html! {
        section aria-labelledby="denials" {
            h2 id="denials" { "Refused" }
            @if groups.is_empty() {
                p class="empty" { (nothing(one)) }
            }
            @for group in &groups { (of_root(group, now)) }
        }
    }
}

fn nothing(one: &Standing) -> String {
    match one.refusals() {
        0 => "Nothing that is measured was refused.".to_owned(),
        many => format!(
            "{} counted under this name, of which no paths are kept.",
            counted(many, "refusal")
        ),
    }
}

fn of_root(group: &Group, now: SystemTime) -> Markup {
    let more = group.rows.len().saturating_sub(ROWS_MAX);
    html! {
        article class="root" {
            h3 { code { (kept(group.root)) } " " span class="count" { (counted(group.refusals(), "refusal")) } }
            div class="scroll" { table class="denials" {
                caption class="hidden" { "Refusals under " (kept(group.root)) }
                thead { tr {
                    th scope="col" { "Path" }
                    th scope="col" { "Operation" }
                    th scope="col" class="number" { "Count" }
                } }
                tbody { @for row in group.rows.iter().take(ROWS_MAX) { (of_row(row, now)) } }
            } }
            @if more > 0 { p class="sub" { "and " (counted(more as u64, "more path")) } }
            @for remedy in remedies(group) { (of_remedy(group.root, remedy)) }
        }
    }
}

fn of_row(row: &Recent, now: SystemTime) -> Markup {
    let sample = &row.sample;
    let denial = &sample.denial;
    let path = denial.path.to_string();
    html! {
        tr {
            th scope="row" {
                code { @if path.is_empty() { "(no path is known)" } @else { (path) } }
                span class="sub" { "cause: " b { (cause(row)) }
                    @if !sample.verdict.evidence.is_empty() { " – " (text(&sample.verdict.evidence)) } }
            }
            td { (denial.operation.label()) span class="sub" { (denial.errno.label()) }
                span class="sub" { "by " (escape(&denial.comm)) } }
            td class="number" { (number(row.count.max(1))) @if !row.exact { "+" }
                span class="sub" { (ago(sample.time, now)) } }
        }
    }
}

fn cause(row: &Recent) -> String {
    let cause = row.sample.verdict.cause;
    match (cause, row.sample.denial.lsm) {
        (Cause::Lsm, Some(lsm)) => lsm.label().to_owned(),
        (cause, _) => plain(cause.label()),
    }
}

/// Each remedy once, however many paths it mends.
fn remedies<'a>(group: &Group<'a>) -> Vec<&'a Remedy> {
    let mut remedies: Vec<&Remedy> = Vec::new();
    for row in &group.rows {
        if let Some(remedy) = &row.sample.verdict.remedy
            && !remedies.contains(&remedy)
        {
            remedies.push(remedy);
        }
    }
    remedies
}

fn of_remedy(root: &str, remedy: &Remedy) -> Markup {
    html! {
        div class="remedy" {
            p { strong { "Remedy" } " " (kept(&remedy.sentence)) }
            @for change in &remedy.changes { (of_change(root, change)) }
        }
    }
}

fn of_change(root: &str, change: &Change) -> Markup {
    let key = format!("{root} {} {}", change.target.label(), change.text.len());
    html! {
        details data-key=(key) {
            summary { (target(change.target)) }
            pre data-copy tabindex="0" { code { (lines(&change.text)) } }
        }
    }
}

const fn target(target: Target) -> &'static str {
    match target {
        Target::Docker => "docker run",
        Target::Compose => "Compose",
        Target::Kubernetes => "Kubernetes",
        Target::Environment => "Environment variables",
        Target::Apparmor => "AppArmor profile",
        Target::Selinux => "SELinux",
    }
}
