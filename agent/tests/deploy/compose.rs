//! The Compose file and what it provides Prometheus, Alertmanager and Grafana with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::toolchain::ensure_packages;
use xtask::{image, step};

use super::{cannot_run, deployed, documents};

const FILE: &str = "compose/compose.yaml";

fn may_run(test: &str, packages: &[&str]) -> bool {
    match ensure_packages(packages) {
        Ok(()) => true,
        Err(error) => {
            cannot_run(test, &format!("{error:#}"));
            false
        }
    }
}

#[test]
fn the_file_is_understood_and_all_it_mounts_is_there() {
    if !may_run(
        "the_file_is_understood_and_all_it_mounts_is_there",
        &["docker-compose"],
    ) {
        return;
    }
    let mut command = Command::new("docker-compose");
    command.arg("--file").arg(deployed(FILE)).arg("config");
    let told = step::output(&mut command).unwrap();
    let services = &super::parsed(&told)[0]["services"];
    let tag = format!("sealwatch:{}", image::VERSION);
    assert_eq!(services["sealwatch"]["image"], tag.as_str());
    for (name, service) in services.as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        for mount in service["volumes"].as_array().into_iter().flatten() {
            if let Some(source) = host_path(mount) {
                assert!(source.exists(), "{name} mounts {}", source.display());
            }
        }
    }
}

/// A mount's source where it is a path.
fn host_path(mount: &Value) -> Option<PathBuf> {
    let source = match mount {
        Value::String(text) => text.split(':').next().map(str::to_owned),
        other => other["source"].as_str().map(str::to_owned),
    };
    source.map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The same rights as in a pod, but for what a limit gives.
#[test]
fn the_container_has_the_charts_rights() {
    let service = &documents(FILE)[0]["services"]["sealwatch"];
    let values = &documents("chart/values.yaml")[0];
    let list = |value: &Value| -> Vec<String> {
        let names = value.as_array().unwrap().iter().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let mut rights = list(&values["securityContext"]["capabilities"]);
    rights.retain(|name| name != "SYS_RESOURCE");
    assert_eq!(list(&service["cap_add"]), rights);
    assert_eq!(list(&service["cap_drop"]), ["ALL"]);
}

#[test]
fn prometheus_and_alertmanager_take_their_files() {
    let test = "prometheus_and_alertmanager_take_their_files";
    if !may_run(test, &["prometheus", "prometheus-alertmanager"]) {
        return;
    }
    // The rules lie elsewhere in the container.
    let directory = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(deployed("compose/prometheus.yaml")).unwrap();
    let rules = "[/etc/prometheus/rules/*.yaml]";
    assert!(text.contains(rules));
    let there = format!(
        "[{}]",
        deployed("prometheus/sealwatch.rules.yaml").display()
    );
    let file = directory.path().join("prometheus.yaml");
    fs::write(&file, text.replace(rules, &there)).unwrap();
    let told = step::output(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(&file),
    )
    .unwrap();
    assert!(
        told.contains("1 rule files found") && told.contains("SUCCESS"),
        "{told}"
    );
    let alertmanager: &Path = &deployed("compose/alertmanager.yaml");
    step::output(Command::new("amtool").arg("check-config").arg(alertmanager)).unwrap();
}

#[test]
fn grafana_finds_its_dashboards_and_prometheus() {
    let compose = &documents(FILE)[0];
    let source = &documents("compose/grafana/datasources/prometheus.yaml")[0]["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    assert!(compose["services"]["prometheus"].is_object());
    let provider = &documents("compose/grafana/dashboards/sealwatch.yaml")[0]["providers"][0];
    let path = provider["options"]["path"].as_str().unwrap();
    let mounts = compose["services"]["grafana"]["volumes"]
        .as_array()
        .unwrap();
    let mounted = format!("../../dashboards:{path}:ro");
    assert!(
        mounts.iter().any(|mount| mount == mounted.as_str()),
        "{mounts:?}"
    );
}
