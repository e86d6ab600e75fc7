//! What all steps stand on: an engine, a daemon that knows it alone, the program
//! that is hostile.
//!
//! In: nothing. Out: [`Stage`], containers on it. Invariant: what it started ends
//! with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use xtask::engine::{Engine, IMAGE, sealed};

use super::agent::{Agent, eventually};
use super::engines::may_start;

/// From an honest container's first refusal to the line that tells of it.
const SEEN_WITHIN_NS: u64 = 3_000_000_000;
/// From a refusal to its count.
const COUNTED_WITHIN: Duration = Duration::from_secs(15);

/// Fields are dropped in this order.
pub struct Stage {
    /// The daemon.
    pub agent: Agent,
    /// The engine.
    pub engine: Engine,
    provoke: PathBuf,
    _dir: tempfile::TempDir,
}

/// A container that is killed with this.
pub struct Running<'a> {
    stage: &'a Stage,
    name: String,
    client: Child,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.stage.engine.docker(&["kill", &self.name]);
        let _ = self.client.wait();
    }
}

impl Stage {
    /// Starts engine and daemon, or says why that cannot be.
    pub fn set() -> Result<Stage, String> {
        may_start()?;
        let beside = Path::new(env!("CARGO_BIN_EXE_sealwatch")).parent().unwrap();
        let provoke = beside.join("examples/provoke");
        if !provoke.exists() {
            return Err(format!(
                "{} is not built: cargo build --examples",
                provoke.display()
            ));
        }
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
        let socket = engine.socket().to_string_lossy().into_owned();
        let settings = ["--cri-endpoint", "none", "--docker-socket", &socket];
        let agent = Agent::start(dir.path(), &settings);
        Ok(Stage {
            agent,
            engine,
            provoke,
            _dir: dir,
        })
    }

    fn arguments(&self, name: &str, options: &[&str], hostile: &[&str]) -> Vec<String> {
        let program = format!("{}:/provoke:ro", self.provoke.display());
        let all = sealed(name).into_iter().chain(options.iter().copied());
        let all = all.chain(["--volume", &program, IMAGE, "/provoke"]);
        all.chain(hostile.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    /// Runs a hostile container to its end; how much it was refused.
    pub fn run(&self, name: &str, options: &[&str], hostile: &[&str]) -> f64 {
        let mut command = self.engine.command();
        command.args(self.arguments(name, options, hostile));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{hostile:?}: {words}");
        let told = String::from_utf8_lossy(&output.stdout);
        let told: Value = serde_json::from_str(told.trim()).unwrap();
        told["count"].as_f64().unwrap()
    }

    /// Starts one that stays, and waits until it has told of its refusal.
    pub fn start(&self, name: &str, options: &[&str], hostile: &[&str]) -> Running<'_> {
        let log = self.agent.pid();
        let log = std::env::temp_dir().join(format!("hostile-{log}-{name}.log"));
        let file = std::fs::File::create(&log).unwrap();
        let mut command = self.engine.command();
        command.args(self.arguments(name, options, hostile));
        let client = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let running = Running {
            stage: self,
            name: name.to_owned(),
            client,
        };
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        eventually(&format!("{name} is there"), Duration::from_secs(30), || {
            let said = said();
            assert!(!said.contains("provoke:"), "{said}");
            said.contains("\"count\"")
        });
        let _ = std::fs::remove_file(&log);
        running
    }

    /// How many refusals of a container are counted, whatever their path.
    pub fn counted(&self, name: &str) -> f64 {
        let labels = [("container", name), ("errno", "EROFS")];
        self.agent.sum("sealwatch_denials_total", &labels)
    }

    /// Waits until exactly so many are.
    pub fn is_counted(&self, name: &str, count: f64) {
        eventually(
            &format!("{name}: {count} are counted"),
            COUNTED_WITHIN,
            || self.counted(name) == count,
        );
    }

    /// An honest container is refused something for the first time, and that is
    /// told in time and counted.
    pub fn honest(&self, name: &str) {
        let count = self.run(name, &[], &["once", "/etc/passwd"]);
        let mut told = Vec::new();
        eventually(&format!("{name} is told of"), COUNTED_WITHIN, || {
            told = self
                .agent
                .events(|event| event.text("/container/name") == name);
            !told.is_empty()
        });
        let took_ns = told[0].read_ns - told[0].json["monotonic_ns"].as_u64().unwrap();
        println!("  {name}: told after {:.2} s", took_ns as f64 / 1e9);
        assert!(took_ns < SEEN_WITHIN_NS, "{name}: told after {took_ns} ns");
        self.is_counted(name, count);
    }
}
