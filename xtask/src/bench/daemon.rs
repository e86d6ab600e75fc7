//! `cargo xtask bench daemon`: what the daemon takes under loads of real containers.
//!
//! In: numbers of containers. Out: a table with a row for each number and load,
//! and one of the targets. Invariant: the daemon, the engine and the containers
//! are real, and each cell is of a load that went on meanwhile; a count that is
//! not exact, in any cell and for any container, is an error. Lacks on purpose:
//! passing or failing by time, which depends on the machine.

mod cell;
mod crowd;
mod machine;
mod probe;
mod table;

use std::{path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    cell::{Cell, Load, Measurer},
    crowd::Crowd,
    probe::Probe,
    table::{Row, Sizes},
};
use crate::{
    build,
    demo::agent::Agent,
    engine::{self, Engine},
    image,
    interrupt::Interrupt,
    layout, process,
    scrape::Scrape,
    step,
    toolchain::apt,
};

/// Starts of the daemon whose median is told.
const STARTS: usize = 5;
/// How long the daemon may take until it knows every container's name.
const NAMED_WITHIN: Duration = Duration::from_secs(180);
/// What follows from the containers' start is over by then: a mount table that stands
/// still is read half as often each time, down to once in 60 seconds.
const CALM: Duration = Duration::from_secs(130);
const POLL: Duration = Duration::from_millis(100);

/// `cargo xtask bench daemon`.
#[derive(clap::Args, Debug)]
pub struct DaemonArgs {
    /// Numbers of containers, ascending: each is measured under every load.
    #[arg(long, value_delimiter = ',', default_value = "1,100,500,1000")]
    containers: Vec<usize>,
    /// Seconds over which a load's processor time is taken; idle takes three times as long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Cargo profile of the daemon: dist is what is shipped.
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Leaves out the build.
    #[arg(long, hide = true)]
    no_build: bool,
}

/// Builds, measures and prints.
///
/// # Errors
/// What could not be built or started, or a count that was lost.
pub fn run(args: &DaemonArgs) -> Result<()> {
    ensure!(
        args.containers.is_sorted() && args.containers.first().is_some_and(|least| *least > 0),
        "--containers {:?}: use ascending numbers above 0",
        args.containers
    );
    ensure!(
        apt::is_root(),
        "measuring needs root: it loads programs into the kernel and starts an engine"
    );
    let (agent, provoke) = programs(args)?;
    let interrupt = Interrupt::watch()?;
    let dir = tempfile::Builder::new()
        .prefix("sealwatch-bench")
        .tempdir()?;
    let engine = Engine::start(dir.path())?;
    let bench = Bench {
        args,
        agent,
        engine: &engine,
        dir: dir.path().to_path_buf(),
        interrupt: &interrupt,
    };
    let sizes = bench.sizes()?;
    let machine = machine::described(&args.profile, &bench.start()?)?;
    let most = args.containers.last().copied().unwrap_or(1);
    let mut crowd = Crowd::new(&engine, &provoke, dir.path(), most)?;
    let probe = Probe::start(&engine, &provoke, dir.path())?;
    let mut rows = Vec::new();
    for containers in &args.containers {
        crowd.grow(*containers, &interrupt)?;
        rows.push(bench.row(&mut crowd, &probe)?);
    }
    println!("{machine}");
    println!("{}", table::cells(&rows));
    println!("{}", table::targets(&rows, &sizes));
    let wrong: Vec<&String> = rows
        .iter()
        .flat_map(|row| &row.cells)
        .flat_map(|cell| &cell.wrong)
        .collect();
    if !wrong.is_empty() {
        bail!("counts that are not exact: {wrong:?}");
    }
    Ok(())
}

fn programs(args: &DaemonArgs) -> Result<(PathBuf, PathBuf)> {
    let triple = layout::host_triple()?;
    if args.no_build {
        let provoke = layout::agent_binary(&triple, "release");
        return Ok((
            layout::agent_binary(&triple, &args.profile),
            provoke.with_file_name("examples").join("provoke"),
        ));
    }
    engine::ensure_programs()?;
    let agent = build::build(&args.profile)?.agent;
    Ok((agent, build::provoke()?))
}

struct Bench<'a> {
    args: &'a DaemonArgs,
    agent: PathBuf,
    engine: &'a Engine,
    dir: PathBuf,
    interrupt: &'a Interrupt,
}

impl Bench<'_> {
    /// A daemon with its defaults, of which this engine is the only runtime.
    fn start(&self) -> Result<Agent> {
        Agent::start(&self.agent, self.engine.socket(), &self.dir, &[])
    }

    fn sizes(&self) -> Result<Sizes> {
        let archive = self.dir.join("image.tar");
        let name = image::make(self.engine, &self.agent, &archive)?;
        let bytes = self
            .engine
            .docker_ok(&["image", "inspect", "--format", "{{.Size}}", &name])?;
        Ok(Sizes {
            binary: std::fs::metadata(&self.agent)?.len(),
            image: bytes.parse().with_context(|| format!("{bytes:?}"))?,
            archive: std::fs::metadata(&archive)?.len(),
        })
    }

    /// Every load with the containers that are there, by a new daemon.
    fn row(&self, crowd: &mut Crowd<'_>, probe: &Probe) -> Result<Row> {
        let mut starts = Vec::new();
        for _ in 1..STARTS {
            let mut agent = self.start()?;
            starts.push(agent.ready_after());
            agent.stop()?;
        }
        let mut agent = self.start()?;
        starts.push(agent.ready_after());
        starts.sort_unstable();
        let start_cpu = process::cpu_time(agent.pid())?.total;
        crowd.note_begin();
        // The crowd and the one that probes.
        let containers = crowd.len() + 1;
        let named = step::timed(
            &format!("{containers} containers: waiting for their names"),
            || wait_until_named(&agent, containers),
        )?;
        thread::sleep(CALM);
        let mut cells: Vec<Cell> = Vec::new();
        for load in Load::ALL {
            let measurer = Measurer {
                agent: &agent,
                crowd,
                probe,
                window: Duration::from_secs(self.args.seconds),
            };
            let title = format!("{} containers, {load}", crowd.len());
            let cell = step::timed(&title, || measurer.measure(load))?;
            eprintln!("    {}", table::cell(&cell));
            cells.push(cell);
            agent.check()?;
            self.interrupt.check()?;
        }
        agent.stop()?;
        Ok(Row {
            containers: crowd.len(),
            start: starts[STARTS / 2],
            start_cpu,
            named,
            cells,
        })
    }
}

/// Until every container has been described; the time it took.
fn wait_until_named(agent: &Agent, containers: usize) -> Result<Duration> {
    let begun = std::time::Instant::now();
    loop {
        let text = agent.metrics()?;
        let scrape = Scrape::of(&text);
        let known = scrape
            .labels("container", |name| name == "sealwatch_container_info")
            .iter()
            .filter(|name| name.starts_with(crowd::PREFIX))
            .count();
        if known >= containers {
            return Ok(begun.elapsed());
        }
        ensure!(
            begun.elapsed() < NAMED_WITHIN,
            "only {known} of {containers} containers were named within {} s\n{}",
            NAMED_WITHIN.as_secs(),
            agent.log_tail()
        );
        thread::sleep(POLL);
    }
}
