//! What a daemon holds at one moment.
//!
//! In: its process, its tables in the kernel, a scrape. Out: a [`Reading`].
//! Invariant: an entry is stale where the control group it is of is gone; others'
//! containers on the same machine make entries as well, so what counts is what
//! stays for long. Lacks on purpose: judging.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;

use super::{
    churn::PREFIX,
    maps::{self, Table},
};
use crate::{
    process::{self, MIB},
    scrape::Scrape,
};

const GROUPS: &str = "/sys/fs/cgroup";
/// The hierarchy that ids are of, where there are several.
const CONTROLLER: &str = "pids";
/// What is told of a container that failed to start for a quarter of an hour.
const LASTING: [&str; 2] = [
    "sealwatch_failing_to_start",
    "sealwatch_start_failures_total",
];

/// A moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) at: Duration,
    pub(super) memory: process::Memory,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    /// Series of any kind, and those of this soak's containers that leave with them.
    pub(super) series: usize,
    pub(super) own_series: usize,
    /// Entries by table.
    pub(super) entries: BTreeMap<String, usize>,
    /// Entries that were stale at the end, and are still there.
    pub(super) stale: usize,
    pub(super) losses: Vec<String>,
    /// Samples that were taken, each of which became an event.
    pub(super) samples: f64,
    /// Refusals that found the kernel's table of counters full.
    pub(super) overflowed: f64,
}

impl Reading {
    /// A line for whoever watches.
    pub(super) fn line(&self, at: Duration, containers: usize) -> String {
        let tables: Vec<String> = self
            .entries
            .iter()
            .map(|(name, entries)| format!("{name} {entries}"))
            .collect();
        format!(
            "{:>3} min  {containers} containers  RSS {:.1} MiB (own {:.1})  {} fds  {} threads  \
             {} series ({} of them ours)  {:.0} samples  {}{}",
            at.as_secs() / 60,
            self.memory.resident as f64 / MIB,
            self.memory.anonymous as f64 / MIB,
            self.descriptors,
            self.threads,
            self.series,
            self.own_series,
            self.samples,
            tables.join("  "),
            match self.losses.is_empty() {
                true => String::new(),
                false => format!("  lost: {}", self.losses.join(", ")),
            }
        )
    }

    /// Entries of all tables.
    pub(super) fn entries(&self) -> usize {
        self.entries.values().sum()
    }
}

/// Where it is read.
pub(super) struct Gauge {
    pid: u32,
    tables: Vec<Table>,
    groups: PathBuf,
}

impl Gauge {
    /// Of a daemon that runs.
    pub(super) fn of(pid: u32) -> Result<Gauge> {
        let by_controller = Path::new(GROUPS).join(CONTROLLER);
        Ok(Gauge {
            pid,
            tables: maps::tables(pid)?,
            groups: match by_controller.is_dir() {
                true => by_controller,
                false => GROUPS.into(),
            },
        })
    }

    pub(super) fn read(&self, scrape: &str, at: Duration) -> Result<Reading> {
        let scrape = Scrape::of(scrape);
        let own = scrape.labels("container", |name| !LASTING.contains(&name));
        let entries = self.tables.iter().map(|table| {
            let groups = table.groups()?;
            Ok((table.name.clone(), groups.len()))
        });
        Ok(Reading {
            at,
            memory: process::memory(self.pid)?,
            descriptors: process::descriptors(self.pid)?,
            threads: process::threads(self.pid)?,
            series: scrape.series(),
            own_series: own.iter().filter(|name| name.starts_with(PREFIX)).count(),
            entries: entries.collect::<Result<_>>()?,
            stale: 0,
            losses: scrape.losses(),
            samples: scrape.sum("sealwatch_samples_total").unwrap_or(0.0),
            overflowed: scrape.overflowed(),
        })
    }

    /// The control groups of entries whose group is gone, by table.
    pub(super) fn stale(&self) -> Result<Vec<HashSet<u64>>> {
        let alive = alive(&self.groups);
        let of = |table: &Table| {
            let groups = table.groups()?.into_iter();
            Ok(groups.filter(|group| !alive.contains(group)).collect())
        };
        self.tables.iter().map(of).collect()
    }

    /// Entries of these groups that are still there.
    pub(super) fn still_there(&self, stale: &[HashSet<u64>]) -> Result<usize> {
        let mut left = 0;
        for (table, gone) in self.tables.iter().zip(stale) {
            let groups = table.groups()?;
            left += groups.iter().filter(|group| gone.contains(group)).count();
        }
        Ok(left)
    }
}

/// The ids of all control groups below a directory: their inode numbers.
fn alive(directory: &Path) -> HashSet<u64> {
    let mut ids = HashSet::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(directory) = left.pop() {
        ids.extend(fs::metadata(&directory).ok().map(|data| data.ino()));
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        left.extend(below.map(|entry| entry.path()));
    }
    ids
}
