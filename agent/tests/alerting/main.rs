//! From a container's failing cache to an alert at its receiver, with the real
//! daemon, Prometheus and Alertmanager: the daemon by itself, and over Prometheus.
//!
//! Each test has an engine, a daemon and receivers of its own, so that they run
//! beside each other. What waits most is time. A test that cannot run says so
//! loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../docker/agent.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod agent;
mod container;
mod direct;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod exposition;
mod over_prometheus;
mod pods;
mod receiver;
mod servers;
mod told;
mod webhook;

use std::path::{Path, PathBuf};

use agent::Agent;
use xtask::engine::Engine;

/// What every test stands on. Fields are dropped in this order.
struct Stage {
    engine: Engine,
    dir: tempfile::TempDir,
}

impl Stage {
    fn set() -> Result<Stage, String> {
        engines::may_start()?;
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
        Ok(Stage { engine, dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn state(&self) -> PathBuf {
        self.path().join("state.json")
    }

    /// A daemon that knows this engine alone and is soon sure.
    fn agent(&self, more: &[&str]) -> Agent {
        self.agent_in(&[], more)
    }

    /// The same with variables of its own.
    fn agent_in(&self, variables: &[(&str, &str)], more: &[&str]) -> Agent {
        let socket = self.engine.socket().to_string_lossy();
        let state = self.state();
        let mut settings = vec!["--cri-endpoint", "none", "--docker-socket", &socket];
        settings.extend(["--state-file", state.to_str().unwrap()]);
        settings.extend(["--web.socket", "none", "--node-name", NODE]);
        settings.extend(container::SETTINGS);
        settings.extend(more);
        Agent::start_in(variables, self.path(), &settings)
    }
}

/// What the daemon calls this machine.
const NODE: &str = "node-of-the-test";
