//! How full a container's tmpfs mounts are and were, and what its layer keeps.
//!
//! In: a [`Standing`]. Out: sections. Invariant: a number that was not measured
//! is its reason; every drawing has its words beside it. Lacks on purpose:
//! mounts that are no tmpfs.

use maud::{Markup, html};

use super::sparkline;
use super::words::{kept, number};
use crate::aggregate::Snapshot;
use crate::amount::{percent, size, span};
use crate::overview::Standing;
use crate::tmpfs::{Asked, ContainerTmpfs, Limit, MountTmpfs, Pressure, Sampled};

pub(super) fn section(one: &Standing, snapshot: &Snapshot, now_ns: u64) -> Markup {
    let told = one.tmpfs.map(|filled| &*filled.told);
    html! {
        section aria-labelledby="tmpfs" {
            h2 id="tmpfs" { "Tmpfs" }
            @match told {
                None => { p class="empty" { "Not measured, or it has none." } }
                Some(told) => {
                    (unmeasured(told))
                    (memory(told))
                    div class="mounts" {
                        @for mount in &told.mounts { (of_mount(mount, snapshot, now_ns)) }
                    }
                    @if told.dropped > 0 { p class="sub" { "and " (told.dropped) " more mounts that are not measured" } }
                }
            }
        }
    }
}

fn unmeasured(told: &ContainerTmpfs) -> Markup {
    html! {
        @if let Some(why) = &told.unmeasured {
            p class="empty" { "Not measured now: " (why) "." }
        } @else if told.mounts.is_empty() {
            p class="empty" { "It has none." }
        }
    }
}

fn memory(told: &ContainerTmpfs) -> Markup {
    let memory = &told.memory;
    html! {
        @if let (Limit::Bytes(limit), Some(share)) = (memory.limit, memory.share) {
            p { "Together they take " (size(memory.tmpfs_bytes)) ", " b { (percent(share)) }
                " of the memory limit of " (size(limit)) ". " (pressure(memory.pressure)) }
            (bar(share, memory.pressure, "of the memory limit"))
        }
    }
}

/// A state in words; nothing where there is room.
fn pressure(pressure: Pressure) -> Markup {
    html! {
        @match pressure {
            Pressure::Calm => {}
            Pressure::Near => { span class="badge pressure" { "nearly full" } }
            Pressure::Full => { span class="badge pressure" { "full" } }
        }
    }
}

/// A bar, for the eye alone: its words stand beside it.
fn bar(share: f64, pressure: Pressure, of: &str) -> Markup {
    let width = format!("{:.1}", (share * 100.0).clamp(0.0, 100.0));
    let label = format!("{} {of}", percent(share));
    html! {
        svg class={ "bar " (pressure.label()) } viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect class="whole" width="100" height="4" {}
            rect class="used" width=(width) height="4" {}
        }
    }
}

fn of_mount(mount: &MountTmpfs, snapshot: &Snapshot, now_ns: u64) -> Markup {
    let shared = snapshot.tmpfs.shared.get(&mount.device).copied();
    html! {
        article class="mount" {
            h3 { code { (kept(&mount.target)) } " " (worst(mount)) }
            (bytes(mount))
            (sparkline::of(&mount.history, limit(mount), now_ns))
            @if let Sampled::Measured { fill, full_in_s, .. } = &mount.inodes {
                p class="sub" { "Inodes: " (number(fill.used)) " of " (number(fill.limit))
                    @if let Some(seconds) = full_in_s { ", none left in " (span(*seconds)) } }
            }
            @if let Some(many) = shared { p class="sub" { "Shared by " (many) " containers" } }
        }
    }
}

fn limit(mount: &MountTmpfs) -> Option<u64> {
    match &mount.bytes {
        Sampled::Measured { fill, .. } => Some(fill.limit),
        Sampled::Not(_) => None,
    }
}

fn worst(mount: &MountTmpfs) -> Markup {
    let of = |sampled: &Sampled| match sampled {
        Sampled::Measured { pressure, .. } => *pressure,
        Sampled::Not(_) => Pressure::Calm,
    };
    pressure(of(&mount.bytes).max(of(&mount.inodes)))
}

fn bytes(mount: &MountTmpfs) -> Markup {
    html! {
        @match &mount.bytes {
            Sampled::Measured { fill, pressure, full_in_s } => {
                p { b { (size(fill.used)) } " of " (size(fill.limit)) " (" (percent(fill.share())) ")"
                    @if mount.bytes_asked == Asked::Unbounded { ", no size was given" }
                    @if let Some(seconds) = full_in_s { ", " strong { "full in " (span(*seconds)) } } }
                (bar(fill.share(), *pressure, "of its size"))
            }
            Sampled::Not(why) => { p class="empty" { "Not measured: " (why) "." } }
        }
    }
}

pub(super) fn layer(one: &Standing) -> Markup {
    let layer = one.layer.map(|layered| &layered.layer);
    html! {
        @if let Some(layer) = layer && let Ok(kept) = &layer.kept && layer.writable {
            section aria-labelledby="layer" {
                h2 id="layer" { "Writable layer" }
                p { b { (size(kept.bytes)) } " in " (number(kept.entries)) " files and directories"
                    @if kept.truncated { ", or more: not all were looked at" }
                    @if let Some(growth) = growth(kept.growth) { ", " (growth) } "." }
            }
        }
    }
}

/// Bytes a second are told by the minute.
fn growth(per_second: Option<f64>) -> Option<String> {
    let minute = per_second? * 60.0;
    let amount = size(minute.abs().min(1e18) as u64);
    match minute {
        0.0 => None,
        minute if minute > 0.0 => Some(format!("growing by {amount} a minute")),
        _ => Some(format!("shrinking by {amount} a minute")),
    }
}
