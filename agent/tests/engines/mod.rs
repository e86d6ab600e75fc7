//! Container runtimes of the tests' own, beside the Docker engine of `xtask`.
//!
//! In: a directory. Out: sockets that answer. Invariant: nothing is shared with
//! the machine's own runtimes, and dropping one stops what it started. Lacks on
//! purpose: stand-ins; what is tested is the real program from its package.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod containerd;
pub mod kubelet;
pub mod podman;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealwatch::denial::Container;
use sealwatch::identity::runtimes::Runtimes;

/// Says loudly that a test did not run; in CI that is a failure.
pub fn cannot_run(test: &str, why: &dyn std::fmt::Display) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run in CI: {why}"
    );
    eprintln!("\n=== NOT RUN: {test}: {why}\n");
}

/// Whether this process may start runtimes at all.
pub fn may_start() -> Result<(), String> {
    // SAFETY: takes no pointers and cannot fail.
    match unsafe { libc::geteuid() } {
        0 => Ok(()),
        uid => Err(format!("runtimes need root, this is uid {uid}")),
    }
}

/// Unmounts what a runtime left mounted in its directory, innermost first.
pub fn unmount_below(dir: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = |line: &str| line.split(' ').nth(1).map(PathBuf::from);
    for target in mounts
        .lines()
        .rev()
        .filter_map(below)
        .filter(|path| path.starts_with(dir))
    {
        let _ = Command::new("umount").arg("--lazy").arg(target).output();
    }
}

/// Takes descriptions until one satisfies `wanted`; panics after 20 seconds.
pub async fn described(
    runtimes: &mut Runtimes,
    what: &str,
    wanted: impl Fn(&Container) -> bool,
) -> Container {
    let mut seen = Vec::new();
    let within = Duration::from_secs(20);
    let search = async {
        while let Some(description) = runtimes.descriptions.recv().await {
            if wanted(&description.container) {
                return description.container;
            }
            seen.push(description.container);
        }
        panic!("{what}: the runtimes are gone");
    };
    let found = tokio::time::timeout(within, search).await;
    match found {
        Ok(container) => container,
        Err(_) => panic!(
            "{what}: not described; {:#?}\nseen: {seen:#?}",
            runtimes.status.report()
        ),
    }
}

/// Waits until `true`; panics after `within`.
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    within: Duration,
    mut is_so: impl FnMut() -> F,
) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
