//! The daemon that is asked: a named one, or one in this process for this check.
//!
//! In: [`CheckFlags`]. Out: an [`Agent`] that answers. Invariant: the own daemon
//! listens nowhere but on a socket in a directory that is this user's alone, and
//! leaves nothing behind. Lacks on purpose: the lists it serves.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::CheckFlags;
use super::engine::Host;
use crate::commands::client::{Client, ClientError};
use crate::commands::daemon::Daemon;
use crate::config::{Config, ConfigError, Flags};
use crate::http::{LEASE_MAX, WatchRequest};

/// Variables of the daemon that mean the same here.
const VARIABLES: [&str; 4] = [
    "SEALWATCH_BACKEND",
    "SEALWATCH_CRI_ENDPOINT",
    "SEALWATCH_DOCKER_SOCKET",
    "SEALWATCH_SECCOMP",
];
/// Names tried for the directory.
const NAMES_MAX: u32 = 1_000;

/// A directory of this process's own, removed with what is in it.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn make() -> std::io::Result<Directory> {
        let base = std::env::temp_dir();
        let own = std::process::id();
        let mut number = 0;
        loop {
            let path = base.join(format!("sealwatch-check-{own}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Directory(path)),
                // One that is there already is somebody else's.
                Err(error)
                    if error.kind() == std::io::ErrorKind::AlreadyExists && number < NAMES_MAX =>
                {
                    number += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory for such files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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
    pub(super) async fn own(config: &Config, directory: &Path) -> anyhow::Result<Agent> {
        let daemon = Daemon::start(config).await?;
        Ok(Agent {
            client: Client::on(&socket(directory)),
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

fn socket(directory: &Path) -> PathBuf {
    directory.join("agent.sock")
}

/// The own daemon's settings: as usual, but it keeps and tells nothing.
pub(super) fn config(
    flags: &CheckFlags,
    inventory: bool,
    directory: &Path,
    host: &Host,
) -> Result<Config, ConfigError> {
    let one = |name, value: String| (name, vec![value]);
    let mut given = vec![
        one("web.listen-address", "none".to_owned()),
        one("web.socket", socket(directory).display().to_string()),
        one("state-file", "none".to_owned()),
    ];
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
    let variables = VARIABLES.iter().filter_map(|name| {
        let value = std::env::var(name).ok()?;
        Some(((*name).to_owned(), value))
    });
    let flags = Flags {
        config: None,
        given,
    };
    Config::load(&flags, variables)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Place, Sockets};

    #[test]
    fn the_own_daemon_listens_on_a_private_socket_alone() {
        let directory = Directory::make().unwrap();
        let mode = std::fs::metadata(directory.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        let host = Host::Socket("/s/d.sock".into());
        let config = config(&CheckFlags::default(), true, directory.path(), &host).unwrap();
        assert_eq!(config.listen_address, None);
        assert_eq!(config.state_file, Place::Off);
        assert_eq!(config.socket, Place::At(socket(directory.path())));
        assert_eq!(config.inventory, ["*"]);
        assert_eq!(
            config.docker_sockets,
            Sockets::Only(vec!["/s/d.sock".into()])
        );
        let path = directory.path().to_path_buf();
        drop(directory);
        assert!(!path.exists());
    }
}
