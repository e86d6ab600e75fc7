//! `cargo xtask`: the developer's commands.
//!
//! In: the command line. Out: the exit code. Lacks on purpose: work; each
//! command is a module of the library.

use std::process;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, checks, tests and demonstrates Sealwatch.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the kernel half and the static daemon that carries it.
    Build {
        /// Cargo profile: release, or dist (smaller, slow to build).
        #[arg(long, default_value = "release")]
        profile: String,
    },
    /// Runs a command in a guest of one of the supported kernels.
    Vm(xtask::vm::VmArgs),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Build { profile } => {
            let built = xtask::build::build(&profile)?;
            println!("{}", built.agent.display());
            Ok(())
        }
        Command::Vm(arguments) => process::exit(xtask::vm::run(&arguments)?),
    }
}
