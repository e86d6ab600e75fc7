//! `cargo xtask fleet`: what a whole fleet costs Prometheus, measured.
//!
//! In: how many nodes, how many containers on each. Out: a table: series, memory,
//! processor time, how long rules and dashboards' queries take. Invariant: the
//! simulated nodes have the shape of a real agent's scrape, which is taken first,
//! and Prometheus is a real one with the project's rules. Lacks on purpose: churn
//! of containers, which makes series beyond those that are there at a time.

mod queries;
mod server;
mod shape;
mod targets;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{server::Fleet, shape::Shape};
use crate::{
    demo::agent::Agent,
    engine::{Engine, IMAGE},
    layout,
    process::MIB,
    prometheus::Prometheus,
    toolchain::apt,
};

/// The kinds of containers that are run for their shape: one that is refused and
/// degraded, and one that is sealed and content.
const KINDS: [&str; 2] = ["refused", "content"];
/// What a scrape must have of them before it is taken.
const AWAITED: [&str; 6] = [
    "sealwatch_writable_layer_bytes{namespace=\"\",pod=\"\",container=\"refused\"",
    "sealwatch_writable_layer_bytes{namespace=\"\",pod=\"\",container=\"content\"",
    "sealwatch_degraded{namespace=\"\",pod=\"\",container=\"refused\"",
    "sealwatch_tmpfs_used_bytes{namespace=\"\",pod=\"\",container=\"content\"",
    "sealwatch_rootfs_readonly{namespace=\"\",pod=\"\",container=\"refused\"",
    "sealwatch_rootfs_readonly{namespace=\"\",pod=\"\",container=\"content\"",
];
const SHAPED_WITHIN: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_secs(1);
/// How often a query is asked; the median counts.
const ASKED: usize = 3;

/// `cargo xtask fleet`.
#[derive(clap::Args, Debug)]
pub struct FleetArgs {
    /// Nodes.
    #[arg(long, default_value_t = 100)]
    nodes: usize,
    /// Containers on each.
    #[arg(long, default_value_t = 100)]
    containers: usize,
    /// Seconds between two scrapes of a node.
    #[arg(long, default_value_t = 60)]
    scrape_interval: u64,
    /// How long Prometheus runs before it is measured.
    #[arg(long, default_value_t = 720)]
    seconds: u64,
    /// The text of a scrape to take the shape from, instead of running containers.
    #[arg(long)]
    shape: Option<PathBuf>,
    /// Where to keep the text of the scrape, for --shape.
    #[arg(long, conflicts_with = "shape")]
    keep_shape: Option<PathBuf>,
}

/// Runs the fleet and prints the table.
///
/// # Errors
/// What could not be started, or a query that Prometheus refuses.
pub fn run(args: &FleetArgs) -> Result<()> {
    apt::ensure_packages(&["prometheus"])?;
    let dir = tempfile::Builder::new()
        .prefix("sealwatch-fleet")
        .tempdir()?;
    let scrape = match &args.shape {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => scrape(dir.path())?,
    };
    if let Some(path) = &args.keep_shape {
        std::fs::write(path, &scrape)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let fleet = Arc::new(Fleet {
        shape: Shape::of(&scrape, &KINDS)?,
        nodes: args.nodes,
        containers: args.containers,
        begun: Instant::now(),
    });
    let address = Arc::clone(&fleet).serve()?;
    let rules = layout::root().join("deploy/prometheus/sealwatch.rules.yaml");
    let config = targets::configuration(dir.path(), &fleet, address, args.scrape_interval, &rules)?;
    let prometheus = Prometheus::start(dir.path(), &config)?;
    eprintln!(
        "==> {} nodes at {address}, scraped every {} s for {} s",
        fleet.nodes, args.scrape_interval, args.seconds
    );
    let begun = Instant::now();
    let mut peak = 0.0_f64;
    while begun.elapsed() < Duration::from_secs(args.seconds) {
        thread::sleep(POLL);
        peak = peak.max(prometheus.one("process_resident_memory_bytes")?);
    }
    print(args, &fleet, &prometheus, peak)
}

/// A real agent's scrape of real containers of each kind.
fn scrape(dir: &Path) -> Result<String> {
    let binary = layout::agent_binary(&layout::host_triple()?, "release");
    ensure!(
        binary.exists(),
        "there is no {}: run `cargo xtask build` first",
        binary.display()
    );
    let engine = Engine::start(dir)?;
    let mut agent = Agent::start(
        &binary,
        engine.socket(),
        dir,
        &["--degraded.after", "3s", "--start-window", "1s"],
    )?;
    let common = [
        "run",
        "--detach",
        "--read-only",
        "--network",
        "none",
        "--memory",
        "64m",
        "--tmpfs",
        "/tmp:size=1m,noexec",
        "--tmpfs",
        "/run:size=1m,noexec",
        "--name",
    ];
    let loops = [
        "while sleep 1; do echo > /srv/index; mkdir /var/cache/spool; done 2>/dev/null",
        "echo kept > /tmp/kept; exec sleep 600",
    ];
    for (name, script) in KINDS.iter().zip(loops) {
        let own = [*name, IMAGE, "sh", "-c", script];
        engine.docker_ok(&[common.as_slice(), own.as_slice()].concat())?;
    }
    let begun = Instant::now();
    loop {
        agent.check()?;
        let text = agent.metrics()?;
        if AWAITED.iter().all(|part| text.contains(part)) {
            for name in KINDS {
                engine.docker_ok(&["rm", "--force", name])?;
            }
            agent.stop()?;
            return Ok(text);
        }
        if begun.elapsed() > SHAPED_WITHIN {
            let missing: Vec<_> = AWAITED
                .iter()
                .filter(|part| !text.contains(*part))
                .collect();
            bail!("the agent never told of {missing:?}\n{}", agent.log_tail());
        }
        thread::sleep(POLL);
    }
}

fn print(args: &FleetArgs, fleet: &Fleet, prometheus: &Prometheus, peak: f64) -> Result<()> {
    let of = fleet.shape.container_series();
    let up = prometheus.query("count(up{job=\"sealwatch\"} == 1)")?;
    let up = up
        .first()
        .map_or("0", |row| row["value"][1].as_str().unwrap_or("0"));
    ensure!(
        up == fleet.nodes.to_string(),
        "only {up} of {} nodes were scraped: fewer nodes, or a longer interval",
        fleet.nodes
    );
    let seconds = fleet.begun.elapsed().as_secs_f64();
    let cpu = prometheus.one("process_cpu_seconds_total")?;
    println!(
        "| | {} nodes x {} containers |\n|---|---|",
        args.nodes, args.containers
    );
    println!(
        "| series of a node by itself | {} |",
        fleet.shape.node_series()
    );
    println!("| series of a container, content | {} |", of[1]);
    println!(
        "| series of a container, refused under two write roots, and degraded | {} |",
        of[0]
    );
    println!("| series of the fleet | {} |", fleet.series());
    println!(
        "| series in Prometheus' head, with recorded ones | {} |",
        prometheus.one("prometheus_tsdb_head_series")?
    );
    println!(
        "| samples appended per second | {:.0} |",
        prometheus
            .own("prometheus_tsdb_head_samples_appended_total")?
            .iter()
            .map(|(_, value)| value)
            .sum::<f64>()
            / seconds
    );
    println!(
        "| memory of Prometheus (RSS), now and most | {:.0} MiB, {:.0} MiB |",
        prometheus.one("process_resident_memory_bytes")? / MIB,
        peak / MIB
    );
    println!("| processor of Prometheus | {:.2} cores |", cpu / seconds);
    for (name, took) in prometheus.own("prometheus_rule_group_last_duration_seconds")? {
        let group = name
            .split(';')
            .next_back()
            .unwrap_or(&name)
            .trim_end_matches("\"}");
        println!("| rules of {group}, one evaluation | {took:.3} s |");
    }
    let failed = prometheus.own("prometheus_rule_evaluation_failures_total")?;
    ensure!(
        failed.iter().all(|(_, count)| *count == 0.0),
        "rules failed: {failed:?}"
    );
    time_queries(prometheus)
}

/// The slowest query of each dashboard, and how long they take in the middle.
fn time_queries(prometheus: &Prometheus) -> Result<()> {
    let mut dashboards: Vec<(String, Vec<(Duration, String)>)> = Vec::new();
    for query in queries::of(&layout::root().join("dashboards"))? {
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let begun = Instant::now();
            prometheus.query(&query.expression)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        if dashboards
            .last()
            .is_none_or(|(name, _)| *name != query.dashboard)
        {
            dashboards.push((query.dashboard, Vec::new()));
        }
        if let Some((_, all)) = dashboards.last_mut() {
            all.push((times[ASKED / 2], query.expression));
        }
    }
    for (name, mut times) in dashboards {
        times.sort();
        let Some((slowest, expression)) = times.last() else {
            continue;
        };
        println!(
            "| {} queries of the dashboard {name}: the middle one, the slowest | {:.3} s, {:.3} s |",
            times.len(),
            times[times.len() / 2].0.as_secs_f64(),
            slowest.as_secs_f64()
        );
        eprintln!("slowest of {name}: {expression}");
    }
    Ok(())
}
