//! Targets run for their time, some at once.
//!
//! In: compiled targets. Out: what each did and found. Invariant: every run ends
//! by itself, a little after its time at most. Lacks on purpose: building.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::{Places, sources};

/// Seconds that one input may take; more is a finding.
const INPUT_SECONDS: u64 = 10;
/// Memory that one target may take; more is a finding.
const MEMORY_MIB: u64 = 1024;

/// What a target did.
pub(super) struct Run {
    target: String,
    executions: u64,
    /// Edges of the control flow that were reached.
    coverage: u64,
    /// Inputs that are kept since each reaches something new.
    inputs: u64,
    /// What broke a promise, if anything did.
    finding: Option<String>,
}

impl Run {
    pub(super) fn broken(&self) -> bool {
        self.finding.is_some()
    }

    /// How to see it again, and how to hold it.
    pub(super) fn repeat(&self, places: &Places) -> String {
        let Run {
            target, finding, ..
        } = self;
        let input = finding.as_deref().unwrap_or_default();
        let program = places.programs.join(target);
        let log = places.logs.join(target);
        format!(
            "{target} broke a promise; its words are at the end of {}\n  input:  {input}\n  repeat: {} {input}\n  hold:   cp {input} agent/fuzz/corpus/{target}/ && cargo test --release --package sealwatch --test corpora",
            log.display(),
            program.display(),
        )
    }
}

/// Runs all, `jobs` at once.
pub(super) fn all(
    targets: &[String],
    jobs: usize,
    places: &Places,
    each: Duration,
) -> Result<Vec<Run>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(targets.len()) {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = one(target, places, each).with_context(|| target.clone());
                    if let Ok(mut done) = done.lock() {
                        done.push(run);
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| anyhow!("a run panicked"))?;
    let mut runs = done.into_iter().collect::<Result<Vec<_>>>()?;
    runs.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(runs)
}

fn one(target: &str, places: &Places, each: Duration) -> Result<Run> {
    let found = places.found.join(target);
    let artifacts = places.artifacts.join(target);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let log = places.logs.join(target);
    let file = File::create(&log).with_context(|| log.display().to_string())?;
    let mut command = Command::new(places.programs.join(target));
    command
        .arg(format!("-max_total_time={}", each.as_secs()))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1");
    let dictionary = sources().join("dictionaries").join(target);
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let status = command
        .arg(&found)
        .arg(sources().join("corpus").join(target))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .context("cannot be started")?;
    let words = fs::read(&log)?;
    let words = String::from_utf8_lossy(&words);
    let run = read(target, &words, status.success(), &log);
    let how = if run.broken() {
        "FOUND SOMETHING"
    } else {
        "nothing found"
    };
    eprintln!("==> {target}: {} executions, {how}", run.executions);
    Ok(run)
}

/// The fuzzer's own words.
fn read(target: &str, words: &str, success: bool, log: &Path) -> Run {
    let after = |mark: &str| {
        let last = words.rsplit(mark).next().filter(|_| words.contains(mark));
        let number = last.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    };
    let written = "Test unit written to ";
    let input = words.split(written).nth(1);
    let input = input.and_then(|rest| rest.split_whitespace().next());
    let input = input.map_or_else(|| log.display().to_string(), str::to_owned);
    Run {
        target: target.to_owned(),
        executions: after("stat::number_of_executed_units:"),
        coverage: after(" cov: "),
        inputs: after(" corp: ").max(after("corpus: ")),
        finding: (!success).then_some(input),
    }
}

/// All runs, with their sum.
pub(super) fn table(runs: &[Run]) -> String {
    let mut text = format!(
        "{:<16}{:>14}{:>10}{:>10}  {}\n",
        "target", "executions", "edges", "inputs", "found"
    );
    for run in runs {
        let found = run.finding.as_deref().unwrap_or("nothing");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<16}{:>14}{:>10}{:>10}  {found}",
            run.target, run.executions, run.coverage, run.inputs
        );
    }
    let executions: u64 = runs.iter().map(|run| run.executions).sum();
    let broken = runs.iter().filter(|run| run.broken()).count();
    let _ = write!(
        text,
        "{:<16}{executions:>14}{:>20}  {broken} findings",
        "all", ""
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuzzers_words_are_read() {
        let words = "#2\tINITED cov: 7 ft: 8 corp: 1/1b\n#9\tDONE   cov: 31 ft: 40 corp: 5/9b lim: 4\nstat::number_of_executed_units: 4711\n";
        let run = read("t", words, true, Path::new("/log"));
        assert_eq!((run.executions, run.coverage), (4711, 31));
        assert!(!run.broken());
        let words = "#9\tNEW cov: 3 ft: 1 corp: 2/2b\nTest unit written to /a/crash-1\nBase64: \n";
        let run = read("t", words, false, Path::new("/log"));
        assert_eq!(run.finding.as_deref(), Some("/a/crash-1"));
        let died = read("t", "", false, Path::new("/log"));
        assert_eq!(died.finding.as_deref(), Some("/log"));
    }
}
