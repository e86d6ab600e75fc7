//! A cache that cannot be written: degraded, over a restart of the daemon, until
//! there is a place for it; a probe and a job that end well are nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::engine::IMAGE;

use super::agent::{Agent, Event, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};

/// Asks a server for a response each time, because it cannot keep it.
const CLIENT: &str = "\
httpd -p 127.0.0.1:8080 -h /etc
while :; do
  if [ -s /var/cache/myapp/response ]; then echo cached; else
    response=$(wget -q -O - http://127.0.0.1:8080/passwd) && echo fetched
    echo \"$response\" > /var/cache/myapp/response
  fi
  usleep 300000
done";
/// Tries its own directory once, and falls back to a writable one.
const PROBE: &str = "\
dir=/var/cache/myapp; ( echo x > $dir/probe ) || dir=/tmp
while :; do echo x > $dir/file; usleep 200000; done";
/// The same, and then it is done.
const JOB: &str = "( echo x > /var/cache/myapp/probe ) || echo x > /tmp/probe; exit 0";

const AFTER: Duration = Duration::from_secs(6);
const SILENCE: Duration = Duration::from_secs(5);
const SETTINGS: [&str; 8] = [
    "--degraded.after",
    "6s",
    "--degraded.silence",
    "5s",
    "--start-window",
    "5s",
    "--degraded.failures",
    "5",
];
const ROOT: &str = "/var/cache/myapp";

fn start(stage: &Stage, name: &str, options: &[&str], script: &str) {
    let mut args = vec!["run", "-d", "--read-only", "--network", "none"];
    args.extend(["--name", name]);
    args.extend(options);
    args.extend([IMAGE, "sh", "-c", script]);
    stage.engine.docker_ok(&args).unwrap();
}

fn agent(stage: &Stage, state: &Path, more: &[&str]) -> Agent {
    let state = state.to_str().unwrap();
    stage.agent(&[&SETTINGS[..], &["--state-file", state], more].concat())
}

/// Mounts a tmpfs for its cache into a container that runs.
fn mount(stage: &Stage, name: &str) {
    let pid = ["inspect", "--format", "{{.State.Pid}}", name];
    let pid = stage.engine.docker_ok(&pid).unwrap();
    let mounted = Command::new("nsenter")
        .args(["--target", &pid, "--mount"])
        .args(["/bin/mount", "-t", "tmpfs", "none", ROOT])
        .output()
        .unwrap();
    assert!(mounted.status.success(), "{mounted:?}");
}

fn degraded(agent: &Agent, name: &str) -> f64 {
    let labels = [
        ("container", name),
        ("write_root", ROOT),
        ("errno", "EROFS"),
    ];
    agent.sum("sealwatch_degraded", &labels)
}

fn failures(agent: &Agent, name: &str) -> f64 {
    let labels = [("container", name), ("write_root", ROOT)];
    agent.sum("sealwatch_degraded_failures", &labels)
}

/// The changes of a container's state, denials left out.
fn changes(agent: &Agent, name: &str) -> Vec<Event> {
    agent.events(|event| event.text("/container/name") == name && !event.text("/event").is_empty())
}

fn kinds(agent: &Agent, name: &str) -> Vec<String> {
    let changes = changes(agent, name);
    let kind = |event: &Event| event.text("/event").to_owned();
    changes.iter().map(kind).collect()
}

fn lines(stage: &Stage, name: &str, line: &str) -> usize {
    let log = stage.engine.docker_ok(&["logs", name]).unwrap();
    log.lines().filter(|found| *found == line).count()
}

#[test]
fn a_client_without_its_cache_is_degraded() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_client_without_its_cache", &why),
    };
    let state = stage.path().join("state/state.json");
    std::fs::create_dir(state.parent().unwrap()).unwrap();
    let before = agent(&stage, &state, &[]);
    let names = ["client", "counted", "replaced", "probe", "job"];
    let [client, counted, replaced, probe, job] = names.map(unique);
    let clients = [&client, &counted, &replaced];
    let begun = Instant::now();
    for name in clients {
        start(&stage, name, &[], CLIENT);
    }
    start(&stage, &probe, &["--tmpfs", "/tmp"], PROBE);
    start(&stage, &job, &["--tmpfs", "/tmp"], JOB);

    let all = || clients.iter().all(|name| degraded(&before, name) == 1.0);
    eventually("the clients are degraded", AFTER * 3, all);
    println!(
        "degraded {:.1} s after the start",
        begun.elapsed().as_secs_f64()
    );
    assert!(begun.elapsed() >= AFTER, "not before the threshold");
    assert!(lines(&stage, &client, "fetched") > 5, "it refetches");
    let told = changes(&before, &client);
    assert_eq!(kinds(&before, &client), ["degraded"]);
    assert_eq!(told[0].text("/write_root"), ROOT);
    assert_eq!(told[0].text("/errno"), "EROFS");
    assert_eq!(told[0].text("/cache"), "system cache");
    let since = told[0].text("/since").to_owned();
    let report = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["report", "--agent", &before.address().to_string()])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    println!("{report}");
    let row = report.lines().find(|line| line.starts_with(&client));
    assert!(row.is_some_and(|row| row.contains(ROOT)), "{report}");

    // Away for longer than the silence that would be a recovery.
    let saved = || std::fs::read_to_string(&state).unwrap_or_default();
    let kept = || saved().matches("\"degraded\"").count() >= 3;
    eventually("the state is kept", Duration::from_secs(15), kept);
    let seen = failures(&before, &client);
    drop(before);
    std::thread::sleep(SILENCE + Duration::from_secs(2));
    let after = agent(&stage, &state, &["--inventory", &counted]);
    // Its name comes a moment after the daemon is ready.
    let still = || clients.iter().all(|name| degraded(&after, name) == 1.0);
    eventually("still degraded", Duration::from_secs(15), still);
    let gap = after.sum("sealwatch_unwatched_seconds", &[]);
    assert!((7.0..25.0).contains(&gap), "{gap}");
    assert!(
        after.log().contains("has not been counted"),
        "{}",
        after.log()
    );
    std::thread::sleep(SILENCE + Duration::from_secs(2));
    assert_eq!(degraded(&after, &client), 1.0);
    assert!(failures(&after, &client) > seen, "the count goes on");
    for name in clients {
        assert!(
            kinds(&after, name).is_empty(),
            "no false recovery of {name}"
        );
    }
    let (_, list) = after.get("/api/v1/degraded");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let rows = list["degraded"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["container"]["name"] == client.as_str());
    assert_eq!(row.unwrap()["since"], since.as_str(), "{list:#}");

    // The same containers get a place for their cache, of one of them successes
    // are counted; another one is replaced.
    mount(&stage, &counted);
    let over = || degraded(&after, &counted) == 0.0;
    eventually("a success is a recovery", Duration::from_secs(15), over);
    mount(&stage, &client);
    stage.engine.docker_ok(&["rm", "-f", &replaced]).unwrap();
    start(&stage, &replaced, &["--tmpfs", ROOT], CLIENT);
    let over = || degraded(&after, &client) == 0.0 && degraded(&after, &replaced) == 0.0;
    eventually("nobody is degraded", SILENCE * 4, over);
    for (name, ending) in [(&counted, "success"), (&client, "silence")] {
        let told = changes(&after, name);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0].text("/event"), "recovered");
        assert_eq!(told[0].text("/ending"), ending);
    }
    assert_eq!(kinds(&after, &replaced), ["ended"]);
    for name in clients {
        assert!(lines(&stage, name, "cached") > 0, "{name} caches");
    }

    for name in [&probe, &job] {
        assert!(kinds(&after, name).is_empty(), "{name}");
        let denied = [("container", name.as_str())];
        assert_eq!(after.sum("sealwatch_degraded", &denied), 0.0, "{name}");
    }
    assert!(
        list["failing_to_start"].as_array().unwrap().is_empty(),
        "{list:#}"
    );
    assert_eq!(after.stop().code(), Some(0));
}

#[test]
fn a_state_that_cannot_be_used_stops_nobody() {
    if let Err(why) = super::engines::may_start() {
        return cannot_run("a_state_that_cannot_be_used", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let half = dir.path().join("half.json");
    std::fs::write(&half, "{\"version\":1,\"boot_id\":\"").unwrap();
    let missing = dir.path().join("missing/state.json");
    for (path, said, reason) in [
        (&half, "cannot be used", "state_unreadable"),
        (&missing, "make or mount this directory", "state_unwritten"),
    ] {
        let state = path.to_str().unwrap();
        let none = ["--docker-socket", "none", "--cri-endpoint", "none"];
        let agent = Agent::start(dir.path(), &[&none[..], &["--state-file", state]].concat());
        let log = agent.log();
        let named = path.parent().unwrap().to_str().unwrap();
        let line = log.lines().find(|line| line.contains(said));
        assert!(line.is_some_and(|line| line.contains(named)), "{log}");
        eventually("it is counted", Duration::from_secs(15), || {
            agent.sum("sealwatch_lost_total", &[("reason", reason)]) >= 1.0
        });
        assert_eq!(agent.stop().code(), Some(0));
    }
    let mended = std::fs::read_to_string(&half).unwrap();
    assert!(mended.contains("\"saved_ns\""), "{mended}");
    assert!(!missing.exists());
}
