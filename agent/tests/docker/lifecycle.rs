//! Two daemons at one place, and settings that are read again.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};
use xtask::engine::IMAGE;

const SOON: Duration = Duration::from_secs(30);
const LOADED: &str = "sealwatch_config_last_reload_successful";
const LOADED_TIME: &str = "sealwatch_config_last_reload_success_timestamp_seconds";

fn hang_up(agent: &Agent) {
    let pid = i32::try_from(agent.pid()).unwrap();
    // SAFETY: takes integers; the daemon is our child and was not waited for.
    unsafe { libc::kill(pid, libc::SIGHUP) };
}

#[test]
fn the_second_daemon_names_the_first_and_ends_or_waits_for_its_end() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("two_daemons", &why),
    };
    let socket = stage.path().join("s.sock");
    let place = ["--web.socket", socket.to_str().unwrap()];
    let first = stage.agent(&place);
    let second = || {
        Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(["run", "--web.listen-address", "127.0.0.1:0"])
            .args(["--docker-socket", "none", "--cri-endpoint", "none"])
            .args(place)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let begun = Instant::now();
    let refused = second().wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let named = format!("another Sealwatch (process {})", first.pid());
    assert!(words.contains(&named), "{words}");
    assert!(words.contains("--web.socket"), "{words}");
    assert_eq!(first.get("/readyz").0, 200);

    // One that is just ending is waited for.
    let mut waiting = second();
    std::thread::sleep(Duration::from_secs(1));
    assert!(waiting.try_wait().unwrap().is_none());
    assert_eq!(first.stop().code(), Some(0));
    eventually("the second has the socket", SOON, || socket.exists());
    let pid = i32::try_from(waiting.id()).unwrap();
    // SAFETY: takes integers; the daemon is our child and was not waited for.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn on_sighup_settings_are_read_again_and_bad_ones_refused() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("sighup", &why),
    };
    let (settings, contracts) = (stage.path().join("s.toml"), stage.path().join("contracts"));
    fs::create_dir(&contracts).unwrap();
    let quoted = contracts.to_str().unwrap();
    let write =
        |more: &str| fs::write(&settings, format!("contract = \"{quoted}\"\n{more}")).unwrap();
    write("");
    let name = unique("reloaded");
    let contract = format!("version: 1\ncontainer: {name}\n");
    fs::write(contracts.join("a.yaml"), &contract).unwrap();
    let agent = stage.agent(&["--config", settings.to_str().unwrap()]);
    assert_eq!(agent.sum(LOADED, &[]), 1.0);
    let started = agent.sum(LOADED_TIME, &[]);
    assert!(started > 1.0e9, "{started}");

    let command = "while :; do echo x > /root/x; sleep 0.1; done";
    let run = [
        "run",
        "--detach",
        "--network",
        "none",
        "--name",
        &name,
        IMAGE,
    ];
    let args: Vec<&str> = run.into_iter().chain(["sh", "-c", command]).collect();
    stage.engine.docker(&args).unwrap();
    let breaches = || agent.sum("sealwatch_contract_breaches_total", &[("container", &name)]);
    eventually("a breach", SOON, || breaches() > 3.0);

    // Bad ones: the old ones stay, and it is said why.
    write("degraded.failures = \"many\"\n");
    hang_up(&agent);
    eventually("refused", SOON, || agent.sum(LOADED, &[]) == 0.0);
    assert_eq!(agent.sum(LOADED_TIME, &[]), started);
    let log = agent.log();
    assert!(
        log.contains("bad value \"many\" for degraded.failures"),
        "{log}"
    );
    write("");
    fs::write(contracts.join("b.yaml"), "version: 7\n").unwrap();
    hang_up(&agent);
    eventually("refused again", SOON, || agent.log().contains("b.yaml"));
    let before = breaches();
    eventually("the contract is in force", SOON, || breaches() > before);

    // Good ones: what cannot change is named, and the rest is in force.
    fs::write(contracts.join("b.yaml"), "version: 1\ncontainer: nobody\n").unwrap();
    write(
        "log.level = \"debug\"\nseccomp = true\nlimits.series = 7\n[web]\nallowed-host = \"a.example\"\n",
    );
    hang_up(&agent);
    eventually("taken", SOON, || agent.sum(LOADED, &[]) == 1.0);
    assert!(agent.sum(LOADED_TIME, &[]) > started);
    let log = agent.log();
    for setting in ["seccomp", "limits.series"] {
        let named =
            format!("has changed and stays as it was until a restart setting=\"{setting}\"");
        assert!(log.contains(&named), "{setting}: {log}");
    }
    let added = contracts.join("b.yaml");
    eventually("the second contract is in force", SOON, || {
        agent.metrics().iter().any(|series| {
            series.name == "sealwatch_contract_containers"
                && series.label("contract") == added.to_str().unwrap()
        })
    });
    let before = breaches();
    assert!(before > 3.0, "what was counted stays");
    eventually("the first contract goes on", SOON, || breaches() > before);

    // The contract leaves, and with it the writes that were outside of it.
    fs::remove_file(contracts.join("a.yaml")).unwrap();
    hang_up(&agent);
    eventually("no contract any more", SOON, || {
        let labels = [("container", name.as_str())];
        agent.sum("sealwatch_contract_info", &labels) == 0.0
    });
    stage.engine.docker(&["kill", &name]).unwrap();
    assert_eq!(agent.stop().code(), Some(0));
}
