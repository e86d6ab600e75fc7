//! The catalog's rows as Markdown, for the documents' generated blocks.
//!
//! In: the tables of `catalog` and the settings. Out: Markdown by name.
//! Invariant: every row of every table is there, in its order. Lacks on
//! purpose: writing documents, which `cargo xtask tidy --fix` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::alerts::{RECORDED, THRESHOLDS, alerts, sketch};
use super::{
    FAULTS, LOSSES, MetricKind, Sight, meaning, metrics, purpose, rules, sight, tells, truth,
    unresolved_meaning,
};
use crate::config::SETTINGS;
use crate::denial::{Backend, Cause, FindingKind, Hook, Operation, Unresolved};

impl Sight {
    /// The cell of a table.
    pub fn cell(self) -> String {
        match self {
            Sight::Whole => "yes".to_owned(),
            Sight::But(what) => format!("yes, but not {what}"),
            Sight::Only(what) => format!("only {what}"),
            Sight::None => "not measured".to_owned(),
        }
    }
}

/// Every generated table: name and Markdown.
pub fn tables() -> BTreeMap<&'static str, String> {
    let settings = SETTINGS.iter().map(|setting| {
        let default = if setting.default.is_empty() {
            "detect"
        } else {
            setting.default
        };
        vec![
            format!("`--{}`", setting.name),
            format!("`{}`", setting.variable()),
            format!("`{default}`"),
            setting.help.to_owned(),
        ]
    });
    let metrics = metrics().map(|metric| {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        vec![
            format!("`{}`", metric.name),
            kind.to_owned(),
            labels.join(", "),
            metric.help.to_owned(),
        ]
    });
    let causes = Cause::ALL.iter().map(|cause| {
        let cells = Backend::ALL
            .iter()
            .map(|backend| tells(*cause, *backend).cell());
        [code(cause.label()), meaning(*cause).to_owned()]
            .into_iter()
            .chain(cells)
            .collect()
    });
    let operations = Operation::ALL.iter().map(|operation| {
        let cells = Backend::ALL
            .iter()
            .map(|backend| sight(*operation, *backend).cell());
        std::iter::once(code(operation.label()))
            .chain(cells)
            .collect()
    });
    let hooks = Hook::ALL
        .iter()
        .map(|hook| vec![code(hook.label()), purpose(*hook).to_owned()]);
    let truths = truth::ROWS.iter().map(|row| {
        let cause = match row.lsm {
            Some(lsm) => format!("`{}`, `{}`", row.cause.label(), lsm.label()),
            None => code(row.cause.label()),
        };
        let cells = Backend::ALL
            .iter()
            .map(|backend| row.told(*backend).cell().to_owned());
        [row.words.to_owned(), cause]
            .into_iter()
            .chain(cells)
            .collect()
    });
    let losses = LOSSES.iter().map(|row| {
        vec![
            code(row.stage.label()),
            code(row.reason),
            row.meaning.to_owned(),
        ]
    });
    let faults = FAULTS.iter().map(|row| {
        let cells = [row.fault, row.does, row.lost, row.remedy];
        cells.map(str::to_owned).to_vec()
    });
    let findings = FindingKind::ALL
        .iter()
        .map(|kind| vec![code(kind.label()), kind.meaning().to_owned()]);
    let unresolved = Unresolved::ALL
        .iter()
        .map(|reason| vec![code(reason.label()), unresolved_meaning(*reason).to_owned()]);
    let alerts = alerts().map(|alert| {
        vec![
            format!(
                "[`{}`]({})",
                alert.name,
                alert.runbook(super::alerts::RUNBOOKS)
            ),
            alert.severity.label().to_owned(),
            alert.hold.to_owned(),
            sketch(alert.summary).unwrap_or_else(|wrong| wrong.to_string()),
        ]
    });
    let thresholds = THRESHOLDS.iter().map(|row| {
        vec![
            code(row.name),
            code(row.value),
            row.unit.to_owned(),
            row.meaning.to_owned(),
        ]
    });
    let recorded = RECORDED
        .iter()
        .map(|row| vec![code(row.name), row.meaning.to_owned()]);
    BTreeMap::from([
        ("alert-values", rules::values()),
        (
            "alerts",
            markdown(&["Alert", "Severity", "For", ""], alerts),
        ),
        (
            "thresholds",
            markdown(&["Threshold", "Default", "Unit", ""], thresholds),
        ),
        ("recorded", markdown(&["Recorded", ""], recorded)),
        (
            "settings",
            markdown(&["Flag", "Variable", "Default", ""], settings),
        ),
        (
            "metrics",
            markdown(&["Metric", "Type", "Labels", ""], metrics),
        ),
        (
            "causes",
            markdown(
                &["Cause", "Meaning", "fexit", "kprobe", "tracepoint"],
                causes,
            ),
        ),
        (
            "operations",
            markdown(&["Operation", "fexit", "kprobe", "tracepoint"], operations),
        ),
        ("hooks", markdown(&["Hook", "For"], hooks)),
        (
            "truth",
            markdown(
                &["Refused", "Cause", "fexit", "kprobe", "tracepoint"],
                truths,
            ),
        ),
        (
            "losses",
            markdown(&["Stage", "Reason", "What is lost"], losses),
        ),
        (
            "faults",
            markdown(
                &[
                    "What happens",
                    "What the daemon does",
                    "What is lost, and what says so",
                    "What to do",
                ],
                faults,
            ),
        ),
        ("findings", markdown(&["Finding", "Meaning"], findings)),
        ("unresolved", markdown(&["Reason", "Meaning"], unresolved)),
    ])
}

/// Text set as code.
pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A table with a head; bars in cells are escaped.
pub fn markdown(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}
