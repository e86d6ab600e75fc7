//! The gate: what Sealwatch adds to file operations is no more than the baseline says.
//!
//! In: this daemon, in a guest whose clock counts instructions. Out: a failure that names
//! each operation that became dearer. Invariant: figures are exact counts, so the same
//! program passes or fails on any machine. Lacks on purpose: the whole table, which
//! `cargo xtask bench cost` makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../engines/mod.rs"]
mod engines;

use std::path::Path;
use std::time::Duration;

use xtask::bench::cost::{self, Length, baseline};
use xtask::vm::Kernel;

/// Ratios to nothing attached. `SEALWATCH_COST_BASELINE=write` writes them anew.
const BASELINE: &str = "tests/cost/baseline.json";
/// Exact from run to run; directories and renames are not.
const OPERATIONS: [&str; 6] = [
    "getppid",
    "stat",
    "open_read",
    "open_write",
    "open_refused",
    "write",
];
const WITHIN: Duration = Duration::from_secs(1_500);

#[test]
fn an_operation_costs_no_more_than_the_baseline() {
    if cfg!(not(target_arch = "x86_64")) {
        return engines::cannot_run("cost", &"the guests are x86-64");
    }
    if let Err(why) = engines::may_start() {
        return engines::cannot_run("cost", &why);
    }
    if let Err(why) = xtask::vm::fetch(Kernel::V6_12) {
        return engines::cannot_run("cost", &format!("no guest: {why:#}"));
    }
    let program = cost::program().unwrap();
    let daemon = Path::new(env!("CARGO_BIN_EXE_sealwatch"));
    let designs = ["nothing", "fexit"];
    let measured = cost::measure(
        Kernel::V6_12,
        &program,
        daemon,
        &designs,
        Length::QUICK,
        WITHIN,
    )
    .unwrap();
    let ratios = baseline::ratios(&measured, &OPERATIONS).unwrap();
    println!("{ratios:#?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(BASELINE);
    if std::env::var("SEALWATCH_COST_BASELINE").as_deref() == Ok("write") {
        let text = serde_json::to_string_pretty(&ratios).unwrap();
        return std::fs::write(path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let found = baseline::regressions(&measured, &text).unwrap();
    assert!(
        found.is_empty(),
        "dearer than before:\n{}",
        found.join("\n")
    );
}
