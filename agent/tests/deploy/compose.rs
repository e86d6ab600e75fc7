//! The Compose file and what it provides Prometheus, Alertmanager and Grafana with.

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
fn the_file_is_understood() {
    if !may_run("the_file_is_understood", &["docker-compose"]) {
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
    }
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
