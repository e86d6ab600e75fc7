//! Lines for a person, and the contract for a program.
//!
//! In: text. Out: standard error and standard output. Invariant: nothing that a
//! container chose moves a terminal's cursor; a reader that has gone is no
//! error. Lacks on purpose: knowing what it says.

use std::io::Write as _;

use serde::Serialize;

use crate::contract::Difference;
use crate::denial::escape;

/// Version of the object of differences.
const VERSION: u32 = 1;

/// Writes to standard output. What is there is escaped already.
pub(super) fn stdout(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A line for a person. A backslash is an escape already.
pub(super) fn line(text: &str) {
    let parts: Vec<String> = text
        .split('\\')
        .map(|part| escape(part.as_bytes()))
        .collect();
    eprintln!("sealwatch: {}", parts.join("\\"));
}

/// Remarks, as comments are.
pub(super) fn remarks(remarks: &[String]) {
    for remark in remarks {
        line(remark);
    }
}

/// Differences as one object.
pub(super) fn differences(differences: &[Difference]) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Listing<'a> {
        version: u32,
        differences: &'a [Difference],
    }
    let listing = Listing {
        version: VERSION,
        differences,
    };
    Ok(serde_json::to_string_pretty(&listing)? + "\n")
}
