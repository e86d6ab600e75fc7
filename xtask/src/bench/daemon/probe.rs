//! One more container, whose refusals are timed: from the system call to the
//! line of the stream, and to the scrape that has it.
//!
//! In: a daemon. Out: delays. Invariant: each refusal is of a path that was not
//! refused before, so that it is a new counter's first; the clock is read in the
//! container just before the system call, and here once the answer is whole.
//! Lacks on purpose: load.

use std::{
    path::Path,
    sync::{
        atomic::Ordering,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::crowd::{self, PREFIX};
use crate::{
    demo::agent::Agent,
    engine::Engine,
    follow::{Follower, Said},
    load::{Board, Order, monotonic_ns},
    scrape::Scrape,
};

/// How long a refusal may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(15);
const ACTS_WITHIN: Duration = Duration::from_secs(15);
/// A part of the daemon's quarter of a second.
const STEP: Duration = Duration::from_millis(29);
/// Between two scrapes that look for it.
const SCRAPE_POLL: Duration = Duration::from_millis(10);

/// The container.
pub(super) struct Probe {
    name: String,
    board: Board,
}

/// How long one refusal took to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay {
    pub(super) to_event: Duration,
    pub(super) to_metric: Duration,
}

impl Probe {
    /// Starts it.
    pub(super) fn start(engine: &Engine, provoke: &Path, dir: &Path) -> Result<Probe> {
        let file = dir.join("probe.board");
        let board = Board::create(&file, 1)?;
        let name = format!("{PREFIX}probe");
        crowd::run_worker(engine, &name, provoke, &file, 0)?;
        board.wait_present(1, ACTS_WITHIN)?;
        Ok(Probe { name, board })
    }

    /// Times refusals one after the other until there are so many or the time is up.
    pub(super) fn times(&self, agent: &Agent, most: usize, within: Duration) -> Result<Vec<Delay>> {
        let begun = Instant::now();
        let lines = self.follow(agent)?;
        let mut delays = Vec::new();
        while delays.len() < most && begun.elapsed() < within {
            // One is counted at a tick of the daemon's: the next is not to come
            // at the same distance from it each time.
            thread::sleep(STEP * u32::try_from(delays.len()).unwrap_or(0));
            delays.push(self.one(agent, &lines)?);
        }
        Ok(delays)
    }

    fn one(&self, agent: &Agent, lines: &Receiver<(u64, String)>) -> Result<Delay> {
        let before = self.counted(agent)?;
        let round = self.board.give(Order::Once, ACTS_WITHIN);
        self.board.wait_finished(1, round, ACTS_WITHIN)?;
        let slot = self.board.slot(0).context("the probe's place")?;
        let at_ns = slot.stamp_ns.load(Ordering::Relaxed);
        let counted = loop {
            if self.counted(agent)? > before {
                break monotonic_ns();
            }
            if monotonic_ns().saturating_sub(at_ns) > nanos(SEEN_WITHIN) {
                bail!("a refusal of {} was not counted", self.name);
            }
            thread::sleep(SCRAPE_POLL);
        };
        let path = format!("once-{round}\"");
        let told = loop {
            let (read_ns, line) = lines
                .recv_timeout(SEEN_WITHIN)
                .with_context(|| format!("no event tells of {path}"))?;
            if line.contains(&path) {
                break read_ns;
            }
        };
        Ok(Delay {
            to_event: Duration::from_nanos(told.saturating_sub(at_ns)),
            to_metric: Duration::from_nanos(counted.saturating_sub(at_ns)),
        })
    }

    /// Events of this container, read by a thread that does nothing else.
    fn follow(&self, agent: &Agent) -> Result<Receiver<(u64, String)>> {
        let (sender, lines) = mpsc::channel();
        let query = format!("container={}&event=denial", self.name);
        let mut follower = Follower::connect(agent.address(), &query, None, SEEN_WITHIN)?;
        // Its place is told once it follows.
        while !matches!(follower.read()?, Said::Place(_) | Said::End) {}
        thread::spawn(move || {
            while let Ok(said) = follower.read() {
                match said {
                    Said::Event { read_ns, json } => {
                        if sender.send((read_ns, json)).is_err() {
                            return;
                        }
                    }
                    Said::End => return,
                    Said::Place(_) | Said::Missed(_) | Said::Silence => {}
                }
            }
        });
        Ok(lines)
    }

    fn counted(&self, agent: &Agent) -> Result<u64> {
        let text = agent.metrics()?;
        let denials = Scrape::of(&text).denials("EROFS");
        Ok(denials.get(self.name.as_str()).copied().unwrap_or(0))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
