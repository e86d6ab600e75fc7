//! Nobody reads the events, or the log; or there is no room for them.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::lab::{Lab, NOISE, SOON, denials, lost};

/// As many events as there are refusals.
const EVERY: [&str; 2] = ["--sample-interval", "1ms"];
/// The daemon waits 2 s for a reader at its end.
const END_WITHIN: Duration = Duration::from_secs(8);

/// A pipe with a name, and both ends of it, so that opening one waits for nobody.
fn pipe(dir: &Path, name: &str) -> (PathBuf, File) {
    let path = dir.join(name);
    let text = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: a path that ends with a NUL and outlives the call.
    assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
    let both = OpenOptions::new().read(true).write(true).open(&path);
    (path, both.unwrap())
}

/// Starts the daemon with a descriptor that leads elsewhere.
fn redirected(lab: &Lab, what: &str, more: &[&str]) -> Agent {
    let script = format!("exec \"$@\" {what}");
    lab.agent_by(&["sh", "-c", &script, "sh"], more)
}

fn ends_soon(agent: Agent) {
    let begun = Instant::now();
    assert_eq!(agent.stop().code(), Some(0));
    assert!(begun.elapsed() < END_WITHIN, "{:?}", begun.elapsed());
}

/// It goes on counting.
fn counts(agent: &Agent) {
    let before = denials(agent, NOISE);
    eventually("it counts", SOON, || denials(agent, NOISE) > before);
}

#[test]
fn events_that_nobody_reads_are_counted() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("events_that_nobody_reads", &why),
    };
    let (path, both) = pipe(lab.path(), "events");
    let agent = redirected(&lab, &format!("> {}", path.display()), &EVERY);
    let slow = || lost(&agent, "events", "queue_full");
    eventually("the queue is full", SOON * 2, || slow() > 0.0);
    counts(&agent);
    // Read after all: whole lines, and nothing more is lost.
    let reader = File::open(&path).unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            serde_json::from_str::<Value>(&line).unwrap();
        }
    });
    eventually("nothing more is lost", SOON, || {
        let before = slow();
        std::thread::sleep(Duration::from_secs(1));
        slow() == before
    });
    ends_soon(agent);
    drop(both);
}

#[test]
fn a_reader_of_events_that_goes_away_is_counted() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_reader_of_events", &why),
    };
    let (path, both) = pipe(lab.path(), "events");
    let agent = redirected(&lab, &format!("> {}", path.display()), &EVERY);
    drop(both);
    let closed = || lost(&agent, "events", "output_closed");
    eventually("it is counted", SOON, || closed() > 0.0);
    assert!(agent.log().contains("events are not written any more"));
    counts(&agent);
    ends_soon(agent);
}

#[test]
fn events_without_room_are_counted_and_then_go_on() {
    let mut lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("events_without_room", &why),
    };
    let disk = match lab.mount("tmpfs", "disk", "size=256k") {
        Ok(disk) => disk,
        Err(why) => return cannot_run("events_without_room", &why),
    };
    fs::write(disk.join("other"), vec![0; 192 << 10]).unwrap();
    let file = disk.join("events");
    let agent = redirected(&lab, &format!(">> {}", file.display()), &EVERY);
    let full = || lost(&agent, "events", "output_full");
    eventually("it is counted", SOON, || full() > 0.0);
    assert!(agent.log().contains("events are lost until there is room"));
    counts(&agent);
    let before = fs::metadata(&file).unwrap().len();
    fs::remove_file(disk.join("other")).unwrap();
    let more = || fs::metadata(&file).unwrap().len() > before;
    eventually("events are written again", SOON, more);
    eventually("and it says so", SOON, || {
        agent.log().contains("events are written again")
    });
    ends_soon(agent);
    // One line at a time may have been cut: where there was no room.
    let text = fs::read_to_string(&file).unwrap();
    let broken = |line: &&str| serde_json::from_str::<Value>(line).is_err();
    let (broken, lines) = (text.lines().filter(broken).count(), text.lines().count());
    assert!(broken <= 2 && lines > 20, "{broken} of {lines}");
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_log_that_nobody_reads", &why),
    };
    let (path, both) = pipe(lab.path(), "log");
    // Read until the daemon is ready, so that its address is known, and then no more.
    let (source, log) = (path.clone(), lab.path().join("sealwatch.log"));
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(both);
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            lines.read_line(&mut line).unwrap();
            let mut log = OpenOptions::new().append(true).open(&log).unwrap();
            log.write_all(line.as_bytes()).unwrap();
        }
        lines.into_inner()
    });
    let trace = ["--log.level", "trace"];
    let agent = redirected(&lab, &format!("2> {}", source.display()), &trace);
    let both = reader.join().unwrap();
    let missed = || {
        // Each is worth some lines at this level.
        for _ in 0..200 {
            assert_eq!(agent.get("/livez").0, 200);
        }
        lost(&agent, "log", "queue_full") > 0.0
    };
    eventually("lines are lost, and it answers", SOON * 2, missed);
    counts(&agent);
    ends_soon(agent);
    drop(both);
}
