//! The causes of a run, held against the catalog's table of truths.
//!
//! In: a [`Run`]. Out: what is wrong. Invariant: an event's cause is the right one, or
//! `unknown` where the table says that the backend does not tell it; the metrics have
//! no refusal under a wrong cause. Lacks on purpose: counts as such.

use std::collections::{BTreeMap, BTreeSet};

use sealwatch::catalog::truth::{self, Row, Told};
use sealwatch::denial::Cause;

use super::known::{Lacks, backend, lacks};
use super::report::{Provoked, Run};

/// The right answer, and whether the backend must give it.
struct Right {
    row: &'static Row,
    told: Told,
}

impl Right {
    fn of(run: &Run, case: &Provoked) -> Option<Right> {
        let row = truth::row(&case.situation)?;
        Some(Right {
            row,
            told: row.told(backend(&run.backend)?),
        })
    }

    fn lsm(&self) -> &'static str {
        self.row.lsm.map_or("", |lsm| lsm.label())
    }

    /// Is this an answer that the backend may give?
    fn admits(&self, cause: &str, lsm: &str) -> bool {
        match cause == Cause::Unknown.label() {
            true => self.told == Told::Count,
            false => cause == self.row.cause.label() && lsm == self.lsm(),
        }
    }
}

/// Everything that is wrong with the causes.
pub fn differences(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    // One line for all cases of a situation that are told alike.
    let mut wrong: BTreeMap<[String; 4], (BTreeSet<&str>, &str)> = BTreeMap::new();
    for case in &run.provoked {
        let Some(right) = Right::of(run, case) else {
            found.push(format!("{}: no situation {}", case.case, case.situation));
            continue;
        };
        let events = run.events.iter().filter(|event| event.is_of(case));
        for event in events.filter(|event| !right.admits(&event.cause, event.lsm())) {
            let told = format!("{} {}", event.cause, event.lsm());
            let right = format!("{} {}", right.row.cause.label(), right.lsm());
            let key = [case.situation.clone(), case.errno.clone(), told, right];
            let entry = wrong
                .entry(key)
                .or_insert((BTreeSet::new(), &event.evidence));
            entry.0.insert(&case.case);
        }
    }
    for ([situation, errno, told, right], (cases, evidence)) in wrong {
        let cases: Vec<&str> = cases.into_iter().collect();
        found.push(format!(
            "{situation}: {errno} is told as {told:?}, not {right:?} ({evidence}): {}",
            cases.join(" ")
        ));
    }
    found.extend(misattributed(run));
    found
}

/// Refusals that the metrics have under a cause that provoked fewer, or more.
fn misattributed(run: &Run) -> Vec<String> {
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    let mut least: BTreeMap<String, u64> = BTreeMap::new();
    for case in &run.provoked {
        let Some(right) = Right::of(run, case) else {
            continue;
        };
        let operation = match lacks(&run.backend, case) {
            Some(Lacks::Count) => continue,
            Some(Lacks::Operation) => "open",
            Some(Lacks::Path) | None => &case.operation,
        };
        let cause = right.row.cause.label();
        let key = format!("{operation} {} {cause} {}", case.errno, right.lsm());
        *most.entry(key.clone()).or_default() += case.count;
        *least.entry(key).or_default() += match right.told {
            Told::Cause => case.count,
            Told::Count | Told::Nothing => 0,
        };
    }
    let unknown = format!(" {} ", Cause::Unknown.label());
    for key in run.by_cause.keys().filter(|key| !key.contains(&unknown)) {
        most.entry(key.clone()).or_default();
    }
    let mut found = Vec::new();
    for (key, most) in most.into_iter().filter(|(key, _)| !key.contains(&unknown)) {
        let least = least.get(&key).copied().unwrap_or(0);
        let counted = run.by_cause.get(&key).copied().unwrap_or(0);
        if counted < least || counted > most {
            found.push(format!("{key} {counted} of {least} to {most}"));
        }
    }
    if found.is_empty() {
        return found;
    }
    vec![format!("metrics: {}", found.join(", "))]
}

/// Per situation: cases, and those whose every event tells the cause.
pub fn told(run: &Run) -> BTreeMap<String, (usize, usize)> {
    let mut told: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in &run.provoked {
        let Some(right) = Right::of(run, case) else {
            continue;
        };
        let mut events = run
            .events
            .iter()
            .filter(|event| event.is_of(case))
            .peekable();
        let seen = events.peek().is_some();
        let right = seen
            && events
                .all(|event| event.cause == right.row.cause.label() && event.lsm() == right.lsm());
        let entry = told.entry(case.situation.clone()).or_default();
        entry.0 += 1;
        entry.1 += usize::from(right);
    }
    told
}

/// Situations whose cause a backend told of every case, and is declared not to tell.
pub fn underrated<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<String> {
    let mut all: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for run in runs {
        for (situation, (cases, right)) in told(run) {
            let entry = all.entry((run.backend.clone(), situation)).or_default();
            entry.0 += cases;
            entry.1 += right;
        }
    }
    let whole = all.into_iter().filter(|(_, (cases, right))| cases == right);
    whole
        .filter_map(|((label, situation), _)| {
            let row = truth::row(&situation)?;
            let declared = row.told(backend(&label)?) == Told::Count;
            (declared && row.cause != Cause::Unknown).then(|| {
                format!(
                    "{label}: {situation}: every cause is told, and the table says that none is"
                )
            })
        })
        .collect()
}
