//! What schedules are played on, one after the other.
//!
//! In: a directory. Out: an [`Arena`]. Invariant: what one schedule leaves disturbs
//! none that follows. Lacks on purpose: the steps.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use super::ground::{Ground, mount, unmount};
use super::groups::{self, ABOVE};
use super::life::Surroundings;
use super::schedule::Kind;

/// Schedules so far that filled the tables of every daemon on the machine.
static FLOODED: AtomicU64 = AtomicU64::new(0);

/// Paths that were refused, and when.
static REFUSED: Mutex<VecDeque<(Instant, u64)>> = Mutex::new(VecDeque::new());
/// How long the counters of a container that is gone may stay in the kernel's table.
const STAYS: Duration = Duration::from_secs(240);
/// So many counters leave no doubt that there is room for others.
const ROOM: u64 = 8_000;

/// So many paths are about to be refused.
pub fn fill(paths: u32) {
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    refused.push_back((Instant::now(), paths.into()));
}

/// Have so many been refused lately that a table of counters may be full?
pub fn may_be_full() -> bool {
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    while refused
        .front()
        .is_some_and(|(when, _)| when.elapsed() > STAYS)
    {
        refused.pop_front();
    }
    refused.iter().map(|(_, paths)| paths).sum::<u64>() > ROOM
}

/// Everything that outlasts a schedule.
pub struct Arena {
    directory: PathBuf,
    ground: Ground,
    groups: PathBuf,
    bpf: PathBuf,
    backend: String,
    /// Longest that counts may take to settle.
    pub patience: Duration,
    /// A daemon that the next schedule may go on with.
    kept: Option<(Daemon, u64)>,
    /// Containers of earlier schedules, whose events may come late.
    pub earlier: HashSet<String>,
    number: u64,
}

impl Arena {
    /// Makes one below `directory`.
    pub fn make(directory: &Path, backend: &str, patience: Duration) -> Result<Arena, String> {
        let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
        let groups = groups::root()?;
        for name in ["boards", "run", "bpf"] {
            fs::create_dir_all(directory.join(name)).map_err(fail)?;
        }
        let bpf = directory.join("bpf");
        mount(&bpf, c"bpf", 0, "").map_err(|error| format!("no BPF file system: {error}"))?;
        Ok(Arena {
            ground: Ground::make(&directory.join("ground")).map_err(fail)?,
            directory: directory.into(),
            groups,
            bpf,
            backend: backend.to_owned(),
            patience,
            kept: None,
            earlier: HashSet::new(),
            number: 0,
        })
    }

    /// A schedule begins: the daemon it may go on with, and where its programs are to
    /// outlive it.
    pub fn begin(&mut self, kind: Kind) -> (Option<Daemon>, Option<PathBuf>) {
        self.number += 1;
        let kept = self.kept.take();
        let flooded = FLOODED.load(Ordering::SeqCst);
        let fit = kept
            .filter(|(_, when)| *when == flooded)
            .map(|(daemon, _)| daemon);
        match kind {
            Kind::Plain => (fit, None),
            Kind::Pinned => (None, Some(self.bpf.join(format!("pins-{}", self.number)))),
            Kind::Engine | Kind::Crowded | Kind::Narrow => (None, None),
        }
    }

    /// It is over; what it left is removed, or kept for the next.
    pub fn end(&mut self, kind: Kind, daemon: Option<Daemon>) {
        match kind {
            Kind::Plain => self.kept = daemon.map(|one| (one, FLOODED.load(Ordering::SeqCst))),
            Kind::Crowded => drop(FLOODED.fetch_add(1, Ordering::SeqCst)),
            Kind::Pinned | Kind::Engine | Kind::Narrow => drop(daemon),
        }
        let entries = fs::read_dir(&self.bpf).into_iter().flatten().flatten();
        entries.for_each(|entry| drop(fs::remove_dir_all(entry.path())));
        let boards = fs::read_dir(self.directory.join("boards"));
        let boards = boards.into_iter().flatten().flatten();
        boards.for_each(|entry| drop(fs::remove_file(entry.path())));
    }

    /// Where a container with that part of the ground finds everything.
    pub fn around<'a>(&'a self, boards: &'a Path, part: usize) -> Surroundings<'a> {
        Surroundings {
            groups: &self.groups,
            ground: self.ground.root(),
            boards,
            part,
        }
    }

    /// The mount of the control groups.
    pub fn groups(&self) -> &Path {
        &self.groups
    }

    /// Where paths are refused.
    pub fn ground(&self) -> &Path {
        self.ground.root()
    }

    /// For files of containers.
    pub fn boards(&self) -> PathBuf {
        self.directory.join("boards")
    }

    /// For files of daemons.
    pub fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Settings of every daemon.
    pub fn settings(&self) -> Vec<String> {
        vec!["--backend".into(), self.backend.clone()]
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        drop(self.kept.take());
        unmount(&self.bpf);
        // Those that nobody else is in; the system refuses the others. An engine may be
        // about to use its own.
        for above in ABOVE.into_iter().filter(|above| *above != "docker") {
            let _ = fs::remove_dir(self.groups.join(above));
        }
    }
}
