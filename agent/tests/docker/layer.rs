//! Containers write to their own layers; the daemon tells what is kept there.

use std::process::Command;
use std::time::Duration;

use super::engines::cannot_run;
use super::tmpfs::{exec, report, start_with, value, wait_for};
use super::{Stage, unique};

const SECOND: Duration = Duration::from_secs(1);

/// The size of a container's upper directory, as du says.
fn du(stage: &Stage, name: &str) -> u64 {
    let format = "{{.GraphDriver.Data.UpperDir}}";
    let upper = stage
        .engine
        .docker_ok(&["inspect", "--format", format, name])
        .unwrap();
    let output = Command::new("du")
        .args(["-s", "-B1", &upper])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn of(name: &str) -> [(&str, &str); 1] {
    [("container", name)]
}

#[test]
fn a_writable_layer_is_told_as_it_grows() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_writable_layer_is_told_as_it_grows", &why),
    };
    let agent = stage.agent(&[]);
    let (writer, sealed) = (unique("writer"), unique("sealed"));
    start_with(&stage, &writer, &[], "sleep 1000");
    start_with(&stage, &sealed, &["--read-only"], "sleep 1000");
    let bytes = "sealwatch_writable_layer_bytes";
    for name in [&writer, &sealed] {
        let empty = du(&stage, name) as f64;
        wait_for(&agent, bytes, &of(name), 20 * SECOND, |bytes| {
            bytes == empty
        });
    }
    let entries = "sealwatch_writable_layer_entries";
    let before = value(&agent, entries, &of(&writer)).unwrap();
    let write = "mkdir -p /srv/log && dd if=/dev/zero of=/srv/log/app bs=64k count=48 \
        && ln /srv/log/app /srv/log/again && ln -s /etc /srv/link && rm /bin/ls && sync";
    assert!(exec(&stage, &writer, write));
    let kept = du(&stage, &writer) as f64;
    assert!(kept > 48.0 * 65_536.0, "{kept}");
    let took = wait_for(&agent, bytes, &of(&writer), 40 * SECOND, |bytes| {
        bytes == kept
    });
    println!("{kept} bytes, seen after {took:?}");
    let more = value(&agent, entries, &of(&writer)).unwrap() - before;
    // /srv, /srv/log, two names of a file, a link, /bin, and a whiteout in it.
    assert!((6.0..=8.0).contains(&more), "{more}");
    let truncated = value(&agent, "sealwatch_writable_layer_truncated", &of(&writer));
    assert_eq!(truncated, Some(0.0));
    let report = report(&agent);
    let row = report
        .lines()
        .find(|line| line.starts_with(&writer) && line.contains(" MiB"));
    assert!(row.is_some_and(|row| row.ends_with("a minute")), "{report}");
    // Nobody can write to the other, so it has no row.
    let other = format!("{sealed} ");
    assert!(
        !report.lines().any(|line| line.starts_with(&other)),
        "{report}"
    );
    stage.engine.docker_ok(&["rm", "-f", &writer]).unwrap();
    super::agent::eventually("its series leave", 5 * SECOND, || {
        value(&agent, bytes, &of(&writer)).is_none()
    });
    assert_eq!(agent.stop().code(), Some(0));
}
