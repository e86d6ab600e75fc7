//! `sealwatch events` beside the real daemon: what arrives, how soon, and over
//! the daemon's restart.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::engine::IMAGE;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};

const SOON: Duration = Duration::from_secs(15);
/// Refused at a new path five times a second.
const WRITER: &str = "n=0; while :; do n=$((n+1)); echo > /srv/file$n; usleep 200000; done";

fn agent(stage: &Stage, socket: &Path) -> Agent {
    stage.agent(&["--web.socket", socket.to_str().unwrap()])
}

fn events(socket: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command
        .args(["events", "--agent", &format!("unix:{}", socket.display())])
        .args(more)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

fn lines(socket: &Path, more: &[&str]) -> Vec<String> {
    let output = events(socket, more).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A running `sealwatch events --follow --json`.
struct Follower {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    log: PathBuf,
}

impl Follower {
    fn start(stage: &Stage, socket: &Path) -> Follower {
        let log = stage.path().join("follower.log");
        let mut child = events(socket, &["--follow", "--json", "--limit", "4096"])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap();
                sink.lock().unwrap().push(value);
            }
        });
        Follower { child, lines, log }
    }

    fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(agent: &Agent) -> Vec<Value> {
    let events = agent.events(|_| true).into_iter();
    events.map(|event| event.json).collect()
}

#[test]
fn events_are_followed_over_a_restart_without_loss_or_repetition() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("events_follow", &why),
    };
    let socket = stage.path().join("s.sock");
    let mut first = agent(&stage, &socket);
    let follower = Follower::start(&stage, &socket);
    let name = unique("followed");
    let args = [
        "run",
        "-d",
        "--read-only",
        "--network",
        "none",
        "--name",
        &name,
    ];
    let args = [&args[..], &[IMAGE, "sh", "-c", WRITER]].concat();
    stage.engine.docker_ok(&args).unwrap();
    let ours = |lines: &[Value]| {
        let of_ours = |line: &&Value| line["container"]["name"] == *name;
        lines.iter().filter(of_ours).count()
    };
    eventually("the first events are followed", SOON, || {
        ours(&follower.lines()) >= 3
    });
    // From the refusal to the follower's line, most are there within a second or two.
    let begun = Instant::now();
    let before = ours(&follower.lines());
    eventually("the next follow at once", Duration::from_secs(3), || {
        ours(&follower.lines()) >= before + 5
    });
    println!("five more events after {:.1?}", begun.elapsed());

    assert!(first.end().success());
    let mut second = agent(&stage, &socket);
    let told_first = told(&first);
    eventually("the second daemon's events are followed", SOON, || {
        let after = follower
            .lines()
            .split_off(told_first.len().min(follower.lines().len()));
        ours(&after) >= 5
    });
    stage.engine.docker_ok(&["rm", "--force", &name]).unwrap();
    assert!(second.end().success());
    let all = [told_first.clone(), told(&second)].concat();
    eventually("all events are followed", SOON, || {
        follower.lines().len() >= all.len()
    });
    let followed = follower.lines();
    assert_eq!(followed.len(), all.len(), "{}", follower.log());
    assert!(
        followed == all,
        "the follower's events are others or in another order"
    );
    assert!(ours(&told_first) >= 8 && ours(&all) > ours(&told_first));
    let log = follower.log();
    assert!(log.contains("started anew"), "{log}");
    assert!(!log.contains("missed"), "{log}");
    eventually("it waits for a third", SOON, || {
        follower.log().contains("waiting for it")
    });
}

#[test]
fn events_are_filtered_and_told_in_words() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("events_filter", &why),
    };
    let socket = stage.path().join("s.sock");
    let agent = agent(&stage, &socket);
    let (one, other) = (unique("filtered"), unique("left-out"));
    for name in [&one, &other] {
        stage.run(
            name,
            &[],
            &["sh", "-c", "echo > /srv/'a b'; mkdir /srv/dir; exit 0"],
        );
    }
    let of = |name: &str| lines(&socket, &["--json", "--container", name]);
    eventually("all four events are kept", SOON, || {
        of(&one).len() == 2 && of(&other).len() == 2
    });
    for line in of(&one) {
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["container"]["name"], *one);
    }
    // As the daemon itself has written them.
    let own: Vec<Value> = agent
        .events(|event| event.text("/container/name") == one)
        .into_iter()
        .map(|event| event.json)
        .collect();
    let asked: Vec<Value> = of(&one)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(asked, own);

    let cause = own[0]["cause"].as_str().unwrap();
    let with = |more: &[&str]| lines(&socket, &[&["--container", &*one], more].concat());
    assert_eq!(with(&["--json", "--cause", cause]).len(), 2);
    assert!(with(&["--json", "--cause", "quota"]).is_empty());
    assert_eq!(
        with(&["--json", "--since", "5m", "--event", "denial"]).len(),
        2
    );
    assert_eq!(with(&["--json", "--limit", "1"]).len(), 1);
    eventually("the last second has none", SOON, || {
        with(&["--json", "--since", "1s"]).is_empty()
    });
    let text = with(&[]);
    let line = text.iter().find(|line| line.contains("/srv/a b")).unwrap();
    let expected = format!(" {one} create /srv/a b EROFS {cause} /srv");
    assert!(line.ends_with(&expected) && line.contains("Z "), "{line}");
    println!("{}", text.join("\n"));

    let code = |output: Output| output.status.code();
    let bad = events(&socket, &["--cause", "nothing"]).output().unwrap();
    assert_eq!(code(bad), Some(2));
    let nobody = stage.path().join("nobody.sock");
    let away = events(&nobody, &[]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&away.stderr).contains("--agent"),
        "{away:?}"
    );
    assert_eq!(code(away), Some(3));
    ends_with_its_reader(&socket);
}

/// A follower whose reader has seen enough ends by itself.
fn ends_with_its_reader(socket: &Path) {
    let mut child = events(socket, &["--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("\"version\""), "{line}");
    drop(stdout);
    eventually("it ends", Duration::from_secs(5), || {
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
