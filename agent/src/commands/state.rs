//! The state that an earlier daemon left becomes the one to go on from.
//!
//! In: a valid [`Config`], the state file. Out: [`Degrade`], and where to keep
//! it. Invariant: nothing here stops the daemon; what cannot be used is named in
//! the log, with its path. Lacks on purpose: writing, which `state_file` does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, Place};
use crate::degrade::state::BYTES_MAX;
use crate::degrade::{Degrade, Moment, Thresholds};
use crate::pipeline::{Keeper, Now};
use crate::state_file::{self, DIRECTORY, StateWriter};

/// What is gone on from.
pub(super) struct Restored {
    pub(super) degrade: Degrade,
    /// None where the state is not kept.
    pub(super) keeper: Option<Keeper>,
    /// Where it is kept, if it is.
    pub(super) path: Option<PathBuf>,
    /// There was a file, and it could not be used.
    pub(super) unreadable: bool,
}

/// Reads the state file, if there is one. `counted` where pinned programs have
/// counted everything since it was written.
pub(super) fn restore(config: &Config, now: Now, counted: bool) -> Restored {
    let mut restored = read(config, now, counted);
    if counted {
        restored.degrade.note_counted();
    }
    restored
}

fn read(config: &Config, now: Now, counted: bool) -> Restored {
    let thresholds = Thresholds::of(&config.degraded);
    let mut restored = Restored {
        degrade: Degrade::new(thresholds, config.limits),
        keeper: None,
        path: None,
        unreadable: false,
    };
    let Some(path) = path(config) else {
        return restored;
    };
    let boot_id = match state_file::boot_id() {
        Ok(boot_id) => boot_id,
        Err(error) => {
            tracing::warn!(%error, "the state is not kept: which boot this is cannot be read");
            return restored;
        }
    };
    let moment = Moment {
        monotonic_ns: now.monotonic_ns,
        wall: now.wall,
    };
    let shown = path.display();
    match state_file::read(&path, BYTES_MAX) {
        Ok(None) => tracing::info!(path = %shown, "no state yet; it will be kept there"),
        Ok(Some(bytes)) => {
            let limits = config.limits;
            match Degrade::resume(thresholds, limits, &bytes, &boot_id, moment, counted) {
                Ok(degrade) => {
                    tell_gap(&path, degrade.unwatched());
                    restored.degrade = degrade;
                }
                Err(error) => {
                    restored.unreadable = true;
                    tracing::warn!(%error, path = %shown, "the state of an earlier daemon cannot be used, and will be replaced: degraded containers are found anew");
                }
            }
        }
        Err(error) => {
            restored.unreadable = true;
            tracing::warn!(%error, path = %shown, "the state of an earlier daemon cannot be read: degraded containers are found anew");
        }
    }
    restored.path = Some(path.clone());
    restored.keeper = StateWriter::start(path)
        .map(|writer| Keeper::new(writer, boot_id))
        .inspect_err(|error| tracing::warn!(%error, "the state is not kept: no thread"))
        .ok();
    restored
}

fn path(config: &Config) -> Option<PathBuf> {
    match &config.state_file {
        Place::Off => None,
        Place::At(path) => {
            if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
                let directory = directory.display();
                tracing::warn!(%directory, "the state cannot be kept yet: make or mount this directory, or set --state-file to none");
            }
            Some(path.clone())
        }
        Place::Auto => {
            let path = state_file::usual_path(std::env::var("STATE_DIRECTORY").ok().as_deref());
            if path.is_none() {
                tracing::info!(
                    "the state is not kept over a restart: there is no {DIRECTORY} and no --state-file"
                );
            }
            path
        }
    }
}

/// What was refused in between was not counted, and nobody shall think it was.
fn tell_gap(path: &Path, unwatched: Option<Duration>) {
    let path = path.display();
    match unwatched {
        Some(time) if time.is_zero() => {
            tracing::info!(%path, "going on from the state of an earlier daemon: everything was counted meanwhile");
        }
        Some(time) => {
            let seconds = time.as_secs();
            tracing::warn!(%path, seconds, "going on from the state of an earlier daemon: what was refused since it was written has not been counted");
        }
        None => {
            tracing::info!(%path, "the state is of another boot: only failed starts are taken over")
        }
    }
}
