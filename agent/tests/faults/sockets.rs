//! Sockets of runtimes that say nothing, half of something, nonsense, or no end of it.
//!
//! In: connections. Out: what no runtime would say. Invariant: each socket has a
//! thread, and each connection one of its own. Lacks on purpose: a runtime that
//! answers; the shared engine's socket is there for that.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::process::{MIB, memory};

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::lab::{Lab, NOISE, SOON, denials};

/// What a socket does.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Accepts, and says nothing.
    Silent,
    /// Begins a good answer and says no more.
    Half,
    /// Says what is no HTTP.
    Garbage,
    /// Closes at once.
    Closing,
    /// Says an answer that has no end.
    Endless,
}

const MANNERS: [Manner; 5] = [
    Manner::Silent,
    Manner::Half,
    Manner::Garbage,
    Manner::Closing,
    Manner::Endless,
];
/// A ping, or a version, is waited for 10 s, and there are a few of them.
const TOLD_WITHIN: Duration = Duration::from_secs(40);
/// What the daemon may have grown by.
const GROWTH_MIB: f64 = 128.0;

fn listen(dir: &Path, name: &str, manner: Manner) -> PathBuf {
    let path = dir.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || converse(stream, manner));
        }
    });
    path
}

/// Until the other side has had enough.
fn converse(mut stream: UnixStream, manner: Manner) {
    if matches!(manner, Manner::Closing) {
        return;
    }
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked);
    let said: &[u8] = match manner {
        Manner::Silent | Manner::Closing => b"",
        Manner::Half => b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"Version\":\"2",
        Manner::Garbage => b"\x00\xff\x1b[2J\r\n\r\n\xc3\x28 no HTTP of any version\n",
        Manner::Endless => b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Version\":\"",
    };
    if stream.write_all(said).is_err() {
        return;
    }
    if matches!(manner, Manner::Endless) {
        while stream.write_all(&[b'9'; 1 << 16]).is_ok() {}
    }
    while stream.read(&mut asked).is_ok_and(|read| read > 0) {}
}

fn up(agent: &Agent, endpoint: &Path) -> f64 {
    let labels = [("endpoint", endpoint.to_str().unwrap())];
    agent.sum("sealwatch_runtime_up", &labels)
}

#[test]
fn sockets_that_talk_nonsense_delay_nobody() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("sockets_that_talk_nonsense", &why),
    };
    let mut odd = Vec::new();
    let mut flags = Vec::new();
    for manner in MANNERS {
        for (kind, flag) in [("docker", "--docker-socket"), ("cri", "--cri-endpoint")] {
            let path = listen(lab.path(), &format!("{kind}-{manner:?}"), manner);
            flags.extend([flag.to_owned(), path.display().to_string()]);
            odd.push(path);
        }
    }
    let engine = lab.engine().socket().display().to_string();
    flags.extend(["--docker-socket".to_owned(), engine]);
    let settings: Vec<&str> = flags.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let agent = Agent::start(lab.path(), &settings);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let before = memory(agent.pid()).unwrap().resident as f64 / MIB;
    // Who answers is not kept waiting by those who do not.
    eventually("it names containers", SOON, || denials(&agent, NOISE) > 0.0);
    eventually("the one that answers is up", SOON, || {
        up(&agent, lab.engine().socket()) == 1.0
    });

    let asking = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["doctor", "--web.listen-address", "127.0.0.1:0"])
        .args(["--web.socket", "none"])
        .args(&settings)
        .output()
        .unwrap();
    let doctor = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(asking.elapsed() < TOLD_WITHIN, "{:?}", asking.elapsed());
    assert_eq!(output.status.code(), Some(1), "{doctor}");
    for path in &odd {
        let shown = path.display().to_string();
        eventually(&shown, TOLD_WITHIN, || {
            let log = agent.log();
            let mut lines = log.lines();
            lines.any(|line| line.contains("does not answer") && line.contains(&shown))
        });
        assert_eq!(up(&agent, path), 0.0, "{shown}");
        let name = path.file_name().unwrap().to_str().unwrap();
        // Folded to the width of a terminal.
        let folded = doctor.split_whitespace().collect::<String>();
        assert!(folded.contains(name), "{name}: {doctor}");
    }
    let most = memory(agent.pid()).unwrap().peak as f64 / MIB;
    println!("{before} MiB at the start, {most} MiB at most");
    assert!(most - before < GROWTH_MIB, "{before} MiB, then {most} MiB");
    let counted = denials(&agent, NOISE);
    eventually("it counts", SOON, || denials(&agent, NOISE) > counted);
    assert_eq!(agent.stop().code(), Some(0));
}
