//! The table of faults names tests that exist, and every test here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sealwatch::catalog::{self, FAULTS, LOSSES};

/// `tests/faults/disk.rs` -> its tests, and so for every source file of the agent.
fn tests_in(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let named = lines.windows(3).filter_map(|three| {
        let is_test = |line: &&str| line.starts_with("#[") && line.contains("test");
        let name = three[2].strip_prefix("async ").unwrap_or(three[2]);
        let name = name.strip_prefix("fn ")?.split('(').next()?;
        three[..2].iter().any(is_test).then(|| name.to_owned())
    });
    named.collect()
}

#[test]
fn every_row_has_tests_and_every_test_a_row() {
    let agent = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = BTreeSet::new();
    for row in FAULTS {
        assert!(!row.tests.is_empty(), "{}", row.fault);
        for test in row.tests {
            let (file, name) = test.split_once(": ").unwrap();
            let there = tests_in(&agent.join(file));
            assert!(there.contains(name), "{}: no test {test}", row.fault);
            named.insert(*test);
        }
    }
    for entry in fs::read_dir(agent.join("tests/faults")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.strip_prefix(agent).unwrap().display().to_string();
        for name in tests_in(&path) {
            let test = format!("{file}: {name}");
            let is_this = name == "every_row_has_tests_and_every_test_a_row";
            let known = named.contains(test.as_str()) || is_this || file.ends_with("table.rs");
            assert!(known, "no row of the table names {test}");
        }
    }
}

#[test]
fn what_tells_of_a_loss_is_a_metric() {
    for row in FAULTS {
        for words in row.lost.split('`').skip(1).step_by(2) {
            let name = words.split('{').next().unwrap();
            if name.starts_with("--") {
                continue;
            }
            let known = catalog::metrics().any(|metric| metric.name == name);
            assert!(known, "{}: no metric {words}", row.fault);
            let Some((_, labels)) = words.split_once('{') else {
                continue;
            };
            let value = |label: &str| {
                let after = labels.split(&format!("{label}=\"")).nth(1)?;
                after.split('"').next()
            };
            if name == catalog::LOST.name {
                let (stage, reason) = (value("stage").unwrap(), value("reason"));
                let mut rows = LOSSES.iter().filter(|row| row.stage.label() == stage);
                let known = rows.any(|row| reason.is_none_or(|reason| row.reason == reason));
                assert!(known, "{}: no loss {words}", row.fault);
            }
        }
    }
}
