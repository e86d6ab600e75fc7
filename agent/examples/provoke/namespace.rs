//! Cases of a user namespace, whose root is a mere user outside.
//!
//! In: a directory of the machine's root. Out: reports. Invariant: the namespace has
//! a map of its own, so that ids inside and outside differ. Lacks on purpose: a
//! runtime without root, which makes just such a namespace.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::call;
use super::case::{Case, prepare_cases, run_cases, table};

/// Ids of the namespace begin here outside.
const FIRST: u32 = 100_000;

/// What root of the namespace may not do to files of the machine's root.
fn cases() -> Vec<Case> {
    let mut cases = table! { "user_namespace", EACCES;
        "userns-open" "open" File call::open_write;
        "userns-create" "create" Nothing call::create;
        "userns-mkdir" "mkdir" Nothing call::mkdir;
        "userns-unlink" "unlink" File call::unlink;
        "userns-truncate" "truncate" File call::truncate;
    };
    cases.extend(table! { "user_namespace", EPERM;
        "userns-chmod" "chmod" File call::chmod;
        "userns-utime" "utime" File call::utimes;
    });
    cases
}

/// Makes the cases' files.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &cases())
}

/// Maps the ids of a child that has made the namespace, and waits for its cases.
pub fn run(directory: &Path) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("user namespace: {error}");
    let mut child = Command::new("/proc/self/exe")
        .arg("inside-namespace")
        .arg(directory)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut ready = [0];
    if let Some(said) = &mut child.stderr {
        said.read_exact(&mut ready).map_err(fail)?;
    }
    let map = format!("0 {FIRST} 65536\n");
    for kind in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{kind}", child.id()), &map).map_err(fail)?;
    }
    if let Some(mut go) = child.stdin.take() {
        go.write_all(b"\n").map_err(fail)?;
    }
    let ended = child.wait_with_output().map_err(fail)?;
    // What it reported went to the same standard output.
    match ended.status.code() {
        Some(0) => Ok(true),
        Some(code) if code == i32::from(super::MISMATCH) => Ok(false),
        _ => Err(String::from_utf8_lossy(&ended.stderr).into_owned()),
    }
}

/// The child: makes the namespace, becomes its root and runs the cases.
pub fn run_inside(directory: &Path) -> Result<bool, String> {
    // SAFETY: no memory is passed.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        return Err(format!("unshare: errno {}", call::errno(-1)));
    }
    eprint!("!");
    let mut go = [0];
    std::io::stdin()
        .read_exact(&mut go)
        .map_err(|error| error.to_string())?;
    // SAFETY: no memory is passed.
    if unsafe { libc::setgid(0) != 0 || libc::setuid(0) != 0 } {
        return Err(format!("setuid: errno {}", call::errno(-1)));
    }
    run_cases(directory, &cases())
}
