//! Seeds become schedules, schedules are played, and a failure is made short.
//!
//! In: the environment. Out: what failed. Invariant: the seed of each schedule is
//! printed, and is all that is needed to have it again. Lacks on purpose: judging.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;
use xtask::engine::Engine;
use xtask::lock::Lock;

use super::arena::Arena;
use super::engines::cannot_run;
use super::groups;
use super::play::{Outcome, play};
use super::schedule::{Kind, Schedule, of_seed};

/// Schedules at a time, if nobody says otherwise; most of a schedule is waiting.
const WORKERS: u64 = 6;
/// Shorter schedules that are tried once one has failed.
const SHRINKS: usize = 16;
/// No other is tried after this long: each that fails takes all of the patience, and
/// one that is played alone keeps the other workers waiting.
const SHRINK_WITHIN: Duration = Duration::from_secs(240);
/// Where scratch files lie: a socket's path must be short.
const SCRATCH: &str = "/tmp";

/// Where schedules are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On this machine.
    Host,
    /// In an emulated machine, which has one slow processor.
    Guest,
}

/// What is asked for.
pub struct Run {
    seed: u64,
    cases: u64,
    backend: String,
    kinds: Vec<Kind>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("SEALWATCH_CONSERVATION_{name}")).ok()
}

fn number(name: &str) -> Option<u64> {
    let text = variable(name)?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("SEALWATCH_CONSERVATION_{name}: {text:?} is no number")))
}

/// Waits until no other run plays on this machine: a schedule that fills a table fills
/// that of every daemon.
fn only_run() -> Lock {
    let path = Path::new(SCRATCH).join("sealwatch-conservation.lock");
    Lock::take_if_free(&path).unwrap().unwrap_or_else(|| {
        tell("conservation: waiting for another run to end");
        Lock::take(&path).unwrap()
    })
}

impl Run {
    /// What the variables say; so many cases if they do not.
    pub fn of_environment(cases: u64) -> Run {
        use std::hash::{BuildHasher as _, RandomState};
        let kind = |label: &str| {
            let found = Kind::ALL.into_iter().find(|kind| kind.label() == label);
            let all = Kind::ALL.map(Kind::label).join(",");
            found.unwrap_or_else(|| {
                panic!("SEALWATCH_CONSERVATION_KINDS: {label:?} is none of {all}")
            })
        };
        let kinds = variable("KINDS").map(|list| list.split(',').map(kind).collect());
        Run {
            seed: number("SEED").unwrap_or_else(|| RandomState::new().hash_one(()) >> 16),
            cases: number("CASES").unwrap_or(cases),
            backend: variable("BACKEND").unwrap_or_else(|| "auto".into()),
            kinds: kinds.unwrap_or_else(|| Kind::ALL.to_vec()),
        }
    }

    /// Plays all; what failed.
    pub fn play(mut self, place: Where) -> Result<(), String> {
        if place == Where::Guest {
            self.kinds.retain(|kind| *kind != Kind::Engine);
        }
        let _only_run = only_run();
        groups::remove_left_over(&groups::root().unwrap());
        let begun = Instant::now();
        tell(&format!(
            "conservation: SEALWATCH_CONSERVATION_SEED={} SEALWATCH_CONSERVATION_CASES={}",
            self.seed, self.cases
        ));
        let scratch = tempfile::Builder::new()
            .prefix("cons")
            .tempdir_in(SCRATCH)
            .unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scratch.path(), open).unwrap();
        let shared = Shared {
            run: &self,
            place,
            scratch: scratch.path().into(),
            engine: OnceLock::new(),
            next: AtomicU64::new(0),
            alone: RwLock::new(()),
            tally: Mutex::default(),
        };
        let workers = match place {
            Where::Host => number("WORKERS").unwrap_or(WORKERS),
            Where::Guest => 1,
        };
        std::thread::scope(|scope| {
            for worker in 0..workers.min(self.cases) {
                let shared = &shared;
                scope.spawn(move || shared.work(worker));
            }
        });
        let tally = shared
            .tally
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        tell(&format!("{tally} in {} s", begun.elapsed().as_secs()));
        match tally.failures.as_slice() {
            [] if tally.schedules == self.cases => Ok(()),
            [] => Err(format!(
                "{} of {} schedules were played",
                tally.schedules, self.cases
            )),
            failures => {
                // Of a long log only some may be kept: the reasons first.
                let reason = |failure: &String| failure.lines().next().map(str::to_owned);
                let reasons: Vec<_> = failures.iter().filter_map(reason).collect();
                Err(format!(
                    "{}\n\n{}",
                    reasons.join("\n"),
                    failures.join("\n\n")
                ))
            }
        }
    }
}

/// What the schedules were together.
#[derive(Default)]
struct Tally {
    schedules: u64,
    sum: Outcome,
    kinds: std::collections::BTreeMap<Kind, u64>,
    failures: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sum = &self.sum;
        write!(
            to,
            "{} schedules {:?}: {} refusals in {} containers under {} daemons; {} stated to be lost, \
             {} while no daemon was there; {} schedules failed",
            self.schedules,
            self.kinds,
            sum.provoked,
            sum.lives,
            sum.starts,
            sum.stated,
            sum.unwatched,
            self.failures.len()
        )
    }
}

struct Shared<'a> {
    run: &'a Run,
    place: Where,
    scratch: PathBuf,
    engine: OnceLock<Result<Engine, String>>,
    next: AtomicU64,
    /// Taken whole by a schedule that disturbs the others.
    alone: RwLock<()>,
    tally: Mutex<Tally>,
}

impl Shared<'_> {
    fn work(&self, worker: u64) {
        let patience = match self.place {
            Where::Host => Duration::from_secs(120),
            Where::Guest => Duration::from_secs(240),
        };
        let directory = self.scratch.join(format!("w{worker}"));
        std::fs::create_dir(&directory).unwrap();
        let mut arena = Arena::make(&directory, &self.run.backend, patience).unwrap();
        loop {
            let case = self.next.fetch_add(1, Ordering::SeqCst);
            if case >= self.run.cases {
                return;
            }
            let seed = self.run.seed.wrapping_add(case);
            let mut tree = of_seed(seed, &self.run.kinds);
            let schedule = tree.current();
            let begun = Instant::now();
            let played = self.one(&mut arena, &schedule);
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.schedules += 1;
            *tally.kinds.entry(schedule.kind).or_default() += 1;
            match played {
                Ok(one) => {
                    tell(&format!(
                        "seed {seed}: {:?}, {} steps, {:?} in {:.1} s",
                        schedule.kind,
                        schedule.steps.len(),
                        one,
                        begun.elapsed().as_secs_f64()
                    ));
                    tally.sum.add(&one);
                }
                Err(why) => {
                    drop(tally);
                    tell(&format!("seed {seed}: {why}"));
                    let short = self.shorten(&mut arena, &mut *tree);
                    let failure = format!("seed {seed}: {why}\n{schedule:#?}\n{short}");
                    let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
                    tally.failures.push(failure);
                }
            }
        }
    }

    fn one(&self, arena: &mut Arena, schedule: &Schedule) -> Result<Outcome, String> {
        let (mut shared, mut alone) = (None, None);
        if schedule.kind.is_alone() {
            alone = Some(self.alone.write().unwrap_or_else(PoisonError::into_inner));
        } else {
            shared = Some(self.alone.read().unwrap_or_else(PoisonError::into_inner));
        }
        let engine = match schedule.kind {
            Kind::Engine => match self.engine() {
                Ok(engine) => Some(engine),
                Err(why) => {
                    cannot_run("conservation with an engine", why);
                    return Ok(Outcome::default());
                }
            },
            _ => None,
        };
        let played = play(arena, schedule, engine);
        drop((shared, alone));
        played
    }

    fn engine(&self) -> &Result<Engine, String> {
        self.engine.get_or_init(|| {
            let started = Engine::start(&self.scratch.join("engine"));
            started.map_err(|error| format!("{error:#}"))
        })
    }

    /// Leaves out what a failure does not need, as far as a few tries go.
    fn shorten(&self, arena: &mut Arena, tree: &mut dyn ValueTree<Value = Schedule>) -> String {
        let mut shortest = None;
        let mut tries = 0;
        let begun = Instant::now();
        let mut more = tree.simplify();
        while more && tries < SHRINKS && begun.elapsed() < SHRINK_WITHIN {
            tries += 1;
            more = match self.one(arena, &tree.current()) {
                Err(why) => {
                    shortest = Some((tree.current(), why));
                    tree.simplify()
                }
                Ok(_) => tree.complicate(),
            };
        }
        match shortest {
            Some((schedule, why)) => format!("shorter: {why}\n{schedule:#?}"),
            None => format!("none of {tries} shorter ones fails"),
        }
    }
}

impl Outcome {
    fn add(&mut self, one: &Outcome) {
        self.lives += one.lives;
        self.provoked += one.provoked;
        self.stated += one.stated;
        self.unwatched += one.unwatched;
        self.starts += one.starts;
    }
}

/// Writes past the test runner, which keeps what a passing test prints to itself.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
