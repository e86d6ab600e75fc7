//! The tables of alerts and recording rules become the files that Prometheus reads.
//!
//! In: `alerts`. Out: files, by their path in the repository, and the block of
//! the chart's values. Invariant: the file of the chart, rendered with the
//! default values, is the plain file. Lacks on purpose: writing files, which
//! `cargo xtask tidy --fix` does.

mod template;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::alerts::{
    Alert, GROUPS, RECORDED, RUNBOOKS, Recorded, THRESHOLDS, TextError, Threshold,
};
use template::{described, prometheus};
use yaml::{block, quoted};

/// Where the plain file lies.
pub const PLAIN: &str = "deploy/prometheus/sealwatch.rules.yaml";
/// Where the chart's lies.
pub const CHART: &str = "deploy/chart/files/sealwatch.rules.yaml";

/// How often recording rules are evaluated: dashboards need no more, and each
/// evaluation reads all containers' series.
const RECORD_INTERVAL: &str = "1m";

/// Why the tables make no file.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A text of an alert cannot be read.
    #[error("{alert}: {error}")]
    Text {
        /// Which alert.
        alert: &'static str,
        /// What is wrong.
        error: TextError,
    },
    /// An expression names a threshold that there is not.
    #[error("{rule}: there is no threshold {name:?}")]
    Threshold {
        /// Which rule.
        rule: &'static str,
        /// The name.
        name: String,
    },
}

/// What the numbers and addresses in a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Themselves.
    Plain,
    /// Helm's values; Prometheus' own templates are kept from Helm.
    Chart,
}

impl Form {
    fn threshold(self, threshold: &Threshold) -> String {
        match self {
            Form::Plain => threshold.value.to_owned(),
            Form::Chart => format!("{{{{ .Values.alerts.thresholds.{} }}}}", threshold.name),
        }
    }

    fn runbooks(self) -> &'static str {
        match self {
            Form::Plain => RUNBOOKS,
            Form::Chart => "{{ .Values.alerts.runbookBaseUrl }}",
        }
    }

    fn dashboards(self) -> &'static str {
        match self {
            Form::Plain => "",
            Form::Chart => "{{ .Values.alerts.dashboardBaseUrl }}",
        }
    }

    /// A text with Prometheus' own templates in it.
    fn templated(self, text: &str) -> String {
        match self {
            Form::Plain => text.to_owned(),
            // Of a raw string, which cannot contain the mark that ends it, Helm takes nothing.
            Form::Chart => text.replace("{{", "{{`{{").replace("}}", "}}`}}"),
        }
    }
}

/// Every generated file: path and text.
///
/// # Errors
/// A row that cannot be rendered; a test holds all of them.
pub fn files() -> Result<BTreeMap<&'static str, String>, RulesError> {
    Ok(BTreeMap::from([
        (PLAIN, rendered(Form::Plain)?),
        (CHART, rendered(Form::Chart)?),
    ]))
}

/// The chart's values: the defaults that its file of rules refers to.
pub fn values() -> String {
    let mut text = String::from(
        "# Where the runbooks are read: deploy/runbooks of this repository, at your forge or site.\n",
    );
    let _ = writeln!(text, "runbookBaseUrl: {RUNBOOKS}");
    text.push_str(
        "# The address of Grafana, before /d/; empty where links are read in Grafana itself.\n",
    );
    text.push_str("dashboardBaseUrl: \"\"\n");
    text.push_str("# What the alerts decide by.\nthresholds:\n");
    for threshold in THRESHOLDS {
        let _ = writeln!(text, "  # {} ({})", threshold.meaning, threshold.unit);
        // Helm reads a large plain number as a float and prints it as 1.048576e+08;
        // PromQL takes that, but nobody reads it.
        let _ = writeln!(text, "  {}: \"{}\"", threshold.name, threshold.value);
    }
    text
}

fn rendered(form: Form) -> Result<String, RulesError> {
    let mut text = String::from(
        "# Generated from agent/src/catalog/alerts by `cargo xtask tidy --fix`: change the tables there.\n",
    );
    text.push_str("groups:\n- name: sealwatch.record\n");
    let _ = writeln!(text, "  interval: {RECORD_INTERVAL}\n  rules:");
    for recorded in RECORDED {
        record(&mut text, recorded, form)?;
    }
    for group in GROUPS {
        let _ = writeln!(text, "- name: {}\n  rules:", group.name);
        for row in group.alerts {
            alert(&mut text, row, form)?;
        }
    }
    Ok(text)
}

fn record(text: &mut String, row: &Recorded, form: Form) -> Result<(), RulesError> {
    let expression = numbered(row.name, row.expression, form)?;
    let _ = writeln!(text, "  - record: {}", row.name);
    text.push_str(&block("    expr", &expression));
    if !row.labels.is_empty() {
        text.push_str("    labels:\n");
    }
    for (name, value) in row.labels {
        let _ = writeln!(text, "      {name}: {value}");
    }
    Ok(())
}

fn alert(text: &mut String, row: &Alert, form: Form) -> Result<(), RulesError> {
    let wrong = |error| RulesError::Text {
        alert: row.name,
        error,
    };
    let expression = numbered(row.name, row.expression, form)?;
    let summary = prometheus(row.summary).map_err(wrong)?;
    let description = described(row).map_err(wrong)?;
    let _ = writeln!(text, "  - alert: {}", row.name);
    text.push_str(&block("    expr", &expression));
    let _ = writeln!(text, "    for: {}", row.hold);
    let _ = writeln!(
        text,
        "    labels:\n      severity: {}",
        row.severity.label()
    );
    text.push_str("    annotations:\n");
    let link = form.templated(&template::link(row.dashboard));
    let dashboard = format!("{}{link}", form.dashboards());
    for (name, value) in [
        ("summary", form.templated(&summary)),
        ("description", form.templated(&description)),
        ("runbook_url", row.runbook(form.runbooks())),
        ("dashboard_url", dashboard),
    ] {
        let _ = writeln!(text, "      {name}: {}", quoted(&value));
    }
    Ok(())
}

/// An expression with its thresholds.
fn numbered(rule: &'static str, expression: &str, form: Form) -> Result<String, RulesError> {
    let mut text = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let threshold = Threshold::named(name).ok_or_else(|| RulesError::Threshold {
            rule,
            name: name.to_owned(),
        })?;
        text.push_str(&form.threshold(threshold));
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
