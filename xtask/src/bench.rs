//! `cargo xtask bench`: the tables of what Sealwatch costs, measured anew.
//!
//! In: which table, or none for all. Out: Markdown, as the README has it. Lacks on purpose: the
//! measuring, which each table's module does.

pub mod cost;
mod daemon;

use anyhow::Result;
use clap::Parser;

/// `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub struct BenchArgs {
    /// One table; all of them, with the defaults of each, where none is named.
    #[command(subcommand)]
    table: Option<Table>,
}

#[derive(clap::Subcommand, Debug)]
enum Table {
    /// The kernel half: instructions per file operation, beside what one would take instead.
    Cost(cost::CostArgs),
    /// The daemon: processor, memory, scrapes and delays under loads of real containers.
    Daemon(daemon::DaemonArgs),
}

/// The arguments of a table that was not named.
#[derive(Parser)]
struct Unnamed<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn defaults<A: clap::Args>() -> A {
    Unnamed::parse_from(["bench"]).args
}

/// Measures, and prints the tables.
///
/// # Errors
/// What could not be built or started, or a count that was lost.
pub fn run(args: &BenchArgs) -> Result<()> {
    match &args.table {
        Some(Table::Cost(args)) => cost::run(args),
        Some(Table::Daemon(args)) => daemon::run(args),
        None => {
            cost::run(&defaults())?;
            daemon::run(&defaults())
        }
    }
}
