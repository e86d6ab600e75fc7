//! `cargo xtask fuzz`: hostile bytes for everything that reads what others wrote.
//!
//! In: minutes, names of targets. Out: executions, coverage and findings of each
//! target; exit code 1 where something was found, with the input and the command
//! that repeats it. Invariant: the corpora of the sources are read and, unless
//! `--keep` is given, not written; what was found stays in the target directory
//! and is gone on from. Lacks on purpose: sanitizers, since the daemon's own code
//! has no memory of its own to break; the stable compiler is enough without them.

mod corpus;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::lock::Lock;
use crate::toolchain::{apt::on_path, ensure_packages};
use crate::{layout, step};

/// The version that is installed.
const CARGO_FUZZ: &str = "0.13.2";

/// `cargo xtask fuzz`.
#[derive(clap::Args, Debug)]
pub struct FuzzArgs {
    /// Minutes for all targets together, however many run at once.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many run at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Afterwards, writes the corpora of the sources anew from what was found.
    #[arg(long)]
    keep: bool,
    /// Only these targets.
    target: Vec<String>,
}

/// Where fuzzing has its things.
struct Places {
    /// Compiled targets.
    programs: PathBuf,
    /// What was found: inputs that reach something new.
    found: PathBuf,
    /// Inputs that broke a promise.
    artifacts: PathBuf,
    /// What each run said.
    logs: PathBuf,
}

/// The sources' directory.
fn sources() -> PathBuf {
    layout::root().join("agent/fuzz")
}

impl Places {
    fn made() -> Result<Places> {
        let dir = layout::target_dir().join("fuzz");
        let places = Places {
            programs: dir.join(layout::host_triple()?).join("release"),
            found: dir.join("found"),
            artifacts: dir.join("artifacts"),
            logs: dir.join("logs"),
        };
        for made in [&places.found, &places.artifacts, &places.logs] {
            fs::create_dir_all(made).with_context(|| made.display().to_string())?;
        }
        Ok(places)
    }
}

/// Builds and runs the targets.
///
/// # Errors
/// What could not be installed or built, or a name that is no target.
pub fn run(args: &FuzzArgs) -> Result<ExitCode> {
    let targets = targets(&args.target)?;
    ensure!(args.jobs > 0, "--jobs: run one at once at least");
    let program = ensure_program()?;
    let places = Places::made()?;
    build(&program)?;
    let turns = targets.len().div_ceil(args.jobs.min(targets.len()));
    let seconds = (args.minutes * 60).div_ceil(turns as u64);
    let each = Duration::from_secs(seconds.max(1));
    eprintln!("==> {} targets, {seconds} s each", targets.len());
    let results = runs::all(&targets, args.jobs, &places, each)?;
    println!("{}", runs::table(&results));
    let broken: Vec<_> = results.iter().filter(|result| result.broken()).collect();
    for result in &broken {
        println!("{}", result.repeat(&places));
    }
    if args.keep {
        for target in &targets {
            let kept = corpus::keep(target, &places)?;
            println!("{target}: {kept} files are kept in agent/fuzz/corpus");
        }
    }
    Ok(match broken.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The targets asked for; all of them if none is.
fn targets(asked: &[String]) -> Result<Vec<String>> {
    let directory = sources().join("fuzz_targets");
    let mut all = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        all.extend(stem.map(str::to_owned));
    }
    all.sort();
    for name in asked {
        if !all.contains(name) {
            bail!("no target is called {name:?}; there are {}", all.join(", "));
        }
    }
    match asked {
        [] => Ok(all),
        asked => Ok(asked.to_vec()),
    }
}

/// Installs cargo-fuzz into the cache, and a compiler for its runtime.
fn ensure_program() -> Result<PathBuf> {
    if !on_path("c++") {
        ensure_packages(&["g++"])?;
    }
    let root = layout::cache_dir().join(format!("cargo-fuzz-{CARGO_FUZZ}"));
    fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
    let _one = Lock::take(&root.join("lock"))?;
    let program = root.join("bin/cargo-fuzz");
    if !program.is_file() {
        let mut command = layout::cargo();
        command
            .args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ])
            .arg("--root")
            .arg(&root)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            // Outside the workspace, so that its .cargo/config.toml is not read.
            .current_dir(std::env::temp_dir());
        step::quiet("building cargo-fuzz (about a minute, once)", &mut command)?;
    }
    Ok(program)
}

/// One build of the daemon's library for all targets.
fn build(program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    layout::forget_outer_cargo(&mut command);
    command
        .args(["fuzz", "build", "--sanitizer", "none", "--no-cfg-fuzzing"])
        .arg("--fuzz-dir")
        .arg(sources())
        .arg("--target-dir")
        .arg(layout::target_dir().join("fuzz"))
        .current_dir(layout::root());
    step::loud("building the fuzz targets", &mut command)
}
