//! Containers that come, are refused, fill a tmpfs, and go.
//!
//! In: an engine that may be restarted meanwhile. Out: containers, and what each
//! must be counted with. Invariant: each has a name of its own, and its
//! expectation is made after its end. Lacks on purpose: comparing.

use std::{
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Soak,
    expect::{Expectation, Expectations},
    locked,
};
use crate::{
    engine::IMAGE,
    load::{Board, Order},
};

/// How the names of all containers of a soak begin.
pub(super) const PREFIX: &str = "soak-";
/// Places of workers, which are given out in turn: more than there are at a time.
pub(super) const PLACES: usize = 64;
/// Refusals per second of each worker, in thousandths.
const MILLIRATE: u64 = 300_000;
/// Fills of one container of that kind.
const FILLS: u64 = 3;
const SHORTEST: Duration = Duration::from_secs(1);

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Is refused steadily, until it is killed.
    Worker,
    /// Is refused once, and ends by itself at once.
    Short,
    /// Fills its tmpfs, so that writes fail, and ends by itself.
    Full,
}

/// In turn: half of them are killed at work.
const TURN: [Kind; 4] = [Kind::Worker, Kind::Short, Kind::Worker, Kind::Full];

/// Who starts and removes them.
pub(super) struct Churn<'a> {
    pub(super) soak: &'a Soak<'a>,
    pub(super) board: &'a Board,
    pub(super) board_file: &'a Path,
    pub(super) provoke: &'a Path,
    pub(super) expectations: &'a Expectations,
    pub(super) began: AtomicUsize,
}

impl Churn<'_> {
    /// Containers so far.
    pub(super) fn begun(&self) -> usize {
        self.began.load(Ordering::Relaxed)
    }

    /// What every worker does, whenever it comes.
    pub(super) fn give_order(&self, length: Duration) {
        let order = Order::Pace {
            millirate: MILLIRATE,
        };
        self.board.give(order, length + Duration::from_secs(600));
    }

    /// One container after the other, until the soak is over.
    pub(super) fn run(&self) {
        while !self.soak.is_over() {
            let number = self.began.fetch_add(1, Ordering::Relaxed);
            let kind = TURN[number % TURN.len()];
            let done = match kind {
                Kind::Worker => self.worker(number),
                Kind::Short => self.short(number),
                Kind::Full => self.full(number),
            };
            if let Err(error) = done {
                self.soak
                    .complain(format!("container {number} ({kind:?}): {error:#}"));
                self.soak.pause(SHORTEST);
            }
        }
    }

    fn worker(&self, number: usize) -> Result<()> {
        let place = number % PLACES;
        let slot = self.board.slot(place).context("a place")?;
        // Whoever had the place has ended long ago, and is compared already.
        slot.begun.store(0, Ordering::SeqCst);
        slot.refused.store(0, Ordering::SeqCst);
        let name = format!("{PREFIX}worker-{number}");
        let volume = format!("{}:/provoke:ro", self.provoke.display());
        let board = format!("{}:/board", self.board_file.display());
        let place = place.to_string();
        self.docker(&[
            &["run", "--detach", "--read-only", "--network", "none"],
            // The engine's end waits for no worker.
            &["--stop-signal", "KILL", "--log-driver", "none"],
            &["--tmpfs", "/tmp:size=1m", "--name", &name],
            &["--volume", &volume, "--volume", &board, IMAGE],
            &["/provoke", "serve", "/board", &place],
        ])?;
        // Some live for a moment, some longer than the engine.
        let life = SHORTEST + Duration::from_secs((number as u64 * 7) % 23);
        self.soak.pause(life);
        self.docker(&[&["rm", "--force", "--volumes", &name]])?;
        let strange = slot.strange.load(Ordering::Relaxed);
        ensure!(strange == 0, "errno {} was not meant", strange - 1);
        self.expectations.add(Expectation {
            name,
            errno: "EROFS",
            least: slot.refused.load(Ordering::SeqCst),
            most: slot.begun.load(Ordering::SeqCst),
        });
        Ok(())
    }

    fn short(&self, number: usize) -> Result<()> {
        let name = format!("{PREFIX}short-{number}");
        let script = "echo pid > /srv/short.pid; true";
        self.run_to_the_end(&name, script)?;
        self.expect(name, "EROFS", 1);
        Ok(())
    }

    fn full(&self, number: usize) -> Result<()> {
        let name = format!("{PREFIX}full-{number}");
        let script = format!(
            "for fill in $(seq {FILLS}); do dd if=/dev/zero of=/tmp/fill bs=4k count=512; \
             sleep 1; rm /tmp/fill; done 2>/dev/null"
        );
        self.run_to_the_end(&name, &script)?;
        self.expect(name, "ENOSPC", FILLS);
        Ok(())
    }

    fn expect(&self, name: String, errno: &'static str, count: u64) {
        self.expectations.add(Expectation {
            name,
            errno,
            least: count,
            most: count,
        });
    }

    /// Runs a script; the engine is not restarted meanwhile.
    fn run_to_the_end(&self, name: &str, script: &str) -> Result<()> {
        self.docker(&[
            &["run", "--rm", "--read-only", "--network", "none"],
            &["--tmpfs", "/tmp:size=256k", "--name", name, IMAGE],
            &["sh", "-c", script],
        ])
    }

    fn docker(&self, args: &[&[&str]]) -> Result<()> {
        let engine = locked(self.soak.engine)?;
        let mut command = engine.command();
        let output = command
            .args(args.concat())
            .stdin(Stdio::null())
            .output()
            .context("docker")?;
        ensure!(
            output.status.success(),
            "docker ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Removes what is left.
    pub(super) fn remove_all(&self) -> Result<()> {
        locked(self.soak.engine)?.remove_containers()
    }
}
