//! The chart renders what Kubernetes takes, and refuses what it does not know.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use xtask::validators::{Question, ask};
use xtask::{image, layout, manifests};

use super::{deployed, documents, may_judge, parsed};

/// Kubernetes versions that what is rendered must be valid in.
const KUBERNETES: [&str; 3] = ["1.30", "1.33", "1.37"];

/// Sets of values, each of which must render.
fn cases() -> Value {
    json!({
        "defaults": {},
        "everything": {
            "commonLabels": { "team": "platform" },
            "image": { "repository": "images.example/sealwatch", "tag": "1", "pullPolicy": "Always" },
            "imagePullSecrets": [{ "name": "pull" }],
            "contracts": { "web.yaml": "version: 1\ncontainer: shop/*/web\n" },
            "extraEnv": [{ "name": "SEALWATCH_LOG_FORMAT", "value": "json" }],
            "extraVolumes": [{ "name": "token", "secret": { "secretName": "token" } }],
            "extraVolumeMounts": [{ "name": "token", "mountPath": "/etc/token", "readOnly": true }],
            "podAnnotations": { "a": "b" },
            "podLabels": { "c": "d" },
            "networkPolicy": {
                "enabled": true,
                "from": [{ "namespaceSelector": {} }],
                "egress": [{ "to": [{ "podSelector": {} }], "ports": [{ "port": 9093 }] }],
            },
            "alerts": { "enabled": true, "labels": { "release": "prometheus" } },
            "kubernetesEvents": { "enabled": true },
            "dashboards": { "enabled": true },
            "podMonitor": { "enabled": true, "labels": { "release": "prometheus" } },
            "serviceMonitor": {
                "enabled": true,
                "metricRelabelings": [{ "action": "labeldrop", "regex": "container_id" }],
            },
        },
        "privileged": { "securityContext": { "privileged": true } },
        "least": {
            "state": { "enabled": false },
            "pin": { "enabled": false },
            "serviceAccount": { "create": false },
            "priorityClassName": "",
            "tolerations": [],
            "updateStrategy": { "type": "OnDelete", "rollingUpdate": null },
        },
        "settings": { "settings": {
            "limits.series": 2_000_000,
            "seccomp": true,
            "inventory": ["web-*", "api"],
            "degraded.after": "2m",
        }},
    })
}

fn container(objects: &Value) -> &Value {
    let objects = objects.as_array().unwrap();
    let set = objects.iter().find(|one| one["kind"] == "DaemonSet");
    &set.unwrap()["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn what_the_chart_renders_is_valid() {
    if !may_judge("what_the_chart_renders_is_valid") {
        return;
    }
    let rendered = manifests::render(&cases()).unwrap();
    let mut all = Vec::new();
    for (name, answer) in rendered.as_object().unwrap() {
        assert_eq!(answer["refused"], Value::Null, "{name}");
        assert_eq!(answer["lint"], json!([]), "{name}");
        all.extend(answer["objects"].as_array().unwrap().clone());
    }
    for file in fs::read_dir(deployed("kubernetes")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        all.extend(documents(&format!("kubernetes/{name}")));
    }
    let question = json!({ "versions": KUBERNETES, "objects": all });
    assert_eq!(ask(Question::Validate, &question).unwrap(), json!([]));

    let settings = &container(&rendered["settings"]["objects"])["args"];
    assert_eq!(
        *settings,
        json!([
            "run",
            "--web.listen-address=:9402",
            "--pin=/sys/fs/bpf/sealwatch",
            "--degraded.after=2m",
            "--inventory=web-*",
            "--inventory=api",
            "--limits.series=2000000",
            "--seccomp=true",
        ])
    );
    let privileged = &container(&rendered["privileged"]["objects"])["securityContext"];
    assert_eq!(privileged["privileged"], true);
    assert_eq!(privileged["readOnlyRootFilesystem"], true);
    assert_eq!(privileged["capabilities"], Value::Null);
    carried(&rendered["everything"]["objects"]);
}

/// Dashboards are carried as they are, with the runbooks' address of the values.
fn carried(objects: &Value) {
    let objects = objects.as_array().unwrap();
    let maps = objects.iter().filter(|one| {
        one["kind"] == "ConfigMap" && one["metadata"]["labels"]["grafana_dashboard"] == "1"
    });
    let mut shown = BTreeMap::new();
    for map in maps {
        for (name, text) in map["data"].as_object().unwrap() {
            let board: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            shown.insert(name.trim_start_matches("sealwatch-").to_owned(), board);
        }
    }
    let mut kept = BTreeMap::new();
    for file in fs::read_dir(layout::root().join("dashboards")).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let board = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            kept.insert(
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                board,
            );
        }
    }
    assert!(!kept.is_empty());
    assert_eq!(shown, kept);
}

#[test]
fn a_misspelt_value_is_refused_by_name() {
    if !may_judge("a_misspelt_value_is_refused_by_name") {
        return;
    }
    let cases = [
        ("tolerationz", json!({ "tolerationz": [] })),
        ("inventroy", json!({ "settings": { "inventroy": ["*"] } })),
        (
            "degraded.failures",
            json!({ "settings": { "degraded.failures": "many" } }),
        ),
        (
            "listen-address",
            json!({ "settings": { "web.listen-address": ":80" } }),
        ),
        ("port", json!({ "port": 0 })),
        (
            "privilegd",
            json!({ "securityContext": { "privilegd": true } }),
        ),
        (
            "capabilities",
            json!({ "securityContext": { "capabilities": ["CAP_BPF"] } }),
        ),
        ("hostPath", json!({ "state": { "hostPath": "relative" } })),
        ("interval", json!({ "podMonitor": { "interval": "often" } })),
        ("web.txt", json!({ "contracts": { "web.txt": "" } })),
        (
            "noSuchThreshold",
            json!({ "alerts": { "thresholds": { "noSuchThreshold": 1 } } }),
        ),
    ];
    let questions: serde_json::Map<_, _> = cases
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.clone()))
        .collect();
    let rendered = manifests::render(&Value::Object(questions)).unwrap();
    for (name, _) in &cases {
        let refused = rendered[name]["refused"].as_str();
        let refused = refused.unwrap_or_else(|| panic!("{name} is taken"));
        assert!(refused.contains(name), "{name}: {refused}");
    }
}

#[test]
fn the_schema_knows_the_values() {
    let schema = fs::read_to_string(deployed("chart/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let values = &documents("chart/values.yaml")[0];
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().unwrap();
        let keys = object.keys().filter(|key| *key != "global");
        keys.cloned().collect()
    };
    assert_eq!(keys(&schema["properties"]), keys(values));
    let alerts = &schema["properties"]["alerts"]["properties"];
    assert_eq!(keys(alerts), keys(&values["alerts"]));
    let thresholds = &alerts["thresholds"]["properties"];
    assert_eq!(keys(thresholds), keys(&values["alerts"]["thresholds"]));
}

#[test]
fn versions_are_the_workspaces() {
    let chart = &documents("chart/Chart.yaml")[0];
    assert_eq!(chart["version"], image::VERSION);
    assert_eq!(chart["appVersion"], image::VERSION);
}

#[test]
fn the_plain_manifests_are_fresh() {
    if !may_judge("the_plain_manifests_are_fresh") {
        return;
    }
    let wanted = manifests::text().unwrap();
    let there = fs::read_to_string(manifests::file()).unwrap();
    assert!(there == wanted, "stale: run `cargo xtask manifests`");
    assert!(parsed(&there).len() >= 3);
}
