//! The containers of this node, the worst first.
//!
//! In: a snapshot and what is asked for. Out: the page at `/`. Invariant: at most
//! [`ROWS_MAX`] rows at once; the counts are of all that the words fit, whatever
//! state and page are shown. Lacks on purpose: what a container's own page tells.

use maud::{Markup, html};

use super::frame::{Parts, document};
use super::words::{badge, counted, kept, meaning, number, place, plain, state, text};
use super::{Asked, Seen, node, notices};
use crate::amount::{percent, size};
use crate::denial::Cause;
use crate::overview::{Standing, State, containers};
use crate::posture::Root;

/// From this share on it is worth telling which mount it is.
const SHARE_MIN: f64 = 0.005;
/// Most rows of one page.
const ROWS_MAX: usize = 100;

/// The page.
pub fn page(seen: &Seen, asked: &Asked) -> String {
    let all = containers(seen.snapshot);
    let fitting: Vec<&Standing> = all.iter().filter(|one| fits(one, &asked.words)).collect();
    let chosen: Vec<&Standing> = fitting
        .iter()
        .filter(|one| asked.state.is_none_or(|state| one.states.contains(&state)))
        .copied()
        .collect();
    let pages = chosen.len().div_ceil(ROWS_MAX).max(1);
    let page = asked.page.min(pages - 1);
    let rows = chosen.iter().skip(page * ROWS_MAX).take(ROWS_MAX);
    let live = html! {
        (notices::of(seen))
        (counts(&fitting, asked))
        @if chosen.is_empty() {
            p class="empty" { (nobody(all.len())) }
        } @else {
            div class="scroll" { table class="list" {
                caption class="hidden" { "Containers, the worst first" }
                thead { tr {
                    th scope="col" { "Container" }
                    th scope="col" { "State" }
                    th scope="col" class="number" { "Refusals" }
                    th scope="col" class="number wide" { "Fullest tmpfs" }
                    th scope="col" class="wide" { "Root" }
                    th scope="col" class="number wide" { "Written layer" }
                } }
                tbody { @for one in rows { (row(one)) } }
            } }
            (turner(asked, page, pages, chosen.len()))
        }
        (node::section(seen))
    };
    let fixed = html! {
        h1 { "Containers" }
        (form(asked))
    };
    let title = format!("Containers on {}", text(seen.node));
    let parts = Parts {
        title: &title,
        base: "",
        fixed,
        live,
    };
    document(seen, parts)
}

fn nobody(all: usize) -> &'static str {
    match all {
        0 => "No container is known yet.",
        _ => "No container fits.",
    }
}

/// Every word must be somewhere in what a person knows the container by.
fn fits(one: &Standing, words: &str) -> bool {
    let container = &one.container;
    let texts = [
        &container.name,
        &container.namespace,
        &container.pod,
        &container.image,
        &container.workload,
        &container.project,
        &container.id,
    ];
    let texts = texts.map(|text| text.to_lowercase());
    let words = words.split_whitespace().map(str::to_lowercase);
    let mut words = words.map(|word| texts.iter().any(|text| text.contains(&word)));
    words.all(|found| found)
}

fn form(asked: &Asked) -> Markup {
    html! {
        form method="get" action="./" role="search" class="filter" {
            label for="q" { "Filter by name, pod, image or id" }
            input id="q" name="q" type="search" value=(asked.words) maxlength="200" autocomplete="off";
            @if let Some(state) = asked.state {
                input type="hidden" name="state" value=(state.label());
            }
            button type="submit" { "Filter" }
        }
    }
}

fn counts(fitting: &[&Standing], asked: &Asked) -> Markup {
    let count = |of: State| {
        fitting
            .iter()
            .filter(|one| one.states.contains(&of))
            .count()
    };
    let current = |shown: bool| shown.then_some("true");
    html! {
        nav class="counts" aria-label="States" { ul {
            li { a href=(link(asked, None, 0)) aria-current=[current(asked.state.is_none())] {
                "all " b { (fitting.len()) }
            } }
            @for of in State::ALL {
                @let many = count(of);
                @if many > 0 || asked.state == Some(of) {
                    li { a class=(of.label()) href=(link(asked, Some(of), 0)) title=(meaning(of))
                           aria-current=[current(asked.state == Some(of))] {
                        (state(of)) " " b { (many) }
                    } }
                }
            }
        } }
    }
}

/// The address of the same list in another state or on another page.
fn link(asked: &Asked, state: Option<State>, page: usize) -> String {
    let mut parts = Vec::new();
    if !asked.words.is_empty() {
        parts.push(format!("q={}", encoded(&asked.words)));
    }
    if let Some(state) = state {
        parts.push(format!("state={}", state.label()));
    }
    if page > 0 {
        parts.push(format!("page={}", page + 1));
    }
    match parts.is_empty() {
        true => "./".to_owned(),
        false => format!("./?{}", parts.join("&")),
    }
}

/// A query's value, percent-encoded but for what needs no encoding anywhere.
fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    value.bytes().map(byte).collect()
}

fn turner(asked: &Asked, page: usize, pages: usize, all: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav class="turner" aria-label="Pages" {
                @if page > 0 { a rel="prev" href=(link(asked, asked.state, page - 1)) { "Previous" } }
                span { "Page " (page + 1) " of " (pages) ", " (counted(all as u64, "container")) }
                @if page + 1 < pages { a rel="next" href=(link(asked, asked.state, page + 1)) { "Next" } }
            }
        }
    }
}

fn row(one: &Standing) -> Markup {
    let container = &one.container;
    let refusals = one.refusals();
    html! {
        tr class={ "state-" (one.state().label()) } {
            th scope="row" {
                a href={ "containers/" (encoded(&container.id)) } { (text(&container.name)) }
                @if let Some(place) = place(container) { span class="sub" { (place) } }
                @if !container.image.is_empty() { span class="sub image" { (text(&container.image)) } }
                @if let Some(why) = why(one) { span class="why" { (why) } }
            }
            td { div class="badges" {
                @for state in &one.states { (badge(*state)) }
                @if one.ended.is_some() { span class="badge ended" { "ended" } }
            } }
            td class="number" { @if refusals > 0 { (number(refusals)) } @else { span class="nil" { "0" } } }
            td class="number wide" { (fullest(one)) }
            td class="wide root-column" { (root(one)) }
            td class="number wide" { (layer(one)) }
        }
    }
}

/// The worst of it in a few words.
fn why(one: &Standing) -> Option<String> {
    if let Some(start) = one.start {
        let root = kept(&start.write_root);
        let errno = start.errno.label();
        return Some(format!("{errno} under {root} before it ended"));
    }
    if let Some(root) = one.degraded.first() {
        let cache = root.cache.map(|cache| format!(" ({})", cache.name));
        let (path, errno) = (kept(&root.write_root), root.errno.label());
        return Some(format!("{errno} under {path}{}", cache.unwrap_or_default()));
    }
    let sample = &one.recent.first()?.sample;
    let (path, errno) = (kept(&sample.write_root), sample.denial.errno.label());
    let cause = match sample.verdict.cause {
        Cause::Unknown => String::new(),
        cause => format!(", {}", plain(cause.label())),
    };
    Some(format!("{errno} under {path}{cause}"))
}

fn fullest(one: &Standing) -> Markup {
    html! {
        @match one.fullest() {
            Some((mount, share)) => {
                (percent(share))
                @if share >= SHARE_MIN { span class="sub" { (kept(&mount.target)) } }
            }
            None => { span class="nil" { "–" } }
        }
    }
}

fn root(one: &Standing) -> &'static str {
    match one.posture.map(|posture| posture.root) {
        Some(Root::ReadOnly) => "read-only",
        Some(Root::Writable) => "writable",
        Some(Root::Unknown(_)) | None => "not known",
    }
}

fn layer(one: &Standing) -> Markup {
    let kept = one.layer.filter(|layered| layered.layer.writable);
    let kept = kept.and_then(|layered| layered.layer.kept.ok());
    html! {
        @match kept {
            Some(kept) => { (size(kept.bytes)) @if kept.truncated { " or more" } }
            None => { span class="nil" { "–" } }
        }
    }
}
