//! `cargo xtask soak`: a daemon under churn, and whether it leaks or miscounts.
//!
//! In: minutes. Out: a line each minute, a summary; an error where something grew
//! that must not, where a count was not exact, or where the daemon said no.
//! Invariant: containers, engine and daemon are real; each container's count is
//! compared after its end, and what must be gone is waited for. Lacks on purpose:
//! judging time and processor, which depend on the machine.

mod churn;
mod expect;
mod gauge;
mod leak;
mod maps;
mod readers;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    churn::Churn,
    expect::Expectations,
    gauge::{Gauge, Reading},
    leak::Verdict,
};
use crate::{
    build, demo::agent::Agent, engine::Engine, interrupt::Interrupt, layout, load::Board,
    scrape::Scrape, toolchain::apt,
};

/// Containers at a time, and at the same time those who start and remove them.
const CHURNERS: usize = 4;
const FOLLOWERS: usize = 2;
const SCRAPE_EVERY: Duration = Duration::from_secs(1);
const GAUGE_EVERY: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Between two changes of the settings' file that tell nothing new.
const HANG_UP_EVERY: Duration = Duration::from_secs(7);
/// Between two restarts of the engine.
const RESTART_EVERY: Duration = Duration::from_secs(75);
/// What has ended is let go of after two minutes, and looked for twice a minute.
const GONE_WITHIN: Duration = Duration::from_secs(240);

/// `cargo xtask soak`.
#[derive(clap::Args, Debug)]
pub struct SoakArgs {
    /// How long containers come and go; the end takes three minutes more.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// Cargo profile of the daemon.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Leaves out the build.
    #[arg(long, hide = true)]
    no_build: bool,
}

/// What all threads share.
struct Soak<'a> {
    engine: &'a RwLock<Engine>,
    over: AtomicBool,
    errors: Mutex<Vec<String>>,
    interrupt: Interrupt,
}

impl Soak<'_> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Sleeps, but not past the end.
    fn pause(&self, time: Duration) {
        let begun = Instant::now();
        while !self.is_over() && begun.elapsed() < time {
            thread::sleep(Duration::from_millis(50).min(time));
        }
    }

    /// Something is wrong; it is told at the end with the rest.
    fn complain(&self, what: String) {
        eprintln!("soak: {what}");
        if let Ok(mut errors) = self.errors.lock() {
            errors.push(what);
        }
    }
}

/// Runs it.
///
/// # Errors
/// What leaked, what was counted wrongly, what could not be started.
pub fn run(args: &SoakArgs) -> Result<()> {
    ensure!(args.minutes > 0, "--minutes 0: use at least 1");
    ensure!(
        apt::is_root(),
        "a soak needs root: it loads programs into the kernel and starts an engine"
    );
    let triple = layout::host_triple()?;
    let (binary, provoke) = match args.no_build {
        true => {
            let release = layout::agent_binary(&triple, "release");
            let provoke = release.with_file_name("examples").join("provoke");
            (layout::agent_binary(&triple, &args.profile), provoke)
        }
        false => (build::build(&args.profile)?.agent, build::provoke()?),
    };
    let dir = tempfile::Builder::new()
        .prefix("sealwatch-soak")
        .tempdir()?;
    let engine = RwLock::new(Engine::start(dir.path())?);
    let mut agent = start(&binary, &engine, dir.path())?;
    let result = soak(args, &engine, &mut agent, &provoke, dir.path());
    if result.is_err() {
        eprintln!("{}", agent.log_tail());
    }
    result?;
    agent.stop()
}

fn start(binary: &Path, engine: &RwLock<Engine>, dir: &Path) -> Result<Agent> {
    let settings = dir.join("settings.toml");
    std::fs::write(&settings, "[degraded]\nafter = \"5s\"\n")?;
    let contracts = dir.join("contract.yaml");
    std::fs::write(&contracts, "version: 1\ncontainer: soak-worker-*\n")?;
    let socket = locked(engine)?.socket().to_path_buf();
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    Agent::start(
        binary,
        &socket,
        dir,
        &[
            "--config",
            &text(&settings),
            "--contract",
            &text(&contracts),
            "--inventory",
            "soak-full-*",
            // What is killed later than that has not failed to start.
            "--start-window",
            "1s",
        ],
    )
}

fn locked(engine: &RwLock<Engine>) -> Result<RwLockReadGuard<'_, Engine>> {
    engine.read().ok().context("a thread panicked")
}

fn soak(
    args: &SoakArgs,
    engine: &RwLock<Engine>,
    agent: &mut Agent,
    provoke: &Path,
    dir: &Path,
) -> Result<()> {
    let length = Duration::from_secs(args.minutes * 60);
    let board_file = dir.join("soak.board");
    let board = Board::create(&board_file, churn::PLACES)?;
    let shared = Soak {
        engine,
        over: AtomicBool::new(false),
        errors: Mutex::default(),
        interrupt: Interrupt::watch()?,
    };
    let expectations = Expectations::default();
    let churn = Churn {
        soak: &shared,
        board: &board,
        board_file: &board_file,
        provoke,
        expectations: &expectations,
        began: AtomicUsize::new(0),
    };
    churn.give_order(length);
    let (pid, address) = (agent.pid(), agent.address());
    let mut watch = Watch {
        gauge: Gauge::of(pid)?,
        readings: Vec::new(),
        begun: Instant::now(),
    };
    let first = watch.gauge.read(&agent.metrics()?, Duration::ZERO)?;
    thread::scope(|scope| {
        for _ in 0..CHURNERS {
            scope.spawn(|| churn.run());
        }
        for _ in 0..FOLLOWERS {
            scope.spawn(|| readers::follow(&shared, address));
        }
        scope.spawn(|| readers::hang_up(&shared, address));
        scope.spawn(|| readers::browse(&shared, address));
        scope.spawn(|| signal_often(&shared, pid));
        scope.spawn(|| restart_engine(&shared));
        let result = watch.run(&shared, agent, &expectations, &churn, length);
        shared.over.store(true, Ordering::Relaxed);
        result
    })?;
    churn.remove_all()?;
    let last = watch.wait_for_the_end(agent, &expectations)?;
    println!("{}", last.line(watch.begun.elapsed(), churn.begun()));
    let verdict = Verdict::of(&watch.readings, &first, &last, length);
    println!("{verdict}");
    let mut errors = expectations.open();
    if let Ok(mut complaints) = shared.errors.lock() {
        errors.append(&mut complaints);
    }
    errors.extend(verdict.findings());
    if errors.is_empty() {
        println!(
            "{} containers in {} minutes, {} counts compared: all exact, nothing leaked",
            churn.begun(),
            args.minutes,
            expectations.settled()
        );
        return Ok(());
    }
    bail!("{} findings:\n{}", errors.len(), errors.join("\n"))
}

/// What is read over time.
struct Watch {
    gauge: Gauge,
    readings: Vec<Reading>,
    begun: Instant,
}

impl Watch {
    /// Scrapes until the time is up.
    fn run(
        &mut self,
        soak: &Soak<'_>,
        agent: &mut Agent,
        expectations: &Expectations,
        churn: &Churn<'_>,
        length: Duration,
    ) -> Result<()> {
        let (mut gauged, mut told) = (Instant::now(), Instant::now());
        while self.begun.elapsed() < length {
            agent.check()?;
            soak.interrupt.check()?;
            let text = agent.metrics()?;
            for wrong in expectations.compare(&Scrape::of(&text)) {
                soak.complain(wrong);
            }
            if gauged.elapsed() >= GAUGE_EVERY {
                gauged = Instant::now();
                let reading = self.gauge.read(&text, self.begun.elapsed())?;
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    println!("{}", reading.line(self.begun.elapsed(), churn.begun()));
                }
                self.readings.push(reading);
            }
            thread::sleep(SCRAPE_EVERY);
        }
        Ok(())
    }

    /// Waits until all that came of the churn is gone again.
    fn wait_for_the_end(&self, agent: &mut Agent, expectations: &Expectations) -> Result<Reading> {
        let begun = Instant::now();
        // What is stale now must be gone later; what others' containers leave
        // meanwhile is not counted.
        let stale = self.gauge.stale()?;
        loop {
            agent.check()?;
            let text = agent.metrics()?;
            expectations.compare(&Scrape::of(&text));
            let mut reading = self.gauge.read(&text, self.begun.elapsed())?;
            reading.stale = self.gauge.still_there(&stale)?;
            let done = reading.own_series == 0 && reading.stale == 0;
            if done || begun.elapsed() > GONE_WITHIN {
                return Ok(reading);
            }
            thread::sleep(SCRAPE_EVERY);
        }
    }
}

/// Has the daemon read its settings again, though nothing in them has changed.
fn signal_often(soak: &Soak<'_>, pid: u32) {
    while !soak.is_over() {
        soak.pause(HANG_UP_EVERY);
        if let Ok(pid) = i32::try_from(pid) {
            // SAFETY: takes integers; whether the daemon lives is checked elsewhere.
            unsafe { libc::kill(pid, libc::SIGHUP) };
        }
    }
}

/// Stops the engine under its containers, and starts it again.
fn restart_engine(soak: &Soak<'_>) {
    loop {
        soak.pause(RESTART_EVERY);
        if soak.is_over() {
            return;
        }
        let Ok(mut engine) = soak.engine.write() else {
            return;
        };
        // Who was just started shall have been named: an engine that is down
        // names nobody, and forgets who ended meanwhile and was removed.
        soak.pause(Duration::from_secs(2));
        if let Err(error) = engine.restart() {
            soak.complain(format!("restarting the engine: {error:#}"));
        }
    }
}
