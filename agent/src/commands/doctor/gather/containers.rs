//! Containers that are there -> what can be seen of them.
//!
//! In: the control groups. Out: [`Processes`]. Invariant: what the samplers of mounts
//! and tmpfs do is done for a bounded number of containers, without keeping anything
//! of them open. Lacks on purpose: reading what is there.

use std::io::ErrorKind;
use std::path::Path;

use super::super::facts::Processes;
use super::namespace;
use crate::identity::cgroup::{Parsed, parse};
use crate::identity::hierarchy::Layout;
use crate::mountinfo::{MountRow, process};
use crate::tmpfs::Unmeasured;
use crate::tmpfs::read::Root;

/// Inode number of the machine's first pid namespace (`PROC_PID_INIT_INO`).
const PID_NAMESPACE: u64 = 0xEFFF_FFFC;
/// Control groups that are looked through.
const GROUPS_MAX: usize = 4_096;
/// Containers whose processes are tried.
const CONTAINERS_MAX: usize = 64;

pub(super) fn processes(layout: Option<&Layout>, rows: &[MountRow]) -> Processes {
    let mut seen = Processes {
        all: namespace("pid") == Some(PID_NAMESPACE),
        hidepid: rows.iter().any(hides),
        containers: 0,
        open: 0,
        refused: None,
        host_root: reachable(process::host_root()),
    };
    let Some((layout, root)) = layout.and_then(|layout| Some((layout, layout.root()?))) else {
        return seen;
    };
    let groups = layout.scan(GROUPS_MAX).groups.into_iter();
    let containers = groups.filter(|(_, path)| matches!(parse(path), Parsed::Container(_)));
    let first = containers.filter_map(|(_, path)| process::of_group(&process::below(root, &path)));
    for pid in first.take(CONTAINERS_MAX) {
        match look_at(pid) {
            Look::Gone => continue,
            Look::Open => seen.open += 1,
            Look::Refused(why) => seen.refused = Some(why),
        }
        seen.containers += 1;
    }
    seen
}

/// What came of looking at a process.
enum Look {
    /// It ended meanwhile.
    Gone,
    Open,
    Refused(String),
}

fn look_at(pid: u32) -> Look {
    match process::mount_namespace(pid) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Look::Gone,
        Err(error) => return Look::Refused(error.to_string()),
        Ok(_) => {}
    }
    match Root::of(pid) {
        Err(Unmeasured::NoProcess) => Look::Gone,
        Err(why) => Look::Refused(why.to_string()),
        Ok(_) => Look::Open,
    }
}

/// Does /proc show a process to its own user alone?
fn hides(row: &MountRow) -> bool {
    let options = row.super_options.split(',');
    let hides = |option: &str| {
        let value = option.strip_prefix("hidepid=");
        value.is_some_and(|value| !matches!(value, "0" | "off"))
    };
    row.fs_type == "proc" && row.target == b"/proc" && options.into_iter().any(hides)
}

fn reachable(root: &str) -> Result<String, String> {
    match Path::new(root).join("proc").symlink_metadata() {
        Ok(_) => Ok(root.to_owned()),
        Err(error) => Err(format!("{root}: {error}")),
    }
}
