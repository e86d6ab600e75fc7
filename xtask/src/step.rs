//! Running commands: one line per step, with its duration and, on failure, its last words.
//!
//! In: a `Command`. Out: its effect or its output, and progress on stderr.
//! Invariant: a step that fails shows what the command itself said.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

/// Lines of a failed command's output that are shown.
const TAIL_LINES: usize = 40;

/// Runs quietly under a title: `==> title ... 3.2 s`. Shows the tail of the output on failure.
pub fn quiet(title: &str, command: &mut Command) -> Result<()> {
    timed(title, || {
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", shown(command)))?;
        if output.status.success() {
            return Ok(());
        }
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            tail(&text)
        )
    })
}

/// Runs with the terminal's own output under a title, and tells the duration afterwards.
pub fn loud(title: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {title}");
    let begun = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{title}: {} ended with {status}", shown(command));
    }
    eprintln!(
        "==> {title}: done in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Does something under a title and tells the duration.
pub fn timed<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // The title comes first, so that one sees what takes long.
    eprint!("==> {title} ...");
    let begun = Instant::now();
    let result = work();
    let word = if result.is_ok() { "" } else { "failed after " };
    eprintln!(" {word}{:.1} s", begun.elapsed().as_secs_f64());
    result.with_context(|| title.to_owned())
}

/// What a command printed on stdout, as text; an error with its stderr if it failed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            tail(&text)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
