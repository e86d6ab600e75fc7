//! Trees of this machine's own disk.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::*;
use crate::mountinfo::process;

/// Walks as far as `most` entries; none where this process may not look at
/// the host's root.
fn found(dir: &Path, most: u64) -> Option<Found> {
    let mut seen = 0;
    let mut allow = || {
        seen += 1;
        if seen > most { Step::Stop } else { Step::Go }
    };
    match walk(process::host_root(), dir.to_str().unwrap(), &mut allow) {
        Err(Unmeasured::NotPermitted) => {
            eprintln!("\n=== NOT RUN: walking needs CAP_SYS_PTRACE\n");
            None
        }
        found => Some(found.unwrap()),
    }
}

fn du(dir: &Path) -> u64 {
    let output = Command::new("du").args(["-s", "-B1"]).arg(dir).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_tree_is_what_du_says() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("a/b/c")).unwrap();
    fs::write(at("a/big"), vec![1; 300_000]).unwrap();
    fs::write(at("a/b/c/small"), b"x").unwrap();
    fs::hard_link(at("a/big"), at("a/b/again")).unwrap();
    symlink("/usr", at("a/link")).unwrap();
    let fifo = CString::new(at("a/fifo").to_str().unwrap()).unwrap();
    // SAFETY: the path is a NUL-terminated string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    let Some(found) = found(dir.path(), 1000) else {
        return;
    };
    assert_eq!((found.entries, found.truncated), (8, false));
    assert_eq!(found.bytes, du(dir.path()));
    assert!(found.bytes >= 300_000);
}

#[test]
fn a_walk_ends_where_it_must_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..50 {
        fs::create_dir_all(dir.path().join(format!("d{at}/e"))).unwrap();
    }
    let Some(whole) = found(dir.path(), 100) else {
        return;
    };
    assert_eq!((whole.entries, whole.truncated), (100, false));
    let part = found(dir.path(), 60).unwrap();
    assert_eq!((part.entries, part.truncated), (60, true));
    assert!(part.bytes <= whole.bytes);
    let none = found(dir.path(), 0).unwrap();
    let own = fs::metadata(dir.path()).unwrap().blocks() * BLOCK;
    assert_eq!((none.entries, none.bytes, none.truncated), (0, own, true));
}

#[test]
fn depth_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let deep = "d/".repeat(DEPTH_MAX + 9);
    fs::create_dir_all(dir.path().join(deep)).unwrap();
    let Some(found) = found(dir.path(), 1000) else {
        return;
    };
    assert_eq!((found.entries, found.truncated), (DEPTH_MAX as u64, true));
}

#[test]
fn a_link_in_the_layers_place_is_not_walked() {
    let dir = tempfile::tempdir().unwrap();
    symlink("/usr", dir.path().join("diff")).unwrap();
    let path = dir.path().join("diff");
    let walked = walk(process::host_root(), path.to_str().unwrap(), &mut || {
        Step::Go
    });
    let refused = [Unmeasured::NotFound, Unmeasured::NotPermitted];
    assert!(walked.is_err_and(|why| refused.contains(&why)));
}

/// `cargo test --release -p sealwatch --lib -- --ignored --nocapture price_of_an_entry`
#[test]
#[ignore = "a measurement, for a machine that does nothing else"]
fn price_of_an_entry() {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..20_000 {
        let below = dir.path().join(format!("{}/{}", at % 20, at / 20 % 20));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(at.to_string()), b"x").unwrap();
    }
    let cpu_us = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    for _ in 0..5 {
        let before = cpu_us();
        let Some(found) = found(dir.path(), u64::MAX) else {
            return;
        };
        let each = (cpu_us() - before) / found.entries as f64;
        let per_second = 10_000.0 / each;
        println!(
            "{} entries, {each:.2} us each: {per_second:.0} a second for 1 % of a processor",
            found.entries
        );
    }
}
