//! Real programs are exercised while `sealwatch contract` watches; with the flags
//! that it prints they run on a read-only root, and are refused nothing.

mod learn;
mod pods;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use xtask::engine::programs::{self, IMAGE, NGINX, NOTES, Program, REDIS};

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};
use learn::Learning;

/// A program and all that it needs to have mounted or set; anything more is one
/// thing too many.
struct Case {
    program: Program,
    tmpfs: &'static [&'static str],
    volumes: &'static [&'static str],
    variables: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        program: NGINX,
        tmpfs: &[
            "/run",
            "/var/cache/nginx",
            "/var/lib/nginx",
            "/var/log/nginx",
        ],
        volumes: &[],
        variables: &[],
    },
    Case {
        program: REDIS,
        tmpfs: &["/run/redis", "/var/log/redis"],
        volumes: &["/var/lib/redis"],
        variables: &[],
    },
    Case {
        program: NOTES,
        tmpfs: &["/home/app/.cache", "/run/notes", "/tmp", "/var/log/notes"],
        volumes: &[],
        variables: &["PYTHONDONTWRITEBYTECODE"],
    },
];

/// Starts the program's container and makes it do all it does, until an orderly end.
fn work(stage: &Stage, name: &str, program: &Program, flags: &[String]) -> Result<String, String> {
    start(stage, name, program, flags);
    let exercise = ["exec", name, "sh", "-c", program.exercise];
    let output = stage.engine.docker_ok(&exercise);
    stage.engine.docker_ok(&["stop", name]).unwrap();
    output.map_err(|error| {
        let log = stage.engine.docker(&["logs", name]).unwrap();
        let log = [log.stdout, log.stderr].concat();
        format!("{name}: {error:#}\n{}", String::from_utf8_lossy(&log))
    })
}

fn start(stage: &Stage, name: &str, program: &Program, flags: &[String]) {
    let user = program.user.to_string();
    let mut args = vec!["run", "--detach", "--network", "none"];
    args.extend(["--name", name, "--user", &user]);
    args.extend(flags.iter().map(String::as_str));
    args.push(IMAGE);
    args.extend(program.command);
    stage.engine.docker_ok(&args).unwrap();
}

/// What is mounted and set in a container that has nothing but `flags` beside its image.
fn assert_mounted(stage: &Stage, name: &str, case: &Case) {
    let text = stage.engine.docker_ok(&["inspect", name]).unwrap();
    let inspected: Value = serde_json::from_str(&text).unwrap();
    let host = &inspected[0]["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true, "{host:#}");
    let tmpfs: BTreeSet<_> = host["Tmpfs"].as_object().unwrap().keys().collect();
    assert!(tmpfs.into_iter().eq(case.tmpfs), "{host:#}");
    let mounts = inspected[0]["Mounts"].as_array().unwrap();
    let volumes: Vec<_> = mounts
        .iter()
        .filter(|mount| mount["Type"] == "volume")
        .map(|mount| mount["Destination"].as_str().unwrap())
        .collect();
    assert_eq!(volumes, case.volumes, "{mounts:#?}");
    let variables = inspected[0]["Config"]["Env"].as_array().unwrap();
    let variables: Vec<_> = variables
        .iter()
        .map(|variable| variable.as_str().unwrap().split('=').next().unwrap())
        .filter(|&name| name != "PATH")
        .collect();
    assert_eq!(variables, case.variables);
}

/// Waits until each of these containers is refused something on its root, and
/// holds that nobody else is. `label` is what tells them apart.
fn assert_refused_alone(agent: &Agent, label: &str, names: &[String]) {
    let denials = |labels: &[_]| agent.sum("sealwatch_denials_total", labels);
    for name in names {
        let labels = [(label, name.as_str()), ("errno", "EROFS")];
        let within = Duration::from_secs(15);
        eventually("it is refused", within, || denials(&labels) > 0.0);
    }
    let known = |name: &str| names.iter().any(|known| known == name);
    for series in agent.metrics() {
        let counts = series.name == "sealwatch_denials_total" && series.value > 0.0;
        assert!(!counts || known(series.label(label)), "{series:?}");
    }
    for denial in agent.denials() {
        let pointer = if label == "pod" {
            "/container/pod"
        } else {
            "/container/name"
        };
        assert!(known(denial.text(pointer)), "{:#}", denial.json);
    }
}

#[test]
fn printed_flags_let_programs_run_read_only() {
    let stage = Stage::set().and_then(|stage| {
        programs::load(&stage.engine).map_err(|error| format!("{error:#}"))?;
        Ok(stage)
    });
    let stage = match stage {
        Ok(stage) => stage,
        Err(why) => return cannot_run("printed_flags", &why),
    };
    let socket = stage.path().join("agent.sock");
    let agent = stage.agent(&["--web.socket", &socket.to_string_lossy()]);
    let learn = |case: &Case| {
        let name = unique(&format!("{}-open", case.program.name));
        let learning = Learning::begin(&socket, &[&name, "--format", "docker"]);
        work(&stage, &name, &case.program, &[]).unwrap();
        shell_words::split(&learning.end()).unwrap()
    };
    let printed = CASES.each_ref().map(learn);
    for (case, flags) in CASES.iter().zip(&printed) {
        let name = unique(case.program.name);
        work(&stage, &name, &case.program, flags).unwrap();
        assert_mounted(&stage, &name, case);
    }
    // The root alone: this is what the flags are for, and no blind spot hides it.
    // It comes last, so that what came before is counted once this is.
    let bare = CASES.map(|case| unique(&format!("{}-bare", case.program.name)));
    for (case, name) in CASES.iter().zip(&bare) {
        start(&stage, name, &case.program, &["--read-only".to_owned()]);
    }
    assert_refused_alone(&agent, "container", &bare);
    for name in &bare {
        let ended = stage.engine.docker_ok(&["wait", name]).unwrap();
        assert_ne!(ended, "0", "{name} cannot do without");
    }
    assert_eq!(agent.stop().code(), Some(0));
}
