//! The kernel's table of counters runs full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::agent::eventually;
use super::engines::cannot_run;
use super::lab::{Lab, SOON, denials, unique};

/// Control groups in the container, each with counters of its own.
const GROUPS: usize = 70;
/// Names in each, below the bound of one control group; all together past that of the
/// table.
const NAMES: usize = 250;

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

/// Has every name be refused in a control group of its own; how often that was.
fn refuse_all(pid: &str, group: &Path) -> usize {
    fs::create_dir(group).unwrap();
    let inside = format!("cd /srv; mkfifo $(seq {NAMES})");
    let enter = format!(
        "echo $$ > {}/cgroup.procs; exec nsenter --target {pid} --mount --root --wd /bin/sh -c '{inside}'",
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
    let name = unique("many");
    lab.idle(&name);
    let pid = ["inspect", "--format", "{{.State.Pid}}", &name];
    let pid = lab.engine().docker_ok(&pid).unwrap();
    let above = group(&pid);
    let agent = lab.agent(&[]);
    let groups = (0..GROUPS).map(|number| above.join(format!("part{number}")));
    let provoked: usize = groups.map(|group| refuse_all(&pid, &group)).sum();
    assert_eq!(provoked, GROUPS * NAMES);
    let unplaced = || {
        let labels = [("reason", "counter_overflow"), ("operation", "mknod")];
        agent.sum("sealwatch_unresolved_denials_total", &labels)
    };
    // Whoever else is refused this on the machine has no name by now, either.
    eventually("every refusal is counted", SOON, || {
        denials(&agent, &name) + unplaced() >= provoked as f64
    });
    let named = denials(&agent, &name);
    println!(
        "{named} with a name and {} without, of {provoked}",
        unplaced()
    );
    assert!(named > 0.0 && named < provoked as f64);
    assert_eq!(agent.stop().code(), Some(0));
}
