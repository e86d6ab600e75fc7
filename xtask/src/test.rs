//! `cargo xtask test`: the checks, both halves, and every test.
//!
//! In: the sources. Out: cargo test's own report and exit code. Invariant: what
//! a test needs is installed before the first one runs, and on CI a test that
//! cannot run is a failure. The guests, which only compute, run beside the tests
//! of this machine, which mostly wait, and yield the processor to them. Lacks on
//! purpose: a report of its own; each test prints what it saw.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::process::{Child, Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::{
    browser, build, check, engine, layout, step,
    toolchain::{self, apt, ensure_packages},
};

/// What the tests on this machine need beside engine and guests.
const PACKAGES: [&str; 5] = ["groff-base", "podman", "prometheus", "strace", "tmux"];

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
    let partial = args.matrix || !args.filter.is_empty();
    if !args.no_check && !partial {
        check::quick(&toolchain)?;
    }
    build::ebpf(&toolchain)?;
    let triple = layout::host_triple()?;
    if partial {
        let mut command = tests(&triple, if args.matrix { GUESTS } else { ALL });
        command.arg("--").args(&args.filter);
        if args.matrix {
            command.arg("--nocapture");
        }
        eprintln!("==> testing");
        return Ok(ExitCode::from(code(&mut command)?));
    }
    step::loud("building the tests", tests(&triple, ALL).arg("--no-run"))?;
    eprintln!("==> testing; the guests run beside, and tell at the end");
    let mut guests = Beside::start(&triple)?;
    // The guests' own test is the one that runs beside.
    let here = code(tests(&triple, ALL).args(["--", "--skip", GUESTS_TEST]))?;
    eprintln!("==> what the guests tell");
    let guests = guests.finish()?;
    Ok(ExitCode::from(here.max(guests)))
}

/// Every test of the workspace.
const ALL: &[&str] = &["--workspace"];
/// The guests alone.
const GUESTS: &[&str] = &["--workspace", "--test", "vm"];
/// What runs in [`GUESTS`] on this machine.
const GUESTS_TEST: &str = "counts_what_is_provoked_on_every_kernel_and_backend";

fn tests(triple: &str, which: &[&str]) -> Command {
    let mut command = build::user_half("test", triple);
    command.args(["--release", "--no-fail-fast"]).args(which);
    run_as_root(&mut command, triple);
    command
}

/// cargo test's exit code; 1 where a signal ended it.
fn code(command: &mut Command) -> Result<u8> {
    let status = command.status()?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// The guests, while something else runs.
struct Beside {
    child: Child,
    said: File,
}

impl Beside {
    fn start(triple: &str) -> Result<Beside> {
        let tests = tests(triple, GUESTS);
        let said = tempfile::tempfile()?;
        // The other tests wait for answers within times; an emulator can wait.
        let mut command = Command::new("nice");
        command
            .args(["-n", "19"])
            .arg(tests.get_program())
            .args(tests.get_args())
            .args(["--", GUESTS_TEST])
            .current_dir(layout::root())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?);
        for (name, value) in tests.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command.spawn().context("cannot start the guests' tests")?;
        Ok(Beside { child, said })
    }

    /// Waits, and passes on what they said.
    fn finish(&mut self) -> Result<u8> {
        let status = self.child.wait()?;
        self.said.seek(SeekFrom::Start(0))?;
        std::io::copy(&mut self.said, &mut std::io::stdout())?;
        Ok(status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1))
    }
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
