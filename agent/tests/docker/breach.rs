//! Writes inside and outside of a contract, and refused ones, to the number.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};

/// Outside: three in /srv (a file and two writes), a directory in /var/lib, and
/// one in a log directory that the contract forbids. Refused: one in /etc.
const SCRIPT: &str = "\
echo 1 > /tmp/a; echo 2 >> /tmp/a; mkdir /tmp/d
echo 1 > /vol/a; echo 0 > /proc/self/oom_score_adj
exec 3> /srv/a; echo 1 >&3; echo 2 >&3
mkdir /var/lib/x; mkdir /var/log/y
echo 1 > /sealed/b
sleep 4";

fn contract(container: &str) -> String {
    format!(
        "version: 1
container: {container}
write_roots:
  - {{ path: /tmp, kind: tmpfs }}
  - {{ path: /vol, kind: volume }}
  - {{ path: /var/log, kind: should_not_exist, reason: logs belong on stdout }}
---
version: 1
container: nobody-has-this-name
"
    )
}

fn listing(agent: &Agent) -> Value {
    let (status, body) = agent.get("/api/v1/breaches");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn breaches(agent: &Agent, container: &str, write_root: &str) -> f64 {
    let labels = [("container", container), ("write_root", write_root)];
    agent.sum("sealwatch_contract_breaches_total", &labels)
}

#[test]
fn what_is_written_outside_of_a_contract_is_a_breach() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("written_outside", &why),
    };
    let (bound, free) = (unique("bound"), unique("free"));
    let file = stage.path().join("contracts.yaml");
    fs::write(&file, contract(&bound)).unwrap();
    let file = file.to_string_lossy();
    let agent = stage.agent(&["--contract", &file]);
    let start = |name: &str| {
        let volume = format!("{name}:/vol");
        let options = ["run", "--detach", "--network", "none", "--name", name];
        let mounts = ["--tmpfs", "/tmp", "--volume", &volume];
        let sealed = ["--tmpfs", "/sealed:ro"];
        let command = [xtask::engine::IMAGE, "sh", "-c", SCRIPT];
        let args = [&options[..], &mounts, &sealed, &command].concat();
        stage.engine.docker_ok(&args).unwrap();
    };
    start(&free);
    start(&bound);
    let all = || ["/srv", "/var/lib", "/var/log"].map(|root| breaches(&agent, &bound, root));
    eventually("the breaches are counted", Duration::from_secs(30), || {
        all() == [3.0, 1.0, 1.0]
    });
    let sum = |name: &str| agent.sum(name, &[("container", &bound)]);
    assert_eq!(sum("sealwatch_contract_breaches_total"), 5.0);
    assert_eq!(sum("sealwatch_contract_unjudged_total"), 0.0);
    assert_eq!(sum("sealwatch_contract_info"), 1.0);
    let of_free = agent.sum("sealwatch_contract_breaches_total", &[("container", &free)]);
    assert_eq!(of_free, 0.0);
    // The refusal is counted as one, and as nothing else.
    eventually("the denial is counted", Duration::from_secs(10), || {
        sum("sealwatch_denials_total") == 1.0
    });

    let listing = listing(&agent);
    let rows = listing["breaches"].as_array().unwrap();
    let texts: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["write_root"].as_str().unwrap(),
                row["why"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/srv", "undeclared"),
        ("/var/lib", "undeclared"),
        ("/var/log", "should_not_exist"),
    ];
    assert_eq!(texts, expected);
    assert_eq!(rows[0]["destination"], "upper_layer");
    let contracts = listing["contracts"].as_array().unwrap();
    let holders = contracts
        .iter()
        .map(|one| one["containers"].as_array().unwrap().len());
    assert_eq!(holders.collect::<Vec<_>>(), [1, 0]);

    let events = agent.events(|event| event.text("/event") == "breach");
    let told: u64 = events
        .iter()
        .map(|event| event.json["new"].as_u64().unwrap())
        .sum();
    assert!(
        events
            .iter()
            .all(|event| event.text("/container/name") == bound)
    );
    assert!(3 <= events.len() && events.len() <= 5, "{events:?}");
    assert!(told <= 5);
    let report = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["report", "--agent", &format!("http://{}", agent.address())])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(
        report.contains("BREACH") && report.contains("logs belong on stdout"),
        "{report}"
    );
    assert!(
        report.contains("no container that is there fits nobody-has"),
        "{report}"
    );

    // The next of the same name goes on counting.
    stage.engine.docker_ok(&["rm", "--force", &bound]).unwrap();
    start(&bound);
    eventually("counts go on", Duration::from_secs(30), || {
        all() == [6.0, 2.0, 2.0]
    });
}

#[test]
fn a_bad_contract_ends_the_daemon_with_the_fix() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("web.yaml"), "version: 1\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args([
            "run",
            "--web.listen-address",
            "none",
            "--web.socket",
            "none",
        ])
        .arg("--contract")
        .arg(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("web.yaml") && text.contains("fix:"), "{text}");
}
