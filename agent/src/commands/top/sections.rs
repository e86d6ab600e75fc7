//! One container becomes lines to scroll through.
//!
//! In: a [`Container`], a width. Out: [`Told`] lines. Invariant: pure; a change
//! to copy stands alone on its lines, from the first column on. Lacks on purpose:
//! looks and scrolling.

use std::collections::BTreeMap;

use super::answers::Denial;
use super::look::Tone;
use super::model::Container;
use super::page::{Page, Told};
use super::shown::{Shown, padded, width};
use super::words::{amount, bar, cause, path, rate, tone};
use crate::report::tmpfs::size;
use crate::report::utc_seconds;

/// All that is known of a container.
pub(super) fn container(container: &Container, columns: usize) -> Vec<Told> {
    let mut page = Page::of(columns);
    let title = format!(
        "{}  {}  {} a second  {} denials",
        container.name,
        container.standing.label(),
        rate(container.rate),
        container.denials
    );
    page.say(tone(container.standing), 0, &title);
    about(&mut page, container);
    states(&mut page, container);
    denials(&mut page, container);
    tmpfs(&mut page, container);
    stands(&mut page, container);
    page.lines
}

fn about(page: &mut Page, container: &Container) {
    let mut parts: Vec<String> = Vec::new();
    if !container.image.is_empty() {
        parts.push(format!("image {}", container.image));
    }
    if !container.runtime.is_empty() {
        parts.push(format!("by {}", container.runtime));
    }
    if let Some(posture) = &container.posture {
        parts.push(match &posture.root_unknown {
            Some(why) => format!("root unknown ({why})"),
            None => format!("root {}", posture.root),
        });
        parts.extend(posture.uid.map(|uid| format!("user {uid}")));
    }
    if container.killed > 0 {
        parts.push(format!(
            "{} processes killed for want of memory",
            container.killed
        ));
    }
    if !parts.is_empty() {
        page.say(Tone::Faint, 0, &parts.join("  "));
    }
}

fn states(page: &mut Page, container: &Container) {
    if !container.degraded.is_empty() {
        page.head("DEGRADED");
    }
    for root in &container.degraded {
        let since = utc_seconds(&root.since);
        let text = format!(
            "{}  {} failures since {since}  {} {}",
            root.write_root, root.failures, root.errno, root.cause
        );
        page.say(Tone::Bad, 2, &text);
        if let (Some(cache), Some(means)) = (&root.cache, &root.cache_means) {
            page.say(
                Tone::Plain,
                4,
                &format!("its {cache} cannot be written: it {means}"),
            );
        }
    }
    if !container.starts.is_empty() {
        page.head("FAILING TO START");
    }
    for start in &container.starts {
        let code = start.exit_code.map(|code| format!(", exit code {code}"));
        let text = format!(
            "{} failed starts, the last at {}{}: {} under {}, {}",
            start.failures,
            utc_seconds(&start.last_time),
            code.unwrap_or_default(),
            start.errno,
            start.write_root,
            start.cause
        );
        page.say(Tone::Bad, 2, &text);
    }
}

/// Refusals under one write root that are alike.
#[derive(Default)]
struct Alike<'a> {
    count: u64,
    exact: bool,
    paths: Vec<&'a Denial>,
}

/// Paths of one kind that are listed.
const PATHS_MAX: usize = 8;

fn denials(page: &mut Page, container: &Container) {
    page.head("DENIALS BY WRITE ROOT");
    if container.refused.is_empty() {
        let none = match container.denials {
            0 => "none yet",
            _ => "none lately",
        };
        return page.say(Tone::Faint, 2, none);
    }
    let mut roots: BTreeMap<&Shown, BTreeMap<(String, &Shown, &Shown), Alike<'_>>> =
        BTreeMap::new();
    for denial in &container.refused {
        let kind = (cause(denial), &denial.errno, &denial.operation);
        let root = roots.entry(&denial.write_root).or_default();
        let alike = root.entry(kind).or_insert_with(|| Alike {
            exact: true,
            ..Alike::default()
        });
        alike.count = alike.count.saturating_add(denial.count);
        alike.exact &= denial.exact;
        alike.paths.push(denial);
    }
    for (root, kinds) in roots {
        page.say(Tone::Head, 2, root);
        let mut advised: Vec<&Denial> = Vec::new();
        for ((cause, errno, operation), alike) in kinds {
            let more = if alike.exact { "" } else { " or more" };
            let text = format!("{operation} {errno} {cause}  {}{more}", alike.count);
            page.say(Tone::Warning, 4, &text);
            for denial in alike.paths.iter().take(PATHS_MAX) {
                let text = format!("{}  {}", path(denial), utc_seconds(&denial.last_time));
                page.say(Tone::Plain, 6, &text);
            }
            let more = alike.paths.len().saturating_sub(PATHS_MAX);
            if more > 0 {
                page.say(Tone::Faint, 6, &format!("and {more} more paths"));
            }
            if let Some(latest) = alike.paths.first() {
                if !latest.evidence.is_empty() {
                    page.say(Tone::Faint, 6, &format!("because {}", latest.evidence));
                }
                let same = |other: &&Denial| other.remedy == latest.remedy;
                if latest.remedy.is_some() && !advised.iter().any(same) {
                    advised.push(latest);
                }
            }
        }
        for denial in advised {
            advice(page, denial);
        }
    }
}

fn advice(page: &mut Page, denial: &Denial) {
    if let Some(remedy) = &denial.remedy {
        page.say(Tone::Good, 4, &format!("-> {remedy}"));
    }
    for change in &denial.changes {
        page.say(Tone::Faint, 4, &format!("{}:", change.target));
        for line in &change.text.0 {
            page.say(Tone::Plain, 0, line);
        }
    }
}

fn tmpfs(page: &mut Page, container: &Container) {
    if container.tmpfs.is_empty() {
        return;
    }
    page.head("TMPFS");
    let mounts = container.mounts();
    let widest = mounts.iter().map(|mount| width(&mount.mount)).max();
    let column = widest.unwrap_or(0).min(page.width / 3);
    for mount in mounts {
        let name = padded(&mount.mount, column);
        let text = format!("{name}  {}  {}", bar(mount.share(), 20), amount(mount));
        page.say(Tone::Plain, 2, &text);
    }
    for filled in &container.tmpfs {
        if let Some(why) = &filled.unmeasured {
            page.say(Tone::Warning, 2, &format!("not measured: {why}"));
        }
        let memory = &filled.memory;
        if let (Some(limit), Some(share)) = (memory.limit_bytes, memory.share) {
            let text = format!(
                "{} of its memory limit of {} ({:.0} %)",
                size(memory.tmpfs_bytes),
                size(limit),
                share * 100.0
            );
            page.say(Tone::Plain, 2, &text);
        }
    }
}

fn stands(page: &mut Page, container: &Container) {
    if let Some(posture) = &container.posture {
        page.head("WRITABLE MOUNTS");
        if posture.writable_mounts.is_empty() {
            page.say(Tone::Good, 2, "none");
        }
        for mount in &posture.writable_mounts {
            let from = mount
                .source
                .as_ref()
                .map(|source| format!(" from {source}"));
            let text = format!(
                "{}  {}{}  {} {}",
                mount.target,
                mount.kind,
                from.unwrap_or_default(),
                mount.fs_type,
                mount.options
            );
            page.say(Tone::Plain, 2, &text);
        }
        if posture.writable_mounts_left_out > 0 {
            let text = format!("and {} more", posture.writable_mounts_left_out);
            page.say(Tone::Faint, 2, &text);
        }
        if !posture.findings.is_empty() {
            page.head("FINDINGS");
        }
        for finding in &posture.findings {
            page.say(Tone::Warning, 2, &finding.sentence);
            page.say(Tone::Plain, 4, &format!("-> {}", finding.fix));
        }
    }
    if let Some(layer) = container.layer.as_ref().filter(|layer| layer.writable) {
        page.head("WRITABLE LAYER");
        let more = if layer.truncated { " or more" } else { "" };
        let text = format!("{}{more} in {} entries", size(layer.bytes), layer.entries);
        page.say(Tone::Plain, 2, &text);
    }
}
