//! `cargo xtask test`: the checks, both halves, and every test.
//!
//! In: the sources. Out: cargo test's own report and exit code. Invariant: what
//! a test needs is installed before the first one runs, and on CI a test that
//! cannot run is a failure. Lacks on purpose: a report of its own; each test
//! prints what it saw.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{
    browser, build, check, engine, grafana, layout,
    toolchain::{self, apt, ensure_packages},
    validators,
};

/// What the tests on this machine need beside engine and guests.
const PACKAGES: [&str; 9] = [
    "docker-compose",
    "groff-base",
    "openssl",
    "podman",
    "prometheus",
    "prometheus-alertmanager",
    "strace",
    "systemd",
    "tmux",
];

/// `cargo xtask test`.
#[derive(clap::Args, Debug)]
pub struct TestArgs {
    /// Leaves out format, rules and lints.
    #[arg(long)]
    no_check: bool,
    /// Only the guests: each kernel and backend against real runtimes.
    #[arg(long)]
    matrix: bool,
    /// Only tests whose name contains this.
    filter: Vec<String>,
}

/// Checks, builds and tests; the exit code is cargo test's.
///
/// # Errors
/// What a check found, or what could not be installed or built.
pub fn run(args: &TestArgs) -> Result<ExitCode> {
    let toolchain = toolchain::ensure()?;
    engine::ensure_programs()?;
    ensure_packages(&PACKAGES)?;
    if let Err(error) = browser::ensure() {
        // Its one test says so again, and fails on CI.
        eprintln!("==> no browser for the page's test: {error:#}");
    }
    if let Err(error) = validators::ensure_installed() {
        eprintln!("==> nothing judges the manifests: {error:#}");
    }
    if let Err(error) = grafana::ensure() {
        eprintln!("==> no schema for the dashboards' test: {error:#}");
    }
    let partial = args.matrix || !args.filter.is_empty();
    if !args.no_check && !partial {
        check::quick(&toolchain)?;
    }
    build::ebpf(&toolchain)?;
    let triple = layout::host_triple()?;
    let mut command = build::user_half("test", &triple);
    command.args(["--release", "--no-fail-fast"]);
    match args.matrix {
        true => command.args(["--package", "sealwatch", "--test", "vm"]),
        false => command.arg("--workspace"),
    };
    run_as_root(&mut command, &triple);
    command.arg("--").args(&args.filter);
    if args.matrix {
        command.arg("--nocapture");
    }
    eprintln!("==> testing");
    let status = command.status()?;
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// Compiles as the user and runs the tests as root, who alone may load programs
/// and start engines.
fn run_as_root(command: &mut Command, triple: &str) {
    if !apt::is_root() && apt::on_path("sudo") {
        let runner = format!(
            "CARGO_TARGET_{}_RUNNER",
            triple.to_uppercase().replace('-', "_")
        );
        command.env(runner, "sudo --preserve-env");
    }
}
