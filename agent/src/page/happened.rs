//! Events of the history become lines that a person reads.
//!
//! In: kinds, times, lines of JSON. Out: a section, the latest first. Invariant:
//! a line that this version cannot read is shown by its kind alone. Lacks on
//! purpose: the history, which `events` keeps.

use std::time::SystemTime;

use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

use super::words::{ago, kept, number, plain};

/// One event of a container.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When.
    pub time: SystemTime,
    /// `denial`, `degraded` and so on.
    pub kind: &'static str,
    /// The event as it is served.
    pub line: String,
}

/// What is shown of an event; none of it is in every kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    operation: Option<String>,
    errno: Option<String>,
    cause: Option<String>,
    path: Option<String>,
    write_root: Option<String>,
    exit_code: Option<i32>,
    killed: Option<u64>,
}

/// Most lines; equal ones that follow each other are one.
const LINES_MAX: usize = 20;

pub(super) fn section(happened: &[Happened], now: SystemTime) -> Markup {
    html! {
        section aria-labelledby="events" {
            h2 id="events" { "Recent events" }
            @if happened.is_empty() {
                p class="empty" { "None is kept." }
            } @else {
                ol class="events" {
                    @for (time, words, many) in lines(happened) {
                        li { (ago(time, now)) " " (PreEscaped(words))
                            @if many > 1 { " " span class="count" { "× " (many) } } }
                    }
                }
            }
        }
    }
}

/// The latest time of each line, the line as HTML, and how often it follows itself.
fn lines(happened: &[Happened]) -> Vec<(SystemTime, String, usize)> {
    let mut lines: Vec<(SystemTime, String, usize)> = Vec::new();
    for one in happened {
        let words = words(one).into_string();
        match lines.last_mut() {
            Some((_, last, many)) if *last == words => *many += 1,
            Some(_) | None => lines.push((one.time, words, 1)),
        }
    }
    lines.truncate(LINES_MAX);
    lines
}

fn words(one: &Happened) -> Markup {
    let line: Line = serde_json::from_str(&one.line).unwrap_or_default();
    let place = line
        .path
        .filter(|path| !path.is_empty())
        .or(line.write_root);
    html! {
        b { (plain(one.kind)) } " "
        @if let Some(operation) = &line.operation { (kept(operation)) " " }
        @if let Some(place) = &place { code { (kept(place)) } " " }
        @if let Some(errno) = &line.errno { (kept(errno)) }
        @if let Some(cause) = &line.cause { ", " (kept(&plain(cause))) }
        @if let Some(code) = line.exit_code { ", exit code " (code) }
        @if let Some(killed) = line.killed { (number(killed)) " killed" }
    }
}
