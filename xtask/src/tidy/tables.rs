//! What is written by the daemon's own catalog: tables in documents, and whole files.
//!
//! In: Markdown with `<!-- generated: NAME -->` ... `<!-- end -->`, YAML with
//! `# generated: NAME` ... `# end`, and the files that the daemon prints. Out: the
//! same with fresh tables, or a finding for each that is stale. Invariant: text
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

/// How a kind of file says where a table stands.
struct Marks {
    begin: &'static str,
    begin_close: &'static str,
    end: &'static str,
}

const MARKDOWN: Marks = Marks {
    begin: "<!-- generated: ",
    begin_close: " -->\n",
    end: "<!-- end -->",
};
const YAML: Marks = Marks {
    begin: "# generated: ",
    begin_close: "\n",
    end: "# end",
};

/// The marks of a file; none is expanded without.
fn marks(path: &Path) -> Option<&'static Marks> {
    match path.extension()?.to_str()? {
        "md" => Some(&MARKDOWN),
        "yaml" => Some(&YAML),
        _ => None,
    }
}

/// The hidden command of the daemon that prints the tables: JSON, name -> text.
const TABLES: &str = "tables";
/// The same for whole files: JSON, path -> text.
const FILES: &str = "files";

fn printed(daemon: &Path, command: &str) -> Result<BTreeMap<String, String>> {
    let text = step::output(Command::new(daemon).arg(command))?;
    serde_json::from_str(&text).with_context(|| format!("`sealwatch {command}` printed no JSON"))
}

pub(super) fn check(documents: &[PathBuf], daemon: &Path, fix: bool) -> Result<Vec<Finding>> {
    let tables = printed(daemon, TABLES)?;
    let mut findings = Vec::new();
    for path in documents {
        let Some(marks) = marks(path) else { continue };
        let Ok(text) = fs::read_to_string(layout::root().join(path)) else {
            continue; // Deleted and not yet committed.
        };
        match expand(path, &text, &tables, marks) {
            Ok(fresh) => findings.extend(compare(path, &text, &fresh, fix)?),
            Err(wrong) => findings.push(wrong),
        }
    }
    for (path, fresh) in printed(daemon, FILES)? {
        let text = fs::read_to_string(layout::root().join(&path)).unwrap_or_default();
        findings.extend(compare(Path::new(&path), &text, &fresh, fix)?);
    }
    Ok(findings)
}

/// A finding where a text is stale; with `fix`, writes it anew instead.
fn compare(path: &Path, text: &str, fresh: &str, fix: bool) -> Result<Option<Finding>> {
    if fresh == text {
        return Ok(None);
    }
    if fix {
        let path = layout::root().join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&path, fresh)?;
        eprintln!("tidy: wrote what is generated of {}", path.display());
        return Ok(None);
    }
    let same = fresh
        .lines()
        .zip(text.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let what = "what is generated here is stale: run `cargo xtask tidy --fix`";
    Ok(Some(finding(path, same + 1, what)))
}

fn expand(
    path: &Path,
    text: &str,
    tables: &BTreeMap<String, String>,
    marks: &Marks,
) -> Result<String, Finding> {
    let mut fresh = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(marks.begin) {
        let line = text[..text.len() - rest.len() + at].lines().count() + 1;
        let wrong = |what: String| finding(path, line, what);
        let indentation = indentation(&rest[..at]);
        let after = &rest[at + marks.begin.len()..];
        let (name, body) = after
            .split_once(marks.begin_close)
            .ok_or_else(|| wrong("the mark is not closed".into()))?;
        let table = tables.get(name).ok_or_else(|| {
            let known: Vec<&str> = tables.keys().map(String::as_str).collect();
            wrong(format!(
                "there is no table `{name}`, only {}",
                known.join(", ")
            ))
        })?;
        let end = body
            .find(marks.end)
            .ok_or_else(|| wrong(format!("`{name}` has no {}", marks.end)))?;
        fresh.push_str(&rest[..at]);
        fresh.push_str(&format!("{}{name}{}", marks.begin, marks.begin_close));
        for line in table.trim_end().lines() {
            fresh.push_str(&format!("{indentation}{line}\n"));
        }
        fresh.push_str(&format!("{indentation}{}", marks.end));
        rest = &body[end + marks.end.len()..];
    }
    fresh.push_str(rest);
    Ok(fresh)
}

/// The blanks between the last line's begin and its end.
fn indentation(before: &str) -> &str {
    let line = before.rsplit('\n').next().unwrap_or_default();
    match line.trim().is_empty() {
        true => line,
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        in_file("README.md", text)
    }

    fn in_file(path: &str, text: &str) -> Result<String, String> {
        let path = Path::new(path);
        let tables = BTreeMap::from([("hooks".to_owned(), "| a |\n| b |\n".to_owned())]);
        let marks = marks(path).ok_or("no marks")?;
        expand(path, text, &tables, marks).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_block_is_replaced_and_the_rest_kept() {
        let text = "x\n<!-- generated: hooks -->\nold\n<!-- end -->\ny\n";
        let fresh = "x\n<!-- generated: hooks -->\n| a |\n| b |\n<!-- end -->\ny\n";
        assert_eq!(expanded(text), Ok(fresh.to_owned()));
        assert_eq!(expanded(fresh), Ok(fresh.to_owned()));
        assert_eq!(expanded("none\n"), Ok("none\n".to_owned()));
    }

    #[test]
    fn yaml_keeps_its_indentation() {
        let text = "alerts:\n  # generated: hooks\n  old: 1\n  # end\nmore: 1\n";
        let fresh = "alerts:\n  # generated: hooks\n  | a |\n  | b |\n  # end\nmore: 1\n";
        assert_eq!(in_file("values.yaml", text), Ok(fresh.to_owned()));
        assert_eq!(in_file("values.yaml", fresh), Ok(fresh.to_owned()));
        assert!(in_file("a.rs", text).is_err());
    }

    #[test]
    fn a_bad_block_is_named() {
        let unknown = expanded("\n<!-- generated: other -->\n<!-- end -->\n");
        assert!(unknown.is_err_and(|what| what.contains(":2: there is no table `other`")));
        assert!(expanded("<!-- generated: hooks -->\n").is_err());
    }
}
