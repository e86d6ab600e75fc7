//! Where state is kept there is no room, or nothing may be written, or nonsense lies.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::lab::{ALONE, ELSEWHERE, Lab, NOISE, SOON, lost};

/// Soon degraded, so that there is something to keep and to tell.
const HASTY: [&str; 8] = [
    "--degraded.after",
    "1s",
    "--degraded.failures",
    "2",
    "--start-window",
    "1s",
    "--log.level",
    "info",
];
/// Nobody listens on the port of discarding.
const NOBODY: [&str; 2] = ["--webhook-url", "http://127.0.0.1:9/"];

fn keeping(lab: &Lab, directory: &Path) -> Agent {
    let state = directory.join("state.json");
    let place = ["--state-file", state.to_str().unwrap()];
    lab.agent(&[&HASTY[..], &NOBODY, &place].concat())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn a_full_disk_leaves_the_old_state_and_is_counted() {
    let mut lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_full_disk", &why),
    };
    let disk = match lab.mount("tmpfs", "disk", "size=64k") {
        Ok(disk) => disk,
        Err(why) => return cannot_run("a_full_disk", &why),
    };
    let first = keeping(&lab, &disk);
    let degraded = |agent: &Agent| agent.sum("sealwatch_degraded", &[("container", NOISE)]);
    eventually("degraded", SOON * 2, || degraded(&first) > 0.0);
    let waiting = |agent: &Agent| agent.sum("sealwatch_alerts_waiting", &[]);
    eventually("undelivered", SOON, || waiting(&first) > 0.0);
    assert_eq!(first.stop().code(), Some(0));
    let kept = || ["alerts.json", "state.json"].map(|name| fs::read(disk.join(name)).unwrap());
    let before = kept();
    assert!(!before[0].is_empty() && !before[1].is_empty());

    // As full as can be.
    let filler = disk.join("other");
    let mut size = 64 << 10;
    while fs::write(&filler, vec![0; size]).is_err() {
        size -= 4096;
    }
    let second = keeping(&lab, &disk);
    eventually("still degraded", SOON, || degraded(&second) > 0.0);
    let unwritten = || {
        let notices = lost(&second, "alert", "notices_unwritten");
        lost(&second, "state", "state_unwritten").min(notices)
    };
    eventually("both are counted", SOON, || unwritten() > 0.0);
    let log = second.log();
    for file in ["state.json", "alerts.json"] {
        let mut lines = log.lines();
        let told = lines.any(|line| line.contains("cannot be kept") && line.contains(file));
        assert!(told, "{file}: {log}");
    }
    assert_eq!(kept(), before, "the earlier ones are whole");
    assert_eq!(names(&disk), ["alerts.json", "other", "state.json"]);

    fs::remove_file(&filler).unwrap();
    eventually("kept again", SOON * 2, || {
        let log = second.log();
        let mut lines = log.lines();
        lines.any(|line| line.contains("is kept again") && line.contains("state.json"))
    });
    assert_eq!(second.stop().code(), Some(0));
    assert_ne!(kept(), before);
}

#[test]
fn a_read_only_state_directory_is_told() {
    let mut lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_read_only_state_directory", &why),
    };
    let disk = match lab.mount("tmpfs", "disk", "ro") {
        Ok(disk) => disk,
        Err(why) => return cannot_run("a_read_only_state_directory", &why),
    };
    let agent = keeping(&lab, &disk);
    let unwritten = || lost(&agent, "state", "state_unwritten") > 0.0;
    eventually("it is counted", SOON, unwritten);
    assert!(agent.log().contains("--state-file"), "{}", agent.log());
    assert_eq!(agent.stop().code(), Some(0));
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .arg("doctor")
        .args(ALONE)
        .args(ELSEWHERE)
        .arg("--state-file")
        .arg(disk.join("state.json"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("! state"), "{told}");
    assert!(told.contains("Read-only file system"), "{told}");
}

#[test]
fn broken_files_are_counted_and_replaced() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("broken_files", &why),
    };
    let files = ["state.json", "alerts.json"].map(|name| lab.path().join(name));
    for file in &files {
        fs::write(file, "{\"version\":1,\"act").unwrap();
    }
    let agent = keeping(&lab, lab.path());
    let unreadable = || {
        let notices = lost(&agent, "alert", "notices_unreadable");
        lost(&agent, "state", "state_unreadable").min(notices)
    };
    eventually("both are counted", SOON, || unreadable() == 1.0);
    for file in &files {
        assert!(agent.log().contains(file.to_str().unwrap()));
    }
    assert_eq!(agent.stop().code(), Some(0));
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}
