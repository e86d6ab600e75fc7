//! `sealwatch top` on a real terminal, beside the real daemon.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use xtask::engine::IMAGE;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};

const SOON: Duration = Duration::from_secs(20);
/// Its cache cannot be written, and it goes on.
const WEB: &str = "while :; do echo > /var/cache/myapp/index; usleep 200000; done";
const CALM: &str = "dd if=/dev/zero of=/tmp/half bs=1k count=512; sleep 1000";

/// A terminal of its own.
struct Tmux {
    name: String,
}

impl Tmux {
    fn start(dir: &Path) -> Result<Tmux, String> {
        let tmux = Tmux {
            name: unique("sealwatch-top"),
        };
        let dir = dir.to_str().unwrap();
        let new = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-c",
            dir,
        ];
        let shell = ["env", "PS1=$ ", "NO_COLOR=", "sh"];
        tmux.tell(&[&new[..], &shell].concat())?;
        Ok(tmux)
    }

    fn tell(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.name]).args(args);
        let output = command.output().map_err(|error| format!("tmux: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(format!("tmux: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    fn keys(&self, keys: &[&str]) {
        self.tell(&[&["send-keys"], keys].concat()).unwrap();
    }

    fn line(&self, text: &str) {
        self.tell(&["send-keys", "-l", text]).unwrap();
        self.keys(&["Enter"]);
    }

    fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"]).unwrap()
    }

    /// Waits for a screen with all of it, and gives it back.
    fn shows(&self, parts: &[&str]) -> String {
        let mut screen = String::new();
        let begun = std::time::Instant::now();
        loop {
            screen.clone_from(&self.screen());
            if parts.iter().all(|part| screen.contains(part)) {
                return screen;
            }
            assert!(begun.elapsed() < SOON, "{parts:?} are not all on\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.tell(&["kill-server"]);
    }
}

fn agent(stage: &Stage, socket: &Path) -> Agent {
    let settings = [
        "--degraded.after",
        "2s",
        "--degraded.failures",
        "3",
        "--start-window",
        "2s",
    ];
    let socket = ["--web.socket", socket.to_str().unwrap()];
    stage.agent(&[&settings[..], &socket, &["--state-file", "none"]].concat())
}

fn start(stage: &Stage, name: &str, script: &str) {
    let args = [
        "run",
        "-d",
        "--read-only",
        "--network",
        "none",
        "--name",
        name,
    ];
    let more = ["--tmpfs", "/tmp:size=1m", IMAGE, "sh", "-c", script];
    stage
        .engine
        .docker_ok(&[&args[..], &more].concat())
        .unwrap();
}

/// The row of a container in the list.
fn row<'a>(screen: &'a str, name: &str) -> &'a str {
    let mut rows = screen.lines().filter(|line| line.contains(name));
    rows.next().unwrap_or_default()
}

#[test]
fn top_shows_filters_opens_and_leaves_the_terminal_as_it_was() {
    let parts = Stage::set().and_then(|stage| {
        let tmux = Tmux::start(stage.path())?;
        Ok((stage, tmux))
    });
    let (stage, tmux) = match parts {
        Ok(parts) => parts,
        Err(why) => return cannot_run("top", &why),
    };
    let socket = stage.path().join("s.sock");
    let mut first = agent(&stage, &socket);
    // Short, so that the screen's 80 columns hold them whole.
    let (web, calm) = ("top-web", "top-calm");
    start(&stage, web, WEB);
    start(&stage, calm, CALM);
    let program = env!("CARGO_BIN_EXE_sealwatch");
    let top = format!("{program} top --agent unix:{}", socket.display());
    tmux.line("clear; echo be''fore");
    tmux.shows(&["before"]);
    tmux.line(&top);
    let screen = tmux.shows(&["live", "hooks:", "docker up", web, "degraded", calm]);
    let screen = match row(&screen, web).contains(" - ") {
        true => tmux.shows(&["> top-web"]),
        false => screen,
    };
    println!("{screen}");
    assert!(row(&screen, web).starts_with("> "), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80));
    let refused = first.denials();
    let refused = refused
        .iter()
        .find(|row| row.text("/container/name") == web)
        .unwrap();
    let (cause, remedy) = (refused.text("/cause"), refused.text("/remedy"));
    let remedy: String = remedy.chars().take(40).collect();
    tmux.shows(&[
        "LAST REFUSED of top-web",
        "EROFS",
        "/var/cache/myapp/index",
        cause,
        &remedy,
    ]);

    tmux.keys(&["Enter"]);
    let screen = tmux.shows(&["DENIALS BY WRITE ROOT", "DEGRADED", "Esc back"]);
    assert!(!screen.contains(calm), "{screen}");
    println!("{screen}");
    tmux.keys(&["End"]);
    tmux.shows(&["WRITABLE MOUNTS", "/tmp"]);
    tmux.keys(&["Escape"]);
    tmux.shows(&[web, calm]);

    tmux.keys(&["/"]);
    tmux.line("top-c");
    let screen = tmux.shows(&[
        "only top-c",
        "LAST REFUSED of top-calm",
        "[#####-----]  50 %",
    ]);
    assert!(!screen.contains(web), "{screen}");
    tmux.tell(&["resize-window", "-x", "60", "-y", "14"])
        .unwrap();
    let screen = tmux.shows(&["> top-calm", "50 %"]);
    assert!(screen.lines().count() <= 14, "{screen}");
    tmux.keys(&["Escape"]);
    tmux.tell(&["resize-window", "-x", "80", "-y", "24"])
        .unwrap();
    tmux.shows(&[web, calm]);
    tmux.keys(&["?"]);
    tmux.shows(&["KEYS AND WORDS", "answers"]);
    tmux.keys(&["?"]);
    tmux.keys(&["Space"]);
    tmux.shows(&["PAUSED"]);
    tmux.keys(&["Space"]);

    assert!(first.end().success());
    tmux.shows(&["AWAY for", web]);
    let _second = agent(&stage, &socket);
    tmux.shows(&["live", web, calm]);

    tmux.keys(&["q"]);
    let screen = tmux.shows(&["before"]);
    assert!(!screen.contains("CONTAINER"), "{screen}");
    ends_by_signal(&tmux, &top);
    once(&socket, web);
}

/// SIGTERM leaves a terminal that echoes and breaks lines.
fn ends_by_signal(tmux: &Tmux, top: &str) {
    tmux.line(&format!(
        "{top} & pid=$!; (sleep 3; kill $pid) & fg %1; echo co''de $?"
    ));
    tmux.shows(&["CONTAINER", "q quit"]);
    let screen = tmux.shows(&["before", "code 0"]);
    assert!(!screen.contains("q quit"), "{screen}");
    tmux.line("stty -a | grep -c -e ' echo ' -e ' icanon '; echo se''en");
    tmux.shows(&["seen"]);
    let screen = tmux.screen();
    assert!(screen.contains("stty -a"), "{screen}");
    assert!(
        screen
            .lines()
            .any(|line| line.trim() == "1" || line.trim() == "2"),
        "{screen}"
    );
}

/// Without a terminal it prints a table and ends.
fn once(socket: &Path, name: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(["top", "--agent", &format!("unix:{}", socket.display())]);
    let mut text = String::new();
    eventually("the table has the rate", SOON, || {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = row(&text, name).split_whitespace().collect();
        let numbers = words.iter().filter_map(|word| word.parse::<f64>().ok());
        text.starts_with("CONTAINER") && numbers.filter(|number| *number > 0.0).count() >= 2
    });
    println!("{text}");
    let output = command
        .env("TERM", "dumb")
        .arg("--interval")
        .arg("1ms")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
