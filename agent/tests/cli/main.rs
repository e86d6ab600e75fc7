//! The binary's command line, as a shell and its user meet it.
//!
//! A test that cannot run says so loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod completions;
mod doctor;
mod help;
mod manual;

use std::process::{Command, Output};

/// The daemon's binary, without what the tests' caller set for himself.
fn sealwatch() -> Command {
    cleared(Command::new(env!("CARGO_BIN_EXE_sealwatch")))
}

fn cleared(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALWATCH_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(args: &[&str]) -> Output {
    sealwatch().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The commands that the help shows.
fn commands() -> Vec<String> {
    let help = text(&run(&["--help"]).stdout);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.lines().take_while(|line| !line.is_empty());
    // A line that goes on with the line before it is further to the right.
    let names = list.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    names
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Says loudly that a test did not run; in CI that is a failure.
fn cannot_run(test: &str, why: &dyn std::fmt::Display) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run in CI: {why}"
    );
    eprintln!("\n=== NOT RUN: {test}: {why}\n");
}
