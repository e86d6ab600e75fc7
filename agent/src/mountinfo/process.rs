//! A control group becomes a process whose view of the mounts is the container's.
//!
//! In: a directory of the control groups, a process. Out: its number, its mount
//! table. Invariant: bounded reads; the files of /proc and of control groups
//! alone are opened, and closed at once. Lacks on purpose: keeping the mount
//! table open to be told of changes (`poll`): that descriptor keeps a dead
//! container's mounts, and what they use, alive.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::MountRow;

/// Bytes of `cgroup.procs` that are looked at: some thousand processes.
const PROCS_MAX: u64 = 16 * 1024;
/// Control groups below a container's that are looked at for a process.
const GROUPS_MAX: usize = 32;
/// Bytes of a mount table that are looked at: some thousand mounts. A container
/// that may mount could make the kernel write a hundred thousand lines.
pub const TABLE_MAX: u64 = 256 * 1024;
/// Bytes of the host's own table, which has rows of each container: some ten thousand.
const HOST_TABLE_MAX: u64 = 16 * 1024 * 1024;
/// Room for the text of most of these files.
const READ_AHEAD: usize = 8 * 1024;
/// The host's root, from a container that shares its process numbers.
const HOST_ROOT: &str = "/proc/1/root";

/// A group's directory. The path is the container's choice of names at most:
/// it never leads out of `mount`.
pub(crate) fn below(mount: &Path, group: &[u8]) -> PathBuf {
    let names = Path::new(OsStr::from_bytes(group)).components();
    let mut directory = mount.to_owned();
    directory.extend(names.filter(|name| matches!(name, Component::Normal(_))));
    directory
}

/// The lowest process number in a control group, or where it has none, in the
/// nearest below it. As a rule that is the container's first process.
pub fn of_group(directory: &Path) -> Option<u32> {
    let mut waiting = VecDeque::from([PathBuf::from(directory)]);
    for _ in 0..GROUPS_MAX {
        let directory = waiting.pop_front()?;
        let text = read_at_most(&directory.join("cgroup.procs"), PROCS_MAX).unwrap_or_default();
        let lowest = lowest(&text);
        if lowest.is_some() {
            return lowest;
        }
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(groups.take(GROUPS_MAX).map(|entry| entry.path()));
    }
    None
}

/// A last line that was cut off would be a wrong number. Processes of another
/// pid namespace are shown as 0.
fn lowest(text: &[u8]) -> Option<u32> {
    let whole = text.iter().rposition(|byte| *byte == b'\n')?;
    text[..whole]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok())
        .filter(|pid| *pid != 0)
        .min()
}

/// Number of a process's mount namespace.
pub fn mount_namespace(pid: u32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/mnt"))?.ino())
}

/// The mount table of a process in whole lines, and whether that is all of it.
pub fn mount_table(pid: u32) -> io::Result<(Vec<u8>, bool)> {
    whole_lines(pid, TABLE_MAX)
}

/// The host's mounts; none where they cannot be read, which is logged.
pub fn host_mounts() -> Vec<MountRow> {
    match whole_lines(1, HOST_TABLE_MAX) {
        Ok((text, whole)) => {
            if !whole {
                tracing::warn!(
                    read_bytes = HOST_TABLE_MAX,
                    "the host has more mounts than are read of it"
                );
            }
            super::parse(&text)
        }
        Err(error) => {
            tracing::warn!(%error, "the host's mounts cannot be read");
            Vec::new()
        }
    }
}

fn whole_lines(pid: u32, bytes: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut text = read_at_most(Path::new(&format!("/proc/{pid}/mountinfo")), bytes)?;
    let whole = (text.len() as u64) < bytes;
    if !whole {
        let end = text.iter().rposition(|byte| *byte == b'\n');
        text.truncate(end.map_or(0, |end| end + 1));
    }
    Ok((text, whole))
}

/// The root directory of a process. Another user's needs CAP_SYS_PTRACE. The
/// descriptor is to be dropped at once, as it keeps mounts alive.
pub fn root(pid: u32) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/{pid}/root");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // A link of the kernel's own: nothing of the container's is looked up.
    openat(CWD, path, flags, Mode::empty())
}

/// The host's root directory: this process's own where it sees the same mount
/// there, which takes no capability, and otherwise that of process 1. Neither
/// changes while this process runs.
pub fn host_root() -> &'static str {
    static ROOT: OnceLock<&str> = OnceLock::new();
    let root = |pid| -> Option<u64> {
        let rows = super::parse(&mount_table(pid).ok()?.0);
        let row = rows.iter().find(|row| row.target == b"/")?;
        Some(row.id)
    };
    ROOT.get_or_init(|| match root(1) {
        Some(id) if root(std::process::id()) == Some(id) => "/",
        Some(_) | None => HOST_ROOT,
    })
}

pub(crate) fn read_at_most(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    // Into an empty buffer it would be read in ever larger pieces from 32 bytes on,
    // each a system call; the kernel hands out a page at a time at most.
    let mut text = Vec::with_capacity(READ_AHEAD);
    File::open(path)?.take(bytes).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_whole_number_counts() {
        assert_eq!(lowest(b"40\n7\n300\n"), Some(7));
        assert_eq!(lowest(b"40\n3"), Some(40));
        assert_eq!(lowest(b"0\n0\n"), None);
        assert_eq!(lowest(b""), None);
    }

    #[test]
    fn a_process_is_found_in_a_group_below() {
        let dir = tempfile::tempdir().unwrap();
        let write = |group: &str, text: &str| {
            fs::create_dir_all(dir.path().join(group)).unwrap();
            fs::write(dir.path().join(group).join("cgroup.procs"), text).unwrap();
        };
        write("", "");
        write("container", "");
        write("container/init.scope", "41\n");
        assert_eq!(of_group(dir.path()), Some(41));
        write("container", "50\n");
        assert_eq!(of_group(dir.path()), Some(50));
        assert_eq!(of_group(&dir.path().join("none")), None);
    }

    #[test]
    fn this_process_has_a_mount_table_and_a_namespace() {
        let (text, whole) = mount_table(std::process::id()).unwrap();
        assert!(whole && text.ends_with(b"\n"));
        assert!(mount_namespace(std::process::id()).unwrap() > 0);
        assert!(mount_table(u32::MAX).is_err());
    }

    #[test]
    fn a_groups_path_stays_below_its_mount() {
        let below = below(Path::new("/m"), b"/../a/./../b/");
        assert_eq!(below, Path::new("/m/a/b"));
    }
}
