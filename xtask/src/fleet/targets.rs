//! The configuration of a Prometheus that scrapes the fleet, with the project's rules.
//!
//! In: the fleet's address, the rules. Out: a prometheus.yml, and the file of
//! targets that it names. Lacks on purpose: retention, since a run takes minutes.

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use serde_json::Value;

use super::server::Fleet;

/// Writes the targets below `dir`; each node is a path of one address.
///
/// # Errors
/// The file cannot be written.
pub(super) fn configuration(
    dir: &Path,
    fleet: &Fleet,
    at: SocketAddr,
    interval_s: u64,
    rules: &Path,
) -> Result<String> {
    let targets: Vec<Value> = (0..fleet.nodes)
        .map(|node| {
            serde_json::json!({
                "targets": [at.to_string()],
                "labels": {"__metrics_path__": format!("/node/{node}"), "instance": format!("node-{node}")},
            })
        })
        .collect();
    let nodes = dir.join("nodes.json");
    std::fs::write(&nodes, serde_json::to_string(&targets)?)?;
    Ok(format!(
        "global: {{scrape_interval: {interval_s}s, evaluation_interval: 1m}}\n\
         rule_files: ['{}']\nscrape_configs:\n\
         - {{job_name: sealwatch, honor_labels: true, file_sd_configs: [{{files: ['{}']}}]}}\n",
        rules.display(),
        nodes.display()
    ))
}
