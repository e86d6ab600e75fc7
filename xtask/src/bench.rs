//! `cargo xtask bench`: the tables of what Sealwatch costs, measured anew.
//!
//! In: which table. Out: Markdown, as the README has it. Lacks on purpose: the
//! measuring, which each table's module does.

pub mod cost;
mod daemon;

use anyhow::Result;

/// `cargo xtask bench`.
#[derive(clap::Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    table: Table,
}

#[derive(clap::Subcommand, Debug)]
enum Table {
    /// The kernel half: instructions per file operation, beside what one would take instead.
    Cost(cost::CostArgs),
    /// The daemon: processor, memory, scrapes and delays under loads of real containers.
    Daemon(daemon::DaemonArgs),
}

/// Measures, and prints the table.
///
/// # Errors
/// What could not be built or started, or a count that was lost.
pub fn run(args: &BenchArgs) -> Result<()> {
    match &args.table {
        Table::Cost(args) => cost::run(args),
        Table::Daemon(args) => daemon::run(args),
    }
}
