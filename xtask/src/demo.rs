//! `cargo xtask run`: the daemon on this machine, or the demonstration.
//!
//! In: the command line. Out: for the demonstration, a table of what the daemon
//! saw of a real container; exit code 0 only if it saw all of it. Invariant: a
//! denial counts as seen when the daemon lists and counts it; nothing is
//! assumed from what the container did.

pub(crate) mod agent;
mod app;
mod listing;

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use self::{agent::Agent, app::App};
use crate::{
    build,
    engine::{self, Engine},
    interrupt::Interrupt,
    layout,
    toolchain::apt,
    vm::{Guest, Job, Kernel},
};

/// How long `--once` waits for all denials, from the container's start.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// How often the container is started again without `--once`.
const REPEAT: Duration = Duration::from_secs(10);
/// How long a guest may take; it is emulated.
const GUEST_WITHIN: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(300);

/// `cargo xtask run`.
#[derive(clap::Args, Debug)]
pub struct RunArgs {
    /// Runs a container with a read-only root through a rollout and shows what is refused.
    #[arg(long)]
    demo: bool,
    /// With --demo: ends by itself; the exit code tells whether all was seen.
    #[arg(long, requires = "demo")]
    once: bool,
    /// With --demo: in a guest of this kernel, where this machine's allows too little.
    #[arg(long, requires = "once")]
    kernel: Option<Kernel>,
    /// Leaves out the build.
    #[arg(long, hide = true)]
    no_build: bool,
    /// What the daemon is told, such as `doctor` or `--web.listen-address :9402`.
    #[arg(last = true, conflicts_with = "demo")]
    args: Vec<String>,
}

/// Builds, then runs.
///
/// # Errors
/// What could not be built or started, or what the daemon did not see.
pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let agent = match args.no_build {
        true => layout::agent_binary(&layout::host_triple()?, "release"),
        false => build::build("release")?.agent,
    };
    if !apt::is_root() {
        return again_as_root(args);
    }
    if let Some(kernel) = args.kernel {
        return in_guest(kernel);
    }
    if args.demo {
        return demonstrate(args.once, &agent);
    }
    let mut command = Command::new(agent);
    if args.args.first().is_none_or(|first| first.starts_with('-')) {
        command.arg("run");
    }
    Err(command.args(&args.args).exec().into())
}

/// Building is for the user, loading programs and starting engines for root.
fn again_as_root(args: &RunArgs) -> Result<ExitCode> {
    if !apt::on_path("sudo") {
        bail!("running needs root (it loads programs into the kernel), and there is no sudo");
    }
    eprintln!("==> running as root through sudo");
    let mut command = Command::new("sudo");
    command
        .arg("--preserve-env")
        .arg(std::env::current_exe()?)
        .args(["run", "--no-build"]);
    if args.demo {
        command.arg("--demo");
    }
    if args.once {
        command.arg("--once");
    }
    if let Some(kernel) = args.kernel {
        command.args(["--kernel", kernel.label()]);
    }
    Err(command.arg("--").args(&args.args).exec().into())
}

/// The same in a guest, which finds this machine's files and programs at their
/// places but has no network to get more.
fn in_guest(kernel: Kernel) -> Result<ExitCode> {
    engine::ensure_programs()?;
    engine::static_busybox()?;
    let command = std::env::current_exe()?;
    let arguments = ["run", "--demo", "--once", "--no-build"].map(str::to_owned);
    let guest = Guest {
        prefix: Some(String::new()),
        ..Guest::new(kernel)
    };
    let outcome = guest.run(&Job {
        files: Vec::new(),
        command: std::iter::once(command.display().to_string())
            .chain(arguments)
            .collect(),
        timeout: GUEST_WITHIN,
    })?;
    Ok(match outcome.status {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn demonstrate(once: bool, agent: &std::path::Path) -> Result<ExitCode> {
    let interrupt = Interrupt::watch()?;
    let stopped = || interrupt.has_come();

    let dir = tempfile::Builder::new()
        .prefix("sealwatch-demo")
        .tempdir()?;
    let engine = match Engine::host() {
        Some(engine) => {
            println!(
                "engine     the machine's own, {}",
                engine.socket().display()
            );
            engine.ensure_image()?;
            engine
        }
        None => {
            let engine = Engine::start(dir.path())?;
            println!(
                "engine     a private dockerd, {}",
                engine.socket().display()
            );
            engine
        }
    };
    let mut agent = Agent::start(agent, engine.socket(), dir.path(), &[])?;
    println!("metrics    {}", agent.metrics_url());
    let app = App::new(&engine, dir.path())?;
    println!("container  {}", app.command_line());

    println!("\nwhat the app says:");
    app.run_first()?;
    let begun = Instant::now();
    let rows = loop {
        agent.check()?;
        let rows = listing::rows(&agent.report("json")?, app.name())?;
        let complete = app::DENIALS
            .iter()
            .all(|denial| rows.iter().any(|row| denial.is(row)));
        if complete || stopped() || begun.elapsed() > SEEN_WITHIN {
            break rows;
        }
        thread::sleep(POLL);
    };
    println!(
        "\nwhat `sealwatch report` shows:\n{}",
        agent.report("table")?
    );
    let missing: Vec<String> = app::DENIALS
        .iter()
        .filter(|denial| !rows.iter().any(|row| denial.is(row)))
        .map(ToString::to_string)
        .collect();
    if once {
        agent.stop()?;
        if missing.is_empty() {
            println!("All {} denials were seen.", app::DENIALS.len());
            return Ok(ExitCode::SUCCESS);
        }
        bail!("not seen: {}\n{}", missing.join("; "), agent.log_tail());
    }
    for denial in missing {
        println!("Not seen: {denial}");
    }
    println!(
        "The app is started again every {} s. Try:",
        REPEAT.as_secs()
    );
    println!("  curl -s {} | grep sealwatch_", agent.metrics_url());
    println!("Ctrl-C ends the demonstration.");
    let mut last = Instant::now();
    while !stopped() {
        agent.check()?;
        if last.elapsed() > REPEAT {
            app.run_again()?;
            last = Instant::now();
        }
        thread::sleep(POLL);
    }
    agent.stop()?;
    Ok(ExitCode::SUCCESS)
}
