//! The daemon is given too little memory and killed; what is pinned goes on.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use super::agent::eventually;
use super::engines::cannot_run;
use super::lab::{ALONE, ELSEWHERE, Lab, SOON, denials, ended, refuse, unique};

/// Less than reading the kernel's types takes.
const BYTES: &str = "4194304";

/// A control group with a limit of memory.
struct Group(PathBuf);

impl Group {
    fn make(name: &str) -> Result<Group, String> {
        let (above, file) = match fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap() {
            true => ("/sys/fs/cgroup", "memory.max"),
            false => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        };
        let control = Path::new(above).join("cgroup.subtree_control");
        if control.exists() {
            // Where it is on already, or may not be, the limit's file tells.
            let _ = fs::write(control, "+memory");
        }
        let group = Group(Path::new(above).join(name));
        let limited = fs::create_dir(&group.0).and_then(|()| fs::write(group.0.join(file), BYTES));
        limited.map_err(|error| format!("no limit of memory: {error}"))?;
        // Nothing is put aside instead.
        let _ = fs::write(group.0.join("memory.swap.max"), "0");
        Ok(group)
    }

    /// Processes killed in it.
    fn kills(&self) -> u64 {
        let files = ["memory.events", "memory.oom_control"];
        let texts = files.map(|file| fs::read_to_string(self.0.join(file)).unwrap_or_default());
        let mut lines = texts.iter().flat_map(|text| text.lines());
        let line = lines.find_map(|line| line.strip_prefix("oom_kill "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn killed_for_want_of_memory_it_goes_on_from_its_pins() {
    let mut lab = match Lab::set() {
        Ok(lab) => lab,
        Err(why) => return cannot_run("killed_for_want_of_memory", &why),
    };
    let made = lab.mount("bpf", "bpf", "mode=700");
    let (bpf, group) = match (made, Group::make(&unique("sealwatch-small"))) {
        (Ok(bpf), Ok(group)) => (bpf, group),
        (Err(why), _) | (_, Err(why)) => return cannot_run("killed_for_want_of_memory", &why),
    };
    let pins = bpf.join("sealwatch");
    let pinned = ["--pin", pins.to_str().unwrap()];
    let name = unique("survivor");
    lab.idle(&name);
    let first = lab.agent(&pinned);
    refuse(lab.engine(), &name, 4);
    eventually("it counts", SOON, || denials(&first, &name) == 4.0);
    // Killed, and then started with too little, again and again, as a unit does.
    drop(first);
    let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.0.display());
    for times in 1..=2 {
        let arguments = [&["run"], &ALONE[..], &ELSEWHERE, &pinned].concat();
        let output = ended(&["sh", "-c", &enter, "sh"], &arguments);
        assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{output:?}");
        assert!(group.kills() >= times);
        refuse(lab.engine(), &name, 5);
    }
    let last = lab.agent(&pinned);
    eventually("nothing is missing", SOON, || denials(&last, &name) == 14.0);
    assert_eq!(last.sum("sealwatch_unwatched_seconds", &[]), 0.0);
    assert_eq!(last.stop().code(), Some(0));
}
