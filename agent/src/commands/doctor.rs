//! `sealwatch doctor`: what this host lets Sealwatch see, and what to do about it.
//!
//! In: a valid [`Config`]. Out: findings on standard output, and an exit code.
//! Invariant: facts are gathered, then judged, then shown; only the gathering looks
//! at the machine, and it does what the daemon does instead of reading a version
//! number. Lacks on purpose: changing anything.

mod facts;
mod finding;
mod gather;
mod judge;
mod measured;
mod report;
#[cfg(test)]
mod tests;
mod text;

use super::stdout;
use crate::catalog::{code, markdown};
use crate::config::{Config, Flags};
use finding::{Check, Status};
use report::Report;

/// How much of the loader's log is shown unless it was asked for: the findings say
/// the same in better words.
const LOG: (&str, &str) = ("log.level", "error");

/// Flags of `sealwatch doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo sealwatch doctor
  sudo sealwatch doctor --json | jq '.findings[] | select(.status != \"ok\")'
  sudo sealwatch doctor --backend tracepoint   # what would be left of it
  sudo sealwatch doctor --log.level debug      # with the verifier's words

Exit codes:
  0  Sealwatch measures here all that it can
  1  it runs here, but something is not measured
  2  a flag or setting is wrong
  3  it cannot observe this host at all")]
pub struct DoctorFlags {
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags,
}

impl DoctorFlags {
    /// The settings to examine.
    pub fn settings(&self) -> Flags {
        let mut settings = self.settings.clone();
        let (name, level) = LOG;
        if !settings.given.iter().any(|(given, _)| *given == name) {
            settings.given.push((name, vec![level.to_owned()]));
        }
        settings
    }
}

/// Prints the findings and returns the exit code.
///
/// # Errors
/// Standard output fails.
pub async fn run(flags: &DoctorFlags, config: &Config) -> anyhow::Result<u8> {
    let report = Report::of(&gather::gather(config).await);
    match flags.json {
        true => stdout::print(serde_json::to_string_pretty(&report)? + "\n")?,
        false => stdout::print(text::text(&report))?,
    }
    Ok(exit_code(report.verdict))
}

fn exit_code(verdict: Status) -> u8 {
    match verdict {
        Status::Ok => 0,
        Status::Degraded => 1,
        Status::Failed => 3,
    }
}

/// The document's table of checks.
pub fn tables() -> std::collections::BTreeMap<&'static str, String> {
    let rows = Check::ALL
        .iter()
        .map(|check| vec![code(check.label()), check.asks().to_owned()]);
    std::collections::BTreeMap::from([("checks", markdown(&["Check", "What is looked at"], rows))])
}
