//! Everything about the sources that needs no running: format, rules, lints, documents.
//!
//! In: the sources. Out: success, or the first step that fails with its own
//! words. Invariant: a warning is a failure, in both halves.

use std::process::Command;

use anyhow::Result;

use crate::{
    build, layout, step, tidy,
    toolchain::{self, Toolchain},
};

/// Formats, tidies, lints and documents.
///
/// # Errors
/// The first step that fails.
pub fn run() -> Result<()> {
    let toolchain = toolchain::ensure()?;
    quick(&toolchain)?;
    documents()
}

/// The checks that come before tests.
///
/// # Errors
/// The first step that fails.
pub fn quick(toolchain: &Toolchain) -> Result<()> {
    step::quiet(
        "checking the format",
        layout::cargo().args(["fmt", "--all", "--check"]),
    )?;
    step::timed("checking the rules of the house", || tidy::run(false))?;
    kernel_half(toolchain)?;
    user_half()
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
