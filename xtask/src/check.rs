//! Everything about the sources that needs no running: format, rules, lints, documents.
//!
//! In: the sources. Out: success, or what each failing check says.
//! Invariant: a warning is a failure, in both halves.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{
    build, layout, step, tidy,
    toolchain::{self, Toolchain},
};

/// Formats, tidies, lints and documents.
///
/// # Errors
/// Names the checks that failed, after all have run and spoken.
pub fn run() -> Result<()> {
    let toolchain = toolchain::ensure()?;
    all(&[
        &format,
        &rules,
        &|| kernel_half(&toolchain),
        &user_half,
        &tables,
        &documents,
    ])
}

/// The checks that come before tests; one of these compares the tables.
///
/// # Errors
/// Names the checks that failed, after all have run and spoken.
pub fn quick(toolchain: &Toolchain) -> Result<()> {
    all(&[&format, &rules, &|| kernel_half(toolchain), &user_half])
}

/// One failure must not hide the next: a person wants to mend all at once.
fn all(checks: &[&dyn Fn() -> Result<()>]) -> Result<()> {
    let mut failed = 0;
    for check in checks {
        if let Err(error) = check() {
            eprintln!("error: {error:#}");
            failed += 1;
        }
    }
    ensure!(
        failed == 0,
        "{failed} of {} checks failed; their words are above",
        checks.len()
    );
    Ok(())
}

fn format() -> Result<()> {
    step::quiet(
        "checking the format",
        layout::cargo().args(["fmt", "--all", "--check"]),
    )
}

fn rules() -> Result<()> {
    step::timed("checking the rules of the house", tidy::rules)
}

fn tables() -> Result<()> {
    tidy::tables(&build::daemon("release")?, false)
}

fn user_half() -> Result<()> {
    // Profile and target are the tests', so that what both need is compiled once.
    let mut command = build::user_half("clippy", &layout::host_triple()?);
    command.args([
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    step::loud("linting the user half", &mut command)
}

fn kernel_half(toolchain: &Toolchain) -> Result<()> {
    let clippy = toolchain::ensure_clippy(toolchain)?;
    let mut command = build::ebpf_command(toolchain, &clippy);
    command.arg("clippy");
    build::ebpf_arguments(&mut command);
    command.args(["--", "--deny", "warnings"]);
    step::loud("linting the kernel half", &mut command)
}

fn documents() -> Result<()> {
    let mut command: Command = build::user_half("doc", &layout::host_triple()?);
    command.args([
        "--release",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    step::loud("building the documents", &mut command)
}
