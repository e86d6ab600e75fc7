//! A [`Report`] becomes the text that a person reads.
//!
//! In: a report, the terminal's width. Out: a table, the problems with what to
//! change, one line with the verdict last. Invariant: bounded; nothing in it can
//! move a terminal's cursor. Lacks on purpose: colours, which build logs rarely
//! keep.

use super::judge::amount;
use super::lists::Change;
use super::verdict::{Breach, ContainerReport, Problem, Report};
use crate::report::{aligned, printable};

const HEAD: [&str; 6] = ["CONTAINER", "OPERATION", "PATH", "ERRNO", "CAUSE", "COUNT"];
/// The column that gives way where the terminal is narrow.
const PATH: usize = 2;
/// Rows of the table; the problems below it are bounded by the daemon.
const ROWS_MAX: usize = 100;
/// Paths that a problem shows.
const PATHS_MAX: usize = 5;

/// The text.
pub(super) fn text(report: &Report, width: Option<usize>) -> String {
    let mut text = table(report, width);
    for container in &report.containers {
        let name = printable(&container.full_name());
        for problem in &container.problems {
            push(&mut text, &name, &lines(report, problem));
        }
        for breach in &container.breaches {
            push(&mut text, &name, &breach_lines(breach));
        }
    }
    for container in &report.containers {
        for problem in &container.accepted_problems {
            let reason = problem.accepted.as_deref().unwrap_or_default();
            let line = format!(
                "accepted: {}: {} ({})\n",
                printable(&container.full_name()),
                headline(problem),
                printable(reason)
            );
            text.push_str(&line);
        }
    }
    let told = |kind: &str, lines: &[String]| -> String {
        let lines = lines.iter();
        lines
            .map(|line| format!("{kind}: {}\n", printable(line)))
            .collect()
    };
    text.push_str(&told("not measured", &report.not_measured));
    text.push_str(&told("note", &report.notes));
    // The first is the verdict's own.
    text.push_str(&told(
        "also",
        report.unobserved.get(1..).unwrap_or_default(),
    ));
    text.push_str(&format!(
        "sealwatch check {}\n",
        printable(&report.sentence)
    ));
    text
}

fn push(text: &mut String, name: &str, lines: &[String]) {
    if let [first, rest @ ..] = lines {
        text.push_str(&format!("{name}: {first}\n"));
        rest.iter()
            .for_each(|line| text.push_str(&format!("  {line}\n")));
        text.push('\n');
    }
}

fn table(report: &Report, width: Option<usize>) -> String {
    let of_container = |container: &ContainerReport| {
        let name = printable(&container.full_name());
        let rows = container.problems.iter().flat_map(|problem| {
            problem.refusals.iter().map(|refusal| {
                let plus = if refusal.exact { "" } else { "+" };
                let path = if refusal.path.is_empty() {
                    "-"
                } else {
                    &refusal.path
                };
                [
                    printable(&refusal.operation),
                    printable(path),
                    printable(&problem.errno),
                    cause(problem),
                    format!("{}{plus}", refusal.count),
                ]
            })
        });
        rows.map(|[a, b, c, d, e]| [name.clone(), a, b, c, d, e])
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = report.containers.iter().flat_map(of_container).collect();
    if rows.is_empty() {
        return String::new();
    }
    let more = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    let mut text = aligned(HEAD, rows, PATH, width);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    text.push('\n');
    text
}

fn cause(problem: &Problem) -> String {
    match &problem.lsm {
        Some(lsm) => printable(&format!("{}/{lsm}", problem.cause)),
        None => printable(&problem.cause),
    }
}

/// What was refused, in one line.
pub(super) fn headline(problem: &Problem) -> String {
    let mut operations: Vec<&str> = problem
        .refusals
        .iter()
        .map(|r| r.operation.as_str())
        .collect();
    operations.sort_unstable();
    operations.dedup();
    let paths: Vec<&str> = problem.refusals.iter().map(|r| r.path.as_str()).collect();
    let place = match paths[..] {
        [""] | [] if problem.write_root.starts_with('/') => {
            format!("paths that are not known, under {}", problem.write_root)
        }
        [""] | [] => "paths that are not known".to_owned(),
        [path] => path.to_owned(),
        _ => format!("{} paths under {}", paths.len(), problem.write_root),
    };
    printable(&format!(
        "{} of {place} refused with {} ({}), {}",
        operations.join(", "),
        problem.errno,
        cause(problem),
        amount(problem.count, "time"),
    ))
}

/// A problem with what to change; the first line is its headline.
pub(super) fn lines(report: &Report, problem: &Problem) -> Vec<String> {
    let mut lines = vec![headline(problem)];
    if let [_, _, ..] = problem.refusals[..] {
        let shown = problem.refusals.iter().take(PATHS_MAX);
        lines.extend(shown.map(|r| {
            format!(
                "path:        {} ({})",
                printable(&r.path),
                printable(&r.operation)
            )
        }));
        if let Some(more @ 1..) = problem.refusals.len().checked_sub(PATHS_MAX) {
            lines.push(format!("             and {more} more"));
        }
    }
    if !problem.evidence.is_empty() {
        lines.push(format!("evidence:    {}", printable(&problem.evidence)));
    }
    if let Some(remedy) = &problem.remedy {
        lines.push(format!("remedy:      {}", printable(remedy)));
    }
    if let Some(suggestion) = &problem.suggestion {
        lines.push(format!(
            "suggestion:  {} (by the path alone: the cause was not seen; right if it lies on the container's read-only root)",
            printable(suggestion)
        ));
    }
    for change in problem
        .changes
        .iter()
        .filter(|change| is_shown(report, change))
    {
        let mut text = change.text.lines();
        let first = text.next().unwrap_or_default();
        lines.push(format!(
            "{:<13}{}",
            format!("{}:", change.target),
            printable(first)
        ));
        lines.extend(text.map(|line| format!("{:<13}{}", "", printable(line))));
    }
    lines
}

/// Only what the user can copy into what was run; the variables stand in the
/// other changes as well.
fn is_shown(report: &Report, change: &Change) -> bool {
    let compose = report.command.iter().any(|word| word.ends_with("compose"));
    match change.target.as_str() {
        "docker" => !compose,
        "compose" => compose,
        "environment" => false,
        _ => true,
    }
}

/// A breach; the first line tells what it is.
pub(super) fn breach_lines(breach: &Breach) -> Vec<String> {
    let root = printable(&breach.write_root);
    let first = format!(
        "writes to {root} succeeded outside the contract ({}; {})",
        printable(&breach.destination),
        amount(breach.operations, "operation"),
    );
    let mut lines = vec![first];
    let paths = breach
        .paths
        .iter()
        .filter(|path| **path != breach.write_root);
    lines.extend(paths.map(|path| format!("path:        {}", printable(path))));
    lines.push(format!("contract:    {}", printable(&breach.reason)));
    lines.push(
        "remedy:      declare it in the contract and mount it, or have the program not write there"
            .to_owned(),
    );
    lines
}
