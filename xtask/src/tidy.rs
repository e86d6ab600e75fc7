//! The rules of the house that no compiler knows.
//!
//! In: the files that git tracks or would. Out: findings, each with its file
//! and line; none means tidy. Invariant: every rule is a pure function over a
//! path and a text, tried on good and bad examples. Lacks on purpose: what
//! rustfmt and clippy already say.

mod files;
mod layers;
mod tables;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{build, dashboards, layout, step};

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the workspace's root.
    pub path: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.what),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.what),
        }
    }
}

fn finding(path: &Path, line: usize, what: impl Into<String>) -> Finding {
    Finding {
        path: path.to_path_buf(),
        line,
        what: what.into(),
    }
}

/// Looks at every file, and at what is generated; with `fix`, writes this anew.
/// Builds the daemon, which knows the tables.
///
/// # Errors
/// The findings, one per line.
pub fn run(fix: bool) -> Result<()> {
    if fix {
        dashboards::stale(fix)?;
    }
    rules()?;
    tables(&build::unoptimised_daemon()?, fix)
}

/// Looks at every file.
///
/// # Errors
/// The findings, one per line.
pub fn rules() -> Result<()> {
    let mut findings = Vec::new();
    for path in tracked()? {
        findings.extend(files::check_name(&path));
        let Ok(text) = fs::read_to_string(layout::root().join(&path)) else {
            continue; // Not text, or deleted and not yet committed.
        };
        findings.extend(files::check_text(&path, &text));
        if let Ok(inner) = path.strip_prefix("agent/src") {
            findings.extend(layers::check(inner, &text));
        }
    }
    for path in dashboards::stale(false)? {
        let what = "not what xtask/src/dashboards makes: run `cargo xtask tidy --fix`";
        findings.push(finding(&path, 0, what));
    }
    conclude(&findings)
}

/// Compares the documents' generated tables, and the generated files, with what a
/// daemon prints; with `fix`, writes them anew.
///
/// # Errors
/// The findings, one per line.
pub fn tables(daemon: &Path, fix: bool) -> Result<()> {
    conclude(&tables::check(&tracked()?, daemon, fix)?)
}

fn conclude(findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    bail!("{} findings\n{}", lines.len(), lines.join("\n"))
}

/// What git tracks, and what it would if it were added.
fn tracked() -> Result<Vec<PathBuf>> {
    let text = step::output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(layout::root()),
    )
    .context("tidy asks git for the project's files")?;
    Ok(text.split_terminator('\0').map(PathBuf::from).collect())
}
