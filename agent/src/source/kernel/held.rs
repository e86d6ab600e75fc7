//! What of the kernel half outlives the daemon, and what an earlier one left.
//!
//! In: [`Pins`], what the kernel half is made from. Out: [`Held`]: where maps and
//! links are pinned or found, whose turn it is, the state to go on from.
//! Invariant: the generation on duty is left alone until another one has all its
//! programs attached; what it counted is let go of only after it was taken in and
//! kept; one that lacks a map or its checkpoint is not gone on with, since its
//! programs count where nobody can read. Lacks on purpose: loading and attaching.
//!
//! A daemon of the same make finds its programs attached and goes on with them.
//! Any other attaches its own beside them, which count nothing yet, and takes the
//! turn by one write: from then on the old ones count nothing. A refusal that is
//! on its way through both sets of programs at that instant is counted twice or
//! not at all: one on each processor at most.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use sealwatch_ebpf::wire::{self, Stat};
use tracing::{debug, info, warn};

use super::checkpoint::Checkpoint;
use super::pins::{Generation, Pins};
use super::system;
use super::tables::{KEPT, Tables};
use crate::source::{Past, SourceError, Succession};

/// The pinned side of a loaded kernel half.
pub(super) struct Held {
    pins: Pins,
    pub(super) generation: Generation,
    checkpoint: Checkpoint,
    past: Option<Past>,
    /// Whose counts are taken in before this generation's own, the oldest first.
    earlier: Vec<Generation>,
    /// What goes once the counts are kept here.
    obsolete: Vec<Generation>,
}

/// The same text for the same make of kernel half.
pub(super) fn fingerprint(parts: &[&dyn std::fmt::Debug], object: &[u8]) -> String {
    // Fixed keys: two daemons of the same build agree, and others need not.
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    for part in parts {
        format!("{part:?}").hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

impl Held {
    /// Finds out whether to go on with what is there or to begin anew.
    pub(super) fn prepare(pins: Pins, fingerprint: &str) -> io::Result<Held> {
        let known_turn = read_turn(&pins)?;
        // 0 where nobody has had a turn yet.
        let turn = known_turn.unwrap_or(0);
        let mut last = turn;
        let mut there = Vec::new();
        let mut past_lost = false;
        for generation in pins.generations()? {
            last = last.max(generation.number);
            if generation.number > turn {
                // Its daemon was killed before its turn came; or it had its turn, and
                // what tells so is gone.
                past_lost |= known_turn.is_none() && kept(&generation).ok().flatten().is_some();
                generation.remove()?;
            } else {
                there.push(generation);
            }
        }
        let same = |one: &Generation| {
            one.number == turn
                && one.fingerprint == fingerprint
                && one.version == wire::VERSION
                && is_whole(one)
        };
        let generation = match there.iter().position(same) {
            Some(at) => there.remove(at),
            None => pins.begin(last + 1, fingerprint)?,
        };
        let checkpoint = Checkpoint::open(&generation.checkpoint())?;
        let mut held = Held {
            pins,
            generation,
            checkpoint,
            past: None,
            earlier: Vec::new(),
            obsolete: there,
        };
        held.find_past(turn)?;
        if past_lost && held.past.is_none() {
            warn!(pins = %held.pins.path().display(), "whose turn it was to count is not there any more");
            held.past = Some(unreadable());
        }
        Ok(held)
    }

    /// What is beyond the last text lies in the tables of the generation that has it,
    /// and of those after it, whose daemons were killed before they kept anything.
    fn find_past(&mut self, turn: u64) -> io::Result<()> {
        let mut text = self.checkpoint.read()?;
        for generation in self.obsolete.iter().rev() {
            if text.is_some() {
                break;
            }
            match kept(generation) {
                Ok(found) => {
                    self.earlier.insert(0, generation.clone());
                    text = found;
                }
                Err(error) if generation.number == turn => {
                    let path = generation.checkpoint();
                    warn!(%error, path = %path.display(), "what an earlier daemon kept cannot be read");
                    self.past = Some(unreadable());
                    return Ok(());
                }
                Err(error) => debug!(%error, generation = generation.number, "nothing kept"),
            }
        }
        if text.is_some() || !self.earlier.is_empty() {
            let mut all = self.earlier.iter().chain([&self.generation]);
            let whole = all.all(|generation| !generation.is_partial());
            self.past = Some(past(text, whole));
        }
        Ok(())
    }

    /// Where the maps are that are kept, by name.
    pub(super) fn maps(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        KEPT.iter().map(|name| match *name {
            wire::MAP_TURN => (*name, self.pins.turn()),
            name => (name, self.generation.map(name)),
        })
    }

    /// All programs are attached: from this write on they count, and no others.
    /// Returns what was counted before.
    pub(super) fn take_turn(&mut self) -> io::Result<VecDeque<Earlier>> {
        if read_turn(&self.pins)? != Some(self.generation.number) {
            let map = system::get(&self.pins.turn())?;
            system::write(map.as_fd(), 0, &self.generation.number.to_ne_bytes())?;
            info!(
                pins = %self.pins.path().display(),
                generation = self.generation.number,
                "these programs count from now on"
            );
        } else {
            info!(
                pins = %self.pins.path().display(),
                generation = self.generation.number,
                "programs that were attached before go on counting"
            );
        }
        Ok(self
            .earlier
            .drain(..)
            .map(|one| Earlier::open(&one))
            .collect())
    }

    /// The state to go on from; told once.
    pub(super) fn past(&mut self) -> Option<Past> {
        self.past.take()
    }

    /// Keeps a state to go on from, and lets go of what it was made from.
    pub(super) fn keep(&mut self, text: &[u8]) -> Result<(), SourceError> {
        let written = self.checkpoint.write(text);
        written.map_err(|error| SourceError::Map {
            map: "checkpoint",
            reason: error.to_string(),
        })?;
        for generation in self.obsolete.drain(..) {
            match generation.remove() {
                Ok(()) => debug!(generation = generation.number, "let go of"),
                Err(error) => {
                    warn!(%error, generation = generation.number, "pinned programs cannot be removed");
                }
            }
        }
        Ok(())
    }
}

fn past(text: Option<Vec<u8>>, whole: bool) -> Past {
    Past {
        text,
        whole,
        succession: Succession::Same,
    }
}

/// Something was kept, and it is lost.
fn unreadable() -> Past {
    past(Some(Vec::new()), false)
}

/// What a generation's daemon has kept last; none where it has kept nothing yet.
fn kept(generation: &Generation) -> io::Result<Option<Vec<u8>>> {
    let found = Checkpoint::find(&generation.checkpoint())?;
    let found = found.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
    found.read()
}

/// Are its maps and its checkpoint where its programs and its daemon had them?
fn is_whole(generation: &Generation) -> bool {
    let missing = maps_of(generation).find_map(|path| Some((system::get(&path).err()?, path)));
    let missing = missing.or_else(|| {
        let error = kept(generation).err()?;
        Some((error, generation.checkpoint()))
    });
    let Some((error, path)) = missing else {
        return true;
    };
    warn!(%error, path = %path.display(), "pinned programs cannot be gone on with: others take their place");
    false
}

/// Where a generation has its own maps.
fn maps_of(generation: &Generation) -> impl Iterator<Item = PathBuf> {
    let own = KEPT.iter().filter(|name| **name != wire::MAP_TURN);
    own.map(|name| generation.map(name))
}

/// The tables of an earlier generation, from which nothing moves any more.
pub(super) enum Earlier {
    /// They can be read.
    Tables(Box<Tables>),
    /// They cannot; how many refusals they have counted, if even that is known.
    Unreadable(u64),
}

impl Earlier {
    fn open(generation: &Generation) -> Earlier {
        if generation.version == wire::VERSION {
            match Tables::pinned(generation) {
                Ok(tables) => return Earlier::Tables(Box::new(tables)),
                Err(error) => warn!(%error, "the tables of an earlier daemon cannot be read"),
            }
        } else {
            let version = generation.version;
            warn!(
                version,
                "an earlier daemon's tables have another form and cannot be read"
            );
        }
        Earlier::Unreadable(recorded(generation).unwrap_or(0))
    }

    /// What becomes of what is read next; the own tables where nothing is left.
    pub(super) fn succession(next: Option<&Earlier>) -> Succession {
        match next {
            None => Succession::Same,
            Some(Earlier::Tables(_)) => Succession::Ended,
            Some(Earlier::Unreadable(recorded)) => Succession::Unreadable {
                recorded: *recorded,
            },
        }
    }
}

/// The first statistic, which every version has in this place.
fn recorded(generation: &Generation) -> io::Result<u64> {
    let map = system::get(&generation.map(wire::MAP_STATS))?;
    let mut word = [0; 8];
    system::read(map.as_fd(), Stat::Recorded as u32, &mut word)?;
    Ok(u64::from_ne_bytes(word))
}

/// None where there is no such map, so that nobody has had a turn as far as is known.
fn read_turn(pins: &Pins) -> io::Result<Option<u64>> {
    let map = match system::get(&pins.turn()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        map => map?,
    };
    let mut word = [0; 8];
    system::read(map.as_fd(), 0, &mut word)?;
    Ok(Some(u64::from_ne_bytes(word)))
}
