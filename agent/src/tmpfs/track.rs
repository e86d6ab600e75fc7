//! What turns have seen of one container becomes what is told of it.
//!
//! In: [`Seen`] and times. Out: [`ContainerTmpfs`], and how soon to look again.
//! Invariant: pure; bounded by the mounts of the last turn. Lacks on purpose:
//! other containers.

use std::collections::HashMap;
use std::sync::Arc;

use super::history::History;
use super::memory::Limit;
use super::pace::Found;
use super::report::{ContainerTmpfs, Killed, Memory, MountTmpfs, Oom, Sampled, largest};
use super::trend::Trend;
use super::visit::Seen;
use super::{Fill, Pressure, Unmeasured, Usage};
use crate::denial::escape;
use crate::mountinfo::Device;

/// One amount over time.
#[derive(Default)]
struct Amount {
    trend: Trend,
    pressure: Pressure,
}

impl Amount {
    fn take(&mut self, now_ns: u64, fill: Option<Fill>) -> Sampled {
        let Some(fill) = fill else {
            return Sampled::Not(Unmeasured::Unlimited);
        };
        self.trend.push(now_ns, fill.used);
        self.pressure = self.pressure.next(fill.share());
        Sampled::Measured {
            fill,
            pressure: self.pressure,
            full_in_s: self.trend.full_in_s(fill),
        }
    }
}

#[derive(Default)]
struct Mount {
    bytes: Amount,
    inodes: Amount,
    history: History,
    last: Option<Usage>,
}

/// What is remembered of one container.
pub(super) struct Track {
    container: Arc<str>,
    mounts: HashMap<Device, Mount>,
    memory_pressure: Pressure,
    /// The kernel's count of kills when last read; a group that was born while
    /// it was watched began with none.
    kills_read: Option<u64>,
    oom: Oom,
    /// Memory and largest mount when they were last measured.
    last: Option<(Memory, Option<String>)>,
}

impl Track {
    /// `born` says that all of its life is watched.
    pub(super) fn new(container: Arc<str>, born: bool) -> Track {
        Track {
            container,
            mounts: HashMap::new(),
            memory_pressure: Pressure::Calm,
            kills_read: born.then_some(0),
            oom: Oom::default(),
            last: None,
        }
    }

    /// Takes in a turn.
    pub(super) fn take(&mut self, now_ns: u64, seen: &Seen) -> (ContainerTmpfs, Found) {
        let mut changed = false;
        let mut mounts = Vec::with_capacity(seen.usage.len());
        let mut kept = HashMap::with_capacity(seen.usage.len());
        for (owned, usage) in seen.ownership.mounts.iter().zip(&seen.usage) {
            let mut mount = self.mounts.remove(&owned.device).unwrap_or_default();
            let (bytes, inodes) = match usage {
                Ok(usage) => {
                    changed |= mount.last != Some(*usage);
                    mount.last = Some(*usage);
                    if let Some(fill) = usage.bytes {
                        mount.history.push(now_ns, fill.used);
                    }
                    let bytes = mount.bytes.take(now_ns, usage.bytes);
                    (bytes, mount.inodes.take(now_ns, usage.inodes))
                }
                Err(why) => (Sampled::Not(why.clone()), Sampled::Not(why.clone())),
            };
            let history = mount.history.told();
            kept.insert(owned.device, mount);
            mounts.push(MountTmpfs {
                target: escape(&owned.target),
                device: owned.device,
                elsewhere: owned.elsewhere,
                origin: owned.origin,
                bytes_asked: owned.bytes,
                inodes_asked: owned.inodes,
                history,
                bytes,
                inodes,
            });
        }
        self.mounts = kept;
        let memory = self.memory(&mounts, seen.limit);
        self.kills(now_ns, seen, memory, &mounts);
        let found = found(&mounts, &memory, changed);
        let told = ContainerTmpfs {
            container: Arc::clone(&self.container),
            mounts,
            dropped: seen.ownership.dropped,
            table_cut: seen.table_cut,
            unmeasured: seen.unmeasured.clone(),
            memory,
            oom: self.oom.clone(),
            sampled_ns: now_ns,
        };
        (told, found)
    }

    fn memory(&mut self, mounts: &[MountTmpfs], limit: Limit) -> Memory {
        let tmpfs_bytes = mounts.iter().map(MountTmpfs::used_bytes).sum();
        let share = match limit {
            Limit::Bytes(0) | Limit::Unbounded | Limit::NotMeasured => None,
            Limit::Bytes(limit) => Some(tmpfs_bytes as f64 / limit as f64),
        };
        self.memory_pressure = self.memory_pressure.next(share.unwrap_or(0.0));
        Memory {
            limit,
            tmpfs_bytes,
            share,
            pressure: self.memory_pressure,
        }
    }

    fn kills(&mut self, now_ns: u64, seen: &Seen, memory: Memory, mounts: &[MountTmpfs]) {
        let is_measured = seen.unmeasured.is_none();
        if is_measured || self.last.is_none() {
            self.last = Some((memory, largest(mounts).map(|mount| mount.target.clone())));
        }
        let Some(kills) = seen.oom_kills else { return };
        let more = match self.kills_read.replace(kills) {
            Some(before) if before <= kills => kills - before,
            // A group made anew under the same name counts from none.
            Some(_) => kills,
            None => 0,
        };
        self.oom.kills = Some(self.oom.kills.unwrap_or(0) + more);
        if more > 0 {
            self.oom.last = self.last.clone().map(|(memory, largest)| Killed {
                seen_ns: now_ns,
                memory,
                largest,
            });
        }
    }
}

fn found(mounts: &[MountTmpfs], memory: &Memory, changed: bool) -> Found {
    let mut found = Found {
        changed,
        near: memory.pressure != Pressure::Calm,
        full_in_s: None,
    };
    for amount in mounts
        .iter()
        .flat_map(|mount| [&mount.bytes, &mount.inodes])
    {
        if let Sampled::Measured {
            pressure,
            full_in_s,
            ..
        } = amount
        {
            found.near |= *pressure != Pressure::Calm;
            let earlier = [found.full_in_s, *full_in_s].into_iter().flatten().min();
            found.full_in_s = earlier;
        }
    }
    found
}

#[cfg(test)]
mod tests;
