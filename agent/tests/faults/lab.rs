//! What the tests stand on: an engine for all of them, daemons, refusals.
//!
//! In: nothing. Out: [`Lab`]. Invariant: what would disturb the others runs while
//! they do not; the engine ends with the program, whatever
//! became of the tests; what a test mounts or starts ends with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use xtask::engine::{Engine, IMAGE};

use super::agent::Agent;
use super::engines::may_start;

/// Enough for anything that is not told to take longer.
pub const SOON: Duration = Duration::from_secs(30);
/// A daemon that has not ended by itself by then hangs.
const HANGS: Duration = Duration::from_secs(60);
/// The container that is refused all the time.
pub const NOISE: &str = "noise";
/// Two hundred refusals ten times a second, each with a path of its own.
const REFUSED_FOREVER: &str =
    "cd /srv; names=$(seq 200); while :; do touch $names 2>/dev/null; usleep 100000; done";
/// A daemon that knows no runtime and takes no place.
pub const ALONE: [&str; 4] = ["--docker-socket", "none", "--cri-endpoint", "none"];
/// Nor the address and the socket of another.
pub const ELSEWHERE: [&str; 4] = [
    "--web.listen-address",
    "127.0.0.1:0",
    "--web.socket",
    "none",
];

/// Fields are dropped in this order.
pub struct Shared {
    pub engine: Engine,
    _dir: tempfile::TempDir,
}

static SHARED: Mutex<Option<Arc<Shared>>> = Mutex::new(None);

/// Stops the engine: a static is not dropped.
extern "C" fn at_the_end() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn shared() -> Result<Arc<Shared>, String> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = &*shared {
        return Ok(Arc::clone(shared));
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
    let made = Arc::new(Shared { engine, _dir: dir });
    detach(&made.engine, NOISE, REFUSED_FOREVER);
    // SAFETY: a function without arguments that stays where it is.
    assert_eq!(unsafe { libc::atexit(at_the_end) }, 0);
    *shared = Some(Arc::clone(&made));
    Ok(made)
}

/// Starts a container with a read-only root that goes on by itself.
pub fn detach(engine: &Engine, name: &str, script: &str) {
    let run = ["run", "--detach", "--read-only", "--network", "none"];
    let run = [&run[..], &["--name", name, IMAGE, "sh", "-c", script]].concat();
    engine.docker_ok(&run).unwrap();
}

/// Has a container be refused so many files, each once.
pub fn refuse(engine: &Engine, name: &str, count: usize) {
    let script = format!("cd /srv; touch $(seq {count})");
    let output = engine.docker(&["exec", name, "sh", "-c", &script]).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let refused = complaints.matches("Read-only file system").count();
    assert_eq!(refused, count, "{complaints}");
}

/// Held by all that run beside each other, or by one alone.
static PEACE: RwLock<()> = RwLock::new(());

/// Until it is dropped nobody disturbs, or there is nobody to be disturbed.
pub enum Turn {
    Beside(#[allow(dead_code, reason = "it is held")] RwLockReadGuard<'static, ()>),
    Alone(#[allow(dead_code, reason = "it is held")] RwLockWriteGuard<'static, ()>),
}

/// Waits until nobody disturbs.
pub fn beside() -> Turn {
    Turn::Beside(PEACE.read().unwrap_or_else(PoisonError::into_inner))
}

/// What a test has. Fields are dropped in this order.
pub struct Lab {
    pub shared: Arc<Shared>,
    mounts: Vec<PathBuf>,
    dir: tempfile::TempDir,
    _turn: Turn,
}

impl Lab {
    /// Beside the others.
    pub fn set() -> Result<Lab, String> {
        Lab::with(beside)
    }

    /// While nobody else is there.
    pub fn alone() -> Result<Lab, String> {
        Lab::with(|| Turn::Alone(PEACE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with(turn: impl FnOnce() -> Turn) -> Result<Lab, String> {
        may_start()?;
        Ok(Lab {
            _turn: turn(),
            shared: shared()?,
            mounts: Vec::new(),
            dir: tempfile::tempdir().unwrap(),
        })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Starts a container that waits.
    pub fn idle(&self, name: &str) {
        detach(self.engine(), name, "sleep 600");
    }

    /// The settings of a daemon that knows the engine.
    fn settings(&self) -> [String; 4] {
        let socket = self.engine().socket().display().to_string();
        ["--cri-endpoint", "none", "--docker-socket", &socket].map(str::to_owned)
    }

    /// A daemon that knows the engine.
    pub fn agent(&self, more: &[&str]) -> Agent {
        self.agent_by(&[], more)
    }

    /// The same, started by another program.
    pub fn agent_by(&self, by: &[&str], more: &[&str]) -> Agent {
        let known = self.settings();
        let settings = known.iter().map(String::as_str).chain(more.iter().copied());
        let settings: Vec<_> = settings.collect();
        Agent::start_by(command(by), self.path(), &settings)
    }

    /// Mounts a file system of the test's own.
    pub fn mount(&mut self, kind: &str, name: &str, options: &str) -> Result<PathBuf, String> {
        let path = self.path().join(name);
        fs::create_dir(&path).unwrap();
        let output = Command::new("mount")
            .args(["-t", kind, "-o", options, kind])
            .arg(&path)
            .output();
        match output {
            Ok(output) if output.status.success() => {
                self.mounts.push(path.clone());
                Ok(path)
            }
            other => Err(format!("no {kind} can be mounted: {other:?}")),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for path in &self.mounts {
            let _ = Command::new("umount").arg("--lazy").arg(path).status();
        }
    }
}

/// The daemon's binary, started by another program where there is one.
fn command(by: &[&str]) -> Command {
    let binary = env!("CARGO_BIN_EXE_sealwatch");
    match by.split_first() {
        None => Command::new(binary),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        }
    }
}

/// Runs the daemon's binary until it ends by itself, which it must.
pub fn ended(by: &[&str], arguments: &[&str]) -> Output {
    let child = command(by)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let (done, over) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if over.recv_timeout(HANGS).is_err() {
            // SAFETY: takes integers; the child has not been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    });
    let begun = Instant::now();
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    assert!(begun.elapsed() < HANGS, "it did not end: {output:?}");
    output
}

/// What it said on standard error.
pub fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal to a process that the test has started and not waited for.
pub fn signal(pid: u32, signal: i32) {
    // SAFETY: takes integers.
    let sent = unsafe { libc::kill(i32::try_from(pid).unwrap(), signal) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

/// Cargo runs tests at once; a name tells whose container it is.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// Refusals of a container so far.
pub fn denials(agent: &Agent, name: &str) -> f64 {
    agent.sum("sealwatch_denials_total", &[("container", name)])
}

/// What was lost so far.
pub fn lost(agent: &Agent, stage: &str, reason: &str) -> f64 {
    let labels = [("stage", stage), ("reason", reason)];
    agent.sum("sealwatch_lost_total", &labels)
}
