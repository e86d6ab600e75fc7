//! A report becomes a table for people, and a list of what is wrong.
//!
//! In: a [`Report`]. Out: text; differences. Invariant: a refusal that is not counted,
//! or whose path is not told, is a difference unless a row of [`NOT_MEASURED`] says so,
//! and a row that is not true is a difference too. Lacks on purpose: I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sealwatch::catalog::{Sight, sight};
use sealwatch::denial::{Backend, Operation};

use super::report::{Provoked, Report, Run, key};

/// What is not seen of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// It is not counted.
    Count,
    /// It is counted, but its path is not told.
    Path,
    /// It is counted as a plain open, and its path is not told.
    Operation,
}

/// A case that a backend cannot see whole.
#[derive(Clone, Copy, Debug)]
pub struct NotMeasured {
    pub backend: Backend,
    pub operation: Operation,
    /// The end of the case's name.
    pub case: &'static str,
    pub lacks: Lacks,
}

const fn lacks(
    backend: Backend,
    operation: Operation,
    case: &'static str,
    lacks: Lacks,
) -> NotMeasured {
    NotMeasured {
        backend,
        operation,
        case,
        lacks,
    }
}

/// Every case that is known to be missing; the reasons are `catalog::sight`'s.
pub const NOT_MEASURED: &[NotMeasured] = &[
    lacks(
        Backend::Tracepoint,
        Operation::Open,
        "-open-uring",
        Lacks::Count,
    ),
    lacks(
        Backend::Tracepoint,
        Operation::Create,
        "-create-uring",
        Lacks::Count,
    ),
    lacks(Backend::Kprobe, Operation::Open, "-open-uring", Lacks::Path),
    lacks(
        Backend::Kprobe,
        Operation::Create,
        "-create-uring",
        Lacks::Operation,
    ),
    lacks(
        Backend::Fexit,
        Operation::Write,
        "-write-sendfile",
        Lacks::Count,
    ),
    lacks(
        Backend::Kprobe,
        Operation::Write,
        "-write-sendfile",
        Lacks::Count,
    ),
    lacks(
        Backend::Fexit,
        Operation::Chmod,
        "secret/eacces-chmod",
        Lacks::Count,
    ),
    lacks(
        Backend::Kprobe,
        Operation::Chmod,
        "secret/eacces-chmod",
        Lacks::Count,
    ),
    lacks(
        Backend::Fexit,
        Operation::Truncate,
        "secret/eacces-truncate",
        Lacks::Count,
    ),
    lacks(
        Backend::Kprobe,
        Operation::Truncate,
        "secret/eacces-truncate",
        Lacks::Count,
    ),
];

fn known(backend: &str, case: &Provoked) -> Option<Lacks> {
    NOT_MEASURED
        .iter()
        .find(|row| {
            row.backend.label() == backend
                && row.operation.label() == case.operation
                && case.case.ends_with(row.case)
        })
        .map(|row| row.lacks)
}

/// How many of the refusals a backend must count.
pub fn to_be_counted(backend: &str, provoked: &[Provoked]) -> u64 {
    let counts = provoked
        .iter()
        .filter(|case| known(backend, case) != Some(Lacks::Count));
    counts.map(|case| case.count).sum()
}

#[test]
fn what_is_not_measured_is_in_the_catalog() {
    for row in NOT_MEASURED {
        let told = sight(row.operation, row.backend);
        assert!(!matches!(told, Sight::Whole), "{row:?}");
    }
}

/// One operation and errno of one run.
#[derive(Default)]
struct Cell {
    provoked: u64,
    /// What must be counted, after [`NOT_MEASURED`].
    expected: u64,
    counted: u64,
    paths: usize,
    paths_seen: usize,
    /// Paths that should have been seen and were not.
    unseen: Vec<String>,
    /// Paths that were seen against [`NOT_MEASURED`].
    surprising: Vec<String>,
}

impl Cell {
    fn is_right(&self) -> bool {
        self.counted == self.expected && self.unseen.is_empty() && self.surprising.is_empty()
    }
}

fn cells(run: &Run) -> BTreeMap<String, Cell> {
    let mut cells: BTreeMap<String, Cell> = BTreeMap::new();
    let seen: BTreeSet<(&str, &str, &str)> = run
        .events
        .iter()
        .filter(|event| event.path_resolution == "absolute")
        .map(|event| {
            (
                event.operation.as_str(),
                event.errno.as_str(),
                event.path.as_str(),
            )
        })
        .collect();
    for case in &run.provoked {
        let Provoked {
            operation,
            errno,
            path,
            count,
            ..
        } = case;
        let excuse = known(&run.backend, case);
        let found = seen.contains(&(operation.as_str(), errno.as_str(), path.as_str()));
        let cell = cells.entry(key(operation, errno)).or_default();
        cell.provoked += count;
        cell.paths += 1;
        cell.paths_seen += usize::from(found);
        match (excuse, found) {
            (None, false) => cell.unseen.push(path.clone()),
            (Some(_), true) => cell.surprising.push(path.clone()),
            _ => {}
        }
        match excuse {
            None | Some(Lacks::Path) => cell.expected += count,
            Some(Lacks::Count) => {}
            Some(Lacks::Operation) => {
                cells.entry(key("open", errno)).or_default().expected += count;
            }
        }
    }
    for (name, counted) in &run.counted {
        cells.entry(name.clone()).or_default().counted = *counted;
    }
    cells
}

/// The table: a row per operation and errno, a column per backend and runtime.
pub fn text(kernel: &str, report: &Report) -> String {
    let columns: Vec<_> = report.runs.iter().map(|run| (run, cells(run))).collect();
    let rows: BTreeSet<&String> = columns.iter().flat_map(|(_, cells)| cells.keys()).collect();
    let mut text = format!(
        "\nkernel {kernel}: counted/provoked, paths told/paths; \
         ~ is as NOT_MEASURED says, ! is wrong\n{:<18}",
        ""
    );
    for (run, _) in &columns {
        let _ = write!(text, "{:<19}", format!("{} {}", run.backend, run.runtime));
    }
    for row in rows {
        let _ = write!(text, "\n{row:<18}");
        for (_, cells) in &columns {
            let cell = cells.get(row).map_or(String::new(), |cell| {
                let whole = cell.counted == cell.provoked && cell.paths_seen == cell.paths;
                let mark = match (cell.is_right(), whole) {
                    (false, _) => " !",
                    (true, true) => "",
                    (true, false) => " ~",
                };
                let Cell {
                    counted,
                    provoked,
                    paths,
                    paths_seen,
                    ..
                } = cell;
                format!("{counted}/{provoked} {paths_seen}/{paths}{mark}")
            });
            let _ = write!(text, "{cell:<19}");
        }
    }
    text
}

/// Everything that is not as it must be.
pub fn differences(kernel: &str, report: &Report) -> Vec<String> {
    let mut found: Vec<String> = report
        .broken
        .iter()
        .map(|why| format!("kernel {kernel}: {why}"))
        .collect();
    if report.runs.len() != 6 {
        found.push(format!("kernel {kernel}: {} of 6 runs", report.runs.len()));
    }
    for backend in &report.backends {
        let place = format!("kernel {kernel} {}", backend.name);
        found.extend(
            backend
                .unwanted
                .iter()
                .map(|series| format!("{place}: {series}")),
        );
        let runs = report.runs.iter().filter(|run| run.backend == backend.name);
        let mut short = 0;
        let mut of_runs = Vec::new();
        for run in runs {
            let place = format!("{place} {}", run.runtime);
            short += shortage(run);
            of_runs.extend(
                differences_of(run)
                    .into_iter()
                    .map(|what| format!("{place}: {what}")),
            );
        }
        // A kprobe's program is skipped while another is active on the processor, and the
        // daemon tells so: what is missing is not missing silently.
        if backend.name == Backend::Kprobe.label() && 0 < short && short <= backend.skipped {
            println!(
                "{place}: {short} not counted, {} runs skipped by the kernel:\n{}",
                backend.skipped,
                of_runs.join("\n")
            );
        } else {
            found.extend(of_runs);
        }
    }
    found
}

/// Refusals that should have been counted and were not.
fn shortage(run: &Run) -> u64 {
    let cells = cells(run).into_values();
    cells
        .map(|cell| cell.expected.saturating_sub(cell.counted))
        .sum()
}

fn differences_of(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    for case in run.provoked.iter().filter(|case| case.errno != case.got) {
        let Provoked {
            case, errno, got, ..
        } = case;
        found.push(format!("{case} was meant to get {errno} and got {got}"));
    }
    let misnamed: BTreeSet<String> = run
        .events
        .iter()
        .filter_map(|event| event.container.as_ref())
        .filter(|named| [&named.namespace, &named.pod, &named.name] != run.names.each_ref())
        .map(|named| format!("an event is of {named:?} instead of {:?}", run.names))
        .collect();
    found.extend(misnamed);
    for (name, cell) in cells(run) {
        if cell.counted != cell.expected {
            let Cell {
                provoked,
                expected,
                counted,
                ..
            } = cell;
            found.push(format!(
                "{name}: {provoked} provoked, {expected} to be counted, {counted} counted"
            ));
        }
        for path in &cell.unseen {
            found.push(format!("{name}: no event tells {path}"));
        }
        for path in &cell.surprising {
            found.push(format!(
                "{name}: {path} is told, and NOT_MEASURED says it is not"
            ));
        }
    }
    found
}
