//! The fleet's simulation runs in small: a real agent's shape, a real Prometheus.

use std::process::Command;

use xtask::{layout, toolchain::apt};

#[test]
fn a_small_fleet_is_measured() {
    let triple = layout::host_triple().unwrap();
    let agent = layout::agent_binary(&triple, "release");
    if !apt::is_root() || !agent.exists() {
        let why = format!("needs root and {}", agent.display());
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("\n=== NOT RUN: a_small_fleet_is_measured: {why}\n");
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["fleet", "--nodes", "3", "--containers", "20"])
        .args(["--scrape-interval", "2", "--seconds", "10"])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{table}\n{words}");
    let cell = |row: &str| -> usize {
        let found = table.lines().find(|line| line.contains(row));
        let cell = found.and_then(|line| line.split('|').nth(2));
        cell.unwrap_or_else(|| panic!("{row}: {table}"))
            .trim()
            .parse()
            .unwrap()
    };
    let content = cell("series of a container, content");
    let refused = cell("series of a container, refused");
    assert!(content > 20 && refused > content, "{table}");
    let fleet = cell("series of the fleet");
    let node = cell("series of a node by itself");
    // 3 of the 60 containers are refused.
    assert_eq!(fleet, 3 * node + 57 * content + 3 * refused);
    assert!(cell("series in Prometheus' head") > fleet, "{table}");
    assert!(table.contains("rules of sealwatch.record"), "{table}");
}
