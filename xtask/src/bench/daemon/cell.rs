//! One load on one crowd becomes one cell of the table.
//!
//! In: a daemon that runs, containers that follow orders. Out: a [`Cell`].
//! Invariant: the load goes on during all of it; processor time is taken while
//! nobody asks the daemon anything, and what a scrape takes is told by itself.
//! Lacks on purpose: judging.

use std::{
    collections::HashMap,
    fmt, thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    crowd::Crowd,
    probe::{Delay, Probe},
};
use crate::{demo::agent::Agent, load::Order, process, scrape::Scrape};

/// From the begin of a load until its processor time is taken.
const SETTLE: Duration = Duration::from_secs(3);
/// Time for scrapes and probes, after the processor time was taken.
const ASKING: Duration = Duration::from_secs(7);
const SCRAPES: usize = 5;
const BETWEEN_SCRAPES: Duration = Duration::from_millis(200);
const PROBES: usize = 8;
const PROBING: Duration = Duration::from_secs(5);
/// How long counters may take to be exported after the last refusal.
const COUNTED_WITHIN: Duration = Duration::from_secs(20);
/// A worker ends its round at its next look at the clock.
const FINISHED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// Containers of one cell whose counts are told to be wrong.
const WRONG_MAX: usize = 5;

/// How much is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    Idle,
    /// Refusals per second, of all containers together.
    Paced(u64),
    Flood,
}

impl Load {
    pub(super) const ALL: [Load; 5] = [
        Load::Idle,
        Load::Paced(1_000),
        Load::Paced(10_000),
        Load::Paced(100_000),
        Load::Flood,
    ];
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Idle => write!(f, "idle"),
            Load::Paced(rate) => write!(f, "{rate}/s"),
            Load::Flood => write!(f, "flood"),
        }
    }
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) load: Load,
    /// Refusals of the crowd in this cell, and the seconds that they took.
    pub(super) provoked: u64,
    pub(super) seconds: f64,
    /// Share of one core: user and system, and user alone.
    pub(super) cpu: f64,
    pub(super) cpu_user: f64,
    /// The most of the cell.
    pub(super) memory: process::Memory,
    /// Each scrape from connecting to its last byte, ascending.
    pub(super) scrapes: Vec<Duration>,
    pub(super) scrape_bytes: usize,
    pub(super) delays: Vec<Delay>,
    /// Containers whose count is not what was provoked.
    pub(super) wrong: Vec<String>,
}

/// What a cell is measured with.
pub(super) struct Measurer<'a> {
    pub(super) agent: &'a Agent,
    pub(super) crowd: &'a Crowd<'a>,
    pub(super) probe: &'a Probe,
    pub(super) window: Duration,
}

impl Measurer<'_> {
    pub(super) fn measure(&self, load: Load) -> Result<Cell> {
        let window = match load {
            Load::Idle => 3 * self.window,
            _ => self.window,
        };
        let before: u64 = self.crowd.provoked().iter().sum();
        let begun = Instant::now();
        let round = self
            .order(load)
            .map(|order| self.crowd.board.give(order, SETTLE + window + ASKING));
        thread::sleep(SETTLE);
        let mut cell = self.busy(load, window)?;
        for _ in 0..SCRAPES {
            let asked = Instant::now();
            cell.scrape_bytes = self.agent.metrics()?.len();
            cell.scrapes.push(asked.elapsed());
            thread::sleep(BETWEEN_SCRAPES);
        }
        cell.scrapes.sort_unstable();
        cell.delays = self.probe.times(self.agent, PROBES, PROBING)?;
        cell.memory = largest(cell.memory, process::memory(self.agent.pid())?);
        if let Some(round) = round {
            let crowd = self.crowd;
            let left = (SETTLE + window + ASKING).saturating_sub(begun.elapsed());
            thread::sleep(left);
            let board = &crowd.board;
            board.wait_finished(crowd.len(), round, FINISHED_WITHIN)?;
        }
        cell.provoked = self.crowd.provoked().iter().sum::<u64>() - before;
        cell.seconds = begun.elapsed().as_secs_f64();
        cell.wrong = self.wrong()?;
        Ok(cell)
    }

    fn order(&self, load: Load) -> Option<Order> {
        let workers = self.crowd.len() as u64;
        match load {
            Load::Idle => None,
            Load::Paced(rate) => Some(Order::Pace {
                millirate: rate * 1000 / workers,
            }),
            // Few containers flood with as many threads as there are cores.
            Load::Flood => {
                let cores = thread::available_parallelism().map_or(1, usize::from);
                let threads = cores.div_ceil(self.crowd.len());
                Some(Order::Flood {
                    threads: u32::try_from(threads).unwrap_or(1),
                })
            }
        }
    }

    /// Processor time and memory over the window.
    fn busy(&self, load: Load, window: Duration) -> Result<Cell> {
        let pid = self.agent.pid();
        let mut memory = process::memory(pid)?;
        let (begun, before) = (Instant::now(), process::cpu_time(pid)?);
        while begun.elapsed() < window {
            thread::sleep(POLL);
            memory = largest(memory, process::memory(pid)?);
        }
        let after = process::cpu_time(pid)?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Cell {
            load,
            provoked: 0,
            seconds,
            cpu: (after.total - before.total).as_secs_f64() / seconds,
            cpu_user: (after.user - before.user).as_secs_f64() / seconds,
            memory,
            scrapes: Vec::new(),
            scrape_bytes: 0,
            delays: Vec::new(),
            wrong: Vec::new(),
        })
    }

    /// Waits until each container's count is what was provoked; who is left.
    fn wrong(&self) -> Result<Vec<String>> {
        let provoked = self.crowd.provoked();
        let begun = Instant::now();
        loop {
            let text = self.agent.metrics()?;
            let counted = Scrape::of(&text).denials("EROFS");
            let wrong = differing(&provoked, &counted);
            if wrong.is_empty() || begun.elapsed() > COUNTED_WITHIN {
                return Ok(wrong);
            }
            thread::sleep(POLL);
        }
    }
}

/// The first containers whose count is not what was provoked.
fn differing(provoked: &[u64], counted: &HashMap<&str, u64>) -> Vec<String> {
    let each = provoked
        .iter()
        .enumerate()
        .filter_map(|(number, provoked)| {
            let name = Crowd::name(number);
            let counted = counted.get(name.as_str()).copied().unwrap_or(0);
            (counted != *provoked).then(|| format!("{name}: {counted} counted of {provoked}"))
        });
    each.take(WRONG_MAX).collect()
}

fn largest(one: process::Memory, other: process::Memory) -> process::Memory {
    process::Memory {
        resident: one.resident.max(other.resident),
        anonymous: one.anonymous.max(other.anonymous),
        peak: one.peak.max(other.peak),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_one_too_few_or_too_many_is_named() {
        let counted = HashMap::from([("bench-0000", 3), ("bench-0001", 6), ("bench-0002", 7)]);
        assert!(differing(&[3, 6, 7], &counted).is_empty());
        assert_eq!(
            differing(&[3, 5, 8, 0, 1], &counted),
            [
                "bench-0001: 6 counted of 5",
                "bench-0002: 7 counted of 8",
                "bench-0004: 0 counted of 1"
            ]
        );
    }
}
