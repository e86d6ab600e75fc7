//! The chart's alerts are those for Prometheus alone, with the thresholds of its values.

use serde_json::{Value, json};
use xtask::manifests;
use xtask::validators::{Question, ask};

use super::{deployed, may_judge};

fn rule<'a>(rendered: &'a Value, case: &str) -> &'a Value {
    let answer = &rendered[case];
    assert_eq!(answer["refused"], Value::Null, "{case}");
    assert_eq!(answer["lint"], json!([]), "{case}");
    let objects = answer["objects"].as_array().unwrap();
    let found = objects.iter().find(|one| one["kind"] == "PrometheusRule");
    found.unwrap_or_else(|| panic!("{case} has no PrometheusRule"))
}

#[test]
fn helm_renders_the_rules_that_prometheus_reads() {
    if !may_judge("helm_renders_the_rules_that_prometheus_reads") {
        return;
    }
    let rendered = manifests::render(&json!({
        "defaults": { "alerts": { "enabled": true } },
        "own": { "alerts": {
            "enabled": true,
            "runbookBaseUrl": "https://example.test/runbooks",
            "dashboardBaseUrl": "https://example.test/grafana",
            "thresholds": { "canaryFactor": 7, "layerGrowthBytesPerHour": "52428800" },
        }},
    }))
    .unwrap();
    let plain = std::fs::read_to_string(deployed("prometheus/sealwatch.rules.yaml")).unwrap();
    let plain: Value = serde_yaml_ng::from_str(&plain).unwrap();
    let defaults = rule(&rendered, "defaults");
    assert_eq!(defaults["spec"], plain);
    let own = rule(&rendered, "own");
    let text = own["spec"].to_string();
    for part in [
        "(7 * role:",
        "> 52428800",
        "\"https://example.test/runbooks/SealwatchCanaryWorse.md\"",
        "https://example.test/grafana/d/sealwatch-container?",
        "{{ $labels.container }}",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let question = json!({ "versions": ["1.33"], "objects": [defaults, own] });
    assert_eq!(ask(Question::Validate, &question).unwrap(), json!([]));
}
