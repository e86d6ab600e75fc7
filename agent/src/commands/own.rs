//! A daemon of a command's own, in this process.
//!
//! In: what the command asks of it. Out: its settings, and the directory in which
//! its socket lies. Invariant: it listens nowhere but on a socket in a directory
//! that is this user's alone, keeps no state, and leaves nothing behind. Lacks on
//! purpose: starting it, which `daemon` does.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Flags};

/// Names tried for the directory.
const NAMES_MAX: u32 = 1_000;
/// Variables of the daemon that mean the same here.
const VARIABLES: [&str; 4] = [
    "SEALWATCH_BACKEND",
    "SEALWATCH_CRI_ENDPOINT",
    "SEALWATCH_DOCKER_SOCKET",
    "SEALWATCH_SECCOMP",
];

/// A directory of this process's own, removed with what is in it.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Makes it where temporary files are.
    ///
    /// # Errors
    /// The system's own.
    pub(super) fn make() -> io::Result<Directory> {
        let base = std::env::temp_dir();
        let own = std::process::id();
        for number in 0..NAMES_MAX {
            let path = base.join(format!("sealwatch-{own}-{number}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                // One that is there already is somebody else's.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Directory(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the daemon listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("agent.sock")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays in the directory for such files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The daemon's settings: as usual and as `more` says, but it keeps and tells
/// nothing.
///
/// # Errors
/// A variable, or one of `more`, is no good value.
pub(super) fn config(
    directory: &Directory,
    more: Vec<(&'static str, Vec<String>)>,
) -> Result<Config, ConfigError> {
    let one = |name, value: String| (name, vec![value]);
    let mut given = vec![
        one("web.listen-address", "none".to_owned()),
        one("web.socket", directory.socket().display().to_string()),
        one("state-file", "none".to_owned()),
    ];
    given.extend(more);
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
    use crate::config::Place;

    #[test]
    fn it_listens_on_a_private_socket_alone() {
        let directory = Directory::make().unwrap();
        let mode = std::fs::metadata(directory.path()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
        let more = vec![("inventory", vec!["*".to_owned()])];
        let config = config(&directory, more).unwrap();
        assert_eq!(config.listen_address, None);
        assert_eq!(config.state_file, Place::Off);
        assert_eq!(config.socket, Place::At(directory.socket()));
        assert_eq!(config.inventory, ["*"]);
        let path = directory.path().to_path_buf();
        drop(directory);
        assert!(!path.exists());
    }
}
