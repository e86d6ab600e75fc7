//! A webhook with TLS and a token is told what begins and what is over, once each,
//! though the daemon is started anew in between.

use std::process::Command;
use std::time::Duration;

use super::Stage;
use super::agent::eventually;
use super::container::{mend, start, unique};
use super::engines::cannot_run;
use super::receiver::{Receiver, certificate};
use super::servers::free;

const ALERT: &str = "SealwatchCacheDegraded";
const SOON: Duration = Duration::from_secs(45);

#[test]
fn a_webhook_is_told_once_each_over_a_restart() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_webhook_is_told", &why),
    };
    let webhook = match certificate(stage.path()) {
        Ok(config) => Receiver::start_tls(config),
        Err(why) => return cannot_run("a_webhook_is_told", &why),
    };
    let token = stage.path().join("token");
    std::fs::write(&token, "open-sesame\n").unwrap();
    let url = format!("https://{}/hooks/secret-path", webhook.address);
    let ca = stage.path().join("ca.pem");
    let settings = [
        "--webhook-url",
        &url,
        "--webhook-token-file",
        token.to_str().unwrap(),
        "--notify.ca-file",
        ca.to_str().unwrap(),
    ];
    let name = unique("hooked");
    let before = stage.agent(&settings);
    start(&stage, &name);
    let statuses = || webhook.statuses(ALERT, &name);
    eventually("it is told", SOON, || statuses() == ["firing"]);
    webhook.told(ALERT, &name)[0].assert_helps(&name);
    let posted = webhook.posted();
    let head = &posted[0].head;
    assert!(
        head.starts_with("POST /hooks/secret-path HTTP/1.1"),
        "{head}"
    );
    let authorized = |line: &str| line.eq_ignore_ascii_case("authorization: bearer open-sesame");
    assert!(head.lines().any(authorized), "{head}");
    println!("{:#}", posted[0].body);
    for (member, value) in [
        ("version", "4"),
        ("status", "firing"),
        ("receiver", "sealwatch"),
    ] {
        assert_eq!(posted[0].body[member], value);
    }
    let text = before.metrics_text() + &before.log();
    assert!(!text.contains("secret-path") && !text.contains("open-sesame"));
    assert_eq!(before.stop().code(), Some(0));

    let after = stage.agent(&settings);
    let again = || after.sum("sealwatch_degraded", &[("container", &name)]) == 1.0;
    eventually("it is degraded still", SOON, again);
    mend(&stage, &name);
    eventually("it is told to be over", SOON, || statuses().len() > 1);
    assert_eq!(statuses(), ["firing", "resolved"]);
    let told = webhook.told(ALERT, &name);
    let when = |at: usize| told[at].0["startsAt"].as_str().unwrap().to_owned();
    assert_eq!(when(0), when(1), "one and the same");
    assert_eq!(after.stop().code(), Some(0));
}

#[test]
fn the_doctor_tells_who_does_not_answer() {
    if let Err(why) = super::engines::may_start() {
        return cannot_run("the_doctor_tells_who_does_not_answer", &why);
    }
    let webhook = Receiver::start();
    let (there, gone) = (format!("http://{}/x", webhook.address), free());
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["doctor", "--json", "--webhook-url", &there])
        .args(["--alertmanager-url", &format!("http://{gone}")])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let receivers: Vec<_> = findings
        .iter()
        .filter(|finding| finding["check"] == "receivers")
        .map(|finding| {
            (
                finding["status"].as_str().unwrap(),
                finding["found"].as_str().unwrap(),
            )
        })
        .collect();
    println!("{receivers:#?}");
    assert_eq!(receivers.len(), 2);
    let (status, found) = receivers[0];
    assert_eq!(status, "degraded");
    let place = gone.to_string();
    assert!(
        found.contains(&place) && found.contains("refused"),
        "{found}"
    );
    assert_eq!(receivers[1].0, "ok");
}
