//! Records that were made up become a source, with counters that agree.
//!
//! In: records, what was counted. Out: a [`Source`]. Invariant: it counts what it
//! was given, so that nothing may be lost behind it. Lacks on purpose: judging
//! records; it takes any bytes.

use std::collections::BTreeMap;
use std::pin::Pin;

use sealwatch::source::{RecordKind, Source, SourceError};
use sealwatch_ebpf::wire::{CountKey, CountValue, OomValue, STATS_MAX, Stat, WriteKey, WriteValue};

/// What waits to be read.
#[derive(Default)]
pub struct Feed {
    records: Vec<(RecordKind, Vec<u8>)>,
    counts: BTreeMap<CountKey, CountValue>,
    overflow: BTreeMap<(u8, u8), u64>,
    oom_kills: BTreeMap<u64, OomValue>,
    writes: BTreeMap<WriteKey, WriteValue>,
    stats: [u64; STATS_MAX as usize],
    /// Refusals counted so far, those of forgotten counters included.
    pub recorded: u64,
}

impl Feed {
    /// A record, and for one that has a counter's key at its beginning one more
    /// of that.
    pub fn push(&mut self, kind: RecordKind, record: Vec<u8>, time_ns: u64) {
        match kind {
            RecordKind::Sample => self.count(&record, time_ns),
            RecordKind::Write => self.write(&record, time_ns),
            RecordKind::Cgroup => {}
        }
        self.records.push((kind, record));
    }

    fn count(&mut self, record: &[u8], time_ns: u64) {
        let Some(head) = record.first_chunk::<24>() else {
            return;
        };
        let key = CountKey {
            cgroup: u64_at(head, 0),
            path: u64_at(head, 8),
            signals: u16::from_ne_bytes([head[16], head[17]]),
            operation: head[18],
            errno: head[19],
            backend: head[20],
            lsm: head[21],
            reserved: 0,
        };
        let value = self.counts.entry(key).or_default();
        value.count += 1;
        value.sampled += 1;
        value.last_ns = time_ns;
        self.recorded += 1;
        self.stats[Stat::Recorded as usize] += 1;
    }

    fn write(&mut self, record: &[u8], time_ns: u64) {
        let Some(head) = record.first_chunk::<24>() else {
            return;
        };
        let key = WriteKey {
            cgroup: u64_at(head, 0),
            directory: u64_at(head, 8),
            mount_id: u32::from_ne_bytes([head[16], head[17], head[18], head[19]]),
            operation: head[20],
            author: head[21],
            reserved: [0; 2],
        };
        let value = self.writes.entry(key).or_default();
        value.count += 1;
        value.bytes += 4096;
        value.sampled = 1;
        value.last_ns = time_ns;
        self.stats[Stat::Inventoried as usize] += 1;
    }

    /// Refusals past the kernel's table.
    pub fn overflow(&mut self, operation: u8, errno: u8, count: u16) {
        *self.overflow.entry((operation, errno)).or_default() += u64::from(count);
        self.recorded += u64::from(count);
        self.stats[Stat::Recorded as usize] += 1;
    }

    /// A kill for want of memory.
    pub fn kill(&mut self, cgroup: u64, time_ns: u64) {
        let value = self.oom_kills.entry(cgroup).or_default();
        value.count += 1;
        value.last_ns = time_ns;
        self.stats[Stat::OomKilled as usize] += 1;
    }
}

fn u64_at(bytes: &[u8; 24], start: usize) -> u64 {
    let eight = std::array::from_fn(|at| bytes[start + at]);
    u64::from_ne_bytes(eight)
}

impl Source for Feed {
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize {
        let records = std::mem::take(&mut self.records);
        for wanted in [RecordKind::Cgroup, RecordKind::Sample, RecordKind::Write] {
            let of_kind = records.iter().filter(|(kind, _)| *kind == wanted);
            of_kind.for_each(|(kind, bytes)| each(*kind, bytes));
        }
        records.len()
    }

    fn ready(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
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
        let rows = self.overflow.iter();
        rows.for_each(|((operation, errno), count)| each(*operation, *errno, *count));
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
        if !on {
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
        self.counts.retain(|key, _| !keys.contains(key));
        Ok(())
    }

    fn ignore(&mut self, _cgroup: u64) -> Result<(), SourceError> {
        Ok(())
    }
}
