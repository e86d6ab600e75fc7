//! The demonstration ends well by itself: the daemon sees what a real container is refused.

use std::process::Command;

use xtask::{layout, toolchain::apt};

#[test]
fn the_demonstration_sees_every_denial() {
    let triple = layout::host_triple().unwrap();
    let agent = layout::agent_binary(&triple, "release");
    if !apt::is_root() || !agent.exists() {
        let why = format!("needs root and {}", agent.display());
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("\n=== NOT RUN: the_demonstration_sees_every_denial: {why}\n");
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["run", "--no-build", "--demo", "--once"])
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    for path in [
        "/var/run/myapp.pid",
        "/var/cache/myapp/index.bin",
        "/data/state.db",
    ] {
        assert!(stdout.contains(path), "{stdout}");
    }
}
