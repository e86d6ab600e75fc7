//! The doctor says what a daemon on this machine then does.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::agent::Agent;
use super::engines::cannot_run;
use super::{Stage, unique};

/// (hook, backend or reason, attached).
type Hooks = BTreeSet<(String, String, bool)>;

fn sealwatch(stage: &Stage, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALWATCH_") {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .args(["--cri-endpoint", "none", "--docker-socket"]);
    command.arg(stage.engine.socket());
    command
}

/// Its answer and its exit code.
fn doctor(stage: &Stage, more: &[&str]) -> (Value, Option<i32>) {
    let output = sealwatch(stage, &["doctor", "--json"])
        .args(more)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (json, output.status.code())
}

fn told(json: &Value) -> Hooks {
    let hooks = json["hooks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    hooks
        .map(|hook| {
            let attached = hook["attached"].as_bool().unwrap();
            let word = if attached { "backend" } else { "reason" };
            (text(&hook["hook"]), text(&hook[word]), attached)
        })
        .collect()
}

/// The same as the daemon's metrics have it.
fn exported(agent: &Agent) -> Hooks {
    let series = agent.metrics();
    let of = |name: &str, word: &str, attached: bool| {
        let all = series.iter().filter(|series| series.name == name);
        all.map(|series| {
            (
                series.label("hook").to_owned(),
                series.label(word).to_owned(),
                attached,
            )
        })
        .collect::<Hooks>()
    };
    let mut hooks = of("sealwatch_hooks_attached", "backend", true);
    hooks.extend(of("sealwatch_hooks_missing", "reason", false));
    hooks
}

fn finding<'a>(json: &'a Value, check: &str) -> &'a Value {
    let all = json["findings"].as_array().unwrap();
    all.iter()
        .find(|finding| finding["check"] == check)
        .unwrap()
}

#[test]
fn the_doctor_says_what_the_daemon_attaches_and_whom_it_meets() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("the_doctor_says", &why),
    };
    let name = unique("doctor");
    let container = [
        "run",
        "--rm",
        "--detach",
        "--network",
        "none",
        "--name",
        &name,
    ];
    let container = [&container[..], &[xtask::engine::IMAGE, "sleep", "1000"]].concat();
    assert!(stage.engine.docker(&container).unwrap().status.success());
    let agent = stage.agent(&[]);
    let address = agent.address().to_string();
    let (json, code) = doctor(&stage, &["--web.listen-address", &address]);
    assert!(matches!(code, Some(0 | 1)), "{json:#}");
    assert_eq!(told(&json), exported(&agent));
    assert!(!told(&json).is_empty());

    let docker = &json["runtimes"][0];
    assert_eq!(
        (&docker["runtime"], &docker["state"]),
        (&"docker".into(), &"answers".into())
    );
    let version = ["version", "--format", "{{.Server.Version}}"];
    let version = stage.engine.docker(&version).unwrap().stdout;
    assert_eq!(docker["version"], String::from_utf8_lossy(&version).trim());
    let driver = stage
        .engine
        .docker(&["info", "--format", "{{.Driver}}"])
        .unwrap()
        .stdout;
    assert_eq!(
        docker["storage_driver"],
        String::from_utf8_lossy(&driver).trim()
    );
    // The container's process was looked at, as the samplers do.
    let processes = finding(&json, "processes");
    assert_eq!(processes["status"], "ok", "{processes}");
    let words = processes["found"].as_str().unwrap();
    assert!(!words.contains("no container"), "{words}");
    let own = finding(&json, "address");
    assert_eq!(own["status"], "ok", "{own}");
    assert!(
        own["found"]
            .as_str()
            .unwrap()
            .contains("a Sealwatch runs here already"),
        "{own}"
    );
    assert_eq!(agent.stop().code(), Some(0));
    stage.engine.docker(&["kill", &name]).unwrap();
}

/// A daemon either gets ready with a backend or ends at once; the doctor knows which.
#[test]
fn the_doctor_says_which_backends_a_daemon_can_have() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("the_doctor_says_which_backends", &why),
    };
    for backend in ["fexit", "kprobe", "tracepoint"] {
        let (json, code) = doctor(&stage, &["--backend", backend]);
        if code == Some(3) {
            let half = finding(&json, "kernel_half");
            assert_eq!(half["status"], "failed", "{backend}: {json:#}");
            let log = ends(&stage, backend);
            let reason = half["found"].as_str().unwrap();
            let (_, reason) = reason.split_once(": ").unwrap();
            assert!(log.contains(reason), "{backend}: {log}\n{reason}");
            continue;
        }
        let agent = stage.agent(&["--backend", backend]);
        assert_eq!(told(&json), exported(&agent), "{backend}");
        assert_eq!(agent.stop().code(), Some(0));
    }
}

/// Runs a daemon that must end by itself, and returns what it said.
fn ends(stage: &Stage, backend: &str) -> String {
    let mut child = sealwatch(stage, &["run", "--backend", backend])
        .args([
            "--web.listen-address",
            "127.0.0.1:0",
            "--web.socket",
            "none",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            panic!("{backend}: the daemon runs, though the doctor says it cannot");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
