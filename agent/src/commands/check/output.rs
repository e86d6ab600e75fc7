//! The report goes where it was asked for.
//!
//! In: a [`Report`], flags. Out: a file or standard output, and standard error.
//! Invariant: a person always gets the text: on standard output with the format
//! text, else on standard error. Lacks on purpose: the forms themselves.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

use super::flags::{CheckFlags, Format};
use super::verdict::Report;
use super::{github, junit, text};

/// Where GitHub Actions wants a step's summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Writes it.
pub(super) fn write(flags: &CheckFlags, report: &Report) -> anyhow::Result<()> {
    let form = match flags.format {
        Format::Text => text::text(report, width(flags)),
        Format::Json => serde_json::to_string_pretty(report)? + "\n",
        Format::Junit => junit::junit(report).context("cannot write XML")?,
        Format::Github => github::commands(report),
    };
    if flags.format != Format::Text || flags.output.is_some() {
        let mut text = text::text(report, None);
        if flags.format == Format::Github {
            text = github::harmless(&text);
        }
        // Who does not listen loses nothing of the report.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
    match &flags.output {
        Some(path) => std::fs::write(path, form)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => match std::io::stdout().lock().write_all(form.as_bytes()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written?,
        },
    }
    if flags.format == Format::Github
        && let Some(path) = std::env::var_os(SUMMARY).filter(|path| !path.is_empty())
    {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(github::summary(report).as_bytes()))
            .with_context(|| format!("cannot write the summary to {}", path.display()))?;
    }
    Ok(())
}

fn width(flags: &CheckFlags) -> Option<usize> {
    let stdout = std::io::stdout();
    if flags.output.is_some() || !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
