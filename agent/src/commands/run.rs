//! `sealwatch run`: the daemon, until a signal.
//!
//! In: a valid [`Config`]. Out: metrics and events until SIGTERM or SIGINT.
//! Invariant: a signal is never missed. Lacks on purpose: the daemon itself.

use tokio::signal::unix::{SignalKind, signal};

use super::daemon::Daemon;
use crate::config::Config;

/// What the help of this command ends with.
pub const EXAMPLES: &str = "\
Examples:
  sudo sealwatch run
  sudo sealwatch run --events json --log.format json
  sudo sealwatch run --web.listen-address :9402 --state-file /var/lib/sealwatch/state.json
  sudo sealwatch run --config /etc/sealwatch.toml --inventory 'web-*'";

/// Runs the daemon until it is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    // Taken before anything else, so that no signal in between kills a half-started daemon.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let daemon = Daemon::start(&config).await?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    daemon.stop().await
}
