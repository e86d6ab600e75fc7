//! A directory of the BPF file system in which programs and maps outlive the daemon.
//!
//! In: a directory. Out: [`Pins`], which one process has at a time, and the
//! `Generation`s in it. Invariant: one generation has its turn to count
//! (`wire::MAP_TURN`); what a daemon left that was killed half-way is never on
//! duty, and is removed. Lacks on purpose: programs and maps themselves.
//!
//! The names here, the turn's map and the form of the checkpoint are what daemons
//! of different versions agree on; they never change their meaning.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sealwatch_ebpf::wire;
use tracing::debug;

use super::locks::holder;

/// Where pins lie if the setting says no more than that there shall be some.
pub const DIRECTORY: &str = "/sys/fs/bpf/sealwatch";
/// What the BPF file system calls itself in `statfs`.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
/// A directory that is there where some programs could not be pinned.
const PARTIAL: &str = "partial";

/// Why a directory cannot be used for pins.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// It is not there and cannot be made.
    #[error(
        "nothing can be pinned at {}: {reason}; mount the BPF file system (`mount -t bpf bpf /sys/fs/bpf`) and name a directory in it with --pin, or none",
        path.display()
    )]
    Directory {
        /// As it was asked for.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// Another process has it.
    #[error(
        "another Sealwatch{} has its programs pinned at {}; stop it, or give this one a place of its own with --pin, --web.socket and --web.listen-address",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        path.display()
    )]
    Taken {
        /// As it was asked for.
        path: PathBuf,
        /// The other's process, where it can be seen from here.
        pid: Option<u32>,
    },
}

/// What is at a directory of pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing: it can be had.
    Free,
    /// A running daemon has it, in this process where it can be seen.
    Taken(Option<u32>),
    /// So many programs, which no daemon reads.
    Left(usize),
}

/// Looks, and changes nothing.
///
/// # Errors
/// It cannot be had: in the system's words, or because it is no BPF file system.
pub fn look(path: &Path) -> io::Result<Look> {
    if !path.exists() {
        let above = File::open(path.parent().unwrap_or(Path::new("/")))?;
        return match is_bpf_fs(&above)? {
            true => Ok(Look::Free),
            false => Err(io::Error::other("this is no BPF file system")),
        };
    }
    match Pins::take(path) {
        Ok(pins) => {
            let generations = pins.generations()?;
            let links = generations.iter().map(|one| one.names().len()).sum();
            Ok(match links {
                0 => Look::Free,
                links => Look::Left(links),
            })
        }
        Err(PinsError::Taken { pid, .. }) => Ok(Look::Taken(pid)),
        Err(PinsError::Directory { reason, .. }) => Err(reason),
    }
}

/// A directory that is this process's until it is dropped.
#[derive(Debug)]
pub struct Pins {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

/// One set of programs with their maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    /// What its programs compare the turn with; never 0.
    pub(super) number: u64,
    /// What it was made from: another object, kernel or setting is another one.
    pub(super) fingerprint: String,
    /// `wire::VERSION` of its maps.
    pub(super) version: u32,
    path: PathBuf,
}

impl Pins {
    /// Takes the directory, and makes it if it is not there.
    ///
    /// # Errors
    /// See [`PinsError`].
    pub fn take(path: &Path) -> Result<Pins, PinsError> {
        let bad = |reason| PinsError::Directory {
            path: path.into(),
            reason,
        };
        let made = match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            made => made.map(|()| true).map_err(bad)?,
        };
        let directory = File::open(path).map_err(bad)?;
        if !is_bpf_fs(&directory).map_err(bad)? {
            if made {
                // In the wrong place; what cannot be removed is an empty directory.
                let _ = fs::remove_dir(path);
            }
            return Err(bad(io::Error::other("this is no BPF file system")));
        }
        // SAFETY: takes a descriptor that is open, and a number.
        if unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            let reason = io::Error::last_os_error();
            return Err(match reason.kind() {
                ErrorKind::WouldBlock => PinsError::Taken {
                    path: path.into(),
                    pid: holder(&directory),
                },
                _ => bad(reason),
            });
        }
        Ok(Pins {
            path: path.into(),
            _lock: directory,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The map that tells whose turn it is.
    pub(super) fn turn(&self) -> PathBuf {
        self.path.join(wire::MAP_TURN)
    }

    /// The generations that are there, the oldest first.
    pub(super) fn generations(&self) -> io::Result<Vec<Generation>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            found.extend(entry.file_name().to_str().and_then(|name| self.parse(name)));
        }
        found.sort_by_key(|generation| generation.number);
        Ok(found)
    }

    fn parse(&self, name: &str) -> Option<Generation> {
        let mut parts = name.split('-');
        let number = parts.next()?.strip_prefix('g')?.parse().ok()?;
        let version = parts.next()?.strip_prefix('v')?.parse().ok()?;
        let fingerprint = parts.next()?.to_owned();
        Some(Generation {
            number,
            fingerprint,
            version,
            path: self.path.join(name),
        })
    }

    /// Makes the directories of a new generation.
    pub(super) fn begin(&self, number: u64, fingerprint: &str) -> io::Result<Generation> {
        let version = wire::VERSION;
        let path = self
            .path
            .join(format!("g{number}-v{version}-{fingerprint}"));
        let generation = Generation {
            number,
            fingerprint: fingerprint.to_owned(),
            version,
            path,
        };
        for directory in [
            &generation.path,
            &generation.links(),
            &generation.programs(),
        ] {
            DirBuilder::new().mode(0o700).create(directory)?;
        }
        Ok(generation)
    }

    /// Removes everything, the directory included, and returns how many links
    /// were there: the kernel lets go of the programs with their last user.
    ///
    /// # Errors
    /// The first that the system refused.
    pub fn remove(self) -> io::Result<usize> {
        let generations = self.generations()?;
        let links = generations.iter().map(|one| one.names().len()).sum();
        for generation in generations {
            generation.remove()?;
        }
        remove_file(&self.turn())?;
        fs::remove_dir(&self.path)?;
        Ok(links)
    }
}

impl Generation {
    fn links(&self) -> PathBuf {
        self.path.join("links")
    }

    fn programs(&self) -> PathBuf {
        self.path.join("programs")
    }

    /// Where a map lies.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the state lies that the daemon keeps.
    pub(super) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// Where what keeps a program attached to a symbol lies.
    pub(super) fn link(&self, program: &str, symbol: &str) -> PathBuf {
        self.links().join(name(program, symbol))
    }

    /// Where that program lies.
    pub(super) fn program(&self, program: &str, symbol: &str) -> PathBuf {
        self.programs().join(name(program, symbol))
    }

    /// Says that not all of it outlives its daemon.
    pub(super) fn mark_partial(&self) -> io::Result<()> {
        match DirBuilder::new().create(self.path.join(PARTIAL)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Did some of its programs end with their daemon?
    pub(super) fn is_partial(&self) -> bool {
        self.path.join(PARTIAL).exists()
    }

    /// The names of its links.
    fn names(&self) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(self.links()).into_iter().flatten();
        entries.flatten().map(|entry| entry.file_name()).collect()
    }

    /// Detaches what is not among these (program, symbol).
    pub(super) fn keep_only<'a>(&self, wanted: impl Iterator<Item = (&'a str, &'a str)>) {
        let wanted: Vec<String> = wanted
            .map(|(program, symbol)| name(program, symbol))
            .collect();
        for found in self.names() {
            if wanted.iter().any(|name| found == **name) {
                continue;
            }
            for path in [self.links().join(&found), self.programs().join(&found)] {
                if let Err(error) = remove_file(&path) {
                    debug!(%error, path = %path.display(), "a pin stays");
                }
            }
        }
    }

    /// Unpins everything of it; the links first, so that nothing counts into maps
    /// that are gone.
    pub(super) fn remove(&self) -> io::Result<()> {
        for directory in [self.links(), self.programs(), self.path.clone()] {
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                if !entry.file_type()?.is_dir() {
                    remove_file(&entry.path())?;
                }
            }
        }
        let partial = self.path.join(PARTIAL);
        for directory in [self.links(), self.programs(), partial, self.path.clone()] {
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The BPF file system takes no dots in names; no program's name has a dash.
fn name(program: &str, symbol: &str) -> String {
    format!("{program}-{}", symbol.replace('.', "%"))
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_bpf_fs(directory: &File) -> io::Result<bool> {
    // SAFETY: an all-zero statfs is a valid one, and the kernel fills it.
    let mut told: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: an open descriptor, and room for the answer.
    match unsafe { libc::fstatfs(directory.as_raw_fd(), &raw mut told) } {
        #[allow(clippy::unnecessary_cast, reason = "its type differs by target")]
        0 => Ok(told.f_type as i64 == BPF_FS_MAGIC),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_system_is_refused_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealwatch");
        let error = Pins::take(&path).unwrap_err().to_string();
        assert!(error.contains("no BPF file system"), "{error}");
        assert!(!path.exists());
        let error = Pins::take(&path.join("below")).unwrap_err().to_string();
        assert!(error.contains("--pin"), "{error}");
    }

    #[test]
    fn a_generations_name_tells_what_it_is() {
        let pins = |path: &Path| Pins {
            path: path.into(),
            _lock: File::open("/").unwrap(),
        };
        let dir = tempfile::tempdir().unwrap();
        let pins = pins(dir.path());
        let second = pins.begin(12, "00c0ffee").unwrap();
        let first = pins.begin(3, "1").unwrap();
        fs::write(dir.path().join("TURN"), "").unwrap();
        fs::write(first.link("fexit_open", "path.isra.0"), "").unwrap();
        assert_eq!(pins.generations().unwrap(), [first.clone(), second.clone()]);
        first.keep_only([("fexit_open", "path.isra.0")].into_iter());
        assert_eq!(first.names().len(), 1);
        first.keep_only(std::iter::empty());
        assert_eq!(first.names().len(), 0);
        fs::write(second.map("COUNTS"), "").unwrap();
        second.remove().unwrap();
        assert_eq!(pins.generations().unwrap(), [first]);
        assert_eq!(pins.remove().unwrap(), 0);
        assert!(!dir.path().exists());
        // Gone by itself; what made it must not mind.
        fs::create_dir(dir.path()).unwrap();
    }
}
