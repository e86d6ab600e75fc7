//! Tables in documents that are written by the daemon's own catalog.
//!
//! In: Markdown with `<!-- generated: NAME -->` ... `<!-- end -->`. Out: the same
//! with fresh tables, or a finding for each that is stale. Invariant: text
//! outside the marks is never touched.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{Finding, finding};
use crate::{layout, step};

const BEGIN: &str = "<!-- generated: ";
const BEGIN_CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

/// The hidden command of the daemon that prints the tables: JSON, name -> Markdown.
const GENERATOR: &str = "tables";

pub(super) fn check(documents: &[PathBuf], daemon: &Path, fix: bool) -> Result<Vec<Finding>> {
    let tables = step::output(Command::new(daemon).arg(GENERATOR))?;
    let tables = serde_json::from_str(&tables).context("`sealwatch tables` printed no tables")?;
    let mut findings = Vec::new();
    for path in documents {
        let Ok(text) = fs::read_to_string(layout::root().join(path)) else {
            continue; // Deleted and not yet committed.
        };
        match expand(path, &text, &tables) {
            Ok(fresh) if fresh == text => {}
            Ok(fresh) if fix => {
                fs::write(layout::root().join(path), fresh)?;
                eprintln!("tidy: wrote the tables of {}", path.display());
            }
            Ok(fresh) => {
                let same = fresh
                    .lines()
                    .zip(text.lines())
                    .take_while(|(a, b)| a == b)
                    .count();
                let what = "a generated table is stale: run `cargo xtask tidy --fix`";
                findings.push(finding(path, same + 1, what));
            }
            Err(wrong) => findings.push(wrong),
        }
    }
    Ok(findings)
}

fn expand(path: &Path, text: &str, tables: &BTreeMap<String, String>) -> Result<String, Finding> {
    let mut fresh = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let line = text[..text.len() - rest.len() + at].lines().count() + 1;
        let wrong = |what: String| finding(path, line, what);
        let after = &rest[at + BEGIN.len()..];
        let (name, body) = after
            .split_once(BEGIN_CLOSE)
            .ok_or_else(|| wrong("the mark is not closed".into()))?;
        let table = tables.get(name).ok_or_else(|| {
            let known: Vec<&str> = tables.keys().map(String::as_str).collect();
            wrong(format!(
                "there is no table `{name}`, only {}",
                known.join(", ")
            ))
        })?;
        let end = body
            .find(END)
            .ok_or_else(|| wrong(format!("`{name}` has no {END}")))?;
        fresh.push_str(&rest[..at]);
        fresh.push_str(&format!(
            "{BEGIN}{name}{BEGIN_CLOSE}\n{}\n{END}",
            table.trim_end()
        ));
        rest = &body[end + END.len()..];
    }
    fresh.push_str(rest);
    Ok(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let tables = BTreeMap::from([("hooks".to_owned(), "| a |\n".to_owned())]);
        expand(Path::new("README.md"), text, &tables).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_block_is_replaced_and_the_rest_kept() {
        let text = "x\n<!-- generated: hooks -->\nold\n<!-- end -->\ny\n";
        let fresh = "x\n<!-- generated: hooks -->\n| a |\n<!-- end -->\ny\n";
        assert_eq!(expanded(text), Ok(fresh.to_owned()));
        assert_eq!(expanded(fresh), Ok(fresh.to_owned()));
        assert_eq!(expanded("none\n"), Ok("none\n".to_owned()));
    }

    #[test]
    fn a_bad_block_is_named() {
        let unknown = expanded("\n<!-- generated: other -->\n<!-- end -->\n");
        assert!(unknown.is_err_and(|what| what.contains(":2: there is no table `other`")));
        assert!(expanded("<!-- generated: hooks -->\n").is_err());
    }
}
