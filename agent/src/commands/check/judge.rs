//! What was found becomes problems, breaches and a verdict.
//!
//! In: [`Found`], the accepted patterns, contracts. Out: [`ContainerReport`]s and
//! a [`Verdict`]. Invariant: pure; each refusal that was counted is in exactly one
//! problem; what has no path is accepted only where its whole write root is.
//! Lacks on purpose: any look at the machine.

mod breach;

use std::collections::BTreeMap;

use super::lists::{Change, Kind, Named, Row};
use super::observe::Found;
use super::suggest::suggest;
use super::verdict::{ContainerReport, Problem, Refusal, Report, Verdict};
use crate::contract::Contract;
use crate::denial::{Errno, Operation};
use crate::remedy::pattern;
use breach::breach;

/// What a problem on the list is worth: what a read-only root is about first.
const ORDER: [Errno; 5] = [
    Errno::Erofs,
    Errno::Enospc,
    Errno::Edquot,
    Errno::Eacces,
    Errno::Eperm,
];

/// By what a container is judged.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Patterns of paths whose denials are accepted.
    pub(super) accept: Vec<String>,
    /// The contracts.
    pub(super) contracts: Vec<Contract>,
    /// Is a single contract the checked container's, whatever its name?
    pub(super) sole: bool,
}

impl Rules {
    /// The contracts of a container.
    fn of(&self, found: &Found) -> Vec<&Contract> {
        if let ([contract], true) = (&self.contracts[..], self.sole) {
            return vec![contract];
        }
        let container = found.container();
        let contracts = self.contracts.iter();
        contracts
            .filter(|contract| contract.applies_to(&container))
            .collect()
    }
}

/// Judges one container.
pub(super) fn judge(found: &Found, rules: &Rules) -> ContainerReport {
    let contracts = rules.of(found);
    let accepts = |row: &Row| accepted_row(row, &rules.accept, &contracts);
    let kubernetes = !found.named.pod.is_empty();
    let mut problems: BTreeMap<Key, Problem> = BTreeMap::new();
    for row in &found.rows {
        let problem = problem(row, accepts(row), kubernetes);
        add(&mut problems, problem);
    }
    for (kind, root, count) in without_path(found) {
        let accepted = accepted_root(&kind, &root, &rules.accept, &contracts);
        add(&mut problems, pathless(kind, root, count, accepted));
    }
    let mut problems: Vec<Problem> = problems.into_values().collect();
    for problem in &mut problems {
        problem
            .refusals
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.path.cmp(&b.path)));
    }
    problems.sort_by_key(|problem| {
        let rank = ORDER
            .iter()
            .position(|errno| errno.label() == problem.errno);
        let rank = rank.unwrap_or(ORDER.len());
        (
            rank,
            std::cmp::Reverse(problem.count),
            problem.write_root.clone(),
        )
    });
    let (accepted_problems, problems): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| problem.accepted.is_some());
    let sum = |problems: &[Problem]| problems.iter().map(|problem| problem.count).sum();
    let breaches = found
        .writes
        .iter()
        .filter_map(|row| breach(row, &contracts));
    let Named {
        name,
        image,
        namespace,
        pod,
        ..
    } = found.named.clone();
    ContainerReport {
        name,
        ids: found.ids.clone(),
        image,
        namespace,
        pod,
        read_only_root: found.read_only,
        denials: sum(&problems),
        accepted: sum(&accepted_problems),
        problems,
        accepted_problems,
        contract: !contracts.is_empty(),
        breaches: if contracts.is_empty() {
            Vec::new()
        } else {
            breaches.collect()
        },
    }
}

/// Refusals with one change and one reason are one problem.
type Key = (Kind, String, Option<String>, Option<String>);

fn add(problems: &mut BTreeMap<Key, Problem>, problem: Problem) {
    let kind = Kind {
        operation: String::new(),
        errno: problem.errno.clone(),
        cause: problem.cause.clone(),
        lsm: problem.lsm.clone().unwrap_or_default(),
    };
    let advice = problem
        .remedy
        .clone()
        .or_else(|| problem.suggestion.clone());
    let key = (
        kind,
        problem.write_root.clone(),
        advice,
        problem.accepted.clone(),
    );
    match problems.get_mut(&key) {
        Some(known) => {
            known.count += problem.count;
            known.refusals.extend(problem.refusals);
            for change in problem.changes {
                if !known.changes.contains(&change) {
                    known.changes.push(change);
                }
            }
        }
        None => {
            problems.insert(key, problem);
        }
    }
}

fn problem(row: &Row, accepted: Option<String>, kubernetes: bool) -> Problem {
    let suggested = match &row.remedy {
        Some(_) => None,
        None => suggest(row, kubernetes),
    };
    let (suggestion, changes) = suggested.unzip();
    let changes: Vec<Change> = changes.unwrap_or_else(|| row.changes.clone());
    Problem {
        write_root: row.write_root.clone(),
        errno: row.errno.clone(),
        cause: row.cause.clone(),
        lsm: row.lsm.clone(),
        evidence: row.evidence.clone(),
        count: row.count,
        refusals: vec![Refusal {
            operation: row.operation.clone(),
            path: row.path.clone(),
            count: row.count,
            exact: row.exact,
        }],
        remedy: row.remedy.clone(),
        suggestion,
        changes,
        accepted,
    }
}

fn pathless(kind: Kind, root: String, count: u64, accepted: Option<String>) -> Problem {
    Problem {
        write_root: root,
        errno: kind.errno,
        cause: kind.cause,
        lsm: Some(kind.lsm).filter(|lsm| !lsm.is_empty()),
        evidence: String::new(),
        count,
        refusals: vec![Refusal {
            operation: kind.operation,
            path: String::new(),
            count,
            exact: true,
        }],
        remedy: None,
        suggestion: None,
        changes: Vec::new(),
        accepted,
    }
}

/// What was counted and is in no row. The series tell the sum exactly; where they
/// put a count may differ from its row's, which then is no refusal without a path.
fn without_path(found: &Found) -> Vec<(Kind, String, u64)> {
    let rows: u64 = found.rows.iter().map(|row| row.count).sum();
    let mut left = found.total().saturating_sub(rows);
    let mut without = Vec::new();
    for ((kind, root), count) in &found.counts {
        let of_rows = found.rows.iter();
        let of_rows = of_rows.filter(|row| row.kind() == *kind && row.write_root == *root);
        let known: u64 = of_rows.map(|row| row.count).sum();
        let missing = count.saturating_sub(known).min(left);
        if missing > 0 {
            left -= missing;
            without.push((kind.clone(), root.clone(), missing));
        }
    }
    without
}

fn accepted_row(row: &Row, patterns: &[String], contracts: &[&Contract]) -> Option<String> {
    if let Some(fits) = patterns.iter().find(|fits| pattern::fits(fits, &row.path)) {
        return Some(by_flag(fits));
    }
    let (operation, errno) = told(&row.operation, &row.errno)?;
    let mut accepted = contracts
        .iter()
        .filter_map(|contract| contract.accepts(&row.path, operation, errno));
    accepted.next().map(|accepted| accepted.reason.clone())
}

fn accepted_root(
    kind: &Kind,
    root: &str,
    patterns: &[String],
    contracts: &[&Contract],
) -> Option<String> {
    if let Some(covers) = patterns.iter().find(|covers| covers_root(covers, root)) {
        return Some(by_flag(covers));
    }
    let (operation, errno) = told(&kind.operation, &kind.errno)?;
    let accepted = contracts.iter().flat_map(|contract| &contract.accept);
    let mut accepted = accepted.filter(|accepted| {
        accepted.operation.is_none_or(|known| known == operation)
            && accepted.errno.is_none_or(|known| known == errno)
            && covers_root(&accepted.path, root)
    });
    accepted.next().map(|accepted| accepted.reason.clone())
}

fn by_flag(pattern: &str) -> String {
    format!("--accept {}", crate::denial::escape(pattern.as_bytes()))
}

/// Does the pattern fit whatever lies at `root` and below?
fn covers_root(pattern: &str, root: &str) -> bool {
    let Some(above) = pattern
        .strip_suffix("/**")
        .filter(|_| root.starts_with('/'))
    else {
        return false;
    };
    let ends = root
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([root.len()]);
    ends.into_iter()
        .any(|end| pattern::fits(above, &root[..end]))
}

fn told(operation: &str, errno: &str) -> Option<(Operation, Errno)> {
    let operation = Operation::ALL
        .iter()
        .find(|known| known.label() == operation)?;
    let errno = Errno::ALL
        .into_iter()
        .find(|known| known.label() == errno)?;
    Some((*operation, errno))
}

/// Sets the verdict and its sentence. `strict`: what is not measured is no success.
pub(super) fn conclude(report: &mut Report, strict: bool) {
    let sum = |of: fn(&ContainerReport) -> u64| report.containers.iter().map(of).sum::<u64>();
    let denials = sum(|container| container.denials);
    let accepted = sum(|container| container.accepted);
    let breaches = sum(|container| container.breaches.len() as u64);
    let names: Vec<_> = report
        .containers
        .iter()
        .map(ContainerReport::full_name)
        .collect();
    let whom = match &names[..] {
        [] => String::new(),
        [name] => format!(" in {name}"),
        _ => format!(" in {} containers", names.len()),
    };
    let mut bad = Vec::new();
    if denials > 0 {
        let problems = sum(|container| container.problems.len() as u64);
        bad.push(format!(
            "{} ({})",
            amount(denials, "denial"),
            amount(problems, "problem")
        ));
    }
    if breaches > 0 {
        let places = if breaches == 1 { "place" } else { "places" };
        bad.push(format!(
            "writes to {breaches} {places} outside the contract"
        ));
    }
    let broken = !bad.is_empty();
    bad.iter_mut().for_each(|what| what.push_str(&whom));
    let failed = report.end.as_ref().filter(|end| end.failed);
    if let Some(end) = failed {
        bad.push(match (end.code, end.signal) {
            (Some(code), _) => format!("the command failed with exit code {code}"),
            (None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None) => "the command failed".to_owned(),
        });
    }
    let strictly = if strict {
        &report.not_measured[..]
    } else {
        &[]
    };
    let unseen = report.unobserved.iter().chain(strictly);
    let unseen: Vec<&str> = unseen.map(String::as_str).collect();
    let harmless = match accepted {
        0 => String::new(),
        accepted => format!("; {} accepted", amount(accepted, "denial")),
    };
    (report.verdict, report.sentence) =
        if broken || (failed.is_some() && report.unobserved.is_empty()) {
            (
                Verdict::Failed,
                format!("failed: {}{harmless}", bad.join("; ")),
            )
        } else if let [first, ..] = unseen[..] {
            (Verdict::NotObserved, format!("not observed: {first}"))
        } else {
            let seconds = report.seconds;
            let what = match accepted {
                0 => "no denial",
                _ => "no denial that is not accepted",
            };
            let text = format!("passed: {what}{whom} within {seconds:.1} s{harmless}");
            (Verdict::Passed, text)
        };
}

/// `1 denial`, `2 denials`.
pub(super) fn amount(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests;
