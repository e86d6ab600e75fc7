//! The kernel's table of counters runs full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::agent::eventually;
use super::engines::cannot_run;
use super::lab::{Lab, SOON, denials, unique};

/// Control groups in the container with as many names as one may have counters for, or
/// nearly; all together past what is for names.
const NAMING: usize = 55;
/// Names in each.
const NAMES: usize = 250;
/// Control groups whose names find no counter of their own, and are refused in every
/// way of [`WAYS`]; all together past the table's end.
const VARYING: usize = 550;
/// One refusal each.
const WAYS: [&str; 9] = [
    "mkfifo a",
    "mkdir a",
    "ln -s a a",
    "ln /etc/passwd a",
    "true > /etc/passwd",
    "rm -f /etc/passwd",
    "mv /etc/passwd a",
    "chmod 600 /etc/passwd",
    "chown 7 /etc/passwd",
];

/// Where the container's control group is, in the hierarchy that tells containers apart.
fn group(pid: &str) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let below = |hierarchy: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.split(':').nth(1) == Some(hierarchy));
        line.and_then(|line| line.splitn(3, ':').nth(2))
            .map(|path| path.trim_start_matches('/').to_owned())
    };
    match below("pids") {
        Some(path) => Path::new("/sys/fs/cgroup/pids").join(path),
        None => Path::new("/sys/fs/cgroup").join(below("").unwrap()),
    }
}

/// Has the commands be refused in a control group of its own; how often that was.
fn refuse_all(pid: &str, group: &Path, commands: &str) -> usize {
    fs::create_dir(group).unwrap();
    let enter = format!(
        "echo $$ > {}/cgroup.procs; exec nsenter --target {pid} --mount --root --wd /bin/sh -c 'cd /srv; {commands}'",
        group.display()
    );
    let output = Command::new("sh").args(["-c", &enter]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    complaints.matches("Read-only file system").count()
}

#[test]
fn a_full_table_of_counters_costs_names_and_no_count() {
    let lab = match Lab::alone() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("a_full_table_of_counters", &why),
    };
    let (name, other) = (unique("many"), unique("other"));
    lab.idle(&name);
    lab.idle(&other);
    let pid = ["inspect", "--format", "{{.State.Pid}}", &name];
    let pid = lab.engine().docker_ok(&pid).unwrap();
    let above = group(&pid);
    let agent = lab.agent(&[]);
    let refuse = |kind: &str, groups: usize, commands: &str| -> usize {
        let groups = (0..groups).map(|number| above.join(format!("{kind}{number}")));
        groups.map(|group| refuse_all(&pid, &group, commands)).sum()
    };
    // Whoever else is refused something on the machine is in this, too.
    let unplaced = || {
        let labels = [("reason", "counter_overflow")];
        agent.sum("sealwatch_unresolved_denials_total", &labels)
    };
    let names = refuse("names", NAMING, &format!("mkfifo $(seq {NAMES})"));
    assert_eq!(names, NAMING * NAMES);
    eventually("all names are the container's", SOON, || {
        denials(&agent, &name) >= names as f64
    });
    lab.engine()
        .docker_ok(&["exec", &other, "sh", "-c", "mkdir /srv/a || true"])
        .unwrap();
    eventually("another container has counters of its own", SOON, || {
        denials(&agent, &other) == 1.0
    });
    assert_eq!(unplaced(), 0.0);

    let ways = refuse("ways", VARYING, &WAYS.join("; "));
    assert_eq!(ways, VARYING * WAYS.len());
    let provoked = (names + ways) as f64;
    eventually("every refusal is counted", SOON, || {
        denials(&agent, &name) + unplaced() >= provoked
    });
    let named = denials(&agent, &name);
    println!("{named} with a name, {} without, of {provoked}", unplaced());
    assert!(named > names as f64 && named < provoked);
    assert_eq!(agent.stop().code(), Some(0));
}
