//! In the guest: the doctor is asked before there is a daemon.
//!
//! In: the runtimes' sockets. Out: [`Told`]. Invariant: the settings are those of the
//! daemon that it is compared with. Lacks on purpose: judging.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::super::SEALWATCH;
use super::super::doctor::Told;
use super::Result;

/// Where a kretprobe that was left behind would stand.
const EVENTS: &str = "/sys/kernel/tracing/kprobe_events";

/// Asks it.
pub fn ask(docker: &Path, cri: &Path) -> Result<Told> {
    let begun = Instant::now();
    let output = Command::new(SEALWATCH)
        .args(["doctor", "--json", "--seccomp", "--state-file", "none"])
        .arg("--docker-socket")
        .arg(docker)
        .arg("--cri-endpoint")
        .arg(cri)
        .output()?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Told {
        json: serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("doctor: {error}: {complaints}"))?,
        code: output.status.code(),
        complaints,
        left: own_events()?,
        seconds: begun.elapsed().as_secs(),
    })
}

/// Events of Sealwatch's that are in tracefs.
pub fn own_events() -> Result<Vec<String>> {
    let events = fs::read_to_string(EVENTS)?;
    let own = events.lines().filter(|line| line.contains("sealwatch"));
    Ok(own.map(str::to_owned).collect())
}
