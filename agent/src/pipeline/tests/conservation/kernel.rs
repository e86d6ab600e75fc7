//! A kernel half in memory, with tables so small that all of them fill up, and what of
//! it outlives a daemon.
//!
//! In: births, deaths and refusals. Out: a [`Source`] per daemon. Invariant: as in
//! `count.rs`, each refusal moves one counter: its own, its group's for all other
//! paths, or the overflow's. Lacks on purpose: time, races, evidence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use sealwatch_ebpf::wire::{
    self, CountKey, CountValue, OomValue, PATH_KEY_OTHER, STATS_MAX, Stat, WriteKey, WriteValue,
};

use super::super::{birth, sample};
use crate::denial::CgroupId;
use crate::source::{Past, RecordKind, Source, SourceError, Succession};

const COUNTS_MAX: usize = 24;
const PATH_KEYS_PER_CGROUP: u64 = 4;
const PATH_KEYS_MAX: usize = 18;
const SAMPLES_MAX: usize = 9;
const GROUPS_MAX: usize = 6;

/// The tables of one generation of programs.
#[derive(Default)]
struct Tables {
    make: u8,
    counts: BTreeMap<CountKey, CountValue>,
    path_keys: BTreeMap<u64, u64>,
    overflow: BTreeMap<(u8, u8), u64>,
    stats: [u64; STATS_MAX as usize],
    samples: VecDeque<Vec<u8>>,
    groups: VecDeque<Vec<u8>>,
    ignored: BTreeSet<u64>,
    text: Option<Vec<u8>>,
}

/// Everything that there is beside the daemon.
#[derive(Default)]
pub struct World {
    /// The last one counts.
    generations: VecDeque<Tables>,
    living: BTreeMap<u64, String>,
    /// Refusals that were counted.
    pub recorded: u64,
    /// Births and deaths that found no room.
    pub births_lost: u64,
}

impl World {
    /// The control groups that a scan finds.
    pub fn living(&self) -> Vec<(CgroupId, Vec<u8>)> {
        let group = |(id, path): (&u64, &String)| (CgroupId(*id), path.clone().into_bytes());
        self.living.iter().map(group).collect()
    }

    pub fn birth(&mut self, cgroup: u64, path: &str) {
        self.living.insert(cgroup, path.to_owned());
        self.tell(&birth(cgroup, path));
    }

    pub fn death(&mut self, cgroup: u64, path: &str) {
        self.living.remove(&cgroup);
        let mut event = birth(cgroup, path);
        event[16..20].copy_from_slice(&wire::CGROUP_REMOVED.to_le_bytes());
        self.tell(&event);
    }

    fn tell(&mut self, event: &[u8]) {
        for tables in &mut self.generations {
            if tables.groups.len() < GROUPS_MAX {
                tables.groups.push_back(event.to_vec());
            } else {
                tables.stats[Stat::CgroupLost as usize] += 1;
                self.births_lost += 1;
            }
        }
    }

    /// Refuses a create; false where that found the table of counters full.
    pub fn refuse(&mut self, cgroup: u64, path: u64, errno: u8) -> bool {
        let Some(tables) = self.generations.back_mut() else {
            return false;
        };
        if tables.ignored.contains(&cgroup) {
            tables.stats[Stat::Ignored as usize] += 1;
            return true;
        }
        self.recorded += 1;
        tables.stats[Stat::Recorded as usize] += 1;
        let mut key = CountKey {
            cgroup,
            errno,
            signals: 0,
            ..super::super::key(path + 1)
        };
        if !tables.counts.contains_key(&key) {
            let paths = tables.counts.keys().map(|key| key.path);
            let all = paths.filter(|path| *path != PATH_KEY_OTHER).count();
            let used = tables.path_keys.entry(cgroup).or_default();
            if all >= PATH_KEYS_MAX || *used >= PATH_KEYS_PER_CGROUP {
                key.path = PATH_KEY_OTHER;
            } else {
                *used += 1;
            }
        }
        if !tables.counts.contains_key(&key) && tables.counts.len() >= COUNTS_MAX {
            tables.stats[Stat::Overflow as usize] += 1;
            *tables.overflow.entry((key.operation, errno)).or_default() += 1;
            return false;
        }
        let value = tables.counts.entry(key).or_default();
        value.count += 1;
        // The first one, and some of those that follow.
        if value.count % 7 == 1 {
            if tables.samples.len() < SAMPLES_MAX {
                value.sampled += 1;
                let path = format!("/srv/d{path}/file");
                tables.samples.push_back(sample(&key, 1, &path));
            } else {
                value.lost += 1;
            }
        }
        true
    }
}

/// What one daemon sees of it.
pub struct Sim {
    world: Arc<Mutex<World>>,
    /// The generation that is read.
    at: usize,
    past: Option<Past>,
}

impl Sim {
    /// Finds its programs on duty, or makes others and takes the turn.
    pub fn load(world: &Arc<Mutex<World>>, make: u8) -> Sim {
        let mut guard = world.lock().unwrap();
        let generations = &mut guard.generations;
        if generations.back().is_none_or(|last| last.make != make) {
            generations.push_back(Tables {
                make,
                ..Tables::default()
            });
        }
        // What was counted before the last text is in it.
        let kept = generations.iter().rposition(|one| one.text.is_some());
        generations.drain(..kept.unwrap_or(0));
        let text = generations[0].text.clone();
        let several = generations.len() > 1;
        drop(guard);
        let mut sim = Sim {
            world: Arc::clone(world),
            at: 0,
            past: None,
        };
        let succession = sim.succession();
        sim.past = (text.is_some() || several).then_some(Past {
            text,
            whole: true,
            succession,
        });
        sim
    }

    fn succession(&self) -> Succession {
        match self.at + 1 < self.world.lock().unwrap().generations.len() {
            true => Succession::Ended,
            false => Succession::Same,
        }
    }

    /// The tables that are read.
    fn read<T>(&self, each: impl FnOnce(&mut Tables) -> T) -> T {
        each(&mut self.world.lock().unwrap().generations[self.at])
    }

    /// Its own.
    fn own<T>(&self, each: impl FnOnce(&mut Tables) -> T) -> T {
        each(self.world.lock().unwrap().generations.back_mut().unwrap())
    }
}

impl Source for Sim {
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize {
        let (groups, samples) = self.read(|tables| {
            let groups = std::mem::take(&mut tables.groups);
            (groups, std::mem::take(&mut tables.samples))
        });
        groups
            .iter()
            .for_each(|bytes| each(RecordKind::Cgroup, bytes));
        samples
            .iter()
            .for_each(|bytes| each(RecordKind::Sample, bytes));
        groups.len() + samples.len()
    }

    fn ready(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn stats(&mut self) -> Result<[u64; STATS_MAX as usize], SourceError> {
        Ok(self.read(|tables| tables.stats))
    }

    fn counters(
        &mut self,
        each: &mut dyn FnMut(&CountKey, &CountValue),
    ) -> Result<(), SourceError> {
        let counts = self.read(|tables| tables.counts.clone());
        counts.iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn overflow(&mut self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError> {
        let overflow = self.read(|tables| tables.overflow.clone());
        overflow
            .iter()
            .for_each(|((operation, errno), count)| each(*operation, *errno, *count));
        Ok(())
    }

    fn oom_kills(&mut self, _: &mut dyn FnMut(u64, &OomValue)) -> Result<(), SourceError> {
        Ok(())
    }

    fn forget_oom_kills(&mut self, _: u64) -> Result<(), SourceError> {
        Ok(())
    }

    fn watch_writes(&mut self, _: u64, _: bool) -> Result<(), SourceError> {
        Ok(())
    }

    fn inventory(&mut self, _: &mut dyn FnMut(&WriteKey, &WriteValue)) -> Result<(), SourceError> {
        Ok(())
    }

    fn forget(&mut self, keys: &[CountKey]) -> Result<(), SourceError> {
        self.own(|tables| {
            for key in keys {
                tables.counts.remove(key);
                tables.path_keys.remove(&key.cgroup);
            }
        });
        Ok(())
    }

    fn past(&mut self) -> Option<Past> {
        self.past.take()
    }

    fn succeed(&mut self) -> Succession {
        self.at += 1;
        self.succession()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep(&mut self, text: &[u8]) -> Result<(), SourceError> {
        let generations = &mut self.world.lock().unwrap().generations;
        let earlier = generations.len() - 1;
        generations.drain(..earlier);
        generations[0].text = Some(text.to_vec());
        self.at = 0;
        Ok(())
    }

    fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.own(|tables| tables.ignored.insert(cgroup));
        Ok(())
    }
}
