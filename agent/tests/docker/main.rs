//! The real daemon against real runtimes on this host, with whatever backend its
//! kernel allows.
//!
//! Each test has a private engine and a daemon of its own, one after the other,
//! so that one test's load is not another's. A test that cannot run says so
//! loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod agent;
mod breach;
mod check;
mod degraded;
mod doctor;
#[path = "../engines/mod.rs"]
mod engines;
mod events;
#[path = "../exposition/mod.rs"]
mod exposition;
mod flood;
mod host;
mod inventory;
mod layer;
mod lifecycle;
mod load;
mod memory;
mod others;
mod posture;
mod posture_price;
mod programs;
mod prometheus;
mod readme;
mod restart;
mod short_lived;
mod starts;
mod tmpfs;
mod top;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agent::Agent;
use engines::may_start;
use xtask::engine::{Engine, IMAGE, sealed};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits until no other test runs.
fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What most tests stand on. Fields are dropped in this order.
struct Stage {
    engine: Engine,
    dir: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Waits for its turn and starts a private engine.
    fn set() -> Result<Stage, String> {
        may_start()?;
        let turn = turn();
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
        Ok(Stage {
            engine,
            dir,
            _turn: turn,
        })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A daemon that knows this engine alone.
    fn agent(&self, more: &[&str]) -> Agent {
        let socket = self.engine.socket().to_string_lossy();
        let mut settings = vec!["--cri-endpoint", "none", "--docker-socket", &socket];
        settings.extend(more);
        Agent::start(self.path(), &settings)
    }

    /// Runs a container with a read-only root to its end and returns what it wrote.
    fn run(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        let mut args = sealed(name).to_vec();
        args.extend(options);
        args.push(IMAGE);
        args.extend(command);
        let output = self.engine.docker(&args).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The program that provokes, built by cargo with the tests.
fn provoke() -> Result<PathBuf, String> {
    let beside = Path::new(env!("CARGO_BIN_EXE_sealwatch")).parent().unwrap();
    let program = beside.join("examples/provoke");
    if program.exists() {
        return Ok(program);
    }
    Err(format!(
        "{} is not built: cargo build --examples",
        program.display()
    ))
}

/// Cargo runs tests with several names at once; a name tells whose container it is.
fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}
