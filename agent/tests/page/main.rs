//! The pages of the real daemon with real containers in a real browser: readable
//! by everybody, obeying the policy, up to date without a reload.
//!
//! A private engine, headless Chromium, axe-core. A test that cannot run says so
//! loudly; with `CI=true` that is a failure. `SEALWATCH_SHOTS=DIR` keeps
//! pictures of all pages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[allow(dead_code, reason = "each test program uses its own part")]
#[path = "../docker/agent.rs"]
mod agent;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
mod exposition;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::Agent;
use engines::{cannot_run, may_start};
use serde_json::{Value, json};
use xtask::browser::{self, Browser};
use xtask::engine::{Engine, IMAGE};

/// A label of a container may be anything, and is told as its workload.
const HOSTILE: &str = "<script>alert(1)</script>";
/// So may a path.
const IMG: &str = "/etc/<img src=x onerror=alert(1)>";
const MARKER: &str = "/etc/written-while-you-look";
const SETTINGS: [&str; 8] = [
    "--degraded.after",
    "1s",
    "--degraded.failures",
    "3",
    "--start-window",
    "5s",
    "--sample-interval",
    "200ms",
];
const WITHIN: Duration = Duration::from_secs(30);

struct Container {
    name: &'static str,
    options: &'static [&'static str],
    script: &'static str,
}

const CONTAINERS: [Container; 6] = [
    Container {
        name: "quiet.but_sealed--0",
        options: &[
            "--read-only",
            "--user",
            "app",
            "--tmpfs",
            "/tmp:size=1m,noexec",
        ],
        script: "sleep 600",
    },
    Container {
        name: "cache-without-place",
        options: &["--read-only"],
        script: "while :; do echo x > /var/cache/nginx/a 2>/dev/null || mkdir /var/cache/nginx 2>/dev/null; usleep 200000; done",
    },
    Container {
        name: "filling",
        options: &["--read-only", "--memory", "32m", "--tmpfs", "/data:size=4m"],
        script: "i=0; while [ $i -lt 27 ]; do head -c 128k /dev/zero >> /data/file; i=$((i+1)); usleep 200000; done; sleep 600",
    },
    Container {
        name: "crashing",
        options: &["--read-only", "--restart", "always"],
        script: "echo $$ > /var/run/app.pid || exit 3",
    },
    Container {
        name: "open",
        options: &["-v", "/tmp:/host"],
        script: "head -c 300k /dev/zero > /var/file; sleep 600",
    },
    Container {
        name: "a.name-as_odd.as-docker_allows...and-much-longer-than-anybody-would-choose-for-a-container",
        options: &[
            "--read-only",
            "--label",
            "com.docker.compose.service=<script>alert(1)</script>",
        ],
        script: "echo x > '/etc/<img src=x onerror=alert(1)>'; echo x > /var/run/app.pid; sleep 600",
    },
];

struct Stage {
    agent: Agent,
    engine: Engine,
    dir: tempfile::TempDir,
}

impl Stage {
    fn set() -> Result<Stage, String> {
        may_start()?;
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
        let socket = engine.socket().to_string_lossy().into_owned();
        let mut settings = vec!["--cri-endpoint", "none", "--docker-socket", &socket];
        settings.extend(["--web.socket", "none", "--state-file", "none"]);
        settings.extend(SETTINGS);
        let agent = Agent::start(dir.path(), &settings);
        Ok(Stage { agent, engine, dir })
    }

    /// Starts a container and returns its id.
    fn start(&self, container: &Container) -> String {
        let mut args = vec!["run", "-d", "--network", "none", "--name", container.name];
        args.extend(container.options);
        args.extend([IMAGE, "sh", "-c", container.script]);
        self.engine.docker_ok(&args).unwrap()
    }

    fn state(&self, name: &str) -> String {
        let (_, body) = self.agent.get("/api/v1/containers");
        let listed: Value = serde_json::from_str(&body).unwrap();
        let containers = listed["containers"].as_array().unwrap();
        let own = containers
            .iter()
            .find(|one| one["container"]["name"] == name);
        own.map_or_else(String::new, |own| own["state"].as_str().unwrap().to_owned())
    }
}

/// Shows the pages to the browser; calls `provoke` when it is looking.
fn browse(browser: &Browser, told: &Value, provoke: impl FnOnce()) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browse.mjs");
    let mut child = Command::new(&browser.node)
        .arg(script)
        .arg(told.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut provoke = Some(provoke);
    let mut last = Value::Null;
    for line in lines.by_ref().map_while(Result::ok) {
        last = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if last["ready"] == true
            && let Some(provoke) = provoke.take()
        {
            provoke();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "the browser's script ended with {status}");
    last
}

fn shots() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os("SEALWATCH_SHOTS")?);
    std::fs::create_dir_all(&dir).unwrap();
    Some(dir)
}

#[test]
fn pages_in_a_browser() {
    let ready = browser::ensure().map_err(|error| format!("{error:#}"));
    let (browser, stage) = match ready.and_then(|browser| Ok((browser, Stage::set()?))) {
        Ok(ready) => ready,
        Err(why) => return cannot_run("pages_in_a_browser", &why),
    };
    let ids: Vec<String> = CONTAINERS
        .iter()
        .map(|container| stage.start(container))
        .collect();
    let expected = [
        "sealed",
        "degraded",
        "pressure",
        "failing_to_start",
        "writable_root",
        "refused",
    ];
    for (container, state) in CONTAINERS.iter().zip(expected) {
        let name = container.name;
        let mut last = String::new();
        let begun = std::time::Instant::now();
        while last != state {
            last = stage.state(name);
            let (_, body) = stage.agent.get("/api/v1/degraded");
            assert!(
                begun.elapsed() < WITHIN,
                "{name} is {last}, not {state}: {body}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let page = |id: &str| format!("/containers/{id}");
    let told = json!({
        "modules": browser.modules, "chromium": browser.chromium, "shots": shots(),
        "base": format!("http://{}", stage.agent.address()), "marker": MARKER,
        "pages": {
            "list": "/", "degraded": page(&ids[1]), "filling": page(&ids[2]),
            "crashing": page(&ids[3]), "open": page(&ids[4]), "hostile": page(&ids[5]),
            "missing": page(&"9".repeat(64)),
        },
    });
    let seen = browse(&browser, &told, || {
        let write = format!("echo x > {MARKER}");
        let exec = ["exec", CONTAINERS[5].name, "sh", "-c", &write];
        stage.engine.docker(&exec).unwrap();
    });
    hold(&seen);
    drop(stage.dir);
}

fn hold(seen: &Value) {
    let of = |key: &str| seen[key].as_array().unwrap();
    let grave = |violation: &&Value| {
        ["serious", "critical"]
            .iter()
            .any(|grave| violation["impact"] == *grave)
    };
    let grave: Vec<&Value> = of("violations").iter().filter(grave).collect();
    assert!(grave.is_empty(), "not accessible: {grave:#?}");
    for violation in of("violations") {
        println!("axe, not serious: {violation}");
    }
    assert!(
        of("complaints").is_empty(),
        "the browser complains: {:#?}",
        of("complaints")
    );
    assert!(
        of("overflows").is_empty(),
        "wider than the window: {:#?}",
        of("overflows")
    );
    assert_eq!(seen["dialogs"], 0, "a name was run as a script");
    let bare = seen["bare"]["list"].as_str().unwrap();
    for container in &CONTAINERS {
        assert!(
            bare.contains(container.name),
            "{} is not in {bare}",
            container.name
        );
    }
    assert!(bare.contains("http-equiv=\"refresh\""), "{bare}");
    let bare = seen["bare"]["container"].as_str().unwrap();
    assert!(
        bare.contains("It runs on without") && bare.contains("/var/cache/nginx"),
        "{bare}"
    );
    let live = &seen["live"];
    println!("a denial was on the page after {} ms", live["milliseconds"]);
    assert_eq!(live["kept"], true, "the page was loaded anew");
    assert_eq!(live["elements"], 0, "a name became an element");
    let text = live["text"].as_str().unwrap();
    assert!(text.contains(HOSTILE) && text.contains(IMG), "{text}");
    assert_eq!(live["paused"], "paused");
    assert!(seen["sparklines"].as_u64().unwrap() > 0, "no past is drawn");
    assert_eq!(seen["skip"], "skip");
    // The backend of this machine may tell no cause, and then no remedy.
    if let Some(copied) = seen["copied"].as_str() {
        assert!(!copied.is_empty());
        assert_eq!(
            (&live["open"], &live["focused"]),
            (&json!(1), &json!("SUMMARY")),
            "{live}"
        );
    }
}
