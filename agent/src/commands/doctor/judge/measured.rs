//! What is attached -> findings of what is measured.
//!
//! In: facts. Out: findings of operations, causes and kills, those with the same gap
//! together. Invariant: a gap that no backend fills is a limit of Sealwatch's, and
//! no fault of this host. Lacks on purpose: working the gaps out.

use std::collections::BTreeMap;

use super::super::facts::{Attached, Facts};
use super::super::finding::{Check, Finding};
use super::super::measured::{self, Seen};
use super::half::better_backend;
use crate::catalog::Sight;
use crate::denial::Hook;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Ok(attached) = &facts.half else {
        return Vec::new();
    };
    let fix = better_backend(facts, attached);
    let operations = measured::operations(&attached.plan).into_iter();
    let operations = operations.map(|seen| gap(seen, "measured", |one| one.label()));
    let causes = measured::causes(&attached.plan, attached.facts.seccomp).into_iter();
    let causes = causes.map(|told| gap(told, "told", |one| one.label()));
    let (operations, causes) = (operations.collect(), causes.collect());
    let mut findings = grouped(Check::Operations, "measured", "", operations, &fix);
    let otherwise = "; else the cause is `unknown`";
    findings.extend(grouped(Check::Causes, "told", otherwise, causes, &fix));
    findings.push(kills(attached, &fix));
    findings
}

/// What one of them comes to.
struct Gap {
    name: &'static str,
    /// Empty for none.
    words: String,
    less_than_best: bool,
}

/// `verb` is `measured` or `told`.
fn gap<T: Copy>(seen: Seen<T>, verb: &str, label: impl Fn(T) -> &'static str) -> Gap {
    let mut words = match seen.sight {
        Sight::Whole => String::new(),
        Sight::But(what) => format!("not {verb}: {what}"),
        Sight::Only(what) => format!("{verb} only: {what}"),
        Sight::None => format!("not {verb} at all"),
    };
    // Without any hook it is all of it anyway.
    if seen.sight != Sight::None && !seen.missing.is_empty() {
        if !words.is_empty() {
            words.push_str("; ");
        }
        words.push_str(&format!("not {verb}: {}", seen.missing.join(", ")));
    }
    Gap {
        name: label(seen.subject),
        words,
        less_than_best: seen.less_than_best,
    }
}

/// `otherwise` is what becomes of the rest.
fn grouped(check: Check, verb: &str, otherwise: &str, gaps: Vec<Gap>, fix: &str) -> Vec<Finding> {
    let mut whole = Vec::new();
    let mut groups: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for gap in gaps {
        match gap.words.as_str() {
            "" => whole.push(gap.name),
            _ => groups
                .entry((gap.less_than_best, gap.words))
                .or_default()
                .push(gap.name),
        }
    }
    let whole = (!whole.is_empty())
        .then(|| Finding::ok(check, format!("{verb} whole: {}", whole.join(", "))));
    let parts = groups.into_iter().map(|((less, words), names)| {
        let names = names.join(", ");
        match less {
            false => Finding::limited(check, names, format!("{words} (with any backend)")),
            true => Finding::degraded(check, names, words + otherwise, fix),
        }
    });
    whole.into_iter().chain(parts).collect()
}

fn kills(attached: &Attached, fix: &str) -> Finding {
    let mut hooks = attached.hooks.iter();
    match hooks
        .find(|hook| hook.hook == Hook::OomKill)
        .map(|hook| &hook.state)
    {
        Some(Ok(backend)) => {
            Finding::ok(Check::OomKills, format!("counted, by {}", backend.label()))
        }
        Some(Err(reason)) => Finding::degraded(
            Check::OomKills,
            format!("not attached: {reason}"),
            "kills for want of memory are not counted",
            fix,
        ),
        None => Finding::degraded(
            Check::OomKills,
            "not planned",
            "kills for want of memory are not counted",
            "report it with this output",
        ),
    }
}
