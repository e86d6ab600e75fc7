//! The containers that are refused: real ones, each with one worker of the load.
//!
//! In: an engine, a number. Out: containers that follow a board's orders, and what
//! each has had refused. Invariant: they stay, and only grow in number, so that a
//! bench starts each of them once. Lacks on purpose: counting by the daemon's
//! word.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    engine::{Engine, IMAGE},
    interrupt::Interrupt,
    load::Board,
    step,
};

/// How the names of all containers of a bench begin.
pub(super) const PREFIX: &str = "bench-";
/// Containers that are started at a time.
const STARTERS: usize = 4;
const PRESENT_WITHIN: Duration = Duration::from_secs(60);

/// The containers and their board.
pub(super) struct Crowd<'a> {
    engine: &'a Engine,
    provoke: PathBuf,
    file: PathBuf,
    pub(super) board: Board,
    len: usize,
    /// What each had had refused when the present daemon began to count.
    begin: Vec<u64>,
}

impl<'a> Crowd<'a> {
    /// Nobody yet, and room for `most`.
    pub(super) fn new(
        engine: &'a Engine,
        provoke: &Path,
        dir: &Path,
        most: usize,
    ) -> Result<Crowd<'a>> {
        let file = dir.join("crowd.board");
        Ok(Crowd {
            engine,
            provoke: provoke.to_path_buf(),
            board: Board::create(&file, most)?,
            file,
            len: 0,
            begin: Vec::new(),
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A container's name.
    pub(super) fn name(number: usize) -> String {
        format!("{PREFIX}{number:04}")
    }

    /// Starts containers until there are so many.
    pub(super) fn grow(&mut self, to: usize, interrupt: &Interrupt) -> Result<()> {
        let title = format!("starting {} containers", to.saturating_sub(self.len));
        step::timed(&title, || {
            let next = AtomicUsize::new(self.len);
            thread::scope(|scope| {
                let starters: Vec<_> = (0..STARTERS)
                    .map(|_| {
                        scope.spawn(|| -> Result<()> {
                            loop {
                                let number = next.fetch_add(1, Ordering::Relaxed);
                                if number >= to {
                                    return Ok(());
                                }
                                interrupt.check()?;
                                self.start(number)?;
                            }
                        })
                    })
                    .collect();
                starters
                    .into_iter()
                    .try_for_each(|starter| starter.join().ok().context("a starter panicked")?)
            })?;
            self.board.wait_present(to, PRESENT_WITHIN)
        })?;
        self.len = to;
        Ok(())
    }

    fn start(&self, number: usize) -> Result<()> {
        let name = Crowd::name(number);
        run_worker(self.engine, &name, &self.provoke, &self.file, number)
    }

    /// A new daemon counts from now on.
    pub(super) fn note_begin(&mut self) {
        self.begin = self.refused();
    }

    /// What each has had refused under the present daemon.
    pub(super) fn provoked(&self) -> Vec<u64> {
        let refused = self.refused().into_iter();
        refused
            .zip(&self.begin)
            .map(|(now, then)| now - then)
            .collect()
    }

    fn refused(&self) -> Vec<u64> {
        (0..self.len)
            .filter_map(|number| self.board.slot(number))
            .map(|slot| slot.refused.load(Ordering::SeqCst))
            .collect()
    }
}

/// Starts a container with a read-only root and one worker in it.
pub(super) fn run_worker(
    engine: &Engine,
    name: &str,
    provoke: &Path,
    board: &Path,
    number: usize,
) -> Result<()> {
    let mut command: Command = engine.command();
    command
        .args(["run", "--detach", "--read-only", "--network", "none"])
        .args(["--log-driver", "none", "--tmpfs", "/tmp:size=1m"])
        .args(["--name", name])
        .arg("--volume")
        .arg(format!("{}:/provoke:ro", provoke.display()))
        .arg("--volume")
        .arg(format!("{}:/board", board.display()))
        .args([IMAGE, "/provoke", "serve", "/board"])
        .arg(number.to_string())
        .stdin(Stdio::null());
    let output = command.output().context("docker")?;
    ensure!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
