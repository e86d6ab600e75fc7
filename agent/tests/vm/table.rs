//! A report becomes a table for people, and a list of what is wrong.
//!
//! In: a [`Report`]. Out: text; differences. Invariant: a refusal that is not counted,
//! or whose path is not told, is a difference unless `known` says so, and what it says
//! is a difference too where it is not true. Lacks on purpose: I/O; causes, which
//! `causes` judges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sealwatch::catalog::truth;
use sealwatch::denial::Backend;

use super::known::{Lacks, is_pathless, lacks};
use super::report::{self, Provoked, Report, Run, key};
use super::{causes, deployed, doctor, evidence};

/// Containers that are compared under each backend.
pub const CONTAINERS: usize = 5;

/// One operation and errno of one run.
#[derive(Default)]
struct Cell {
    provoked: u64,
    /// What must be counted, after `known`.
    expected: u64,
    counted: u64,
    paths: usize,
    paths_seen: usize,
    /// Paths that should have been seen and were not.
    unseen: Vec<String>,
    /// Paths that were seen against `known`.
    surprising: Vec<String>,
}

impl Cell {
    fn is_right(&self) -> bool {
        self.counted == self.expected && self.unseen.is_empty() && self.surprising.is_empty()
    }
}

impl Cell {
    fn text(&self) -> String {
        let whole = self.counted == self.provoked && self.paths_seen == self.paths;
        let mark = match (self.is_right(), whole) {
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
        } = self;
        format!("{counted}/{provoked} {paths_seen}/{paths}{mark}")
    }
}

fn cells(run: &Run) -> BTreeMap<String, Cell> {
    let mut cells: BTreeMap<String, Cell> = BTreeMap::new();
    let seen: BTreeSet<[&str; 4]> = run
        .events
        .iter()
        .map(|event| {
            [
                &event.operation,
                &event.errno,
                &event.path,
                &event.path_resolution,
            ]
            .map(String::as_str)
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
        let excuse = lacks(&run.backend, case);
        // What a deleted directory was called is not certain.
        let resolution = match case.situation == "deleted_directory" {
            true => "partial",
            false => "absolute",
        };
        let found = seen.contains(&[operation, errno, path, resolution]);
        let cell = cells.entry(key(operation, errno)).or_default();
        cell.provoked += count;
        if !is_pathless(case) {
            cell.paths += 1;
            cell.paths_seen += usize::from(found);
        }
        match (excuse, found) {
            (None, false) => cell.unseen.push(path.clone()),
            (Some(_), true) if !is_pathless(case) => cell.surprising.push(path.clone()),
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

/// The tables: per container a row per operation and errno, and all in all a row per
/// situation; a column per backend.
pub fn text(kernel: &str, report: &Report) -> String {
    let mut text = format!(
        "kernel {kernel}: counted/provoked, paths told/paths; ~ is as expected, ! is wrong"
    );
    let containers: BTreeSet<&str> = report
        .runs
        .iter()
        .map(|run| run.container.as_str())
        .collect();
    for container in containers {
        let runs = report.runs.iter().filter(|run| run.container == container);
        let columns: Vec<_> = runs.map(|run| (run, cells(run))).collect();
        head(&mut text, container, columns.iter().map(|(run, _)| *run));
        let rows: BTreeSet<&String> = columns.iter().flat_map(|(_, cells)| cells.keys()).collect();
        for row in rows {
            let _ = write!(text, "\n{row:<24}");
            for (_, cells) in &columns {
                let cell = cells.get(row).map_or(String::new(), Cell::text);
                let _ = write!(text, "{cell:<19}");
            }
        }
    }
    text.push_str("\ncases whose cause was told/cases");
    for row in truth::ROWS {
        let _ = write!(text, "\n{:<24}", row.situation);
        for backend in Backend::ALL {
            let runs = report
                .runs
                .iter()
                .filter(|run| run.backend == backend.label());
            let told = runs.filter_map(|run| causes::told(run).remove(row.situation));
            let (cases, right) =
                told.fold((0, 0), |sum, (cases, right)| (sum.0 + cases, sum.1 + right));
            let cell = format!("{right}/{cases} {}", row.told(*backend).cell());
            let _ = write!(text, "{cell:<19}");
        }
    }
    text
}

fn head<'a>(text: &mut String, container: &str, runs: impl Iterator<Item = &'a Run>) {
    let _ = write!(text, "\n{container:<24}");
    for run in runs {
        let _ = write!(text, "{:<19}", run.backend);
    }
}

/// Functions that a kernel has no trampoline for, so that a kretprobe takes the place.
const WITHOUT_TRAMPOLINE: [(&str, &str); 2] = [
    // More arguments than its trampolines pass on.
    ("6.1", "landlock_path"),
    // One of the hooks of BPF programs.
    ("5.10", "bpf_lsm"),
];

/// Hooks that are not where the best backend has them.
fn misplaced(kernel: &str, backend: &report::Backend) -> Vec<String> {
    if backend.name != Backend::Fexit.label() {
        return Vec::new();
    }
    let own = [Backend::Fexit, Backend::Tracepoint].map(Backend::label);
    let attached = backend.attached.iter().filter(|(hook, place)| {
        !own.contains(&place.as_str()) && !WITHOUT_TRAMPOLINE.contains(&(kernel, hook))
    });
    let missing = backend.missing.iter();
    attached
        .chain(missing)
        .map(|(hook, why)| format!("{hook}: {why}"))
        .collect()
}

/// Everything that is not as it must be.
pub fn differences(kernel: &str, report: &Report) -> Vec<String> {
    let mut found: Vec<String> = report
        .broken
        .iter()
        .map(|why| format!("kernel {kernel}: {why}"))
        .collect();
    let in_pod = usize::from(deployed::is_tried(kernel));
    let runs = CONTAINERS * Backend::ALL.len() + in_pod;
    if report.runs.len() != runs {
        found.push(format!(
            "kernel {kernel}: {} of {runs} runs",
            report.runs.len()
        ));
    }
    found.extend(doctor::differences(kernel, report));
    found.extend(deployed::differences(kernel, report));
    let underrated = causes::underrated(report.runs.iter());
    found.extend(
        underrated
            .into_iter()
            .map(|what| format!("kernel {kernel} {what}")),
    );
    for backend in &report.backends {
        let place = format!("kernel {kernel} {}", backend.name);
        let misplaced = misplaced(kernel, backend);
        found.extend(
            misplaced
                .iter()
                .chain(&backend.unwanted)
                .map(|series| format!("{place}: {series}")),
        );
        let runs = report.runs.iter().filter(|run| run.backend == backend.name);
        let mut short = 0;
        let mut of_runs = Vec::new();
        for run in runs {
            let place = format!("{place} {}", run.container);
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
    found.extend(causes::differences(run));
    found.extend(evidence::differences(run));
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
            found.push(format!("{name}: {path} is told, and known says it is not"));
        }
    }
    found
}
