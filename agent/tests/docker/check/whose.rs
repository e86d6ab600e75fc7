//! Whose denials count, and what is left when the time is over.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use xtask::engine::IMAGE;

use super::super::engines::cannot_run;
use super::super::{Stage, unique};
use super::{check, command, denials, docker, finish, run};

fn names(stage: &Stage) -> String {
    stage
        .engine
        .docker_ok(&["ps", "--all", "--format", "{{.Names}} {{.State}}"])
        .unwrap()
}

#[test]
fn the_time_is_over_and_nothing_is_left_running() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("the_time_is_over", &why),
    };
    // A first process without a handler does not hear SIGTERM.
    let endless = "trap 'exit 0' TERM; while true; do sleep 0.2; done";
    let name = unique("endless");
    let begun = Instant::now();
    let over = check(
        &stage,
        &["--timeout", "3s"],
        &run(&["--name", &name], endless),
    );
    assert_eq!(over.code, Some(0), "{}", over.stderr);
    assert_eq!(over.text("/end/stopped"), "timeout");
    assert!(begun.elapsed() > Duration::from_secs(3));
    assert_eq!(names(&stage), "", "stopped, and removed as --rm asks");

    // What goes on without its client is watched, and stopped at the end.
    let detached = unique("detached");
    let script = "trap 'exit 0' TERM; sleep 1; echo > /srv/late; while true; do sleep 0.2; done";
    let over = check(
        &stage,
        &["--timeout", "4s"],
        &run(&["-d", "--name", &detached], script),
    );
    assert_eq!((over.code, denials(&over)), (Some(1), 1), "{}", over.stderr);
    assert_eq!(names(&stage), "");

    // A signal goes on to the command, and what was not watched is not clean.
    let mut words = docker(&stage);
    words.extend(
        run(
            &["--name", &name],
            "trap 'echo told; exit 0' TERM; echo up; while true; do sleep 0.2; done",
        )
        .iter()
        .map(|word| (*word).to_owned()),
    );
    let mut child = command(&[], &words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "up");
    // SAFETY: takes integers; the child was not waited for, so the id is its own.
    unsafe { libc::kill(i32::try_from(child.id()).unwrap(), libc::SIGTERM) };
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(rest[0], "told", "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(3), "{rest:?}");
    assert_eq!(names(&stage), "");
}

#[test]
fn whose_denials_count() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("whose_denials_count", &why),
    };
    // Another one is refused all the time.
    let noise = unique("noise");
    let other = "while true; do echo > /srv/noise; sleep 0.1; done";
    let detached = [
        &[
            "run",
            "--detach",
            "--rm",
            "--read-only",
            "--network",
            "none",
            "--name",
            &noise,
        ],
        &[IMAGE, "sh", "-c", other][..],
    ]
    .concat();
    stage.engine.docker_ok(&detached).unwrap();

    let clean = check(&stage, &[], &run(&[], "exit 0"));
    assert_eq!(
        (clean.code, denials(&clean)),
        (Some(0), 0),
        "{}",
        clean.stderr
    );
    // Fifty milliseconds, and gone before its name is told.
    let short = check(
        &stage,
        &[],
        &run(&[], "echo > /srv/short; usleep 40000; exit 0"),
    );
    assert_eq!(
        (short.code, denials(&short)),
        (Some(1), 1),
        "{}",
        short.stderr
    );
    assert_eq!(
        short.text("/containers/0/problems/0/refusals/0/path"),
        "/srv/short"
    );

    // More paths than are told apart: the count is exact all the same.
    let flood =
        "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo > /srv/f$i; done 2> /dev/null; exit 0";
    let flood = check(&stage, &[], &run(&[], flood));
    assert_eq!(
        (flood.code, denials(&flood)),
        (Some(1), 3_000),
        "{}",
        flood.text("/sentence")
    );

    // A script of several: those born meanwhile, and nobody else.
    let script = stage.path().join("e2e");
    let line = |name: &str, script: &str| {
        let mut words = docker(&stage);
        words.extend(
            run(&["--name", name], script)
                .iter()
                .map(|word| (*word).to_owned()),
        );
        format!("{}\n", shell_words::join(&words))
    };
    let (one, two) = (unique("one"), unique("two"));
    std::fs::write(
        &script,
        line(&one, "echo > /srv/1; exit 0") + &line(&two, "exit 0"),
    )
    .unwrap();
    let socket = stage.engine.socket().to_str().unwrap();
    let output = stage.path().join("born.json");
    let flags = [
        "--docker-socket",
        socket,
        "--format",
        "json",
        "--output",
        output.to_str().unwrap(),
    ];
    let words = ["sh", script.to_str().unwrap()].map(str::to_owned);
    let born = finish(command(&flags, &words), &output);
    let mut seen: Vec<_> = born.json["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| {
            (
                container["name"].as_str().unwrap(),
                container["denials"].as_u64().unwrap(),
            )
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [(one.as_str(), 1), (two.as_str(), 0)],
        "{}",
        born.stderr
    );
    assert_eq!(born.code, Some(1));

    // Without a command: one that runs, until the time is over; it goes on.
    let flags = [&flags[..], &["--container", &noise, "--timeout", "2s"]].concat();
    let watched = finish(command(&flags, &[]), &output);
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    let count = denials(&watched);
    assert!((5..=40).contains(&count), "{count} in two seconds");
    assert!(
        names(&stage).starts_with(&format!("{noise} running")),
        "{}",
        names(&stage)
    );
    stage.engine.docker_ok(&["kill", &noise]).unwrap();
}
