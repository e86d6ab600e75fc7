//! `cargo xtask bench cost`: what each way to watch adds to a file operation, in
//! instructions.
//!
//! In: kernels and designs. Out: a table per kernel, printed or put into the README.
//! Invariant: one guest per kernel whose clock counts instructions, and nothing in it
//! but the kernel, the measuring program and the design. Lacks on purpose: time; an
//! emulated processor's says nothing, its instructions are exact.

pub mod baseline;
mod closure;
mod table;
mod target;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::toolchain::ensure_packages;
use crate::vm::{self, Guest, Job, Kernel};
use crate::{build, layout, step};

/// What the peers are packaged as.
const PACKAGES: [&str; 4] = ["auditd", "bpftrace", "libbpf-tools", "strace"];
/// The peers' programs and what they read, beside their libraries.
const PEERS: [&str; 7] = [
    "/usr/bin/bpftrace",
    "/usr/sbin/opensnoop.bt",
    "/usr/sbin/opensnoop",
    "/usr/sbin/auditd",
    "/usr/sbin/auditctl",
    "/usr/bin/strace",
    "/etc/audit/auditd.conf",
];
/// Every design, in the table's order.
pub const DESIGNS: [&str; 11] = [
    "nothing",
    "empty",
    "fexit",
    "kprobe",
    "tracepoint",
    "fexit_inventory",
    "fexit_host",
    "bpftrace",
    "bcc",
    "auditd",
    "strace",
];
/// AppArmor is left out: it has an opinion on every path.
const MODULES: &str = "lockdown,capability,landlock,yama";
/// Memory is not zeroed, and no barrier against speculation is executed: both are
/// repeated instructions here and a fraction of their number of cycles on a processor.
const PARAMETERS: &str = "init_on_alloc=0 mitigations=off no_timer_check";
const MEMORY_MIB: u32 = 3072;
/// In the guest.
const PROGRAM: &str = "/usr/local/bin/cost";
const DAEMON: &str = "/usr/local/bin/sealwatch";

/// `cargo xtask bench cost`.
#[derive(clap::Args, Debug)]
pub struct CostArgs {
    /// The kernel to measure on; can be repeated.
    #[arg(long, default_value = "6.12")]
    kernel: Vec<Kernel>,
    /// Only these designs, separated by commas.
    #[arg(long, value_delimiter = ',')]
    design: Vec<String>,
    /// Puts the tables into the README.
    #[arg(long)]
    write: bool,
    /// Seconds until a guest is stopped.
    #[arg(long, default_value_t = 5_400)]
    timeout: u64,
}

/// Instructions of one operation.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Cost {
    /// Of the batch in the middle.
    pub median: f64,
    /// Of the cheapest batch.
    pub least: f64,
    /// Of the batch that a quarter of all are dearer than.
    pub upper_quartile: f64,
}

/// Costs by operation, or why there are none.
pub type Outcome = Result<BTreeMap<String, Cost>, String>;

/// What a guest measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The kernel's release, as it calls itself.
    pub release: String,
    /// Outcomes by design.
    pub designs: BTreeMap<String, Outcome>,
}

impl Measured {
    /// The median of an operation under a design.
    ///
    /// # Errors
    /// It was not measured, and why.
    pub fn median(&self, design: &str, operation: &str) -> Result<f64> {
        Ok(self.cost(design, operation)?.median)
    }

    /// The same of the cheapest batch, which differs from run to run by nothing.
    ///
    /// # Errors
    /// It was not measured, and why.
    pub fn least(&self, design: &str, operation: &str) -> Result<f64> {
        Ok(self.cost(design, operation)?.least)
    }

    fn cost(&self, design: &str, operation: &str) -> Result<Cost> {
        match self.designs.get(design) {
            Some(Ok(costs)) => {
                let cost = costs.get(operation).copied();
                cost.with_context(|| format!("no operation {operation:?}"))
            }
            Some(Err(why)) => bail!("{design} was not measured: {why}"),
            None => bail!("{design} was not asked for"),
        }
    }
}

/// How long it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Batches, of which the median counts.
    pub batches: usize,
    /// Rounds of a batch.
    pub rounds: u64,
}

impl Length {
    /// For a table.
    pub const WHOLE: Length = Length {
        batches: 60,
        rounds: 100,
    };
    /// For a gate.
    pub const QUICK: Length = Length {
        batches: 24,
        rounds: 50,
    };
}

/// Measures and prints, or writes, the tables.
///
/// # Errors
/// What could not be built, started or measured.
pub fn run(args: &CostArgs) -> Result<()> {
    let designs: Vec<&str> = match args.design.is_empty() {
        true => DESIGNS.to_vec(),
        false => args.design.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = designs.iter().find(|name| !DESIGNS.contains(name)) {
        bail!("no design {unknown:?}: choose of {}", DESIGNS.join(", "));
    }
    ensure!(
        designs.contains(&"nothing"),
        "a ratio needs the design `nothing`"
    );
    ensure_packages(&PACKAGES)?;
    let daemon = build::build("release")?.agent;
    let program = program()?;
    let emulator = vm::emulator_version()?;
    for kernel in &args.kernel {
        let within = Duration::from_secs(args.timeout);
        let measured = measure(*kernel, &program, &daemon, &designs, Length::WHOLE, within)?;
        let text = table::markdown(&measured, &designs, &emulator, &today()?, *kernel);
        println!("{text}");
        if args.write {
            write(*kernel, &text)?;
        }
    }
    Ok(())
}

/// Builds the measuring program.
///
/// # Errors
/// The compiler's.
pub fn program() -> Result<PathBuf> {
    let triple = layout::host_triple()?;
    let mut cargo = build::user_half("build", &triple);
    cargo.args(["--release", "--package", "sealwatch", "--example", "cost"]);
    step::quiet("building the measuring program", &mut cargo)?;
    Ok(layout::target_dir()
        .join(triple)
        .join("release/examples/cost"))
}

/// Measures designs in a guest.
///
/// # Errors
/// The guest's, or no result.
pub fn measure(
    kernel: Kernel,
    program: &Path,
    daemon: &Path,
    designs: &[&str],
    length: Length,
    within: Duration,
) -> Result<Measured> {
    let mut files = vec![
        (program.to_owned(), PROGRAM.into()),
        (daemon.to_owned(), DAEMON.into()),
    ];
    if designs
        .iter()
        .any(|name| ["bpftrace", "bcc", "auditd", "strace"].contains(name))
    {
        files.extend(closure::of(&PEERS)?);
    }
    let mut command = vec![PROGRAM.to_owned(), "bench".into()];
    command.extend([length.batches.to_string(), length.rounds.to_string()]);
    command.extend(designs.iter().map(|name| (*name).to_owned()));
    let guest = Guest {
        memory_mib: MEMORY_MIB,
        modules: MODULES.to_owned(),
        parameters: PARAMETERS.to_owned(),
        by_instructions: true,
        ..Guest::new(kernel)
    };
    let outcome = guest.run(&Job {
        files,
        command,
        timeout: within,
    })?;
    let path = outcome.output.join("cost.json");
    ensure!(
        outcome.status == 0,
        "measuring ended with {}: {}",
        outcome.status,
        outcome.text
    );
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let release = outcome
        .text
        .lines()
        .find_map(|line| line.trim().strip_prefix("kernel "))
        .context("the guest did not tell its kernel's release")?;
    Ok(Measured {
        release: release.to_owned(),
        designs: serde_json::from_str(&text).with_context(|| text.clone())?,
    })
}

fn today() -> Result<String> {
    let text = step::output(std::process::Command::new("date").arg("+%Y-%m-%d"))?;
    Ok(text.trim().to_owned())
}

/// Replaces what stands between the README's marks of this kernel.
fn write(kernel: Kernel, table: &str) -> Result<()> {
    let path = layout::root().join("README.md");
    let text = fs::read_to_string(&path)?;
    let begin = format!("<!-- measured: cost {kernel} -->\n");
    let replaced = replace(&text, &begin, table)
        .with_context(|| format!("{} has no {begin:?}", path.display()))?;
    fs::write(&path, replaced)?;
    eprintln!("wrote the table of kernel {kernel} into {}", path.display());
    Ok(())
}

fn replace(text: &str, begin: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}{begin}{table}<!-- end -->{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A measurement of which one figure is given.
    pub(super) fn measured(open_read: f64) -> Measured {
        let costs = |medians: [f64; 5]| -> Outcome {
            let names = ["getppid", "stat", "open_read", "write", "open_refused"];
            let cost = |median| Cost {
                median,
                least: median,
                upper_quartile: median,
            };
            let pairs = names.iter().zip(medians);
            Ok(pairs
                .map(|(name, median)| ((*name).to_owned(), cost(median)))
                .collect())
        };
        let designs = [
            ("nothing", costs([320.0, 3669.0, 5889.0, 1528.0, 5452.0])),
            ("empty", costs([320.0, 3669.0, 6083.0, 1724.0, 5646.0])),
            ("fexit", costs([320.0, 3669.0, open_read, 1733.0, 6200.0])),
        ];
        Measured {
            release: String::new(),
            designs: designs.map(|(name, costs)| (name.to_owned(), costs)).into(),
        }
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n<!-- measured: cost 6.12 -->\nold\n<!-- end -->\nb\n<!-- end -->\n";
        let fresh = replace(text, "<!-- measured: cost 6.12 -->\n", "new\n");
        let wanted = "a\n<!-- measured: cost 6.12 -->\nnew\n<!-- end -->\nb\n<!-- end -->\n";
        assert_eq!(fresh.as_deref(), Some(wanted));
        assert_eq!(
            replace("none", "<!-- measured: cost 6.12 -->\n", "new"),
            None
        );
    }
}
