//! What is deployed is what it says: chart, manifests, policy, unit, Compose file, image.
//!
//! Judged by the tools that will read it. A test that cannot run says so loudly;
//! with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod alerts;
mod chart;
mod compose;
mod image;
mod policy;
mod unit;

use std::path::PathBuf;

use serde_json::Value;
use xtask::layout;

/// Says loudly that a test did not run; in CI that is a failure.
fn cannot_run(test: &str, why: &dyn std::fmt::Display) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run in CI: {why}"
    );
    eprintln!("\n=== NOT RUN: {test}: {why}\n");
}

/// The validators are there, or the test is left out.
fn may_judge(test: &str) -> bool {
    match xtask::validators::ensure_installed() {
        Ok(_) => true,
        Err(error) => {
            cannot_run(test, &format!("{error:#}"));
            false
        }
    }
}

/// A file below `deploy`.
fn deployed(name: &str) -> PathBuf {
    layout::root().join("deploy").join(name)
}

/// The documents of a YAML file.
fn documents(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(deployed(name)).unwrap();
    parsed(&text)
}

/// The documents of a YAML text.
fn parsed(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}
