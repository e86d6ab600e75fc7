//! `cargo xtask manifests`: the chart becomes plain manifests, for those without Helm.
//!
//! In: `deploy/chart` with its defaults. Out: `deploy/kubernetes/sealwatch.yaml`.
//! Invariant: nothing in it was written by hand but the namespace; a test holds it
//! fresh. Lacks on purpose: the admission policy, which is no part of the chart.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::layout;
use crate::validators::{Question, ask};

/// The release's name, and its namespace's.
pub const RELEASE: &str = "sealwatch";

const HEAD: &str = "\
# Generated from deploy/chart by `cargo xtask manifests`; change it there.
#
#   kubectl apply --filename deploy/kubernetes/sealwatch.yaml
---
apiVersion: v1
kind: Namespace
metadata:
  name: sealwatch
  labels:
    # hostPID and hostPath are what these levels are named after.
    pod-security.kubernetes.io/enforce: privileged
    pod-security.kubernetes.io/audit: privileged
    pod-security.kubernetes.io/warn: privileged
";
/// Who would apply the chart; nobody does here.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by:";

/// The chart.
pub fn chart() -> PathBuf {
    layout::root().join("deploy/chart")
}

/// The plain manifests.
pub fn file() -> PathBuf {
    layout::root().join("deploy/kubernetes/sealwatch.yaml")
}

/// Writes the manifests anew.
///
/// # Errors
/// What keeps the chart from being rendered.
pub fn run() -> Result<()> {
    let path = file();
    fs::write(&path, text()?).with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}

/// What the manifests must be.
///
/// # Errors
/// What keeps the chart from being rendered.
pub fn text() -> Result<String> {
    let answer = render(&json!({ "defaults": {} }))?;
    let rendered = &answer["defaults"]["text"];
    let rendered = rendered.as_object().with_context(|| {
        format!(
            "the chart does not render: {}",
            answer["defaults"]["refused"]
        )
    })?;
    let mut text = HEAD.to_owned();
    // By the templates' names, so that the order never changes.
    let templates = rendered.iter().filter(|(name, _)| name.ends_with(".yaml"));
    for document in templates.filter_map(|(_, text)| text.as_str()) {
        if document.trim().is_empty() {
            continue;
        }
        text.push_str("---\n");
        let lines = document.lines().filter(|line| !line.contains(MANAGED_BY));
        for line in lines.skip_while(|line| line.is_empty() || *line == "---") {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    Ok(text)
}

/// Renders the chart with several sets of values; see [`Question::Render`].
///
/// # Errors
/// What keeps all of them from being rendered.
pub fn render(cases: &Value) -> Result<Value> {
    let question = json!({
        "chart": chart(),
        "release": RELEASE,
        "namespace": RELEASE,
        "cases": cases,
    });
    ask(Question::Render, &question)
}
