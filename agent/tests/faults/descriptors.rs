//! The daemon has no descriptor left while it runs.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::lab::{Lab, SOON, denials, lost, refuse, signal, unique};

/// Control groups come and go, more than the ring buffer of their births holds.
const GROUPS: usize = 400;

fn limit(agent: &Agent, files: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &agent.pid().to_string()])
        .arg(format!("--nofile={files}:"))
        .status();
    assert!(status.unwrap().success());
}

/// Descriptors that stay open: the fewest of some looks, since the daemon opens and
/// closes one for each file that it reads.
fn open(agent: &Agent) -> usize {
    let look = |_| {
        std::thread::sleep(Duration::from_millis(10));
        xtask::process::descriptors(agent.pid()).unwrap()
    };
    (0..20).map(look).min().unwrap()
}

/// Where control groups of the hierarchy are made that containers are told apart by.
fn groups() -> &'static str {
    match fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/pids",
    }
}

#[test]
fn without_a_descriptor_left_nobody_is_forgotten() {
    let lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("without_a_descriptor_left", &why),
    };
    let name = unique("remembered");
    lab.idle(&name);
    let agent = lab.agent(&[]);
    refuse(lab.engine(), &name, 3);
    eventually("it is named", SOON, || denials(&agent, &name) == 3.0);
    let known = agent.sum("sealwatch_containers", &[]);
    assert!(known > 0.0);

    // A connection that is there already goes on; no other can be had.
    let before = open(&agent);
    limit(&agent, before);
    let waiting = TcpStream::connect(agent.address()).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    // The births of many groups are lost, so that all are looked for, in vain.
    signal(agent.pid(), libc::SIGSTOP);
    let group = format!("{}/{}", groups(), unique("churn"));
    for _ in 0..GROUPS {
        fs::create_dir(&group).unwrap();
        fs::remove_dir(&group).unwrap();
    }
    signal(agent.pid(), libc::SIGCONT);
    refuse(lab.engine(), &name, 2);
    std::thread::sleep(Duration::from_secs(2));
    let log = agent.log();
    let told = log.matches("cannot accept connections").count();
    assert_eq!(told, 1, "once, not ten times a second: {log}");

    limit(&agent, 1024);
    drop(waiting);
    eventually("the refusals are counted", SOON, || {
        denials(&agent, &name) == 5.0
    });
    eventually("that it is over is told", SOON, || {
        agent.log().contains("connections are accepted again")
    });
    assert!(lost(&agent, "kernel", "cgroup_ring_full") > 0.0);
    assert!(agent.sum("sealwatch_containers", &[]) >= known);
    eventually("a later scan reads all", SOON, || {
        let before = lost(&agent, "identity", "scan_skipped");
        std::thread::sleep(Duration::from_secs(6));
        lost(&agent, "identity", "scan_skipped") == before
    });
    assert_eq!(agent.stop().code(), Some(0));
}
