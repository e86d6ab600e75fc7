//! What Sealwatch, and what a user would take instead, adds to file operations:
//! measured in a guest whose clock counts instructions.
//!
//! In: designs to measure (`bench`), run by root in a guest of `cargo xtask bench
//! cost`. Out: JSON, instructions by design and operation, or why a design was not
//! measured. Invariant: each design is measured by a new process that looks like one of
//! a container, and is gone before the next one starts; a daemon of Sealwatch must have
//! counted every refusal that was measured. Lacks on purpose: judging.

mod batch;
mod container;
mod daemon;
mod design;
mod empty;
mod operations;
mod peer;
#[path = "../../tests/program/mod.rs"]
mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use batch::Length;
use container::Container;

const USAGE: &str = "usage:
  cost bench BATCHES ROUNDS DESIGN ...   measures designs, and prints JSON
  cost enter CGROUP ARGUMENT ...         runs itself in a control group and mounts of its own
  cost measure BATCHES ROUNDS DIRECTORY  measures the operations, and prints JSON
designs:";

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn length(batches: &str, rounds: &str) -> Result<Length, String> {
    let batches = usize::try_from(number(batches)?).map_err(|error| error.to_string())?;
    Ok(Length {
        batches,
        rounds: number(rounds)?,
    })
}

fn bench(length: Length, names: &[&str]) -> Result<(), String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    println!(
        "kernel {}",
        release.map_err(|error| error.to_string())?.trim()
    );
    let container = Container::make()?;
    let mut measured = BTreeMap::new();
    for name in names {
        let design = design::find(name)
            .ok_or_else(|| format!("no design {name:?}: {}", design::NAMES.join(", ")))?;
        let outcome = (design.measure)(&container, length);
        match &outcome {
            Ok(costs) => {
                let text = serde_json::to_string(costs).map_err(|error| error.to_string())?;
                println!("measured {name}: {text}");
            }
            Err(why) => println!("not measured: {name}: {why}"),
        }
        measured.insert(*name, outcome);
    }
    let text = serde_json::to_string(&measured).map_err(|error| error.to_string())?;
    let path = Path::new("/lab/out/cost.json");
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn dispatch(words: &[&str]) -> Result<(), String> {
    match words {
        ["bench", batches, rounds, names @ ..] => bench(length(batches, rounds)?, names),
        ["enter", group, rest @ ..] => container::enter(group, rest),
        ["measure", batches, rounds, directory] => {
            let costs = operations::measure(Path::new(directory), length(batches, rounds)?)?;
            let text = serde_json::to_string(&costs).map_err(|error| error.to_string())?;
            println!("{text}");
            Ok(())
        }
        _ => Err(format!("{USAGE} {}", design::NAMES.join(", "))),
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cost: {why}");
            ExitCode::FAILURE
        }
    }
}
