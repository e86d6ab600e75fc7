//! `sealwatch report`: what a running daemon knows, as tables.
//!
//! In: the daemon's address. Out: text on standard output. Invariant: reads
//! bounded answers; prints nothing unescaped. Lacks on purpose: access to the
//! kernel, so that it needs no privileges.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::client::{AgentFlags, Client, ClientError};
use super::stdout;
use crate::report::{self, breach, degraded, layers, posture, tmpfs};

/// What is asked for.
const LISTS: [&str; 6] = [
    "/api/v1/breaches",
    "/api/v1/denials",
    "/api/v1/degraded",
    "/api/v1/tmpfs",
    "/api/v1/posture",
    "/api/v1/layers",
];

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// As served, all lists in one object.
    Json,
}

/// Flags of `sealwatch report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sealwatch report
  sealwatch report --agent http://10.0.0.7:9402
  sealwatch report --format json | jq '.denials[] | .path'")]
pub struct ReportFlags {
    #[command(flatten)]
    agent: AgentFlags,
    /// Form of the output
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Fetches and prints the report.
pub async fn run(flags: &ReportFlags) -> anyhow::Result<()> {
    let fields = fetch_all(&Client::of(&flags.agent)?).await?;
    let text = match flags.format {
        Format::Json => serde_json::to_string(&fields)? + "\n",
        Format::Table => table(fields).context("the answer is no report")?,
    };
    stdout::print(text)
}

fn table(fields: Map<String, Value>) -> Result<String, serde_json::Error> {
    let (fields, width) = (Value::Object(fields), terminal_width());
    let state = degraded::tables(&degraded::Served::deserialize(&fields)?, width);
    let denials = report::table(&report::Served::deserialize(&fields)?, width);
    let breaches = breach::table(&breach::Served::deserialize(&fields)?, width);
    let tmpfs = tmpfs::table::table(&tmpfs::table::Served::deserialize(&fields)?, width);
    let layers = layers::table(&layers::Served::deserialize(&fields)?, width);
    let more = [breaches, tmpfs, layers].map(|table| match table.is_empty() {
        true => table,
        false => format!("\n{table}"),
    });
    let findings = posture::sentences(&posture::Served::deserialize(&fields)?);
    Ok(state + &denials + &more.concat() + &findings)
}

/// Columns of the terminal; none where the output is none.
pub(super) fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The fields of all lists.
async fn fetch_all(client: &Client) -> Result<Map<String, Value>, ClientError> {
    let mut fields = Map::new();
    for list in LISTS {
        fields.extend(client.get::<Map<String, Value>>(list).await?);
    }
    Ok(fields)
}
