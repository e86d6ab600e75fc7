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
//! stats 1 0 0 0 0 0 1      in the order of `wire::Stat`
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::pin::Pin;

use sealwatch_ebpf::wire::{CountKey, CountValue, OomValue, STATS_MAX};

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
    stats: [u64; STATS_MAX as usize],
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
            step.take_in(word, &words)
                .ok_or(bad("sample, cgroup, count, overflow, oom or stats"))?;
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
        self.stats = step.stats.unwrap_or(self.stats);
        Some(step.at_ns)
    }
}

impl Step {
    fn take_in(&mut self, word: &str, words: &[&str]) -> Option<()> {
        match (word, words) {
            ("sample", [hex]) => self.records.push((RecordKind::Sample, bytes(hex)?)),
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
        for wanted in [RecordKind::Cgroup, RecordKind::Sample] {
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

/// Hexadecimal, with `*N` for the N zero bytes at the end that most records have.
fn hex(bytes: &[u8]) -> String {
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let mut text = String::with_capacity(2 * used + 8);
    for byte in &bytes[..used] {
        let _ = write!(text, "{byte:02x}");
    }
    if used < bytes.len() {
        let _ = write!(text, "*{}", bytes.len() - used);
    }
    text
}

/// The largest record that a line may stand for.
const RECORD_MAX: usize = 1 << 20;

fn bytes(text: &str) -> Option<Vec<u8>> {
    let (digits, zeros) = text.split_once('*').unwrap_or((text, "0"));
    let zeros: usize = zeros.parse().ok().filter(|zeros| *zeros <= RECORD_MAX)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let mut bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    bytes.resize(bytes.len() + zeros, 0);
    Some(bytes)
}

fn key_of(bytes: &[u8]) -> Option<CountKey> {
    let bytes: &[u8; size_of::<CountKey>()] = bytes.try_into().ok()?;
    Some(CountKey {
        cgroup: u64_at(bytes, 0)?,
        path: u64_at(bytes, 8)?,
        signals: u16::from_le_bytes([bytes[16], bytes[17]]),
        operation: bytes[18],
        errno: bytes[19],
        backend: bytes[20],
        lsm: bytes[21],
        reserved: u16::from_le_bytes([bytes[22], bytes[23]]),
    })
}

fn value_of(bytes: &[u8]) -> Option<CountValue> {
    let bytes: &[u8; size_of::<CountValue>()] = bytes.try_into().ok()?;
    Some(CountValue {
        count: u64_at(bytes, 0)?,
        sampled: u64_at(bytes, 8)?,
        lost: u64_at(bytes, 16)?,
        next_sample_ns: u64_at(bytes, 24)?,
        last_ns: u64_at(bytes, 32)?,
    })
}

fn u64_at(bytes: &[u8], start: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(start..start + 8)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests;
