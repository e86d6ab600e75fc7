//! Whatever happens in whatever order, over any number of daemons: what a simulated
//! kernel was provoked to count is told once, under its own container's name.

mod kernel;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::aggregate::SETTLE_NS;
use crate::clock;
use crate::denial::Unresolved;
use kernel::{Sim, World};

/// Far away; the limits have properties of their own.
const BOUNDS: Limits = Limits {
    containers: 1_024,
    write_roots_per_container: 32,
    series: 20_000,
};

/// Containers that may be there; one number more is a service of the host.
const CONTAINERS: usize = 5;

/// One step of a schedule.
#[derive(Clone, Copy, Debug)]
enum Step {
    Birth(usize),
    Death(usize),
    Refused(usize, u64, u8, u64),
    Described(usize),
    Tick(u64),
    Drain,
    Starts(u8),
    /// It takes the turn, and is killed before it has read anything.
    Fails(u8),
    Killed,
    Stopped,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..=CONTAINERS;
    let errno = prop::sample::select(vec![1_u8, 13, 28, 30]);
    let step = prop_oneof![
        4 => who.clone().prop_map(Step::Birth),
        2 => who.clone().prop_map(Step::Death),
        9 => (who.clone(), 0..9_u64, errno, 1..30_u64)
            .prop_map(|(who, path, errno, times)| Step::Refused(who, path, errno, times)),
        2 => (0..CONTAINERS).prop_map(Step::Described),
        6 => prop_oneof![4 => 1..6_u64, 1 => 20..200_u64].prop_map(Step::Tick),
        2 => Just(Step::Drain),
        2 => (0..2_u8).prop_map(Step::Starts),
        1 => (0..2_u8).prop_map(Step::Fails),
        2 => Just(Step::Killed),
        1 => Just(Step::Stopped),
    ];
    prop::collection::vec(step, 1..90)
}

/// A container as the schedule knows it: a new one for every birth.
#[derive(Default)]
struct Provoked {
    cgroup: u64,
    id: String,
    there: bool,
    /// A daemon was killed that may have read its end and not yet its counters.
    orphaned: bool,
    /// Refusals by errno, and those of them that found the table full.
    refused: BTreeMap<u8, u64>,
    overflown: BTreeMap<u8, u64>,
    highest: u64,
}

struct Stage {
    world: Arc<Mutex<World>>,
    daemon: Option<(Pipeline<Sim>, Arc<Published>)>,
    now_ns: u64,
    /// The latest of each number, and all before them.
    latest: Vec<Option<usize>>,
    all: Vec<Provoked>,
    host: u64,
}

impl Stage {
    fn new() -> Stage {
        Stage {
            world: Arc::default(),
            daemon: None,
            // Keeping the counts pauses by the real clock.
            now_ns: clock::monotonic_ns(),
            latest: vec![None; CONTAINERS + 1],
            all: Vec::new(),
            host: 0,
        }
    }

    fn path(&self, number: usize, id: &str) -> String {
        match number {
            CONTAINERS => format!("/system.slice/{id}.service"),
            0 => format!("/docker/{id}/init.scope"),
            1 => format!("/system.slice/docker-{id}.scope"),
            _ => format!("/docker/{id}"),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Birth(number) => self.birth(number),
            Step::Death(number) => {
                if let Some(at) = self.latest[number].take() {
                    self.all[at].there = false;
                    let path = self.path(number, &self.all[at].id);
                    self.world.lock().unwrap().death(self.all[at].cgroup, &path);
                }
            }
            Step::Refused(number, path, errno, times) => self.refused(number, path, errno, times),
            Step::Described(number) => {
                if let (Some(at), Some((pipeline, _))) = (self.latest[number], &mut self.daemon) {
                    let mut told = described(&format!("named-{at}"));
                    told.container.id = self.all[at].id.clone();
                    pipeline.describe(told, super::at(self.now_ns));
                }
            }
            Step::Tick(quarters) => self.tick(quarters * SECOND / 4),
            Step::Drain => {
                if let Some((pipeline, _)) = &mut self.daemon {
                    pipeline.drain(super::at(self.now_ns));
                }
            }
            Step::Starts(make) => self.starts(make),
            Step::Fails(make) => {
                if self.daemon.is_none() {
                    drop(Sim::load(&self.world, make));
                }
            }
            Step::Killed => {
                if self.daemon.take().is_some() {
                    let ended = self.all.iter_mut().filter(|one| !one.there);
                    ended.for_each(|one| one.orphaned = true);
                }
            }
            Step::Stopped => {
                if let Some((pipeline, _)) = self.daemon.take() {
                    pipeline.finish(super::at(self.now_ns));
                }
            }
        }
    }

    fn birth(&mut self, number: usize) {
        if self.latest[number].is_some() {
            return;
        }
        let at = self.all.len();
        let born = Provoked {
            cgroup: 100 + at as u64,
            id: format!("{:012x}{:052x}", 0xc0ffee00 + at, 1),
            there: number < CONTAINERS,
            ..Provoked::default()
        };
        let path = self.path(number, &born.id);
        self.world.lock().unwrap().birth(born.cgroup, &path);
        self.latest[number] = Some(at);
        self.all.push(born);
    }

    fn refused(&mut self, number: usize, path: u64, errno: u8, times: u64) {
        let Some(at) = self.latest[number] else {
            return;
        };
        let cgroup = self.all[at].cgroup;
        for _ in 0..times {
            let counted = self.world.lock().unwrap().refuse(cgroup, path, errno);
            let one = &mut self.all[at];
            if number == CONTAINERS {
                // Of the host; it has no place in the sums by container.
                self.host += 1;
            } else {
                *one.refused.entry(errno).or_default() += 1;
                if !counted {
                    *one.overflown.entry(errno).or_default() += 1;
                }
            }
        }
    }

    fn starts(&mut self, make: u8) {
        if self.daemon.is_some() {
            return;
        }
        let mut source = Sim::load(&self.world, make);
        let past = source.past();
        let published = Arc::new(Published::waiting_for(&[]));
        let mut pipeline = Pipeline::new(source, BOUNDS, false, Arc::clone(&published));
        if let Some(past) = &past {
            pipeline.restore(past);
        }
        let scan = Scan {
            groups: self.world.lock().unwrap().living(),
            skipped: 0,
            failed: false,
            complete: true,
        };
        let now = super::at(self.now_ns);
        pipeline.reconcile(&scan, self.now_ns, now);
        pipeline.take_over(now);
        pipeline.tick(now);
        self.daemon = Some((pipeline, published));
    }

    fn tick(&mut self, passed_ns: u64) {
        self.now_ns += passed_ns;
        let Some((pipeline, published)) = &mut self.daemon else {
            return;
        };
        pipeline.tick(super::at(self.now_ns));
        let snapshot = published.snapshot.load_full();
        sound(&snapshot);
        for at in 0..self.all.len() {
            let (counted, one) = (counted(&snapshot, &self.all[at], at), &mut self.all[at]);
            let retired = counted.is_empty() && !one.there;
            let counted: u64 = counted.values().sum();
            assert!(counted >= one.highest || retired, "{} went down", one.id);
            one.highest = counted;
        }
    }
}

/// Each refusal is told in exactly one way.
fn sound(snapshot: &Snapshot) {
    let totals = snapshot.totals;
    let groups = snapshot.groups.iter().flat_map(|group| &group.counts);
    let unresolved = snapshot.unresolved.iter().map(|(_, _, count)| count);
    let exported: u64 = groups.map(|(_, _, count)| count).chain(unresolved).sum();
    let unexported = totals.pending + totals.retired + totals.ignored + totals.unreadable;
    assert_eq!(exported + unexported, totals.recorded);
}

/// A container's counts by errno, under the names that it may have.
fn counted(snapshot: &Snapshot, one: &Provoked, at: usize) -> BTreeMap<u8, u64> {
    let names = [format!("named-{at}"), one.id[..12].to_owned()];
    let mut sums = BTreeMap::new();
    for group in &snapshot.groups {
        for (kind, _, count) in &group.counts {
            if names.contains(&group.labels.container) {
                *sums.entry(kind.errno.number()).or_default() += count;
            }
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn conserved_over_any_number_of_daemons(steps in steps()) {
        let mut stage = Stage::new();
        stage.starts(0);
        for step in steps {
            stage.step(step);
        }
        stage.starts(0);
        stage.tick(SETTLE_NS + SECOND);
        stage.tick(SETTLE_NS + SECOND);
        let (_, published) = stage.daemon.as_ref().unwrap();
        let snapshot = published.snapshot.load_full();
        sound(&snapshot);
        let totals = snapshot.totals;
        prop_assert_eq!(totals.pending, 0);
        let lost: u64 = snapshot.losses.iter().filter(|loss| loss.reason == "sample_ring_full")
            .map(|loss| loss.count).sum();
        prop_assert_eq!(totals.sampled + totals.suppressed + lost, totals.recorded);

        let world = stage.world.lock().unwrap();
        prop_assert_eq!(totals.recorded, world.recorded);
        let unresolved = |wanted: Unresolved| -> u64 {
            let rows = snapshot.unresolved.iter().filter(|(reason, _, _)| *reason == wanted);
            rows.map(|(_, _, count)| count).sum()
        };
        // The host's refusals may have found no room either, before it was left out.
        let overflown: u64 = stage.all.iter().flat_map(|one| one.overflown.values()).sum();
        let overflow = unresolved(Unresolved::CounterOverflow);
        prop_assert!((overflown..=overflown + stage.host).contains(&overflow));
        let unseen = unresolved(Unresolved::CgroupUnseen);
        prop_assert_eq!(overflow + unseen, snapshot.unresolved.iter().map(|(_, _, count)| count).sum::<u64>());

        let (mut missing, mut orphaned) = (0, 0);
        for (at, one) in stage.all.iter().enumerate() {
            let counted = counted(&snapshot, one, at);
            for (errno, refused) in &one.refused {
                let due = refused - one.overflown.get(errno).unwrap_or(&0);
                let got = counted.get(errno).copied().unwrap_or(0);
                prop_assert!(got <= due, "{}: {} of errno {}, {} provoked", at, got, errno, due);
                if one.there && world.births_lost == 0 {
                    prop_assert_eq!(got, due, "{} of errno {}", at, errno);
                }
                missing += due - got;
                orphaned += if one.orphaned { due - got } else { 0 };
            }
        }
        // A service of the host may have ended like that, too.
        let unseen_max = orphaned + stage.host;
        prop_assert!(unseen <= unseen_max || world.births_lost > 0, "{} unseen", unseen);
        // What is in no container's count has retired with it, or is of a group that
        // nobody has seen; such a one may be the host's as well.
        let elsewhere = totals.retired + unseen;
        prop_assert!((missing..=missing + stage.host).contains(&elsewhere),
            "{} missing, {} retired, {} unseen", missing, totals.retired, unseen);
    }
}
