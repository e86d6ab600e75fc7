//! The generated files are YAML, whole, and the same in both forms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_yaml_ng::Value;

use super::super::alerts::alerts;
use super::*;

fn groups(text: &str) -> Vec<Value> {
    let file: Value = serde_yaml_ng::from_str(text).unwrap();
    file["groups"].as_sequence().unwrap().clone()
}

/// The chart's file as Helm would render it with the default values.
fn helm(text: &str) -> String {
    let mut rendered = text
        .replace("{{ .Values.alerts.runbookBaseUrl }}", RUNBOOKS)
        .replace("{{ .Values.alerts.dashboardBaseUrl }}", "");
    for row in THRESHOLDS {
        let value = format!("{{{{ .Values.alerts.thresholds.{} }}}}", row.name);
        rendered = rendered.replace(&value, row.value);
    }
    assert!(!rendered.contains(".Values"));
    rendered.replace("{{`{{", "{{").replace("}}`}}", "}}")
}

#[test]
fn every_row_is_a_rule_with_all_that_belongs_to_it() {
    let files = files().unwrap();
    let rules: Vec<Value> = groups(&files[PLAIN])
        .iter()
        .flat_map(|group| group["rules"].as_sequence().unwrap().clone())
        .collect();
    let names: BTreeSet<_> = rules
        .iter()
        .filter_map(|rule| rule["alert"].as_str())
        .collect();
    assert_eq!(names, alerts().map(|alert| alert.name).collect());
    assert_eq!(rules.len(), alerts().count() + RECORDED.len());
    for rule in rules.iter().filter(|rule| !rule["alert"].is_null()) {
        for annotation in ["summary", "description", "runbook_url", "dashboard_url"] {
            let text = rule["annotations"][annotation].as_str().unwrap();
            assert!(!text.is_empty(), "{rule:?}");
            assert_eq!(
                text.matches("{{").count(),
                text.matches("}}").count(),
                "{text}"
            );
        }
        assert!(rule["labels"]["severity"].is_string());
        assert!(!rule["expr"].as_str().unwrap().contains("${"));
    }
}

#[test]
fn the_charts_file_with_its_defaults_is_the_plain_one() {
    let files = files().unwrap();
    assert_ne!(files[CHART], files[PLAIN]);
    assert_eq!(helm(&files[CHART]), files[PLAIN]);
    let values: Value = serde_yaml_ng::from_str(&values()).unwrap();
    assert_eq!(values["runbookBaseUrl"], RUNBOOKS);
    let thresholds = values["thresholds"].as_mapping().unwrap();
    assert_eq!(thresholds.len(), THRESHOLDS.len());
    for row in THRESHOLDS {
        assert_eq!(thresholds[row.name], row.value, "{}", row.name);
    }
}

#[test]
fn a_wrong_row_is_named() {
    let wrong = numbered("x", "a > ${nothing}", Form::Plain).unwrap_err();
    assert_eq!(wrong.to_string(), "x: there is no threshold \"nothing\"");
    assert_eq!(
        numbered("x", "a > ${canaryFactor} * b", Form::Plain).unwrap(),
        "a > 2 * b"
    );
}

fn cases() -> Vec<PathBuf> {
    let directory = xtask::layout::root().join("deploy/prometheus/tests");
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_alert_is_seen_firing_with_its_texts_and_not_firing_before_and_after() {
    let mut fires: BTreeMap<String, usize> = BTreeMap::new();
    let mut rests = BTreeMap::new();
    for path in cases() {
        let file: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for test in file["tests"].as_sequence().unwrap() {
            for case in test["alert_rule_test"].as_sequence().into_iter().flatten() {
                let name = case["alertname"].as_str().unwrap().to_owned();
                let expected = case["exp_alerts"].as_sequence().unwrap();
                let seen = if expected.is_empty() {
                    &mut rests
                } else {
                    &mut fires
                };
                *seen.entry(name).or_default() += 1;
                for alert in expected {
                    let texts = alert["exp_annotations"].as_mapping().unwrap();
                    assert_eq!(texts.len(), 4, "{alert:?}");
                }
            }
        }
    }
    let names: BTreeSet<_> = alerts().map(|alert| alert.name.to_owned()).collect();
    assert_eq!(fires.keys().cloned().collect::<BTreeSet<_>>(), names);
    for name in &names {
        assert!(
            rests.get(name).is_some_and(|count| *count >= 2),
            "{name}: {rests:?}"
        );
    }
}

/// Prometheus' own tool says that the rules are right, and tries every case.
#[test]
fn promtool_is_content() {
    let files = files().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("sealwatch.rules.yaml");
    std::fs::write(&rules, &files[PLAIN]).unwrap();
    let tests = directory.path().join("tests");
    std::fs::create_dir(&tests).unwrap();
    let mut copies = Vec::new();
    for path in cases() {
        let copy = tests.join(path.file_name().unwrap());
        std::fs::copy(&path, &copy).unwrap();
        copies.push(copy);
    }
    assert!(copies.len() >= 4, "{copies:?}");
    for (verb, files) in [("check", vec![rules]), ("test", copies)] {
        let output = Command::new("promtool")
            .args([verb, "rules"])
            .args(files)
            .output();
        let output = match output {
            Ok(output) => output,
            Err(why) => {
                let why = format!("cannot start promtool: {why}");
                assert!(std::env::var_os("CI").is_none(), "{why}");
                eprintln!("\n=== NOT RUN: promtool_is_content: {why}\n");
                return;
            }
        };
        let words = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&words)
        );
    }
}
