//! The daemon's one direction: a module imports only from its left.
//!
//! In: a path below `agent/src`, and its text. Out: findings. Invariant:
//! [`LAYERS`] is the only list; a module that is not in it is a finding, so that
//! nobody adds one without giving it a place. Test modules may import anything.

use std::path::Path;

use super::{Finding, finding};

/// From left to right. Modules of one layer do not know each other.
const LAYERS: [&[&str]; 18] = [
    &["denial"],
    &[
        "amount",
        "clock",
        "config",
        "mountinfo",
        "output",
        "process",
        "state_file",
        "write_root",
    ],
    &["catalog", "logging"],
    &["host"],
    &["source"],
    &["decode"],
    &["identity"],
    &["remedy"],
    &[
        "classify", "mounts", "tmpfs", "layer", "contract", "degrade",
    ],
    &["posture", "inventory"],
    &["breach"],
    &["aggregate"],
    &["overview"],
    &["record"],
    &["metrics", "events", "report", "page", "alert"],
    &["http"],
    &["pipeline"],
    &["commands"],
];

/// Crates that are known in one place only, with what is below it.
const CONFINED: [(&str, &str); 6] = [
    ("aya", "source/kernel"),
    ("aya_obj", "source/kernel"),
    ("bollard", "identity/docker"),
    ("k8s_cri", "identity/cri"),
    ("prometheus", "metrics"),
    ("tonic", "identity/cri"),
];

pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let name = path.with_extension("");
    let mut findings = Vec::new();
    let full = Path::new("agent/src").join(path);
    for (number, line) in code(path, text) {
        for (confined, home) in CONFINED {
            if names_crate(line, confined) && !name.starts_with(home) {
                let what = format!("only {home}.rs knows the crate {confined}");
                findings.push(finding(&full, number, what));
            }
        }
    }
    let Some(module) = name.iter().next().and_then(|part| part.to_str()) else {
        return findings;
    };
    if ["main", "lib"].contains(&module) {
        return findings;
    }
    let Some(own) = layer(module) else {
        findings.push(finding(
            &full,
            0,
            format!("{module} has no place in tidy's table of layers"),
        ));
        return findings;
    };
    for (number, import) in imports(path, text) {
        if import != module && layer(&import).is_some_and(|other| other >= own) {
            let what = format!("{module} must not know {import}, which is not on its left");
            findings.push(finding(&full, number, what));
        }
    }
    findings
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The lines of code with their numbers: no comments, no tests.
fn code<'a>(path: &Path, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let tests = path.file_stem().is_some_and(|stem| stem == "tests")
        || path.iter().any(|part| part == "tests");
    text.lines()
        .enumerate()
        .take_while(move |(_, line)| !tests && *line != "#[cfg(test)]")
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The modules that `crate::` paths name, in `use` lists too.
fn imports(path: &Path, text: &str) -> Vec<(usize, String)> {
    let lines: Vec<(usize, &str)> = code(path, text).collect();
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        for (at, prefix) in line.match_indices("crate::") {
            let rest = &line[at + prefix.len()..];
            if rest.starts_with('{') {
                let following = lines[index + 1..].iter().map(|(_, line)| *line);
                let list = std::iter::once(rest)
                    .chain(following)
                    .collect::<Vec<_>>()
                    .join("\n");
                found.extend(first_level(&list).into_iter().map(|name| (*number, name)));
            } else {
                found.push((*number, identifier(rest)));
            }
        }
    }
    found
}

/// The names at the first level of a list in braces: `{a, b::{c, d}}` has a and b.
fn first_level(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = false;
    for (at, character) in list.char_indices() {
        match character {
            '{' => {
                depth += 1;
                begins = depth == 1;
            }
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => begins = depth == 1,
            other if begins && !other.is_whitespace() => {
                names.push(identifier(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Does a line name a crate as the start of a path?
fn names_crate(line: &str, name: &str) -> bool {
    let ident = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let starts = !before.is_some_and(|c| ident(c) || c == ':' || c == '.' || c == '"');
        let whole = !after.chars().next().is_some_and(ident);
        let import = line[..at].trim_end().ends_with("use");
        starts && whole && (after.starts_with("::") || import)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(Path::new(path), text)
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn imports_go_left() {
        assert!(whats("decode.rs", "use crate::denial::Denial;\n").is_empty());
        assert!(whats("decode.rs", "use crate::decode::bytes;\n").is_empty());
        assert_eq!(
            whats("decode.rs", "use crate::aggregate::Table;\n").len(),
            1
        );
        assert_eq!(whats("metrics.rs", "use crate::events::Event;\n").len(), 1);
        assert_eq!(
            whats("source/replay.rs", "fn f(x: crate::identity::Id) {}\n").len(),
            1
        );
        assert!(whats("decode.rs", "#[cfg(test)]\nuse crate::aggregate::Table;\n").is_empty());
        assert!(whats("decode.rs", "// use crate::aggregate::Table;\n").is_empty());
    }

    #[test]
    fn lists_are_read() {
        let list =
            "use crate::{\n    denial::{Cause, Errno},\n    events,\n    pipeline::Stop,\n};\n";
        assert_eq!(whats("aggregate.rs", list).len(), 2);
    }

    #[test]
    fn a_new_module_needs_a_place() {
        assert_eq!(whats("novelty.rs", "").len(), 1);
        assert!(whats("main.rs", "use crate::anything;").is_empty());
    }

    #[test]
    fn crates_stay_where_they_belong() {
        assert!(whats("source/kernel.rs", "use aya::Ebpf;\n").is_empty());
        assert!(whats("source/kernel/attach.rs", "use aya::Ebpf;\n").is_empty());
        assert_eq!(whats("source/replay.rs", "use aya::Ebpf;\n").len(), 1);
        assert_eq!(whats("pipeline.rs", "use bollard;\n").len(), 1);
        assert!(whats("config.rs", "let prometheus = name;\n").is_empty());
        assert!(whats("config.rs", "use crate::denial::prometheus::X;\n").is_empty());
    }
}
