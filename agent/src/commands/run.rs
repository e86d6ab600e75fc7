//! `sealwatch run`: the daemon, until a signal.
//!
//! In: a valid [`Config`], and how to read it again. Out: metrics and events until
//! SIGTERM or SIGINT; on SIGHUP, the settings are read again. Invariant: a signal
//! is never missed; bad settings on SIGHUP are told, and the old ones stay. Lacks
//! on purpose: the daemon itself.

use tokio::signal::unix::{SignalKind, signal};

use super::daemon::Daemon;
use crate::config::{Config, ConfigError};

/// What the help of this command ends with.
pub const EXAMPLES: &str = "\
Examples:
  sudo sealwatch run
  sudo sealwatch run --events json --log.format json
  sudo sealwatch run --web.listen-address :9402 --state-file /var/lib/sealwatch/state.json
  sudo sealwatch run --config /etc/sealwatch.toml --inventory 'web-*'";

/// What the daemon needs of the program around it.
pub struct Surroundings {
    /// Reads the settings again.
    pub read: Box<dyn Fn() -> Result<Config, ConfigError> + Send>,
    /// Has as much logged.
    pub log: Box<dyn Fn(tracing::Level) + Send>,
}

/// Runs the daemon until it is told to stop.
pub async fn run(config: Config, surroundings: Surroundings) -> anyhow::Result<()> {
    // Taken before anything else, so that no signal in between kills a half-started daemon.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut config = config;
    let daemon = Daemon::start(&config).await?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                tracing::info!("SIGTERM: stopping");
                break;
            }
            _ = interrupt.recv() => {
                tracing::info!("SIGINT: stopping");
                break;
            }
            _ = hang_up.recv() => reload(&daemon, &mut config, &surroundings).await,
        }
    }
    daemon.stop().await
}

async fn reload(daemon: &Daemon, config: &mut Config, surroundings: &Surroundings) {
    tracing::info!("SIGHUP: reading the settings again");
    let next = match (surroundings.read)() {
        Ok(next) => next,
        Err(error) => return daemon.refuse(&error).await,
    };
    let mut taken = config.clone();
    let stay = taken.take_over(next);
    if let Err(error) = daemon.reload(&taken).await {
        return daemon.refuse(&*error).await;
    }
    (surroundings.log)(taken.log_level);
    *config = taken;
    for setting in stay {
        tracing::warn!(setting, "has changed and stays as it was until a restart");
    }
}
