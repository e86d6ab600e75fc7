//! Builds both halves: the eBPF object, then the static daemon that carries it.
//!
//! In: the sources. Out: [`Built`], the paths of object and daemon. Invariant:
//! the daemon never carries an older object than the sources' (cargo is asked
//! each time). Lacks on purpose: `aya-build`, which needs a rustup nightly.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    layout, step,
    toolchain::{self, Toolchain},
};

/// What a build leaves.
#[derive(Clone, Debug)]
pub struct Built {
    /// The kernel half's object file.
    pub object: PathBuf,
    /// The daemon.
    pub agent: PathBuf,
}

/// Builds both halves under a cargo profile (`release`, `dist`).
///
/// # Errors
/// The toolchain's, or the compiler's.
pub fn build(profile: &str) -> Result<Built> {
    let object = ebpf(&toolchain::ensure()?)?;
    let agent = daemon(profile)?;
    Ok(Built { object, agent })
}

/// Builds the daemon with the kernel half that is there, and returns it.
///
/// # Errors
/// The compiler's.
pub fn daemon(profile: &str) -> Result<PathBuf> {
    let triple = layout::host_triple()?;
    let mut command = user_half("build", &triple);
    command.args([
        "--profile",
        profile,
        "--package",
        "sealwatch",
        "--bin",
        "sealwatch",
    ]);
    step::loud(&format!("building the daemon ({profile})"), &mut command)?;
    Ok(layout::agent_binary(&triple, profile))
}

/// Builds the program that has operations refused, as the tests have it, and
/// returns it.
///
/// # Errors
/// The compiler's.
pub fn provoke() -> Result<PathBuf> {
    let triple = layout::host_triple()?;
    let mut command = user_half("build", &triple);
    command.args([
        "--release",
        "--package",
        "sealwatch",
        "--example",
        "provoke",
    ]);
    step::loud("building what provokes refusals", &mut command)?;
    let beside = layout::agent_binary(&triple, "release");
    Ok(beside.with_file_name("examples").join("provoke"))
}

/// Builds the daemon as `cargo check` and `cargo test` do, for what is the same
/// in every build: its parts are there already while one develops.
///
/// # Errors
/// The compiler's.
pub fn unoptimised_daemon() -> Result<PathBuf> {
    let mut command = layout::cargo();
    command.args(["build", "--package", "sealwatch", "--bin", "sealwatch"]);
    step::loud("building the daemon (dev)", &mut command)?;
    Ok(layout::target_dir().join("debug/sealwatch"))
}

/// Builds the kernel half and returns its object file.
///
/// # Errors
/// The compiler's or the linker's.
pub fn ebpf(toolchain: &Toolchain) -> Result<PathBuf> {
    let mut command = ebpf_command(toolchain, &toolchain.rustc.cargo);
    command.arg("build");
    ebpf_arguments(&mut command);
    command.args(["--bin", "sealwatch-ebpf"]);
    step::loud("building the kernel half", &mut command)?;
    Ok(layout::ebpf_object())
}

/// A program that compiles with the kernel half's toolchain.
pub fn ebpf_command(toolchain: &Toolchain, program: &Path) -> Command {
    let mut command = Command::new(program);
    layout::forget_outer_cargo(&mut command);
    let linker = format!("linker={}", toolchain.linker.display());
    let flags = ["-C", &linker, "-C", "link-arg=--btf"];
    command
        .current_dir(layout::root())
        .env("CARGO", &toolchain.rustc.cargo)
        .env("RUSTC", &toolchain.rustc.rustc)
        // A stable compiler must be told that `-Z` is meant.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command
}

/// What cargo must be told of the kernel half, after the verb.
pub fn ebpf_arguments(command: &mut Command) {
    command
        .args(["--package", "sealwatch-ebpf", "--features", "kernel"])
        .args([
            "--target",
            layout::EBPF_TARGET,
            "-Zbuild-std=core",
            "--profile",
            "ebpf",
        ])
        .arg("--target-dir")
        .arg(layout::target_dir().join("ebpf"));
}

/// A cargo command for the host, linked statically. The daemon's build script
/// finds the kernel half where [`ebpf`] leaves it.
pub fn user_half(verb: &str, triple: &str) -> Command {
    let mut command = layout::cargo();
    // The flag goes to the target alone, and `--target` keeps it from proc macros.
    let flags = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        triple.to_uppercase().replace('-', "_")
    );
    command
        .args([verb, "--target", triple])
        .env(flags, "-C target-feature=+crt-static");
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        // Only then: a variable that comes and goes makes cargo compile anew.
        command.env("XTASK_EBPF_OBJECT", layout::ebpf_object());
    }
    command
}
