//! The daemon that is asked: one that runs, or one in this process.
//!
//! In: where one should be. Out: a [`Client`] that takes commands. Invariant: what
//! was started here is stopped here. Lacks on purpose: what is asked.

use std::io;
use std::os::unix::fs::MetadataExt as _;

use anyhow::{Context as _, bail};

use crate::commands::client::{AgentFlags, Client};
use crate::commands::daemon::{Daemon, SOCKET};
use crate::commands::own::{self, Directory};

/// A daemon that takes commands.
pub(super) struct Agent {
    pub(super) client: Client,
    own: Option<(Daemon, Directory)>,
}

impl Agent {
    /// The daemon that the flag names; without it the usual one, or where none
    /// runs, one of our own.
    pub(super) async fn find(flags: &AgentFlags) -> anyhow::Result<Agent> {
        let client = Client::of(flags)?;
        if client.commands() {
            return Ok(Agent { client, own: None });
        }
        if flags.agent.is_some() {
            bail!(
                "the daemon at {} takes no commands there: give --agent unix:{SOCKET}, which is for root",
                client.agent()
            );
        }
        if !root()? {
            bail!(
                "no daemon's socket can be entered at {SOCKET}, and without root this command cannot watch by itself: run it with sudo"
            );
        }
        let directory = Directory::make().context("no directory for a socket can be made")?;
        let daemon = Daemon::start(&own::config(&directory, Vec::new())?).await?;
        Ok(Agent {
            client: Client::on(&directory.socket()),
            own: Some((daemon, directory)),
        })
    }

    /// Is it one of our own?
    pub(super) const fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Stops what was started.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self.own {
            Some((daemon, _directory)) => daemon.stop().await,
            None => Ok(()),
        }
    }
}

/// Whether this process is root's.
fn root() -> io::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}
