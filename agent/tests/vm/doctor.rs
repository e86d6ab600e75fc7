//! What the doctor said in a guest, against what the daemon then attached there.
//!
//! In: its JSON, the metrics of a daemon with the same settings. Out: differences.
//! Invariant: in a guest nothing is amiss, and the doctor must say so. Lacks on
//! purpose: hosts with something amiss, which its own tests have.

use std::collections::BTreeMap;

use sealwatch::denial::Backend;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::Report;

/// What the doctor said.
#[derive(Debug, Deserialize, Serialize)]
pub struct Told {
    /// All of it.
    pub json: Value,
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub complaints: String,
    /// Its events in tracefs afterwards.
    pub left: Vec<String>,
    /// How long it took.
    pub seconds: u64,
}

impl Told {
    /// The hooks that are (not) attached, with all their words.
    pub fn hooks(&self, attached: bool) -> BTreeMap<String, String> {
        let word = if attached { "backend" } else { "reason" };
        let mut hooks: BTreeMap<String, String> = BTreeMap::new();
        for hook in self
            .list("hooks")
            .filter(|hook| hook["attached"] == attached)
        {
            let text = |key: &str| hook[key].as_str().unwrap_or_default();
            let words = hooks.entry(text("hook").to_owned()).or_default();
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(text(word));
        }
        hooks
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.json[name].as_array().into_iter().flatten()
    }
}

/// Everything that is not as it must be.
pub fn differences(kernel: &str, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: String| found.push(format!("kernel {kernel}, doctor: {what}"));
    let Some(told) = &report.doctor else {
        differs("it was not asked".to_owned());
        return found;
    };
    for finding in told
        .list("findings")
        .filter(|finding| finding["status"] != "ok")
    {
        differs(finding.to_string());
    }
    if (told.code, &told.json["verdict"]) != (Some(0), &Value::from("ok")) {
        differs(format!(
            "exit code {:?}, verdict {}",
            told.code, told.json["verdict"]
        ));
    }
    if !told.complaints.is_empty() || !told.left.is_empty() {
        differs(format!(
            "it complains {:?} and leaves {:?}",
            told.complaints, told.left
        ));
    }
    let release = told.json["kernel"].as_str().unwrap_or_default();
    if !release.starts_with(kernel) || told.json["control_groups"] != "v2" {
        differs(format!("{release}, groups {}", told.json["control_groups"]));
    }
    let mut met: Vec<_> = told
        .list("runtimes")
        .filter(|runtime| runtime["state"] == "answers" && runtime["version"].is_string())
        .map(|runtime| runtime["runtime"].as_str().unwrap_or_default())
        .collect();
    met.sort_unstable();
    if met != ["containerd", "docker"] {
        differs(format!("it met {met:?}"));
    }
    // The daemon that may have the best of each has the same settings.
    let best = report
        .backends
        .iter()
        .find(|backend| backend.name == Backend::Fexit.label());
    let Some(best) = best else {
        differs("there is no daemon to compare with".to_owned());
        return found;
    };
    for (attached, hooks) in [(true, &best.attached), (false, &best.missing)] {
        let told = told.hooks(attached);
        if told != *hooks {
            differs(format!(
                "attached={attached}: {told:?}\n  the daemon: {hooks:?}"
            ));
        }
    }
    found
}
