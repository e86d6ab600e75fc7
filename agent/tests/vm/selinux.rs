//! Guests under SELinux: a container is refused by it, and the daemon says so.
//!
//! In: the small policy beside this file. Out: what is wrong with what the daemon told.
//! Invariant: SELinux enforces, and Docker labels the container itself. Lacks on
//! purpose: backends without a view of the modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use xtask::step;
use xtask::vm::{Guest, Job, Kernel};

use super::{SELF, WITHIN};

/// In the guest: the compiled policy.
pub const POLICY: &str = "/usr/local/share/sealwatch-vm.policy";
/// The version of compiled policies that the oldest kernel takes.
const VERSION: &str = "31";
/// The modules of these guests: AppArmor makes room.
const MODULES: &str = "lockdown,capability,landlock,yama,selinux,bpf";

/// One refusal: what was provoked, and what was told of it.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Told {
    pub operation: String,
    pub errno: String,
    pub path: String,
    pub cause: String,
    pub lsm: String,
    pub subject: String,
    pub object: String,
    pub class: String,
    /// In the metrics, under this operation, errno, cause and module.
    pub count: u64,
}

/// What must be told of the container that `inside::selinux` starts.
pub fn expected() -> Vec<Told> {
    let told = |operation: &str, path: &str, class: &str| Told {
        operation: operation.into(),
        errno: "EACCES".into(),
        path: path.into(),
        cause: "lsm".into(),
        lsm: "selinux".into(),
        subject: "system_u:system_r:container_t:s0".into(),
        object: "system_u:object_r:host_file_t:s0".into(),
        class: class.into(),
        count: 1,
    };
    vec![
        told("create", "/vol/new", "dir"),
        told("mkdir", "/vol/directory", "dir"),
        told("open", "/vol/file", "file"),
        told("unlink", "/vol/file", "dir"),
    ]
}

/// Compiles the policy.
pub fn policy(scratch: &Path) -> anyhow::Result<PathBuf> {
    xtask::toolchain::ensure_packages(&["secilc"])?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm/selinux.cil");
    let compiled = scratch.join("policy");
    let mut secilc = Command::new("secilc");
    secilc.args(["-c", VERSION, "-f", "/dev/null", "-o"]);
    step::output(secilc.arg(&compiled).arg(source))?;
    Ok(compiled)
}

/// Boots one kernel with SELinux and returns what is wrong.
pub fn run(kernel: Kernel, files: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let test = "inside_the_guest_with_selinux";
    let job = Job {
        files: files.to_vec(),
        command: [SELF, "--ignored", "--exact", test, "--nocapture"]
            .map(str::to_owned)
            .to_vec(),
        timeout: WITHIN,
    };
    let guest = Guest {
        modules: MODULES.to_owned(),
        prefix: Some(format!("[{kernel} selinux] ")),
        ..Guest::new(kernel)
    };
    let place = format!("kernel {kernel} with SELinux");
    let outcome = match guest.run(&job) {
        Ok(outcome) => outcome,
        Err(why) => return vec![format!("{place}: {why:#}")],
    };
    let told = fs::read_to_string(outcome.output.join("told.json"))
        .map_err(|why| why.to_string())
        .and_then(|text| {
            serde_json::from_str::<Vec<Told>>(&text).map_err(|why| format!("{why}: {text}"))
        });
    match told {
        Ok(told) if outcome.status == 0 && told == expected() => Vec::new(),
        Ok(told) => vec![format!(
            "{place}: exit code {}; told {told:#?}\n{}",
            outcome.status, outcome.text
        )],
        Err(why) => vec![format!("{place}: {why}\n{}", outcome.text)],
    }
}
