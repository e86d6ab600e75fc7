//! The daemon that is asked: a named one, or one in this process for this check.
//!
//! In: [`CheckFlags`]. Out: an [`Agent`] that answers. Invariant: what was started
//! here is stopped here. Lacks on purpose: the lists it serves.

use super::CheckFlags;
use super::engine::Host;
use crate::commands::client::{Client, ClientError};
use crate::commands::daemon::Daemon;
use crate::commands::own::{self, Directory};
use crate::config::{Config, ConfigError};
use crate::http::{LEASE_MAX, WatchRequest};

/// A daemon that answers.
pub(super) struct Agent {
    pub(super) client: Client,
    daemon: Option<Daemon>,
}

impl Agent {
    /// The one that the flags name, which takes the inventory as a command.
    pub(super) async fn named(flags: &CheckFlags, inventory: bool) -> Result<Agent, ClientError> {
        let agent = Agent {
            client: Client::of(&flags.agent)?,
            daemon: None,
        };
        if inventory {
            agent.lease(LEASE_MAX.as_secs()).await?;
        }
        Ok(agent)
    }

    /// One of our own.
    pub(super) async fn own(config: &Config, directory: &Directory) -> anyhow::Result<Agent> {
        let daemon = Daemon::start(config).await?;
        Ok(Agent {
            client: Client::on(&directory.socket()),
            daemon: Some(daemon),
        })
    }

    /// Has a named daemon count everybody's successful writes, as a container's
    /// name comes after its first ones; 0 ends it.
    pub(super) async fn lease(&self, seconds: u64) -> Result<(), ClientError> {
        let request = WatchRequest {
            container: "*".to_owned(),
            seconds,
        };
        match self.daemon {
            // Our own counts them by its settings.
            Some(_) => Ok(()),
            None => self.client.post("/api/v1/watches", &request).await,
        }
    }

    /// Stops what was started.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self.daemon {
            Some(daemon) => daemon.stop().await,
            None => Ok(()),
        }
    }
}

/// The own daemon's settings: those that the flags give.
pub(super) fn config(
    flags: &CheckFlags,
    inventory: bool,
    directory: &Directory,
    host: &Host,
) -> Result<Config, ConfigError> {
    let one = |name, value: String| (name, vec![value]);
    let mut given = Vec::new();
    if inventory {
        given.push(one("inventory", "*".to_owned()));
    }
    if let Some(backend) = &flags.backend {
        given.push(one("backend", backend.clone()));
    }
    if !flags.cri_endpoint.is_empty() {
        given.push(("cri-endpoint", flags.cri_endpoint.clone()));
    }
    if !flags.docker_socket.is_empty() {
        given.push(("docker-socket", flags.docker_socket.clone()));
    } else if let Host::Socket(path) = host
        && let Some(path) = path.to_str()
        && std::env::var_os("SEALWATCH_DOCKER_SOCKET").is_none()
    {
        given.push(one("docker-socket", path.to_owned()));
    }
    own::config(directory, given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sockets;

    #[test]
    fn the_engine_that_is_used_is_the_one_that_is_asked() {
        let directory = Directory::make().unwrap();
        let host = Host::Socket("/s/d.sock".into());
        let config = config(&CheckFlags::default(), true, &directory, &host).unwrap();
        assert_eq!(config.inventory, ["*"]);
        let sockets = Sockets::Only(vec!["/s/d.sock".into()]);
        assert_eq!(config.docker_sockets, sockets);
    }
}
