//! A schedule is played: containers, refusals, daemons.
//!
//! In: a [`Schedule`] and an [`Arena`]. Out: what was seen, or what does not add up.
//! Invariant: of each refusal it is known whether a daemon must, may or cannot have
//! counted it. Lacks on purpose: choosing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use xtask::engine::Engine;

use super::arena::Arena;
use super::daemon::Daemon;
use super::ground::PARTS;
use super::groups::{Shape, churn};
use super::life::Life;
use super::model::{Expected, Stated, Told};
use super::refusals::ROWS;
use super::relay::Relay;
use super::schedule::{Kind, Leaving, Refused, Schedule, Step};
use super::watched::Watched;

/// Containers of a schedule with a real engine, which takes its time with each.
const ENGINE_LIVES: usize = 6;

/// What a schedule was.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Containers that were there.
    pub lives: usize,
    /// Refusals in them.
    pub provoked: u64,
    /// Refusals that are in no container's count, as the daemon says itself.
    pub stated: u64,
    /// Refusals while no daemon was there to count them.
    pub unwatched: u64,
    /// Daemons that started.
    pub starts: usize,
}

/// A schedule under way.
pub struct Play<'a> {
    pub(super) arena: &'a mut Arena,
    pub(super) kind: Kind,
    pub(super) engine: Option<(&'a Engine, Relay)>,
    pub(super) pins: Option<PathBuf>,
    pub(super) daemon: Option<Daemon>,
    /// A daemon with pins has been there, and a daemon has been ready.
    pub(super) begun: bool,
    pub(super) met: bool,
    /// The last one said that not all its programs outlive it.
    pub(super) partial: bool,
    /// How the programs on duty were made.
    pub(super) other_make: bool,
    pub(super) lives: Vec<Watched>,
    pub(super) host: Option<Life>,
    /// Containers that were never more than a control group.
    pub(super) churned: u64,
    pub(super) before: Stated,
    pub(super) highest: HashMap<(usize, usize), u64>,
    pub(super) events: Vec<Value>,
    pub(super) outcome: Outcome,
}

/// Plays it; `engine` is there where the schedule needs one.
pub fn play(
    arena: &mut Arena,
    schedule: &Schedule,
    engine: Option<&Engine>,
) -> Result<Outcome, String> {
    let kind = schedule.kind;
    let (daemon, pins) = arena.begin(kind);
    let engine = match engine {
        Some(engine) if kind == Kind::Engine => {
            let relay = Relay::start(arena.run().join("engine"), engine.socket())?;
            Some((engine, relay))
        }
        _ => None,
    };
    let mut play = Play {
        arena,
        kind,
        engine,
        pins,
        daemon,
        begun: false,
        met: false,
        partial: false,
        other_make: false,
        lives: Vec::new(),
        host: None,
        churned: 0,
        before: Stated::default(),
        highest: HashMap::new(),
        events: Vec::new(),
        outcome: Outcome::default(),
    };
    let played = play.all(schedule);
    let log = play.daemon.as_ref().map(Daemon::log).unwrap_or_default();
    let ended = play.close(played.is_ok());
    match (played, ended) {
        (Ok(outcome), Ok(())) => Ok(outcome),
        (Err(why), _) | (Ok(_), Err(why)) => Err(format!("{why}\nthe daemon's log:\n{log}")),
    }
}

impl Play<'_> {
    fn all(&mut self, schedule: &Schedule) -> Result<Outcome, String> {
        match &mut self.daemon {
            Some(daemon) => {
                self.before = Told::of(&daemon.scrape()?).stated();
                daemon.skip_events()?;
            }
            None => self.start(false)?,
        }
        for (at, step) in schedule.steps.iter().enumerate() {
            let done = self.step(*step);
            done.map_err(|why| format!("step {at}, {step:?}: {why}"))?;
        }
        self.settle()
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Begins(shape) => drop(self.begin(shape)?),
            Step::Ends(nth, killed) => {
                if let Some(at) = self.living(nth) {
                    self.end(at, killed)?;
                }
            }
            Step::Refused(nth, Refused { row, times, paths }) => {
                if let Some(at) = self.living(nth) {
                    self.lives[at].life.refuse(row, times, paths)?;
                }
            }
            Step::Floods(nth, row, milliseconds) => {
                if let Some(at) = self.living(nth) {
                    self.lives[at].life.flood(row, milliseconds)?;
                }
            }
            Step::Spreads(nth, row, groups, paths) => {
                if let Some(at) = self.living(nth) {
                    self.lives[at].life.spread(row..row + 1, groups, paths)?;
                }
            }
            Step::Widens(nth, groups) => {
                if let Some(at) = self.living(nth) {
                    self.lives[at].life.spread(0..ROWS, groups, 1)?;
                }
            }
            Step::Flits(shape, Refused { row, times, paths }) => {
                if let Some(at) = self.begin(shape)? {
                    self.lives[at].life.refuse(row, times, paths)?;
                    self.end(at, true)?;
                }
            }
            Step::Churns(number) => {
                self.churned += u64::from(number);
                churn(self.arena.groups(), number)?;
            }
            Step::Host(Refused { row, times, paths }) => self.host()?.refuse(row, times, paths)?,
            Step::Leaves(how) => self.leave(how)?,
            Step::Starts(other) => self.start(other)?,
            Step::Fails(other, after) => self.fail(other, after)?,
            Step::Freezes => self.daemon.iter_mut().for_each(Daemon::freeze),
            Step::Thaws => self.daemon.iter_mut().for_each(Daemon::thaw),
            Step::Engine(outage) => {
                if let Some((_, relay)) = &self.engine {
                    relay.set(outage)?;
                }
            }
            Step::Waits(milliseconds) => sleep(Duration::from_millis(milliseconds)),
            Step::Looks => self.look()?,
        }
        Ok(())
    }

    /// One of the containers that are there.
    fn living(&self, nth: usize) -> Option<usize> {
        let living: Vec<usize> = (0..self.lives.len())
            .filter(|at| self.lives[*at].life.lives())
            .collect();
        living.get(nth % living.len().max(1)).copied()
    }

    /// Begins a container; none where there is no part of the ground left.
    fn begin(&mut self, shape: Shape) -> Result<Option<usize>, String> {
        let part = self.lives.len();
        let boards = self.arena.boards();
        let around = self.arena.around(&boards, part);
        let life = match &self.engine {
            // The last part is the host's.
            _ if part + 1 >= PARTS => return Ok(None),
            Some(_) if part >= ENGINE_LIVES => return Ok(None),
            Some((engine, _)) => Life::in_engine(engine, around)?,
            None => Life::in_group(shape, around)?,
        };
        self.lives.push(Watched::of(life));
        Ok(Some(part))
    }

    fn end(&mut self, at: usize, killed: bool) -> Result<(), String> {
        let watched = &mut self.lives[at];
        if let Some(row) = watched.life.end(killed)? {
            watched.unsure[row] += 1;
        }
        Ok(())
    }

    fn host(&mut self) -> Result<&mut Life, String> {
        if self.host.is_none() {
            let boards = self.arena.boards();
            let around = self.arena.around(&boards, PARTS - 1);
            self.host = Some(Life::in_group(Shape::Host, around)?);
        }
        self.host
            .as_mut()
            .ok_or_else(|| "no process of the host".into())
    }

    fn settings(&self, other_make: bool) -> Vec<String> {
        let mut settings = self.arena.settings();
        let socket = match &self.engine {
            Some((_, relay)) => relay.path().display().to_string(),
            None => "none".into(),
        };
        settings.extend(["--docker-socket".into(), socket]);
        if let Some(pins) = &self.pins {
            settings.extend(["--pin".into(), pins.display().to_string()]);
        }
        if other_make {
            settings.extend(["--sample-interval".into(), "2s".into()]);
        }
        if self.kind == Kind::Narrow {
            let limits = [
                ("containers", "2"),
                ("write-roots-per-container", "1"),
                ("series", "8"),
            ];
            for (name, value) in limits {
                settings.extend([format!("--limits.{name}"), value.into()]);
            }
        }
        settings
    }

    /// A daemon's process is about to be there.
    fn spawn(&mut self, other_make: bool) -> Result<Daemon, String> {
        let anew = self.pins.is_none() || !self.begun;
        let handover = self.begun && self.other_make != other_make;
        let processors =
            std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
        for watched in &mut self.lives {
            if anew {
                watched.never = watched.life.refused();
            }
            if let Some(row) = watched.life.flooding()
                && handover
            {
                watched.slack[row] += processors;
            }
        }
        if self.pins.is_none() {
            self.before = Stated::default();
            self.highest.clear();
        }
        self.begun = true;
        self.other_make = other_make;
        Daemon::spawn(&self.arena.run(), &self.settings(other_make))
    }

    pub(super) fn start(&mut self, other_make: bool) -> Result<(), String> {
        if self.daemon.is_some() {
            return Ok(());
        }
        let anew = self.pins.is_none() || !self.met;
        let mut daemon = self.spawn(other_make)?;
        daemon.ready()?;
        if anew || self.partial {
            self.lives.iter_mut().for_each(|one| one.is_met(!anew));
        }
        self.met = true;
        self.partial = daemon.leaves_gaps();
        self.daemon = Some(daemon);
        self.outcome.starts += 1;
        Ok(())
    }

    fn fail(&mut self, other_make: bool, after: u64) -> Result<(), String> {
        if self.daemon.is_some() {
            return Ok(());
        }
        let mut daemon = self.spawn(other_make)?;
        sleep(Duration::from_millis(after));
        self.kill(&mut daemon)?;
        self.events.extend(daemon.events()?);
        Ok(())
    }

    fn leave(&mut self, how: Leaving) -> Result<(), String> {
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(());
        };
        self.lives.iter_mut().for_each(Watched::is_left);
        match how {
            Leaving::Killed => self.kill(&mut daemon)?,
            Leaving::Stopped => daemon.stop()?,
        }
        self.events.extend(daemon.events()?);
        Ok(())
    }

    fn kill(&mut self, daemon: &mut Daemon) -> Result<(), String> {
        let ended = self.lives.iter_mut().filter(|one| !one.life.lives());
        ended.for_each(|one| one.orphaned = true);
        daemon.kill()
    }

    pub(super) fn expected(&self) -> Vec<Expected> {
        self.lives.iter().map(Watched::expected).collect()
    }

    fn look(&mut self) -> Result<(), String> {
        let Some(daemon) = self.daemon.as_ref().filter(|daemon| !daemon.is_frozen()) else {
            return Ok(());
        };
        let told = Told::of(&daemon.scrape()?);
        let expected = self.expected();
        told.sound(&expected)?;
        self.climbs(&told, &expected)
    }

    /// No count of a container ever goes down.
    pub(super) fn climbs(&mut self, told: &Told, expected: &[Expected]) -> Result<(), String> {
        for (at, one) in expected.iter().enumerate() {
            for row in 0..ROWS {
                let counted = told.of_container(one, row);
                let highest = self.highest.entry((at, row)).or_default();
                if counted < *highest {
                    return Err(format!(
                        "{:?}, row {row}: {highest} and then {counted}",
                        one.names
                    ));
                }
                *highest = counted;
            }
        }
        Ok(())
    }

    /// Ends what is still there. After a failure nothing is gone on with.
    fn close(mut self, well: bool) -> Result<(), String> {
        let mut ended = Ok(());
        for watched in &mut self.lives {
            ended = ended.and(watched.life.end(false).map(drop));
        }
        if let Some(mut host) = self.host.take() {
            ended = ended.and(host.end(false).map(drop));
        }
        let ids = self.lives.iter().map(|one| one.life.id.clone());
        self.arena.earlier.extend(ids);
        let daemon = self.daemon.take().filter(|_| well && ended.is_ok());
        self.arena.end(self.kind, daemon);
        ended
    }
}
