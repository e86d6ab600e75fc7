//! The daemon that is asked: one that runs, or one in this process.
//!
//! In: where one should be. Out: a [`Client`] that takes commands. Invariant: an
//! own daemon serves on a socket that is this user's alone, keeps no state, and
//! leaves nothing behind. Lacks on purpose: what is asked.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::commands::client::{AgentFlags, Client};
use crate::commands::daemon::{Daemon, SOCKET};
use crate::config::{Config, Flags};

/// Names tried for the directory.
const NAMES_MAX: u32 = 1_000;
/// Variables of the daemon that mean the same here.
const VARIABLES: [&str; 4] = [
    "SEALWATCH_BACKEND",
    "SEALWATCH_CRI_ENDPOINT",
    "SEALWATCH_DOCKER_SOCKET",
    "SEALWATCH_SECCOMP",
];

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
        let socket = directory.0.join("agent.sock");
        let daemon = Daemon::start(&config(&socket)?).await?;
        Ok(Agent {
            client: Client::on(&socket),
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

fn config(socket: &Path) -> anyhow::Result<Config> {
    let one = |name, value: &str| (name, vec![value.to_owned()]);
    let given = vec![
        one("web.listen-address", "none"),
        one("web.socket", &socket.to_string_lossy()),
        one("state-file", "none"),
    ];
    let variables = VARIABLES.iter().filter_map(|name| {
        let value = std::env::var(name).ok()?;
        Some(((*name).to_owned(), value))
    });
    let flags = Flags {
        config: None,
        given,
    };
    Ok(Config::load(&flags, variables)?)
}

/// A directory of this process's own, removed with what is in it.
struct Directory(PathBuf);

impl Directory {
    fn make() -> io::Result<Directory> {
        let base = std::env::temp_dir();
        let own = std::process::id();
        for number in 0..NAMES_MAX {
            let path = base.join(format!("sealwatch-contract-{own}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                // One that is there already is somebody else's.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Directory(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory for such files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
