//! A process that looks like a container's: its control group, its mounts, its parent.
//!
//! In: a command line. Out: its output. Invariant: the control group is there before
//! any design starts, and empty between two of them. Lacks on purpose: a runtime, and
//! so a name: Sealwatch counts by the control group, and names come later.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::batch::{Cost, Length};

/// Instructions by operation.
pub type Costs = BTreeMap<String, Cost>;

/// Where the measuring process has a tmpfs of its own.
const PLACE: &str = "/mnt";
/// The directory of the operations' files.
const DIRECTORY: &str = "/mnt/srv";
/// This program.
const SELF: &str = "/proc/self/exe";

/// The container's control group.
pub struct Container {
    group: String,
}

/// Where the measuring process belongs.
#[derive(Clone, Copy)]
pub enum Belongs {
    /// To a container.
    Container,
    /// To the host, in no control group but the root.
    Host,
}

impl Container {
    /// Makes the control group, named as Docker does.
    pub fn make() -> Result<Container, String> {
        let group = format!("/sys/fs/cgroup/docker/{}", "c0".repeat(32));
        fs::create_dir_all(&group).map_err(|error| format!("{group}: {error}"))?;
        Ok(Container { group })
    }

    /// The command that measures, in a shell's words: what `before` starts it with.
    pub fn command(&self, belongs: Belongs, length: Length, before: &[&str]) -> Command {
        let mut words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        let group = match belongs {
            Belongs::Container => &self.group,
            Belongs::Host => "/sys/fs/cgroup",
        };
        let own = std::env::current_exe().unwrap_or_else(|_| SELF.into());
        words.extend([own.display().to_string(), "enter".into(), group.into()]);
        words.extend(["measure".to_owned(), length.batches.to_string()]);
        words.extend([length.rounds.to_string(), DIRECTORY.to_owned()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        command
    }

    /// Measures the operations once.
    pub fn measure(&self, belongs: Belongs, length: Length) -> Result<Costs, String> {
        self.measure_under(belongs, length, &[])
    }

    /// The same, by a process that another program starts.
    pub fn measure_under(
        &self,
        belongs: Belongs,
        length: Length,
        before: &[&str],
    ) -> Result<Costs, String> {
        let mut command = self.command(belongs, length, before);
        let output = command
            .output()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, told.trim()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {told}"))
    }
}

/// Enters the control group, takes mounts of its own, and runs itself there: the
/// process that measures then has its parent in the container, as those of one do.
pub fn enter(group: &str, arguments: &[&str]) -> Result<(), String> {
    let file = Path::new(group).join("cgroup.procs");
    fs::write(&file, "0").map_err(|error| format!("{}: {error}", file.display()))?;
    // SAFETY: no pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(format!("unshare: {}", Error::last_os_error()));
    }
    mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE)?;
    mount(c"srv", &path(PLACE)?, c"tmpfs", 0)?;
    let mut child = Command::new(SELF);
    let status = child
        .args(arguments)
        .status()
        .map_err(|error| format!("{SELF}: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{arguments:?} ended with {status}")),
    }
}

fn path(text: &str) -> Result<std::ffi::CString, String> {
    std::ffi::CString::new(text).map_err(|error| error.to_string())
}

fn mount(what: &CStr, target: &CStr, kind: &CStr, flags: libc::c_ulong) -> Result<(), String> {
    // SAFETY: NUL-terminated names and no data.
    let result = unsafe {
        libc::mount(
            what.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            std::ptr::null(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(format!("{target:?}: {}", Error::last_os_error())),
    }
}
