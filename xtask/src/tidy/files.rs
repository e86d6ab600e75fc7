//! Rules for single files: where they lie, what they are called, how they begin, how long they are.
//!
//! In: a path from the workspace's root, and its text. Out: findings.

use std::path::Path;

use super::{Finding, finding};

/// What may lie at the top, and why it is there is in ARCHITECTURE.md.
const TOP_LEVEL: [&str; 19] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
    "LICENSE-MIT",
    "README.md",
    "agent",
    "agent-ebpf",
    "clippy.toml",
    "dashboards",
    "deploy",
    "rustfmt.toml",
    "xtask",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "manager", "misc", "utils"];

/// Words for work that was put off. In pieces, so that this file has none.
const PUT_OFF: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Most lines of a source file, tests included.
const LINES_MAX: usize = 400;

pub(super) fn check_name(path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let top = path
        .iter()
        .next()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if !TOP_LEVEL.contains(&top) {
        findings.push(finding(
            path,
            0,
            format!("`{top}` is not among the top-level entries"),
        ));
    }
    for part in path.iter() {
        let stem = Path::new(part)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            findings.push(finding(
                path,
                0,
                format!("`{stem}` says nothing; name what it does"),
            ));
        }
    }
    findings
}

pub(super) fn check_text(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if path.extension().is_some_and(|extension| extension == "rs") {
        if !text.starts_with("//!") {
            findings.push(finding(path, 1, "begins without `//!`: what becomes what"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(finding(
                path,
                0,
                format!("{lines} lines; split it below {LINES_MAX}"),
            ));
        }
    }
    let licence = path
        .to_str()
        .is_some_and(|path| path.starts_with("LICENSE"));
    for (number, line) in text.lines().enumerate().filter(|_| !licence) {
        for word in PUT_OFF.into_iter().filter(|word| line.contains(word)) {
            findings.push(finding(
                path,
                number + 1,
                format!("{word}: do it now or file it"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> usize {
        check_name(Path::new(path)).len()
    }

    fn texts(path: &str, text: &str) -> usize {
        check_text(Path::new(path), text).len()
    }

    #[test]
    fn places_and_names_are_judged() {
        assert_eq!(names("agent/src/decode.rs"), 0);
        assert_eq!(names("notes.txt"), 1);
        assert_eq!(names("agent/src/utils.rs"), 1);
        assert_eq!(names("agent/src/common/text.rs"), 1);
    }

    #[test]
    fn texts_are_judged() {
        assert_eq!(texts("agent/src/a.rs", "//! A.\n"), 0);
        assert_eq!(texts("agent/src/a.rs", "use b;\n"), 1);
        assert_eq!(texts("README.md", "text"), 0);
        assert_eq!(
            texts("README.md", &format!("one\n{}: later\n", PUT_OFF[0])),
            1
        );
        assert_eq!(texts("LICENSE-MIT", PUT_OFF[1]), 0);
        let long = format!("//! A.\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(texts("agent/src/a.rs", &long), 1);
    }
}
