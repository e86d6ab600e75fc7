//! The dashboards: descriptions in Rust become the JSON that Grafana is provisioned with.
//!
//! In: nothing. Out: `dashboards/*.json`, one per function of `ALL`. Invariant:
//! what is committed is what these descriptions make (`cargo xtask tidy` compares),
//! so places, ids, data sources and links are never written by hand. Lacks on
//! purpose: knowing which metrics exist; the tests in `agent/tests/dashboards`
//! hold every query against the daemon's catalog and a real Prometheus.

mod agent;
mod container;
mod model;
mod overview;
mod panel;
mod query;
mod render;
mod rollout;
mod table;
pub mod thresholds;
mod variable;
mod verdict;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::layout;
use model::Dashboard;

/// Where the runbooks are served, as the dashboards' links have it unless the
/// variable `runbooks` says otherwise.
pub const RUNBOOKS: &str = "deploy/runbooks";

/// Every dashboard: its file's name, and what makes it.
const ALL: [(&str, fn() -> Dashboard); 4] = [
    ("rollout.json", rollout::dashboard),
    ("overview.json", overview::dashboard),
    ("container.json", container::dashboard),
    ("agent.json", agent::dashboard),
];

/// Each file, from the workspace's root, and its text.
pub fn files() -> Vec<(PathBuf, String)> {
    ALL.iter()
        .map(|(name, make)| (PathBuf::from("dashboards").join(name), render::text(make())))
        .collect()
}

/// The files that are not as they should be; with `fix`, writes them.
///
/// # Errors
/// A file that cannot be written.
pub fn stale(fix: bool) -> Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for (path, text) in files() {
        let place = layout::root().join(&path);
        if fs::read_to_string(&place).is_ok_and(|old| old == text) {
            continue;
        }
        if fix {
            fs::write(&place, text).with_context(|| path.display().to_string())?;
            eprintln!("tidy: wrote {}", path.display());
        } else {
            stale.push(path);
        }
    }
    Ok(stale)
}
