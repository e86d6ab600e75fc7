//! `sealwatch uninstall`: nothing of a daemon is left on this machine.
//!
//! In: the settings that it ran with. Out: what was removed, a line each; exit code
//! 1 where something stays. Invariant: a running daemon's things are left alone;
//! only what Sealwatch itself makes is removed, by its names. Lacks on purpose:
//! the binary, its settings and contracts, and the service that starts it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::daemon::SOCKET;
use super::stdout;
use crate::config::{Config, Flags, Place};
use crate::http::neighbour;
use crate::source::kernel;
use crate::source::kernel::pins::{DIRECTORY, Pins, PinsError};
use crate::state_file;

/// What the help of this command ends with.
pub const EXAMPLES: &str = "\
Examples:
  sudo sealwatch uninstall                       # from the usual places
  sudo sealwatch uninstall --config /etc/sealwatch.toml
  sudo sealwatch uninstall --pin /sys/fs/bpf/mine --state-file /srv/sealwatch/state.json";

/// Where the daemon had its things.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct UninstallFlags {
    /// The settings that the daemon ran with
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<String>,
    /// Where its programs are pinned [default: /sys/fs/bpf/sealwatch]
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pin: Option<String>,
    /// Where its state is kept [default: detect]
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    state_file: Option<String>,
    /// Its unix socket [default: /run/sealwatch/sealwatch.sock]
    #[arg(long = "web.socket", value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    socket: Option<String>,
}

impl UninstallFlags {
    /// The settings that they give.
    pub fn settings(&self) -> Flags {
        let given = [
            ("pin", &self.pin),
            ("state-file", &self.state_file),
            ("web.socket", &self.socket),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, vec![value.clone()?])));
        Flags {
            config: self.config.clone(),
            given: given.collect(),
        }
    }
}

/// What became of one thing.
#[derive(Default)]
struct Outcome {
    removed: Vec<String>,
    stays: Vec<String>,
}

impl Outcome {
    fn note(&mut self, what: String, result: io::Result<()>) {
        match result {
            Ok(()) => self.removed.push(what),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.stays.push(format!("{what}: {error}")),
        }
    }

    /// Removes a directory of the daemon's own, if nothing of others is in it.
    fn directory(&mut self, path: &Path) {
        match std::fs::remove_dir(path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            // A mount point goes with whatever mounted it.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
            result => self.note(format!("directory {}", path.display()), result),
        }
    }
}

/// Removes it all. Returns the exit code.
///
/// # Errors
/// A daemon runs.
pub async fn run(config: &Config) -> anyhow::Result<u8> {
    let socket = match &config.socket {
        Place::At(path) => path.clone(),
        Place::Auto | Place::Off => PathBuf::from(SOCKET),
    };
    if let Ok(Some(pid)) = neighbour(&socket).await {
        let who = pid.map_or(String::new(), |pid| format!(" (process {pid})"));
        let socket = socket.display();
        bail!("a Sealwatch{who} runs and listens on {socket}: stop it first, and what starts it");
    }
    let mut outcome = Outcome::default();
    let pins = config.pin.clone().unwrap_or_else(|| DIRECTORY.into());
    unpin(&pins, &mut outcome)?;
    for event in kernel::remove_leftovers() {
        outcome.removed.push(format!("kprobe event {event}"));
    }
    outcome.note(
        format!("socket {}", socket.display()),
        std::fs::remove_file(&socket),
    );
    if let Some(directory) = socket.parent().filter(|_| socket == Path::new(SOCKET)) {
        outcome.directory(directory);
    }
    forget_state(config, &mut outcome);
    let mut text = String::new();
    for what in &outcome.removed {
        text.push_str(&format!("removed {what}\n"));
    }
    if outcome.removed.is_empty() && outcome.stays.is_empty() {
        text.push_str("nothing of Sealwatch is here\n");
    }
    stdout::print(&text)?;
    for what in &outcome.stays {
        eprintln!("sealwatch: cannot remove {what}");
    }
    Ok(u8::from(!outcome.stays.is_empty()))
}

fn unpin(path: &Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    match Pins::take(path) {
        Ok(pins) => match pins.remove() {
            Ok(links) => {
                let what = format!(
                    "{links} pinned programs with their counters, {}",
                    path.display()
                );
                outcome.removed.push(what);
            }
            Err(error) => outcome.stays.push(format!("{}: {error}", path.display())),
        },
        Err(error @ PinsError::Taken { .. }) => return Err(error.into()),
        Err(error) => outcome.stays.push(error.to_string()),
    }
    Ok(())
}

fn forget_state(config: &Config, outcome: &mut Outcome) {
    let usual = || {
        let named = std::env::var("STATE_DIRECTORY").ok();
        state_file::usual_path(named.as_deref())
    };
    let state = match &config.state_file {
        Place::At(path) => Some(path.clone()),
        Place::Auto | Place::Off => usual(),
    };
    let Some(state) = state else {
        return;
    };
    for path in [state_file::unfinished(&state), state.clone()] {
        let what = format!("state {}", path.display());
        outcome.note(what, std::fs::remove_file(&path));
    }
    let directory = Path::new(state_file::DIRECTORY);
    if state.parent() == Some(directory) {
        outcome.directory(directory);
    }
}
