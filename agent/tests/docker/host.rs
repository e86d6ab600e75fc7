//! Processes outside containers are kept apart, unless asked for.

use std::process::Command;
use std::time::Duration;

use sealwatch::identity::cgroup::{Parsed, parse};

use super::Stage;
use super::agent::{Agent, eventually};
use super::engines::cannot_run;

/// Is refused once, on a read-only tmpfs in a mount namespace of its own.
fn refused_on_the_host(stage: &Stage, file: &str) {
    let dir = stage.path().join("sealed");
    std::fs::create_dir_all(&dir).unwrap();
    let script = format!(
        "mount -t tmpfs -o ro none {dir} && ! : > {dir}/{file}",
        dir = dir.display()
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("Read-only file system"), "{complaint}");
}

fn seen(agent: &Agent, file: &str) -> bool {
    agent
        .denials()
        .iter()
        .any(|denial| denial.text("/path").ends_with(file))
}

#[test]
fn the_host_is_left_out_unless_asked_for() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("the_host_is_left_out", &why),
    };
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let in_container = |line: &str| {
        let path = line.splitn(3, ':').nth(2).unwrap_or_default();
        matches!(parse(path.as_bytes()), Parsed::Container(_))
    };
    if groups.lines().any(in_container) {
        return cannot_run(
            "the_host_is_left_out",
            &"this test itself runs in a container",
        );
    }
    let agent = stage.agent(&[]);
    refused_on_the_host(&stage, "without");
    stage.run("marker", &[], &["sh", "-c", "echo > /srv/marker"]);
    eventually("the container is seen", Duration::from_secs(10), || {
        seen(&agent, "/marker")
    });
    assert!(!seen(&agent, "/without"));
    assert_eq!(agent.sum("sealwatch_host_denials_total", &[]), 0.0);
    assert!(
        agent
            .events(|event| event.text("/owner") == "host")
            .is_empty()
    );
    assert_eq!(agent.stop().code(), Some(0));

    let agent = stage.agent(&["--host"]);
    refused_on_the_host(&stage, "with");
    eventually("the host is seen", Duration::from_secs(10), || {
        seen(&agent, "/with")
    });
    let labels = [("operation", "create"), ("errno", "EROFS")];
    assert!(agent.sum("sealwatch_host_denials_total", &labels) >= 1.0);
    assert_eq!(agent.stop().code(), Some(0));
}
