//! What the figures were measured on, in a sentence.
//!
//! In: this machine. Out: Markdown. Invariant: nothing is told that was not read.

use std::{fs, process::Command};

use anyhow::Result;

use crate::{demo::agent::Agent, scrape::Scrape, step};

/// Machine, kernel, date and profile.
pub(super) fn described(profile: &str, agent: &Agent) -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("a processor without a name", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kibibytes: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let release = step::output(Command::new("uname").arg("-r"))?;
    let date = step::output(Command::new("date").arg("+%F"))?;
    let text = agent.metrics()?;
    let mut backends =
        Scrape::of(&text).labels("backend", |name| name == "sealwatch_hooks_attached");
    backends.sort_unstable();
    backends.dedup();
    Ok(format!(
        "Measured on {} with {cores} cores of {model} and {} GiB, Linux {}, by the {} backend, with \
         the binary of the profile `{profile}`.\n",
        date.trim(),
        kibibytes.div_ceil(1024 * 1024),
        release.trim(),
        backends.join(" and ")
    ))
}
