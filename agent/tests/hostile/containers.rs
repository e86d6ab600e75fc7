//! Hostile containers, each with what must hold of what is told of it.
//!
//! In: the stage. Out: nothing; what does not hold panics. Memory, descriptors,
//! series and scrapes are the observer's.

use serde_json::Value;

use super::stage::Stage;

const PATHS: u64 = 1_000_000;
const MOUNTS: u64 = 3_000;
const GROUPS: u64 = 8_000;
const SWAP_SECONDS: &str = "6";
const EXITS: u64 = 200;
/// Rows of recent denials of one owner, and all of them.
const ROWS_MAX: usize = sealwatch::aggregate::ROWS_MAX;
const WRITE_ROOTS_MAX: usize = 32;

/// A million paths, each once: every one is counted, and what is kept of them is
/// bounded.
pub fn paths(stage: &Stage) {
    let name = "paths";
    let count = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let count = PATHS.to_string();
            stage.run(name, &[], &["hostile", "paths", &count])
        });
        stage.honest("beside-paths");
        flood.join().unwrap()
    });
    assert_eq!(count, PATHS as f64);
    stage.is_counted(name, count);
    let metrics = stage.agent.metrics();
    let roots = metrics.iter().filter(|series| {
        series.name == "sealwatch_write_root_denials_total" && series.has(&[("container", name)])
    });
    assert!(roots.count() <= WRITE_ROOTS_MAX + 1);
    let rows = stage.agent.denials();
    assert!(rows.len() <= ROWS_MAX);
    // What found no room of its own is counted together with others, and says so.
    let together = rows.iter().filter(|row| {
        row.text("/container/name") == name && row.json["exact"] == Value::Bool(false)
    });
    assert!(
        together.count() > 0,
        "no path is said to be counted with others"
    );
}

/// A container that may mount.
const MOUNTS_ITSELF: [&str; 10] = [
    "--cap-add",
    "SYS_ADMIN",
    "--security-opt",
    "apparmor=unconfined",
    "--security-opt",
    "seccomp=unconfined",
    "--device",
    "/dev/fuse",
    "--tmpfs",
    "/t:size=16m",
];

/// Thousands of mounts with long names, while others are looked at.
pub fn mounts(stage: &Stage) {
    let count = MOUNTS.to_string();
    let hostile = ["hostile", "mounts", &count, "/t"];
    let bomb = stage.start("mounts", &MOUNTS_ITSELF, &hostile);
    stage.is_counted("mounts", 1.0);
    stage.honest("beside-mounts");
    let shown = |name: &str| {
        let metrics = stage.agent.metrics();
        let of_it = metrics
            .iter()
            .filter(|series| series.has(&[("container", name)]));
        of_it.count()
    };
    let series = shown("mounts");
    println!("  {MOUNTS} mounts: {series} series");
    assert!(series < 1_000, "{series} series of one container");
    drop(bomb);
}

/// A file system that never answers, in the container's namespace.
pub fn fuse(stage: &Stage) {
    let hang = stage.start("hangs", &MOUNTS_ITSELF, &["hostile", "fuse", "/t"]);
    stage.is_counted("hangs", 1.0);
    stage.honest("beside-a-hang");
    // Its own tmpfs is measured all the same.
    let labels = [("container", "hangs"), ("mount", "/t")];
    super::agent::eventually(
        "its tmpfs is measured",
        std::time::Duration::from_secs(10),
        || stage.agent.sum("sealwatch_tmpfs_limit_bytes", &labels) == f64::from(16 << 20),
    );
    drop(hang);
}

/// Groups within groups, made and removed by the thousand, some named as another
/// container's would be.
pub fn groups(stage: &Stage) {
    let count = GROUPS.to_string();
    let refused = stage.run("groups", &MOUNTS_ITSELF, &["hostile", "groups", &count]);
    stage.is_counted("groups", refused);
    stage.honest("after-groups");
    let metrics = stage.agent.metrics();
    let strangers = metrics
        .iter()
        .filter(|series| series.label("container").starts_with("0000"));
    assert_eq!(strangers.count(), 0, "a group passed for a container");
}

/// A mount point that is a link to elsewhere a moment later, and back.
pub fn swap(stage: &Stage) {
    let count = std::thread::scope(|scope| {
        let swap = ["hostile", "swap", SWAP_SECONDS, "/t"];
        let hostile = scope.spawn(move || stage.run("swap", &MOUNTS_ITSELF, &swap));
        stage.honest("beside-swap");
        while !hostile.is_finished() {
            // No number of anything that is not its own.
            for series in stage.agent.metrics() {
                let own = [64 << 10, 16 << 20, 64 << 20, 65_536 << 10].map(f64::from);
                let of_it = series.name == "sealwatch_tmpfs_limit_bytes"
                    && series.has(&[("container", "swap")]);
                assert!(!of_it || own.contains(&series.value), "{series:?}");
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        hostile.join().unwrap()
    });
    stage.is_counted("swap", count);
}

/// Processes that are gone before anybody can look at them.
pub fn exits(stage: &Stage) {
    let count = EXITS.to_string();
    let refused = stage.run("exits", &MOUNTS_ITSELF, &["hostile", "exits", &count]);
    assert_eq!(refused, EXITS as f64);
    stage.is_counted("exits", refused);
    stage.honest("beside-exits");
}
