//! The maps that hold what was counted: of the loaded object, or of an earlier
//! daemon's that is pinned.
//!
//! In: maps by their names in `wire`. Out: [`Tables`], with what is read and
//! deleted in them. Invariant: a map that does not have the contract's types is
//! an error. Lacks on purpose: the inventory's maps, which no daemon leaves behind.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::{Array, HashMap, Map, MapData, RingBuf};
use aya::{Ebpf, Pod};
use sealwatch_ebpf::wire::{
    self, CountKey, CountValue, DENIAL_ERRNOS, OomValue, PATH_KEY_OTHER, STATS_MAX, Stat,
};
use tokio::io::unix::AsyncFd;

use super::error::{LoadError, map_error, object_error};
use super::maps::{Plain, absent_is_fine, ring, take, typed};
use super::pins::Generation;
use crate::denial::Operation;
use crate::source::{SourceError, batch};

/// Maps that outlive the daemon where its programs do: all that they share.
pub(super) const KEPT: [&str; 13] = [
    wire::MAP_COUNTS,
    wire::MAP_PATH_KEYS,
    wire::MAP_OVERFLOW,
    wire::MAP_STATS,
    wire::MAP_IGNORED,
    wire::MAP_SYSCALLS,
    wire::MAP_PENDING,
    wire::MAP_LSM_NOTES,
    wire::MAP_OOM_KILLS,
    wire::MAP_OOM_VICTIMS,
    wire::MAP_SAMPLES,
    wire::MAP_CGROUPS,
    wire::MAP_TURN,
];

/// What was counted.
pub(super) struct Tables {
    pub(super) samples: AsyncFd<RingBuf<MapData>>,
    pub(super) cgroups: AsyncFd<RingBuf<MapData>>,
    counts: HashMap<MapData, Plain<CountKey>, Plain<CountValue>>,
    counts_fd: OwnedFd,
    path_keys: HashMap<MapData, u64, u64>,
    overflow: Array<MapData, u64>,
    stats: Array<MapData, u64>,
    ignored: HashMap<MapData, u64, u8>,
    oom_kills: HashMap<MapData, u64, Plain<OomValue>>,
}

impl Tables {
    /// Of a loaded object.
    pub(super) fn of(object: &mut Ebpf) -> Result<Tables, LoadError> {
        Tables::from(|name| take(object, name))
    }

    /// Of an earlier daemon.
    pub(super) fn pinned(generation: &Generation) -> Result<Tables, LoadError> {
        Tables::from(|name| {
            MapData::from_pin(generation.map(name))
                .and_then(Map::from_map_data)
                .map_err(object_error)
        })
    }

    fn from(mut map: impl FnMut(&str) -> Result<Map, LoadError>) -> Result<Tables, LoadError> {
        let counts = map(wire::MAP_COUNTS)?;
        let counts_fd = match &counts {
            Map::HashMap(data) => data.fd().as_fd().try_clone_to_owned(),
            _ => {
                let what = format!("a hash map {}", wire::MAP_COUNTS);
                return Err(LoadError::Absent(what));
            }
        };
        Ok(Tables {
            samples: ring(map(wire::MAP_SAMPLES)?, wire::MAP_SAMPLES)?,
            cgroups: ring(map(wire::MAP_CGROUPS)?, wire::MAP_CGROUPS)?,
            counts: typed(counts, wire::MAP_COUNTS)?,
            counts_fd: counts_fd.map_err(object_error)?,
            path_keys: typed(map(wire::MAP_PATH_KEYS)?, wire::MAP_PATH_KEYS)?,
            overflow: array(map(wire::MAP_OVERFLOW)?, wire::MAP_OVERFLOW)?,
            stats: array(map(wire::MAP_STATS)?, wire::MAP_STATS)?,
            ignored: typed(map(wire::MAP_IGNORED)?, wire::MAP_IGNORED)?,
            oom_kills: typed(map(wire::MAP_OOM_KILLS)?, wire::MAP_OOM_KILLS)?,
        })
    }

    pub(super) fn stats(&self) -> Result<[u64; STATS_MAX as usize], SourceError> {
        let mut stats = [0; STATS_MAX as usize];
        for (value, slot) in self.stats.iter().zip(&mut stats) {
            *slot = value.map_err(|error| map_error(wire::MAP_STATS, &error))?;
        }
        Ok(stats)
    }

    /// Reads all counters, and sets right how many path keys there are.
    pub(super) fn counters(
        &mut self,
        each: &mut dyn FnMut(&CountKey, &CountValue),
    ) -> Result<(), SourceError> {
        let claimed = self.path_keys_claimed()?;
        let mut there = 0_u64;
        let mut counted = |key: &CountKey, value: &CountValue| {
            there += u64::from(key.path != PATH_KEY_OTHER);
            each(key, value);
        };
        // SAFETY: this map was declared with these types, and both are integers only.
        unsafe { batch::read_all(self.counts_fd.as_fd(), &mut counted) }
            .map_err(|error| map_error(wire::MAP_COUNTS, &error))?;
        if there == claimed {
            return Ok(());
        }
        // What was claimed meanwhile stays; what is claimed between these two calls is
        // found by the next reading.
        let right = self.path_keys_claimed()?.saturating_add(there);
        self.stats
            .set(Stat::PathKeys as u32, right.saturating_sub(claimed), 0)
            .map_err(|error| map_error(wire::MAP_STATS, &error))
    }

    fn path_keys_claimed(&self) -> Result<u64, SourceError> {
        self.stats
            .get(&(Stat::PathKeys as u32), 0)
            .map_err(|error| map_error(wire::MAP_STATS, &error))
    }

    pub(super) fn overflow(&self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError> {
        for operation in Operation::ALL {
            for (position, errno) in DENIAL_ERRNOS.iter().enumerate() {
                let index = wire::overflow_index(*operation as u8, position as u8);
                let count = self
                    .overflow
                    .get(&index, 0)
                    .map_err(|error| map_error(wire::MAP_OVERFLOW, &error))?;
                if count != 0 {
                    each(*operation as u8, *errno, count);
                }
            }
        }
        Ok(())
    }

    pub(super) fn oom_kills(
        &self,
        each: &mut dyn FnMut(u64, &OomValue),
    ) -> Result<(), SourceError> {
        for entry in self.oom_kills.iter() {
            let (cgroup, value) = entry.map_err(|error| map_error(wire::MAP_OOM_KILLS, &error))?;
            each(cgroup, &value.0);
        }
        Ok(())
    }

    pub(super) fn forget_oom_kills(&mut self, cgroup: u64) -> Result<(), SourceError> {
        absent_is_fine(wire::MAP_OOM_KILLS, self.oom_kills.remove(&cgroup))
    }

    pub(super) fn forget(&mut self, keys: &[CountKey]) -> Result<(), SourceError> {
        for key in keys {
            absent_is_fine(wire::MAP_COUNTS, self.counts.remove(&Plain(*key)))?;
            absent_is_fine(wire::MAP_PATH_KEYS, self.path_keys.remove(&key.cgroup))?;
        }
        Ok(())
    }

    pub(super) fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.ignored
            .insert(cgroup, 1, 0)
            .map_err(|error| map_error(wire::MAP_IGNORED, &error))
    }
}

fn array<T: Pod>(map: Map, name: &str) -> Result<Array<MapData, T>, LoadError> {
    typed(map, name)
}
