//! One container: a control group of a runtime's shape with a process in it, or one
//! of a real engine.
//!
//! In: orders. Out: refusals in that container, and how many so far. Invariant: the
//! process is in its control group before its first instruction; what was made is
//! removed with it. Lacks on purpose: the daemon.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use xtask::engine::{Engine, IMAGE};

use super::actor::{self, Board};
use super::arena::fill;
use super::groups::{Shape, fresh_id, remove};
use super::refusals::ROWS;

/// Longest that an order may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Where a life takes place.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where the hierarchy of control groups is mounted.
    pub groups: &'a Path,
    /// The ground of refusals.
    pub ground: &'a Path,
    /// For boards.
    pub boards: &'a Path,
    /// Which part of the ground is this container's.
    pub part: usize,
}

/// A container.
pub struct Life {
    /// The runtime's id.
    pub id: String,
    /// The engine's name for it; none where no engine knows it.
    pub name: Option<String>,
    /// Its part of the ground.
    pub part: usize,
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    board: Board,
    /// The row that a flood is at, whose end nobody has waited for.
    flooding: Option<usize>,
    own: Vec<PathBuf>,
    spread: Vec<PathBuf>,
    over: bool,
}

impl Life {
    /// Begins one in a control group of this shape.
    pub fn in_group(shape: Shape, around: Surroundings<'_>) -> Result<Life, String> {
        let id = fresh_id();
        let (above, names) = shape.groups(&id);
        let mut path = around.groups.join(above);
        let fail = |error: std::io::Error| format!("control group {id}: {error}");
        fs::create_dir_all(&path).map_err(fail)?;
        let mut own = Vec::new();
        for name in names {
            path.push(name);
            fs::create_dir(&path).map_err(fail)?;
            own.push(path.clone());
        }
        let procs = OpenOptions::new()
            .write(true)
            .open(path.join("cgroup.procs"));
        let procs = procs.map_err(fail)?;
        let mut command = Command::new(std::env::current_exe().map_err(fail)?);
        let board = around.boards.join(&id);
        command
            .args([
                "--ignored",
                "--exact",
                actor::TEST,
                "--nocapture",
                "--test-threads=1",
            ])
            .env(actor::GROUND, around.ground)
            .env(actor::PART, format!("s{}", around.part))
            .env(actor::BOARD, &board);
        // SAFETY: the child writes to a descriptor before it executes, and no more.
        unsafe {
            command.pre_exec(move || (&procs).write_all(b"0"));
        }
        Life::begin(command, &board, id, None, around.part, own)
    }

    /// Begins one in a real engine.
    pub fn in_engine(engine: &Engine, around: Surroundings<'_>) -> Result<Life, String> {
        let name = format!("conserved-{}", &fresh_id()[..12]);
        let board = around.boards.join(&name);
        let cidfile = around.boards.join(format!("{name}.cid"));
        let actor = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = engine.command();
        command
            .args([
                "run",
                "--rm",
                "--interactive",
                "--read-only",
                "--network",
                "none",
            ])
            .args(["--name", &name, "--cidfile"])
            .arg(&cidfile)
            .arg("--volume")
            .arg(format!("{}:/actor:ro", actor.display()))
            .arg("--volume")
            .arg(format!("{}:/ground", around.ground.display()))
            .arg("--volume")
            .arg(format!("{}:/boards", around.boards.display()))
            .args(["--env", &format!("{}=/ground", actor::GROUND)])
            .args(["--env", &format!("{}=s{}", actor::PART, around.part)])
            .args(["--env", &format!("{}=/boards/{name}", actor::BOARD)])
            .args([IMAGE, "/actor", "--ignored", "--exact", actor::TEST])
            .args(["--nocapture", "--test-threads=1"]);
        let mut life = Life::begin(
            command,
            &board,
            String::new(),
            Some(name),
            around.part,
            Vec::new(),
        )?;
        life.id = fs::read_to_string(&cidfile)
            .map_err(|error| format!("{}: {error}", cidfile.display()))?;
        Ok(life)
    }

    fn begin(
        mut command: Command,
        board: &Path,
        id: String,
        name: Option<String>,
        part: usize,
        own: Vec<PathBuf>,
    ) -> Result<Life, String> {
        let log = board.with_extension("log");
        let log_file = File::create(&log).map_err(|error| error.to_string())?;
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn();
        let mut child = spawned.map_err(|error| format!("{command:?}: {error}"))?;
        let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let (sink, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, answer)) = line.split_once(actor::MARK)
                    && sink.send(answer.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        let mut life = Life {
            id,
            name,
            part,
            child,
            orders: Some(orders),
            answers,
            board: Board::open(board).map_err(|error| error.to_string())?,
            flooding: None,
            own,
            spread: Vec::new(),
            over: false,
        };
        match life.answer() {
            Ok(answer) if answer == "ready" => Ok(life),
            other => Err(format!(
                "the actor is not ready: {other:?}\n{}",
                fs::read_to_string(log).unwrap_or_default()
            )),
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        match self.answers.recv_timeout(ANSWER_WITHIN) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err("the actor does not answer".into()),
            Err(RecvTimeoutError::Disconnected) => Err("the actor has ended".into()),
        }
    }

    fn order(&mut self, line: &str) -> Result<(), String> {
        let orders = self.orders.as_mut().ok_or("the actor was dismissed")?;
        writeln!(orders, "{line}").map_err(|error| format!("{line:?}: {error}"))
    }

    /// Has it refused so many times on so many paths.
    pub fn refuse(&mut self, row: usize, times: u32, paths: u32) -> Result<(), String> {
        self.rest()?;
        fill(paths.min(times));
        self.order(&format!("do {row} {times} {paths}"))?;
        self.done()
    }

    /// Has it refused as often as it goes; returns at once.
    pub fn flood(&mut self, row: usize, milliseconds: u32) -> Result<(), String> {
        self.rest()?;
        self.order(&format!("flood {row} {milliseconds}"))?;
        self.flooding = Some(row);
        Ok(())
    }

    /// Waits until a flood is over.
    pub fn rest(&mut self) -> Result<(), String> {
        match self.flooding.take() {
            Some(_) => self.done(),
            None => Ok(()),
        }
    }

    fn done(&mut self) -> Result<(), String> {
        match self.answer()? {
            answer if answer == "done" => Ok(()),
            why => Err(why),
        }
    }

    /// The row that it may be refused at right now.
    pub fn flooding(&self) -> Option<usize> {
        self.flooding
    }

    /// Is it there?
    pub fn lives(&self) -> bool {
        !self.over
    }

    /// How often each row was refused so far, but for the one that is under way.
    pub fn refused(&self) -> [u64; ROWS] {
        self.board.read()
    }

    /// Has it refused on so many paths of each of these rows in each of so many groups
    /// of its own making.
    pub fn spread(&mut self, rows: Range<usize>, groups: u32, paths: u32) -> Result<(), String> {
        let home = self
            .own
            .last()
            .cloned()
            .ok_or("an engine's groups are its own")?;
        let fail = |error: std::io::Error| format!("{}: {error}", home.display());
        for _ in 0..groups {
            let group = home.join(format!("below-{}", self.spread.len()));
            fs::create_dir(&group).map_err(fail)?;
            fs::write(group.join("cgroup.procs"), self.child.id().to_string()).map_err(fail)?;
            self.spread.push(group);
            for row in rows.clone() {
                self.refuse(row, paths, paths)?;
            }
        }
        fs::write(home.join("cgroup.procs"), self.child.id().to_string()).map_err(fail)
    }

    /// Ends it and removes its control groups. In order, or as a runtime kills: then
    /// the row is told of which one refusal more may have been.
    pub fn end(&mut self, killed: bool) -> Result<Option<usize>, String> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(None);
        }
        let mut unsure = None;
        if killed && self.name.is_none() {
            unsure = self.flooding.take();
            self.child.kill().map_err(|error| error.to_string())?;
        } else {
            self.rest()?;
        }
        self.orders = None;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if !killed && !status.success() {
            return Err(format!("the actor ended with {status}"));
        }
        for group in self.spread.iter().chain(self.own.iter().rev()) {
            remove(group)?;
        }
        Ok(unsure)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // A failed schedule leaves no process and no control group.
        let _ = self.child.kill();
        let _ = self.end(true);
    }
}
