//! The tables in the documents are those that the daemon prints.

use xtask::{layout, tidy};

#[test]
fn generated_tables_are_fresh() {
    let triple = layout::host_triple().unwrap();
    let daemon = layout::agent_binary(&triple, "release");
    if !daemon.exists() {
        let why = format!("there is no {}", daemon.display());
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("\n=== NOT RUN: generated_tables_are_fresh: {why}\n");
        return;
    }
    if let Err(findings) = tidy::tables(&daemon, false) {
        panic!("{findings:#}");
    }
}
