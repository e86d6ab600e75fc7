//! A container whose cache cannot be written, and the mending of it.
//!
//! In: an engine. Out: a container that is degraded after a few seconds.
//! Invariant: it runs on, whatever is refused.

use std::process::Command;

use xtask::engine::IMAGE;

use super::Stage;

/// Where its cache is.
pub const ROOT: &str = "/var/cache/myapp";
/// What its program does five times a second.
const CLIENT: &str = "while :; do echo response > /var/cache/myapp/response; usleep 200000; done";
/// Settings with which it is soon degraded, and soon no longer.
pub const SETTINGS: [&str; 6] = [
    "--degraded.after",
    "5s",
    "--degraded.silence",
    "4s",
    "--start-window",
    "4s",
];

/// Cargo runs tests at once; a name tells whose container it is.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// Starts it with a read-only root.
pub fn start(stage: &Stage, name: &str) {
    let mut args = vec!["run", "-d", "--read-only", "--network", "none"];
    args.extend(["--name", name, IMAGE, "sh", "-c", CLIENT]);
    stage.engine.docker_ok(&args).unwrap();
}

/// Mounts what the remedy says, while it runs.
pub fn mend(stage: &Stage, name: &str) {
    let pid = ["inspect", "--format", "{{.State.Pid}}", name];
    let pid = stage.engine.docker_ok(&pid).unwrap();
    let mounted = Command::new("nsenter")
        .args(["--target", &pid, "--mount"])
        .args(["/bin/mount", "-t", "tmpfs", "none", ROOT])
        .output()
        .unwrap();
    assert!(mounted.status.success(), "{mounted:?}");
}
