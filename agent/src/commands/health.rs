//! `sealwatch health`: does a running daemon see everything yet?
//!
//! In: the daemon's address. Out: one line, and an exit code for a container's
//! health check: 0 ready, 1 not yet, 3 nobody answers. Invariant: needs no shell
//! and no other program, since the image has none. Lacks on purpose: waiting.

use axum::http::StatusCode;

use super::client::{AgentFlags, Client, ClientError};
use super::stdout;

/// Exit code of a daemon that runs and is not ready.
const NOT_READY: u8 = 1;

/// Flags of `sealwatch health`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sealwatch health
  sealwatch health --agent http://10.0.0.7:9402

Exit codes: 0 ready, 1 not ready yet, 2 badly told, 3 nobody answers")]
pub struct HealthFlags {
    #[command(flatten)]
    agent: AgentFlags,
}

/// Asks the daemon; returns the exit code.
pub async fn run(flags: &HealthFlags) -> anyhow::Result<u8> {
    let answer = match Client::of(&flags.agent) {
        Ok(client) => client.text("/readyz").await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(text) => stdout::print(text).map(|()| 0),
        Err(ClientError::Refused { status, body, .. })
            if status == StatusCode::SERVICE_UNAVAILABLE =>
        {
            eprintln!("sealwatch: {body}");
            Ok(NOT_READY)
        }
        Err(error) => {
            eprintln!("sealwatch: {error}");
            Ok(error.exit_code())
        }
    }
}
