//! The binary: arguments become one of the library's commands.
//!
//! In: arguments, environment. Out: an exit code: 0 ended as told, 1 failed,
//! 2 badly told. Invariant: thin; nothing here is worth a test of its own.
//! Lacks on purpose: everything else.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use sealwatch::commands::{self, events::EventsFlags, report::ReportFlags, top::TopFlags};
use sealwatch::commands::contract::ContractFlags;

use sealwatch::config::{Config, Flags, LogFormat};

/// Tells why containers with a read-only root file system fail: which container,
/// path, operation and errno, and the cause.
#[derive(Parser)]
#[command(name = "sealwatch", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon; the default
    Run(Flags),
    /// Tell what this host lets Sealwatch see, and what is therefore not measured
    Doctor(Flags),
    /// Print a running daemon's recent denials
    Report(ReportFlags),
    /// Print what happened lately at a running daemon, and follow it
    Events(EventsFlags),
    /// Show this node's containers as they fare, live
    Top(TopFlags),
    /// Watch a container, and print what it needs to run with a read-only root
    Contract(ContractFlags),
    /// Print what the kernel half hands over, for a test or a bug report
    #[command(hide = true)]
    Record(RecordFlags),
    /// Print the documents' generated tables as JSON, name to Markdown
    #[command(hide = true)]
    Tables,
}

#[derive(clap::Args)]
struct RecordFlags {
    /// How long
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    settings: Flags,
}

/// Exit code for a bad setting, the same as clap's for a bad flag.
const BADLY_TOLD: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => configured(&arguments.run, daemon),
        Some(Command::Run(flags)) => configured(&flags, daemon),
        Some(Command::Doctor(flags)) => configured(&flags, doctor),
        Some(Command::Report(flags)) => report(&flags),
        Some(Command::Events(flags)) => {
            runtime().and_then(|runtime| runtime.block_on(commands::events::run(&flags)))
        }
        Some(Command::Top(flags)) => {
            runtime().and_then(|runtime| runtime.block_on(commands::top::run(&flags)))
        }
        Some(Command::Contract(flags)) => contract(&flags),
        Some(Command::Record(RecordFlags { seconds, settings })) => {
            configured(&settings, |config| {
                record(&config, Duration::from_secs(seconds))
            })
        }
        Some(Command::Tables) => tables(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("sealwatch: {error:#}");
        ExitCode::FAILURE
    })
}

fn configured(
    flags: &Flags,
    command: impl FnOnce(Config) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        // A variable that is not UTF-8 is none of ours.
        Some((
            name.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    });
    match Config::load(flags, variables) {
        Ok(config) => {
            start_log(&config);
            command(config)
        }
        Err(error) => {
            eprintln!("sealwatch: {error}");
            Ok(ExitCode::from(BADLY_TOLD))
        }
    }
}

fn start_log(config: &Config) {
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(config.log_level)
        .with_target(false);
    match config.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Two threads: the hot path never waits for a scrape.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")
}

fn daemon(config: Config) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    runtime.block_on(commands::run::run(config))?;
    Ok(ExitCode::SUCCESS)
}

fn doctor(config: Config) -> anyhow::Result<ExitCode> {
    let able = runtime()?.block_on(commands::doctor::run(&config))?;
    Ok(if able {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn report(flags: &ReportFlags) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(commands::report::run(flags))?;
    Ok(ExitCode::SUCCESS)
}

fn contract(flags: &ContractFlags) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::contract::run(flags))?;
    Ok(ExitCode::from(code))
}

fn record(config: &Config, time: Duration) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(commands::record::run(config, time))?;
    Ok(ExitCode::SUCCESS)
}

fn tables() -> anyhow::Result<ExitCode> {
    let mut tables = sealwatch::catalog::tables();
    tables.extend(sealwatch::remedy::tables());
    println!("{}", serde_json::to_string_pretty(&tables)?);
    Ok(ExitCode::SUCCESS)
}
