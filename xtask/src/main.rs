//! `cargo xtask`: the developer's commands.
//!
//! In: the command line. Out: the exit code. Lacks on purpose: work; each
//! command is a module of the library.

use std::process::{self, ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, build, check, demo, fleet, fuzz, image, manifests, soak, test, tidy, vm};

/// Builds, checks, tests and demonstrates Sealwatch.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures what Sealwatch costs, and prints the README's tables.
    Bench(bench::BenchArgs),
    /// Builds the kernel half and the static daemon that carries it.
    Build {
        /// Cargo profile: release, or dist (smaller, slow to build).
        #[arg(long, default_value = "release")]
        profile: String,
    },
    /// Checks format, rules of the house, lints and documents.
    Check,
    /// Measures what a fleet of simulated nodes costs a real Prometheus.
    Fleet(fleet::FleetArgs),
    /// Has a fuzzer look for bytes that break the daemon's promises.
    Fuzz(fuzz::FuzzArgs),
    /// Builds the daemon's container image and an archive of it.
    Image(image::ImageArgs),
    /// Writes the plain Kubernetes manifests anew, from the chart.
    Manifests,
    /// Builds and runs the daemon on this machine, or the demonstration.
    Run(demo::RunArgs),
    /// Runs a daemon under churn of containers, and tells what leaks.
    Soak(soak::SoakArgs),
    /// Checks, builds, and runs every test.
    Test(test::TestArgs),
    /// Checks the rules of the house.
    Tidy {
        /// Rewrites the generated tables in the documents.
        #[arg(long)]
        fix: bool,
    },
    /// Runs a command in a guest of one of the supported kernels.
    Vm(vm::VmArgs),
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        // Without the backtrace that RUST_BACKTRACE would add: these errors are for people.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args)?,
        Command::Build { profile } => println!("{}", build::build(&profile)?.agent.display()),
        Command::Check => check::run()?,
        Command::Fleet(args) => fleet::run(&args)?,
        Command::Fuzz(args) => return fuzz::run(&args),
        Command::Image(args) => image::run(&args)?,
        Command::Manifests => manifests::run()?,
        Command::Run(args) => return demo::run(&args),
        Command::Soak(args) => soak::run(&args)?,
        Command::Test(args) => return test::run(&args),
        Command::Tidy { fix } => tidy::run(fix)?,
        Command::Vm(args) => process::exit(vm::run(&args)?),
    }
    Ok(ExitCode::SUCCESS)
}
