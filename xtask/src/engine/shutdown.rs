//! The end of a private engine: its containers, its daemons, its mounts.
//!
//! In: a running engine. Out: nothing left of it but its data directory, and
//! that without mounts. Invariant: never fails and never waits without bound;
//! it runs while something else may already have failed.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use super::{Daemon, Engine, POLL};

const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Containers that are removed at once. Where many hundreds end together, dockerd misses
/// the end of some, and waits for it for ever.
const AT_ONCE: usize = 32;
/// So many are removed within seconds.
const REMOVED_WITHIN: Duration = Duration::from_secs(120);

/// Removes every container.
pub(super) fn containers(engine: &Engine) -> Result<()> {
    let ids = engine.docker_ok(&["ps", "--all", "--quiet"])?;
    let ids: Vec<&str> = ids.lines().collect();
    ids.chunks(AT_ONCE)
        .try_for_each(|some| remove(engine, some))
}

fn remove(engine: &Engine, ids: &[&str]) -> Result<()> {
    let mut command = engine.command();
    command
        .args(["rm", "--force", "--volumes"])
        .args(ids)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut child = command.spawn()?;
    if !ended(&mut child, REMOVED_WITHIN) {
        child.kill()?;
        child.wait()?;
        bail!("dockerd has not done it within {REMOVED_WITHIN:?}");
    }
    let status = child.wait()?;
    ensure!(status.success(), "docker rm ended with {status}");
    Ok(())
}

/// Ends dockerd, then its containerd if that outlived it, then unmounts.
pub(super) fn daemon(mut daemon: Daemon) {
    end(&mut daemon);
    for dir in [daemon.run.path(), &daemon.data] {
        unmount_below(dir);
    }
    report(daemon.run.close(), "removing the engine's sockets");
}

/// Ends dockerd, then its containerd if that outlived it.
pub(super) fn end(daemon: &mut Daemon) {
    // Read before dockerd ends, which removes it.
    let containerd = fs::read_to_string(daemon.run.path().join("x/containerd/containerd.pid"));
    signal(daemon.child.id(), libc::SIGTERM);
    if !ended(&mut daemon.child, STOP_WITHIN) {
        report(daemon.child.kill(), "killing dockerd");
        report(daemon.child.wait(), "waiting for dockerd");
        if let Some(pid) = containerd.ok().and_then(|text| text.trim().parse().ok()) {
            signal(pid, libc::SIGKILL);
        }
    }
}

fn ended(child: &mut Child, within: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        match child.try_wait() {
            Ok(None) => thread::sleep(POLL),
            Ok(Some(_)) | Err(_) => return true,
        }
    }
    false
}

pub(super) fn signal(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill takes integers and touches no memory of ours.
        unsafe { libc::kill(pid, signal) };
    }
}

fn unmount_below(dir: &Path) {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    for target in mounted_below(&mounts, dir) {
        let Ok(name) = std::ffi::CString::new(target.as_os_str().as_bytes()) else {
            continue;
        };
        // SAFETY: the string is NUL-terminated and outlives the call.
        if unsafe { libc::umount2(name.as_ptr(), libc::MNT_DETACH) } != 0 {
            eprintln!(
                "unmounting {}: {}",
                target.display(),
                io::Error::last_os_error()
            );
        }
    }
}

/// Mount points below a directory, the last mounted first. Names with spaces
/// are escaped in mountinfo; an engine makes none.
fn mounted_below(mountinfo: &[u8], dir: &Path) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(mountinfo);
    let targets = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    let mut below: Vec<PathBuf> = targets.filter(|target| target.starts_with(dir)).collect();
    below.reverse();
    below
}

pub(super) fn report<T, E: std::fmt::Display>(result: Result<T, E>, what: &str) {
    if let Err(error) = result {
        eprintln!("{what}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_are_named_last_first() {
        let mountinfo = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 22 0:40 / /tmp/swA/x/netns rw - tmpfs tmpfs rw\n\
            31 22 0:41 / /tmp/swAB rw - tmpfs tmpfs rw\n\
            32 30 0:42 / /tmp/swA/x/netns/default rw - nsfs nsfs rw\n";
        assert_eq!(
            mounted_below(mountinfo, Path::new("/tmp/swA")),
            [
                PathBuf::from("/tmp/swA/x/netns/default"),
                PathBuf::from("/tmp/swA/x/netns")
            ]
        );
    }
}
