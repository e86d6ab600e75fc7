//! The daemon's metrics, scraped by a real Prometheus with the generated rules,
//! become an alert at a real Alertmanager, which is over after the remedy.

use std::time::{Duration, Instant};

use super::agent::eventually;
use super::container::{mend, start, unique};
use super::engines::cannot_run;
use super::receiver::Receiver;
use super::servers::{active, alertmanager, free, prometheus};
use super::{NODE, Stage};

const ALERT: &str = "SealwatchCacheDegraded";
/// The generated rules.
const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/prometheus/sealwatch.rules.yaml"
);
/// What the test waits in the place of minutes.
const FOR: &str = "5s";

/// The rules as they are, but for how long a state must hold.
fn sooner(rules: &str) -> String {
    let lines = rules.lines().map(|line| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: {FOR}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn a_degraded_cache_is_told_over_prometheus_and_resolves() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_degraded_cache_over_prometheus", &why),
    };
    let rules = std::fs::read_to_string(RULES).unwrap();
    let shortened = stage.path().join("rules.yaml");
    std::fs::write(&shortened, sooner(&rules)).unwrap();
    let agent = stage.agent(&[]);
    let webhook = Receiver::start();
    let address = free();
    let servers = alertmanager(stage.path(), address, webhook.address).and_then(|alerts| {
        let prometheus = prometheus(stage.path(), &shortened, agent.address(), address)?;
        Ok((alerts, prometheus))
    });
    let _servers = match servers {
        Ok(servers) => servers,
        Err(why) => return cannot_run("a_degraded_cache_over_prometheus", &why),
    };
    let name = unique("scraped");
    start(&stage, &name);
    let begun = Instant::now();
    let found = || {
        active(address)
            .into_iter()
            .find(|told| told.is_of(ALERT, &name))
    };
    eventually("Alertmanager has it", Duration::from_secs(60), || {
        found().is_some()
    });
    println!(
        "fires {:.1} s after the start",
        begun.elapsed().as_secs_f64()
    );
    let told = found().unwrap();
    println!("{:#}", told.0);
    told.assert_helps(&name);
    assert_ne!(
        told.label("instance"),
        NODE,
        "Prometheus names the instance"
    );
    mend(&stage, &name);
    let mended = Instant::now();
    eventually("it is over", Duration::from_secs(60), || {
        webhook
            .statuses(ALERT, &name)
            .last()
            .is_some_and(|last| last == "resolved")
    });
    println!(
        "resolved {:.1} s after the remedy",
        mended.elapsed().as_secs_f64()
    );
    assert_eq!(webhook.statuses(ALERT, &name), ["firing", "resolved"]);
    assert!(found().is_none());
    assert_eq!(agent.stop().code(), Some(0));
}
