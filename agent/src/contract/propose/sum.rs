//! What belongs under one root, as it adds up.
//!
//! In: decisions, rows, refusals, mounts. Out: a [`WriteRoot`] with its size,
//! owner and reason. Invariant: the strongest need decides the kind; a size is a
//! power of two with headroom over what was seen; lists are bounded. Lacks on
//! purpose: knowing other roots.

use std::collections::BTreeSet;

use super::place::Decision;
use super::words;
use crate::contract::observed::{Mounted, Owned, Refused, Written};
use crate::contract::{Ids, Kind, Size, WriteRoot, holds};
use crate::denial::{Cause, Errno};

/// Least size of a tmpfs.
const SIZE_MIN: u64 = 4 << 20;
/// Past this a tmpfs is the wrong place, since it is memory.
const SIZE_MAX: u64 = 4 << 30;
/// What is written later may be this much more than what was seen.
const HEADROOM: u64 = 4;
/// Users that are told apart.
const WRITERS_MAX: usize = 8;
/// Commands and reasons that are told.
const WORDS_MAX: usize = 3;
/// Whose directories everybody writes in.
const EVERYBODYS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
const STICKY: u16 = 0o1777;

/// What is known beside the sum.
pub(super) struct Surroundings {
    /// Was the container's start seen?
    pub(super) start_seen: bool,
    /// Write roots in which directories were made.
    pub(super) made: Vec<String>,
}

/// What belongs under one root.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    kind: Option<Kind>,
    becauses: Vec<String>,
    mebibytes: u32,
    /// Nothing is known of it.
    unknown: bool,
    /// Log files are expected to be made anew.
    anew: bool,
    mounted: bool,
    pub(super) opens: u64,
    pub(super) creates: u64,
    pub(super) directories: u64,
    pub(super) bytes: u64,
    /// Bytes that variables move here.
    moved: u64,
    executions: u64,
    pub(super) refused: u64,
    /// Directories lie between the root and what was written.
    deep: bool,
    owner: Option<Owned>,
    writers: BTreeSet<Ids>,
    pub(super) commands: Vec<String>,
    used: u64,
    limit: Option<u64>,
    full: bool,
    exec: bool,
    /// The mount is others'.
    foreign: bool,
}

impl Sum {
    pub(super) fn decide(&mut self, decision: Decision) {
        let first = self.kind.is_none();
        self.unknown = decision.unknown && (first || self.unknown);
        self.anew |= decision.logs;
        self.raise(decision.kind);
        self.mebibytes = self.mebibytes.max(decision.mebibytes);
        self.because(decision.because);
    }

    pub(super) fn is_mounted(&mut self, kind: Kind) {
        self.raise(kind);
        self.mounted = true;
        self.unknown = false;
        self.because("mounted already".to_owned());
    }

    /// A variable moves something here.
    pub(super) fn takes_moved(&mut self, variable: &str, bytes: u64, run: bool) {
        self.raise(Kind::Tmpfs);
        self.moved += bytes;
        self.exec |= run;
        self.mebibytes = self.mebibytes.max(64);
        self.because(format!("{variable} moves files here"));
    }

    /// Nothing is mounted over a program because of what is not known.
    pub(super) fn keep_off(&mut self, program: bool) {
        if self.unknown && (program || self.executions > 0) {
            self.kind = Some(Kind::ShouldNotExist);
            self.becauses = vec![words::PROGRAM.to_owned()];
        }
    }

    fn raise(&mut self, kind: Kind) {
        if self
            .kind
            .is_none_or(|known| kind.strength() > known.strength())
        {
            self.kind = Some(kind);
        }
    }

    fn because(&mut self, because: String) {
        if self.becauses.len() < WORDS_MAX && !self.becauses.contains(&because) {
            self.becauses.push(because);
        }
    }

    pub(super) fn add_written(&mut self, at: &str, written: &Written) {
        self.opens += written.opens;
        self.creates += written.creates;
        self.directories += written.directories;
        self.bytes += written.bytes;
        // What is executed elsewhere under a wider write root is not told apart.
        if holds(at, &written.write_root) {
            self.executions += written.executions;
        }
        if at == written.write_root {
            self.owner = self.owner.or(written.owner);
        }
        let depth = at.trim_end_matches('/').matches('/').count();
        let mut below = written.paths.iter().filter(|path| holds(at, path));
        self.deep |= below.any(|path| path.matches('/').count() > depth + 1);
        self.writers
            .extend(written.writers.iter().take(WRITERS_MAX));
        for command in &written.commands {
            self.command(command);
        }
    }

    pub(super) fn add_refused(&mut self, refused: &Refused) {
        self.refused += refused.count;
        match (refused.errno, refused.cause) {
            (Errno::Enospc, _) => self.full = true,
            (_, Cause::NoexecMount) => self.exec = true,
            (_, Cause::Ownership | Cause::ModeBits) => self.foreign = true,
            _ => {}
        }
        self.writers.extend(refused.task);
        self.command(&refused.command);
    }

    fn command(&mut self, command: &str) {
        let known = self.commands.iter().any(|known| known == command);
        if !known && self.commands.len() < WORDS_MAX && !command.is_empty() {
            self.commands.push(command.to_owned());
        }
    }

    pub(super) fn measured(&mut self, mount: &Mounted) {
        self.used = self.used.max(mount.used.unwrap_or(0));
        self.limit = mount.limit.or(self.limit);
    }

    /// Takes in what is under the same root after all.
    pub(super) fn absorb(&mut self, other: Sum) {
        if let Some(kind) = other.kind {
            self.raise(kind);
        }
        for because in other.becauses {
            self.because(because);
        }
        self.mebibytes = self.mebibytes.max(other.mebibytes);
        self.anew &= other.anew;
        self.opens += other.opens;
        self.creates += other.creates;
        self.directories += other.directories;
        self.bytes += other.bytes;
        self.moved += other.moved;
        self.executions += other.executions;
        self.refused += other.refused;
        self.deep |= other.deep;
        self.writers.extend(other.writers);
        for command in &other.commands {
            self.command(command);
        }
        self.full |= other.full;
        self.exec |= other.exec;
        self.foreign |= other.foreign;
    }

    /// Can a root below it be a part of it? Both are to be mounted alike, and the
    /// container makes the directory itself.
    pub(super) fn holds_made(&self, below: &Sum) -> bool {
        self.kind == below.kind
            && self.kind != Some(Kind::ShouldNotExist)
            && self.mounted == below.mounted
            && self.directories > 0
    }

    pub(super) fn root(self, path: String, surroundings: &Surroundings) -> WriteRoot {
        let (kind, too_large) = self.kind_by_size();
        let tmpfs = kind == Kind::Tmpfs;
        let (owner, mode) = match kind {
            Kind::ShouldNotExist => (None, None),
            Kind::Tmpfs | Kind::Volume => self.whose(&path),
        };
        let changed = self.full || self.foreign || self.exec;
        let mut becauses = self.becauses.clone();
        becauses.extend(too_large.then(|| words::TOO_LARGE.to_owned()));
        becauses.extend(self.full.then(|| words::FULL.to_owned()));
        becauses.extend(self.foreign.then(|| words::FOREIGN.to_owned()));
        WriteRoot {
            kind,
            reason: words::reason(&becauses, &self),
            mounted: self.mounted && !(tmpfs && changed),
            size_limit: self.size().filter(|_| tmpfs),
            seen_bytes: Some(self.seen()).filter(|bytes| *bytes > 0),
            owner,
            mode: mode.filter(|_| tmpfs),
            exec: tmpfs && (self.exec || self.executions > 0),
            image_content: kind != Kind::ShouldNotExist
                && !self.mounted
                && self.hides(&path, surroundings),
            path,
        }
    }

    fn kind_by_size(&self) -> (Kind, bool) {
        let kind = self.kind.unwrap_or(Kind::ShouldNotExist);
        let large = self.seen().saturating_mul(HEADROOM) > SIZE_MAX;
        match kind {
            Kind::Tmpfs if large && !self.mounted => (Kind::Volume, true),
            Kind::Tmpfs | Kind::Volume | Kind::ShouldNotExist => (kind, false),
        }
    }

    /// The most bytes that may have been there at once.
    fn seen(&self) -> u64 {
        self.bytes.saturating_add(self.moved).max(self.used)
    }

    /// Of a mount that is there, what it has, unless that was too little.
    fn size(&self) -> Option<Size> {
        let seen = self.seen();
        let mut bytes = match (self.mounted, self.limit) {
            (true, limit) if !self.full => return Size::bytes(limit?),
            (_, limit) => limit.unwrap_or(0).saturating_mul(2),
        };
        bytes = bytes.max(seen.saturating_mul(HEADROOM));
        // Logs grow for as long as the container runs.
        if seen == 0 || self.refused > 0 || self.anew {
            bytes = bytes.max(u64::from(self.mebibytes) << 20);
        }
        Size::bytes(bytes.clamp(SIZE_MIN, SIZE_MAX).next_power_of_two())
    }

    /// The owner and mode of its directory: those that were there, else those
    /// that let every writer in.
    fn whose(&self, path: &str) -> (Option<Ids>, Option<u16>) {
        const ROOT: Ids = Ids { uid: 0, gid: 0 };
        if EVERYBODYS.contains(&path) {
            return (None, Some(STICKY));
        }
        let mut writers = self.writers.iter();
        match (
            self.owner.filter(|_| !self.foreign),
            writers.next(),
            writers.next(),
        ) {
            (Some(Owned { by, mode }), ..) => {
                let mode = if mode & 0o002 != 0 {
                    mode | 0o1000
                } else {
                    mode
                };
                (
                    Some(by).filter(|by| *by != ROOT),
                    Some(mode).filter(|mode| *mode != 0o755),
                )
            }
            (None, Some(only), None) => (Some(*only).filter(|ids| ids.uid != 0), None),
            (None, Some(_), Some(_)) => (None, Some(STICKY)),
            (None, None, _) => (None, None),
        }
    }

    /// Has the image something there that the container needs? It opened files
    /// that it had not made, or wrote in directories that it had not made.
    fn hides(&self, path: &str, surroundings: &Surroundings) -> bool {
        let made = surroundings
            .made
            .iter()
            .any(|made| holds(made, path) || holds(path, made));
        let opened = self.opens > 0 && self.creates == 0 && !self.anew;
        surroundings.start_seen && (opened || (self.deep && !made))
    }
}
