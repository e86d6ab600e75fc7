//! `sealwatch top`: this node's containers as they fare, on the terminal.
//!
//! In: flags, a running daemon's API. Out: a live view, or one table where there
//! is no terminal. Invariant: everything of an answer passes through
//! `shown::Shown`; state (`view`) and drawing (`draw`) are pure, input and output
//! are in `terminal`. Lacks on purpose: access to the kernel; and changing
//! anything.

mod answers;
mod draw;
#[cfg(test)]
mod fixture;
mod help;
mod look;
mod model;
mod page;
mod rate;
mod sections;
mod shown;
mod table;
mod terminal;
mod view;
mod words;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::client::{AgentFlags, Client, ClientError};
use super::{report, stdout};
use answers::Answers;
use look::Look;
use rate::Rates;

const EXAMPLES: &str = "\
Examples:
  sealwatch top
  sealwatch top --interval 5s --agent http://127.0.0.1:9402
  sealwatch top --once | sort -k 4 -n

Exit codes: 0 as told, 2 badly told, 3 no daemon answers.";

/// Flags of `sealwatch top`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TopFlags {
    #[command(flatten)]
    agent: AgentFlags,
    /// How often the daemon is asked
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Print one table and end, as where the output is no terminal; rates are
    /// those of one interval
    #[arg(long)]
    once: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(200)..=Duration::from_secs(60);
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| range.contains(time))
        .ok_or_else(|| "use a time from 200ms to 60s, such as 2s".to_owned())
}

/// Shows the view until it is ended, or prints the table.
///
/// # Errors
/// The terminal, or standard output, cannot be used.
pub async fn run(flags: &TopFlags) -> anyhow::Result<ExitCode> {
    let begun = match begin(flags).await {
        Ok(begun) => begun,
        Err(error) => return Ok(told(&error)),
    };
    let (client, first) = begun;
    let live = !flags.once && std::io::stdout().is_terminal() && !dumb();
    if live {
        let look = Look {
            coloured: !stdout::no_color(),
        };
        terminal::show(client, first, flags.interval, look).await?;
        return Ok(ExitCode::SUCCESS);
    }
    match once(&client, first, flags.interval).await {
        Ok(text) => {
            stdout::print(text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(told(&error)),
    }
}

fn told(error: &ClientError) -> ExitCode {
    eprintln!("sealwatch: {error}");
    ExitCode::from(error.exit_code())
}

async fn begin(flags: &TopFlags) -> Result<(Client, Answers), ClientError> {
    let client = Client::of(&flags.agent)?;
    let first = Answers::of(&client).await?;
    Ok((client, first))
}

/// A terminal that can do nothing but print.
fn dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// One table, with the rates of one interval.
async fn once(client: &Client, first: Answers, interval: Duration) -> Result<String, ClientError> {
    let begun = Instant::now();
    let mut rates = Rates::default();
    rates.take(Duration::ZERO, &first.status.run, model::counts(&first));
    tokio::time::sleep(interval).await;
    let answers = Answers::of(client).await?;
    let counts = model::counts(&answers);
    rates.take(begun.elapsed(), &answers.status.run, counts);
    let mut containers = model::joined(answers, &rates).containers;
    model::sort(&mut containers, model::Sort::default());
    Ok(table::table(&containers, report::terminal_width()))
}
