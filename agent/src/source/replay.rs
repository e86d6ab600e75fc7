//! A recording becomes a source: what the kernel half handed over, once more,
//! without root and on any machine.
//!
//! In: the text that [`Recorder`] writes: one step after the other, each with
//! its time, records and counters, all bytes in hexadecimal. Out: [`Replay`].
//! Invariant: records pass through as they were, whatever their bytes; a bad
//! line is an error with its number. Lacks on purpose: time; the caller asks for
//! the next step.
//!
//! ```text
//! at 1000000000            a step at this CLOCK_MONOTONIC time
//! cgroup 0a00...           a record; a trailing `*N` stands for N zero bytes
//! sample 0a00...
//! count KEY VALUE          a counter as it was read, in hexadecimal
//! overflow 2 30 7          operation, errno, refusals
//! oom 77 2 1000000000      control group, processes killed, time of the last
//! written 77 5 31 2 0 3 90 1000000000 1000000007 1  a counter of the write inventory,
//!                          in the order of `wire::WriteKey` and `wire::WriteValue`
//! stats 1 0 0 0 0 0 1      in the order of `wire::Stat`
//! ```

mod text;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::pin::Pin;

use sealwatch_ebpf::wire::{CountKey, CountValue, OomValue, STATS_MAX, WriteKey, WriteValue};

use text::{bytes, hex, key_of, value_of, written};

use super::{RecordKind, Source, SourceError};

/// What is wrong with a recording.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of the recording: {what}")]
pub struct ReplayError {
    /// Counted from 1.
    pub number: usize,
    /// What was expected.
    pub what: &'static str,
}

#[derive(Clone, Debug, Default)]
struct Step {
    at_ns: u64,
    records: Vec<(RecordKind, Vec<u8>)>,
    counts: Vec<(CountKey, CountValue)>,
    overflow: Vec<(u8, u8, u64)>,
    oom_kills: Vec<(u64, OomValue)>,
    writes: Vec<(WriteKey, WriteValue)>,
    stats: Option<[u64; STATS_MAX as usize]>,
}

/// A recording, as far as [`Replay::advance`] has gone.
#[derive(Debug, Default)]
pub struct Replay {
    steps: VecDeque<Step>,
    records: Vec<(RecordKind, Vec<u8>)>,
    counts: BTreeMap<CountKey, CountValue>,
    overflow: BTreeMap<(u8, u8), u64>,
    oom_kills: BTreeMap<u64, OomValue>,
    writes: BTreeMap<WriteKey, WriteValue>,
    stats: [u64; STATS_MAX as usize],
    /// Control groups whose writes are watched.
    pub watched: BTreeSet<u64>,
    /// Control groups that are left out; what the kernel half would not have sent.
    pub ignored: BTreeSet<u64>,
}

impl Replay {
    /// Reads a recording.
    pub fn parse(text: &str) -> Result<Replay, ReplayError> {
        let mut replay = Replay::default();
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let Some(word) = words.next().filter(|word| !word.starts_with('#')) else {
                continue;
            };
            let words: Vec<&str> = words.collect();
            let bad = |what| ReplayError {
                number: index + 1,
                what,
            };
            if word == "at" {
                let at_ns = words.first().and_then(|word| word.parse().ok());
                let at_ns = at_ns.ok_or(bad("at NANOSECONDS"))?;
                replay.steps.push_back(Step {
                    at_ns,
                    ..Step::default()
                });
                continue;
            }
            let step = replay
                .steps
                .back_mut()
                .ok_or(bad("a step begins with `at`"))?;
            step.take_in(word, &words).ok_or(bad(
                "sample, cgroup, write, count, overflow, oom, written or stats",
            ))?;
        }
        Ok(replay)
    }

    /// Goes to the next step and tells its time; none at the end.
    pub fn advance(&mut self) -> Option<u64> {
        let step = self.steps.pop_front()?;
        self.records.extend(step.records);
        self.counts.extend(step.counts);
        for (operation, errno, count) in step.overflow {
            self.overflow.insert((operation, errno), count);
        }
        self.oom_kills.extend(step.oom_kills);
        self.writes.extend(step.writes);
        self.stats = step.stats.unwrap_or(self.stats);
        Some(step.at_ns)
    }
}

impl Step {
    fn take_in(&mut self, word: &str, words: &[&str]) -> Option<()> {
        match (word, words) {
            ("sample", [hex]) => self.records.push((RecordKind::Sample, bytes(hex)?)),
            ("write", [hex]) => self.records.push((RecordKind::Write, bytes(hex)?)),
            ("cgroup", [hex]) => self.records.push((RecordKind::Cgroup, bytes(hex)?)),
            ("count", [key, value]) => {
                self.counts
                    .push((key_of(&bytes(key)?)?, value_of(&bytes(value)?)?));
            }
            ("overflow", [operation, errno, count]) => {
                let row = (
                    operation.parse().ok()?,
                    errno.parse().ok()?,
                    count.parse().ok()?,
                );
                self.overflow.push(row);
            }
            ("oom", [cgroup, count, last_ns]) => {
                let value = OomValue {
                    count: count.parse().ok()?,
                    last_ns: last_ns.parse().ok()?,
                };
                self.oom_kills.push((cgroup.parse().ok()?, value));
            }
            ("written", numbers) => {
                let numbers = numbers.iter().map(|number| number.parse().ok());
                let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
                self.writes.push(written(&numbers)?);
            }
            ("stats", numbers) => {
                let mut stats = [0; STATS_MAX as usize];
                for (index, number) in numbers.iter().enumerate() {
                    *stats.get_mut(index)? = number.parse().ok()?;
                }
                self.stats = Some(stats);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Source for Replay {
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize {
        let records = std::mem::take(&mut self.records);
        for wanted in [RecordKind::Cgroup, RecordKind::Sample, RecordKind::Write] {
            let of_kind = records.iter().filter(|(kind, _)| *kind == wanted);
            of_kind.for_each(|(kind, bytes)| each(*kind, bytes));
        }
        records.len()
    }

    fn ready(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self.records.is_empty() {
            true => Box::pin(std::future::pending()),
            false => Box::pin(std::future::ready(())),
        }
    }

    fn stats(&mut self) -> Result<[u64; STATS_MAX as usize], SourceError> {
        Ok(self.stats)
    }

    fn counters(
        &mut self,
        each: &mut dyn FnMut(&CountKey, &CountValue),
    ) -> Result<(), SourceError> {
        self.counts.iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn overflow(&mut self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError> {
        for ((operation, errno), count) in &self.overflow {
            each(*operation, *errno, *count);
        }
        Ok(())
    }

    fn oom_kills(&mut self, each: &mut dyn FnMut(u64, &OomValue)) -> Result<(), SourceError> {
        let kills = self.oom_kills.iter();
        kills.for_each(|(cgroup, value)| each(*cgroup, value));
        Ok(())
    }

    fn forget_oom_kills(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.oom_kills.remove(&cgroup);
        Ok(())
    }

    fn watch_writes(&mut self, cgroup: u64, on: bool) -> Result<(), SourceError> {
        if on {
            self.watched.insert(cgroup);
        } else if self.watched.remove(&cgroup) {
            self.writes.retain(|key, _| key.cgroup != cgroup);
        }
        Ok(())
    }

    fn inventory(
        &mut self,
        each: &mut dyn FnMut(&WriteKey, &WriteValue),
    ) -> Result<(), SourceError> {
        self.writes.iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn forget(&mut self, keys: &[CountKey]) -> Result<(), SourceError> {
        keys.iter().for_each(|key| {
            self.counts.remove(key);
        });
        Ok(())
    }

    fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.ignored.insert(cgroup);
        Ok(())
    }
}

/// A recording in the making.
#[derive(Debug, Default)]
pub struct Recorder {
    text: String,
}

impl Recorder {
    /// Begins a step.
    pub fn at(&mut self, time_ns: u64) -> &mut Self {
        self.line(format_args!("at {time_ns}"))
    }

    /// Adds a record.
    pub fn record(&mut self, kind: RecordKind, bytes: &[u8]) -> &mut Self {
        let word = match kind {
            RecordKind::Sample => "sample",
            RecordKind::Cgroup => "cgroup",
            RecordKind::Write => "write",
        };
        self.line(format_args!("{word} {}", hex(bytes)))
    }

    /// Adds a counter as it was read.
    pub fn count(&mut self, key: &CountKey, value: &CountValue) -> &mut Self {
        let mut bytes = Vec::with_capacity(size_of::<CountKey>());
        bytes.extend(key.cgroup.to_le_bytes());
        bytes.extend(key.path.to_le_bytes());
        bytes.extend(key.signals.to_le_bytes());
        bytes.extend([key.operation, key.errno, key.backend, key.lsm]);
        bytes.extend(key.reserved.to_le_bytes());
        let value = [
            value.count,
            value.sampled,
            value.lost,
            value.next_sample_ns,
            value.last_ns,
        ]
        .map(u64::to_le_bytes);
        self.line(format_args!(
            "count {} {}",
            hex(&bytes),
            hex(&value.concat())
        ))
    }

    /// Adds refusals past the kernel's table.
    pub fn overflow(&mut self, operation: u8, errno: u8, count: u64) -> &mut Self {
        self.line(format_args!("overflow {operation} {errno} {count}"))
    }

    /// Adds the kills of a control group.
    pub fn oom_kills(&mut self, cgroup: u64, value: &OomValue) -> &mut Self {
        let OomValue { count, last_ns } = value;
        self.line(format_args!("oom {cgroup} {count} {last_ns}"))
    }

    /// Adds a counter of the write inventory.
    pub fn written(&mut self, key: &WriteKey, value: &WriteValue) -> &mut Self {
        self.line(format_args!(
            "written {} {} {} {} {} {} {} {} {} {}",
            key.cgroup,
            key.directory,
            key.mount_id,
            key.operation,
            key.author,
            value.count,
            value.bytes,
            value.first_ns,
            value.last_ns,
            value.sampled
        ))
    }

    /// Adds the statistics.
    pub fn stats(&mut self, stats: &[u64]) -> &mut Self {
        let numbers: Vec<_> = stats.iter().map(u64::to_string).collect();
        self.line(format_args!("stats {}", numbers.join(" ")))
    }

    /// The recording so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: std::fmt::Arguments) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
        self
    }
}

#[cfg(test)]
mod tests;
