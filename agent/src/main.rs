//! The binary: arguments become one of the library's commands.
//!
//! In: arguments, environment. Out: an exit code: 0 ended as told, 1 failed or bad
//! news, 2 badly told, 3 could not observe. Invariant: thin; the tests here hold the
//! definition of the command line against its own examples. Lacks on purpose:
//! everything else.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sealwatch::commands::contract::ContractFlags;
use sealwatch::commands::run::Surroundings;
use sealwatch::commands::uninstall::UninstallFlags;
use sealwatch::commands::{self, events::EventsFlags, memory, report::ReportFlags, top::TopFlags};

use clap::{CommandFactory as _, Parser, Subcommand};
use sealwatch::commands::check::CheckFlags;
use sealwatch::commands::doctor::DoctorFlags;
use sealwatch::commands::health::HealthFlags;
use sealwatch::commands::manual::{self, CompletionsFlags, ManFlags};
use sealwatch::config::{Config, ConfigError, Flags, LogFormat};
use sealwatch::contract::ContractError;
use sealwatch::http::HttpError;
use sealwatch::logging::{self, Log};
use sealwatch::source::kernel::pins::PinsError;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, reload};

/// Tells why containers with a read-only root file system fail: which container,
/// path, operation and errno, and the cause.
#[derive(Parser)]
#[command(
    name = "sealwatch",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Flags,
}

const EXAMPLES: &str = "\
Examples:
  sudo sealwatch doctor             # what this host lets it see
  sudo sealwatch                    # run the daemon
  sealwatch report                  # what it has seen so far
  sealwatch help doctor             # each command has examples of its own";

#[derive(Subcommand)]
enum Command {
    /// Run the daemon; the default
    #[command(after_help = commands::run::EXAMPLES)]
    Run(Flags),
    /// Tell what this host lets Sealwatch see, what is not measured, and what to do
    Doctor(DoctorFlags),
    /// Ask a running daemon whether it is ready, for health checks
    Health(HealthFlags),
    /// Print a running daemon's recent denials
    Report(ReportFlags),
    /// Print what happened lately at a running daemon, and follow it
    Events(EventsFlags),
    /// Show this node's containers as they fare, live
    Top(TopFlags),
    /// Watch a container, and print what it needs to run with a read-only root
    Contract(ContractFlags),
    /// Print a script that completes this command line in a shell
    Completions(CompletionsFlags),
    /// Print the manual page, or write one page per command
    Man(ManFlags),
    /// Run a container and fail where it is refused anything: for builds
    Check(CheckFlags),
    /// Remove what a daemon has left on this machine: programs, counters, state
    Uninstall(UninstallFlags),
    /// Print what the kernel half hands over, for a test or a bug report
    #[command(hide = true)]
    Record(RecordFlags),
    /// Print the documents' generated tables as JSON, name to Markdown
    #[command(hide = true)]
    Tables,
    /// Print the generated files as JSON, path to text
    #[command(hide = true)]
    Files,
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
/// Exit code where nothing can be observed, since another daemon does.
const UNABLE: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => daemon(arguments.run),
        Some(Command::Run(flags)) => daemon(flags),
        Some(Command::Doctor(flags)) => {
            configured(&flags.settings(), |config, _| doctor(&flags, &config))
        }
        Some(Command::Health(flags)) => health(&flags),
        Some(Command::Report(flags)) => report(&flags),
        Some(Command::Events(flags)) => {
            runtime().and_then(|runtime| runtime.block_on(commands::events::run(&flags)))
        }
        Some(Command::Top(flags)) => {
            runtime().and_then(|runtime| runtime.block_on(commands::top::run(&flags)))
        }
        Some(Command::Contract(flags)) => contract(&flags),
        Some(Command::Completions(flags)) => {
            manual::completions(&Arguments::command(), &flags).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Man(flags)) => {
            manual::man(Arguments::command(), &flags).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Check(flags)) => check(&flags),
        Some(Command::Uninstall(flags)) => {
            configured(&flags.settings(), |config, _| uninstall(&config))
        }
        Some(Command::Record(RecordFlags { seconds, settings })) => {
            configured(&settings, |config, _| {
                record(&config, Duration::from_secs(seconds))
            })
        }
        Some(Command::Tables) => tables(),
        Some(Command::Files) => files(),
    };
    let code = result.unwrap_or_else(|error| {
        logging::last_words(format!("sealwatch: {error:#}"));
        let taken = matches!(error.downcast_ref(), Some(HttpError::Taken { .. }))
            || matches!(error.downcast_ref(), Some(PinsError::Taken { .. }));
        match error.is::<ContractError>() {
            true => ExitCode::from(BADLY_TOLD),
            false if taken => ExitCode::from(UNABLE),
            false => ExitCode::FAILURE,
        }
    });
    logging::flush();
    code
}

fn configured(
    flags: &Flags,
    command: impl FnOnce(Config, LogLevel) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    match settings(flags) {
        Ok(config) => {
            let level = start_log(&config);
            command(config, level)
        }
        Err(error) => {
            logging::last_words(format!("sealwatch: {error}"));
            Ok(ExitCode::from(BADLY_TOLD))
        }
    }
}

fn settings(flags: &Flags) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        // A variable that is not UTF-8 is none of ours.
        Some((
            name.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    });
    Config::load(flags, variables)
}

/// Changes how much is logged.
type LogLevel = Box<dyn Fn(tracing::Level) + Send>;

fn start_log(config: &Config) -> LogLevel {
    let (level, handle) = reload::Layer::new(LevelFilter::from_level(config.log_level));
    let log = fmt::layer().with_writer(Log::start()).with_target(false);
    let log = match config.log_format {
        LogFormat::Text => log.with_ansi(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(level))
        .init();
    Box::new(move |level| {
        // It fails only where the log is gone.
        let _ = handle.reload(LevelFilter::from_level(level));
    })
}

/// Two threads: the hot path never waits for a scrape.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")
}

fn daemon(flags: Flags) -> anyhow::Result<ExitCode> {
    memory::have_few_heaps();
    configured(&flags.clone(), |config, log| {
        let surroundings = Surroundings {
            read: Box::new(move || settings(&flags)),
            log,
        };
        runtime()?.block_on(commands::run::run(config, surroundings))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn doctor(flags: &DoctorFlags, config: &Config) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::doctor::run(flags, config))?;
    Ok(ExitCode::from(code))
}

fn health(flags: &HealthFlags) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::health::run(flags))?;
    Ok(ExitCode::from(code))
}

fn report(flags: &ReportFlags) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(commands::report::run(flags))?;
    Ok(ExitCode::SUCCESS)
}

fn contract(flags: &ContractFlags) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::contract::run(flags))?;
    Ok(ExitCode::from(code))
}

fn check(flags: &CheckFlags) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::check::run(flags))?;
    Ok(ExitCode::from(code))
}

fn uninstall(config: &Config) -> anyhow::Result<ExitCode> {
    let code = runtime()?.block_on(commands::uninstall::run(config))?;
    Ok(ExitCode::from(code))
}

fn record(config: &Config, time: Duration) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(commands::record::run(config, time))?;
    Ok(ExitCode::SUCCESS)
}

fn tables() -> anyhow::Result<ExitCode> {
    let mut tables = sealwatch::catalog::tables();
    tables.extend(sealwatch::remedy::tables());
    tables.extend(commands::doctor::tables());
    println!("{}", serde_json::to_string_pretty(&tables)?);
    Ok(ExitCode::SUCCESS)
}

fn files() -> anyhow::Result<ExitCode> {
    let files = sealwatch::catalog::rules::files()?;
    println!("{}", serde_json::to_string_pretty(&files)?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line of an example, without what a shell does with it.
    fn words(line: &str) -> Option<Vec<String>> {
        let mut words = shell_words::split(line.split(" #").next()?).ok()?;
        let begin = words.iter().position(|word| word.ends_with("sealwatch"))?;
        words.drain(..begin);
        let end = words
            .iter()
            .position(|word| word == "|" || word.starts_with('>'));
        words.truncate(end.unwrap_or(words.len()));
        Some(words)
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_example_can_be_typed() {
        let program = Arguments::command();
        let commands = program.get_subcommands().filter(|one| !one.is_hide_set());
        for command in commands.chain([&program]) {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let (_, examples) = help.split_once("Examples:\n").unwrap_or(("", ""));
            let lines = examples.lines().take_while(|line| !line.is_empty());
            let typed: Vec<_> = lines.filter_map(words).collect();
            assert!(!typed.is_empty(), "{name} has no example");
            for words in typed {
                let parsed = Arguments::try_parse_from(&words);
                let shown = parsed.as_ref().err().map(|error| error.kind());
                let helped = shown == Some(clap::error::ErrorKind::DisplayHelp);
                assert!(parsed.is_ok() || helped, "{name}: {words:?}: {shown:?}");
            }
        }
    }

    #[test]
    fn every_command_of_a_runbook_can_be_typed() {
        let runbooks = xtask::layout::root().join(sealwatch::catalog::alerts::RUNBOOKS);
        for entry in std::fs::read_dir(runbooks).unwrap() {
            let path = entry.unwrap().path();
            let page = std::fs::read_to_string(&path).unwrap();
            let typed = page.split("```sh\n").skip(1);
            let lines = typed.flat_map(|block| block.split("```").next().unwrap().lines());
            let lines: Vec<_> = lines.collect();
            assert!(!lines.is_empty(), "{path:?} has no command");
            for line in lines {
                let parsed = words(line).map(Arguments::try_parse_from);
                assert!(matches!(parsed, Some(Ok(_))), "{path:?}: {line}");
            }
        }
    }
}
