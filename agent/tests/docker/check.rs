//! `sealwatch check` as a build runs it, on a real engine: what fails, what
//! passes, and what it says.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use xtask::engine::IMAGE;

mod forms;
mod unseen;
mod whose;

use super::engines::cannot_run;
use super::{Stage, unique};

/// Writes its PID file as daemons do, and ends where that fails.
const PID_FILE: &str = "echo $$ > /var/run/app.pid || exit 3; sleep 1";

/// What a check printed.
struct Checked {
    code: Option<i32>,
    stderr: String,
    json: Value,
}

impl Checked {
    fn text(&self, pointer: &str) -> &str {
        self.json
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

fn strip(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SEALWATCH_")
            || text.starts_with("DOCKER_")
            || text.starts_with("GITHUB_")
        {
            command.env_remove(name);
        }
    }
}

/// The words `docker --host SOCKET` of the stage's engine.
fn docker(stage: &Stage) -> Vec<String> {
    let command = stage.engine.command();
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    words
        .map(|word| word.to_str().unwrap().to_owned())
        .collect()
}

fn command(flags: &[&str], words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    strip(&mut command);
    // Other engines of this machine are none of ours.
    command
        .args(["check", "--cri-endpoint", "none"])
        .args(flags);
    if !words.is_empty() {
        command.arg("--").args(words);
    }
    command.stdin(Stdio::null());
    command
}

fn finish(mut command: Command, output: &Path) -> Checked {
    let Output { status, stderr, .. } = command.output().unwrap();
    let text = std::fs::read_to_string(output).unwrap_or_default();
    let _ = std::fs::remove_file(output);
    Checked {
        code: status.code(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        json: serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// Runs `docker ARGS` of the stage's engine under a check that tells JSON.
fn check(stage: &Stage, flags: &[&str], args: &[&str]) -> Checked {
    let output = stage.path().join("report.json");
    let path = output.to_str().unwrap();
    let flags = [&["--format", "json", "--output", path], flags].concat();
    let mut words = docker(stage);
    words.extend(args.iter().map(|word| (*word).to_owned()));
    let checked = finish(command(&flags, &words), &output);
    println!("{args:?}: {:?}\n{}", checked.code, checked.stderr);
    checked
}

fn run<'a>(options: &[&'a str], script: &'a str) -> Vec<&'a str> {
    let head = ["run", "--rm", "--read-only", "--network", "none"];
    [&head[..], options, &[IMAGE, "sh", "-c", script]].concat()
}

fn denials(checked: &Checked) -> u64 {
    let containers = checked.json["containers"].as_array().unwrap();
    containers
        .iter()
        .map(|container| container["denials"].as_u64().unwrap())
        .sum()
}

/// The flags that a report tells for docker.
fn told_flags(checked: &Checked) -> Vec<String> {
    let problems = checked.json.pointer("/containers/0/problems").unwrap();
    let changes = problems.as_array().unwrap().iter();
    let changes = changes.flat_map(|problem| problem["changes"].as_array().unwrap());
    let docker = changes.filter(|change| change["target"] == "docker");
    let texts = docker.map(|change| change["text"].as_str().unwrap());
    texts
        .flat_map(|text| shell_words::split(text).unwrap())
        .collect()
}

#[test]
fn a_build_fails_and_passes_after_the_flags() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_build_fails_and_passes", &why),
    };
    let name = unique("pidfile");
    let failed = check(&stage, &[], &run(&["--name", &name], PID_FILE));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert_eq!(failed.text("/verdict"), "failed");
    assert_eq!(failed.text("/containers/0/name"), name);
    assert_eq!(failed.text("/containers/0/image"), IMAGE);
    assert_eq!(failed.json["containers"][0]["read_only_root"], true);
    assert_eq!(denials(&failed), 1);
    let problem = "/containers/0/problems/0";
    assert_eq!(
        failed.text(&format!("{problem}/refusals/0/path")),
        "/var/run/app.pid"
    );
    assert_eq!(
        failed.text(&format!("{problem}/refusals/0/operation")),
        "create"
    );
    assert_eq!(failed.text(&format!("{problem}/errno")), "EROFS");
    assert_eq!(failed.json["end"]["code"], 3);
    // The cause is told or the advice is called a suggestion, never both.
    let cause = failed.text(&format!("{problem}/cause"));
    let [remedy, suggestion] =
        ["remedy", "suggestion"].map(|kind| failed.text(&format!("{problem}/{kind}")));
    assert_eq!(cause == "unknown", remedy.is_empty(), "{cause} {remedy}");
    assert_ne!(remedy.is_empty(), suggestion.is_empty());
    assert!(format!("{remedy}{suggestion}").contains("tmpfs at /var/run"));
    for text in [
        "/var/run/app.pid",
        "EROFS",
        "--tmpfs /var/run:",
        "exit code 3",
    ] {
        assert!(failed.stderr.contains(text), "no {text}: {}", failed.stderr);
    }

    let flags = told_flags(&failed);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let passed = check(&stage, &[], &run(&flags, PID_FILE));
    assert_eq!(passed.code, Some(0), "{}", passed.stderr);
    assert_eq!(passed.text("/verdict"), "passed");
    assert_eq!(denials(&passed), 0);
    let last = passed.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("sealwatch check passed: no denial"),
        "{last}"
    );
}

#[test]
fn what_is_accepted_passes_and_what_fails_says_so() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("what_is_accepted_passes", &why),
    };
    let script = "echo x > /srv/a; echo y > /srv/b; exit 0";
    let accepted = check(&stage, &["--accept", "/srv/*"], &run(&[], script));
    assert_eq!(
        (accepted.code, denials(&accepted)),
        (Some(0), 0),
        "{}",
        accepted.stderr
    );
    assert_eq!(accepted.json["containers"][0]["accepted"], 2);
    let half = check(&stage, &["--accept", "/srv/a"], &run(&[], script));
    assert_eq!((half.code, denials(&half)), (Some(1), 1), "{}", half.stderr);

    let failing = check(&stage, &[], &run(&[], "exit 7"));
    assert_eq!(failing.code, Some(1), "{}", failing.stderr);
    assert!(
        failing.text("/sentence").contains("exit code 7"),
        "{}",
        failing.json
    );
    let allowed = check(&stage, &["--allow-failure"], &run(&[], "exit 7"));
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    // A program that ends as the engine would: it has run.
    let like_docker = check(&stage, &[], &run(&[], "exit 127"));
    assert_eq!(like_docker.code, Some(1), "{}", like_docker.stderr);

    // The output passes through, byte for byte, and before the report.
    let mut words = docker(&stage);
    words.extend(
        run(
            &[],
            "printf 'a\\n\\033b'; echo e >&2; echo > /srv/a; exit 0",
        )
        .iter()
        .map(|word| (*word).to_owned()),
    );
    let output = command(&[], &words).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"a\n\x1bb"), "{output:?}");
    let report = String::from_utf8_lossy(&output.stdout[4..]).into_owned();
    assert!(report.starts_with("CONTAINER"), "{report}");
    assert!(output.stderr.starts_with(b"e\n"), "{output:?}");

    // A root that can be written shows nothing, and is told.
    let writable = ["run", "--rm", "--network", "none", IMAGE, "true"];
    let writable_root = check(&stage, &[], &writable);
    assert_eq!(writable_root.code, Some(0));
    assert!(
        writable_root.stderr.contains("its root is writable"),
        "{}",
        writable_root.stderr
    );
    assert_eq!(check(&stage, &["--strict"], &writable).code, Some(3));
}

#[test]
fn a_write_outside_the_contract_fails_although_it_succeeds() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_write_outside_the_contract", &why),
    };
    let file = stage.path().join("contract.yaml");
    let contract = |roots: &str| {
        let text = format!("version: 1\ncontainer: app\nwrite_roots:\n{roots}");
        std::fs::write(&file, text).unwrap();
    };
    let script = "echo a > /inside/a; echo b > /outside/b; sleep 1";
    let options = ["--tmpfs", "/inside", "--tmpfs", "/outside"];
    let flags = ["--contract", file.to_str().unwrap()];
    contract("  - {path: /inside, kind: tmpfs}\n");
    let breach = check(&stage, &flags, &run(&options, script));
    assert_eq!(
        (breach.code, denials(&breach)),
        (Some(1), 0),
        "{}",
        breach.stderr
    );
    let breaches = breach.json["containers"][0]["breaches"].as_array().unwrap();
    assert_eq!(breaches.len(), 1, "{breaches:?}");
    assert_eq!(
        breach.text("/containers/0/breaches/0/paths/0"),
        "/outside/b"
    );
    assert!(breach.stderr.contains("/outside"), "{}", breach.stderr);
    contract("  - {path: /inside, kind: tmpfs}\n  - {path: /outside, kind: tmpfs}\n");
    let kept = check(&stage, &flags, &run(&options, script));
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
    assert_eq!(kept.json["containers"][0]["contract"], true);
}
