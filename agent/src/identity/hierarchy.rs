//! The host's cgroup mounts become the one hierarchy that ids are taken from.
//!
//! In: the text of /proc/mounts and /proc/cgroups; for the scan, the directory
//! itself. Out: a [`Layout`], and the groups that exist already. Invariant: the
//! kernel half and the scan speak of the same hierarchy, and a directory's
//! inode number is its kernfs id. Lacks on purpose: named v1 hierarchies
//! (`name=systemd`), which have no controller the kernel half could ask for.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::denial::CgroupId;

/// Controllers that a v1 hierarchy is chosen by, best first: every runtime puts
/// every container into `pids`.
const V1_PREFERENCE: [&str; 8] = [
    "pids",
    "memory",
    "devices",
    "freezer",
    "cpu",
    "cpuset",
    "blkio",
    "perf_event",
];

/// The hierarchy whose directories' ids the kernel half reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// cgroup v2 alone.
    Unified,
    /// cgroup v1, or hybrid: the hierarchy of this controller.
    V1 {
        /// Its name in /proc/cgroups.
        controller: String,
    },
}

/// Where a hierarchy is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Which one.
    pub hierarchy: Hierarchy,
    /// Its mount points as seen by this process, in the order of /proc/mounts.
    pub mounts: Vec<PathBuf>,
}

/// What is wrong with the host's cgroup mounts.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Neither a v2 mount nor a v1 mount with a controller.
    #[error("no cgroup file system is mounted: mount cgroup2 on /sys/fs/cgroup")]
    NotMounted,
    /// A file that tells could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// The groups found by walking a hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Ids and paths from the hierarchy's root, parents before children.
    pub groups: Vec<(CgroupId, Vec<u8>)>,
    /// Directories left out: past the limit, or gone or unreadable when asked.
    pub skipped: u64,
    /// The whole hierarchy was in sight; false where no mount shows its root.
    pub complete: bool,
    /// A directory that is there could not be read, such as for want of descriptors:
    /// a later scan may see more.
    pub failed: bool,
}

impl Layout {
    /// Chooses from the texts of /proc/mounts and /proc/cgroups: v2 where no
    /// controller is left to v1, otherwise the v1 hierarchy of `pids`, or of
    /// the next controller that is mounted.
    pub fn parse(mounts: &str, cgroups: &str) -> Result<Layout, LayoutError> {
        let mut unified = Vec::new();
        let mut v1: Vec<(PathBuf, Vec<&str>)> = Vec::new();
        for line in mounts.lines() {
            let mut fields = line.split(' ');
            let (Some(_), Some(target), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match kind {
                "cgroup2" => unified.push(unescape(target)),
                "cgroup" => v1.push((unescape(target), options.split(',').collect())),
                _ => {}
            }
        }
        // A controller with hierarchy 0 is on v2 (or on none) whatever is mounted.
        let on_v1 = |controller: &str| {
            cgroups.lines().any(|line| {
                let mut fields = line.split_whitespace();
                fields.next() == Some(controller) && fields.next().is_some_and(|id| id != "0")
            })
        };
        for controller in V1_PREFERENCE {
            let mounts: Vec<PathBuf> = v1
                .iter()
                .filter(|(_, options)| options.contains(&controller))
                .map(|(target, _)| target.clone())
                .collect();
            if !mounts.is_empty() && on_v1(controller) {
                return Ok(Layout {
                    hierarchy: Hierarchy::V1 {
                        controller: controller.to_owned(),
                    },
                    mounts,
                });
            }
        }
        if unified.is_empty() {
            return Err(LayoutError::NotMounted);
        }
        Ok(Layout {
            hierarchy: Hierarchy::Unified,
            mounts: unified,
        })
    }

    /// Reads this process's view of the host.
    pub fn read() -> Result<Layout, LayoutError> {
        let text = |path: &'static str| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .map_err(|source| LayoutError::Read { path, source })
        };
        Layout::parse(&text("/proc/self/mounts")?, &text("/proc/cgroups")?)
    }

    /// The mount point that shows the hierarchy from its root; a mount made in a
    /// cgroup namespace shows only a part, whose paths would be wrong.
    pub fn root(&self) -> Option<&Path> {
        // Files that the root alone has (v1) or alone lacks (v2).
        let is_root = |mount: &Path| match self.hierarchy {
            Hierarchy::Unified => {
                mount.join("cgroup.procs").exists() && !mount.join("cgroup.events").exists()
            }
            Hierarchy::V1 { .. } => mount.join("release_agent").exists(),
        };
        self.mounts
            .iter()
            .map(PathBuf::as_path)
            .find(|mount| is_root(mount))
    }

    /// Walks the hierarchy, breadth first, up to `limit` groups, without
    /// following symbolic links or leaving the file system. Blocks on I/O.
    pub fn scan(&self, limit: usize) -> Scan {
        let mut scan = Scan::default();
        let Some(root) = self.root() else {
            return scan;
        };
        let Ok(root_meta) = fs::symlink_metadata(root) else {
            return scan;
        };
        scan.complete = true;
        let mut waiting = VecDeque::from([PathBuf::new()]);
        while let Some(below) = waiting.pop_front() {
            let directory = root.join(&below);
            let known = match fs::symlink_metadata(&directory) {
                Ok(meta) if meta.is_dir() && meta.dev() == root_meta.dev() => meta,
                Ok(_) => {
                    scan.skipped += 1;
                    continue;
                }
                Err(error) => {
                    scan.leave_out(&error);
                    continue;
                }
            };
            if scan.groups.len() >= limit {
                scan.skipped += 1 + waiting.len() as u64;
                scan.complete = false;
                break;
            }
            let mut path = b"/".to_vec();
            path.extend(below.as_os_str().as_bytes());
            scan.groups.push((CgroupId(known.ino()), path));
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    scan.leave_out(&error);
                    continue;
                }
            };
            for entry in entries.flatten() {
                // The entry's own type, so a symbolic link is not a directory.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push_back(below.join(entry.file_name()));
                }
            }
        }
        scan
    }
}

impl Scan {
    /// Counts a directory that was not read. One that is gone hides nobody.
    fn leave_out(&mut self, error: &std::io::Error) {
        self.skipped += 1;
        if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)) {
            self.failed = true;
            self.complete = false;
        }
    }
}

/// A path of /proc/mounts: `\ooo` stands for space, tab, newline and backslash.
fn unescape(field: &str) -> PathBuf {
    let bytes = field.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = (bytes[at] == b'\\')
            .then(|| field.get(at + 1..at + 4))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1_CGROUPS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\nmemory\t4\t11\t1\npids\t8\t1\t1\n";
    const V2_CGROUPS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\nmemory\t0\t11\t1\npids\t0\t1\t1\n";

    fn layout(mounts: &str, cgroups: &str) -> (Option<String>, Vec<String>) {
        let layout = Layout::parse(mounts, cgroups).unwrap();
        let controller = match layout.hierarchy {
            Hierarchy::Unified => None,
            Hierarchy::V1 { controller } => Some(controller),
        };
        let mounts = layout
            .mounts
            .iter()
            .map(|m| m.display().to_string())
            .collect();
        (controller, mounts)
    }

    #[test]
    fn hosts_are_told_apart_by_their_mounts() {
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        assert_eq!(
            layout(v2, V2_CGROUPS),
            (None, vec!["/sys/fs/cgroup".to_owned()])
        );

        let hybrid = "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n";
        assert_eq!(
            layout(hybrid, V1_CGROUPS),
            (
                Some("pids".to_owned()),
                vec!["/sys/fs/cgroup/pids".to_owned()]
            )
        );

        let without_pids =
            "cgroup /c/cpu\\040x cgroup rw,cpuset,cpu 0 0\ncgroup /c/m cgroup rw,memory 0 0\n";
        assert_eq!(
            layout(without_pids, V1_CGROUPS),
            (Some("memory".to_owned()), vec!["/c/m".to_owned()])
        );

        // elogind and the like: v2 has the controllers, a named v1 hierarchy is mounted beside.
        let named = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ncgroup /run/cg cgroup rw,name=x 0 0\n";
        assert_eq!(
            layout(named, V2_CGROUPS),
            (None, vec!["/sys/fs/cgroup".to_owned()])
        );

        assert!(matches!(
            Layout::parse("proc /proc proc rw 0 0\nodd\n", V2_CGROUPS),
            Err(LayoutError::NotMounted)
        ));
    }

    #[test]
    fn mount_points_lose_their_escapes_only() {
        assert_eq!(
            unescape("/a\\040b\\134c\\9\\"),
            PathBuf::from("/a b\\c\\9\\")
        );
    }

    #[test]
    fn a_walk_of_this_host_finds_the_root_and_stops_at_its_limit() {
        let Ok(layout) = Layout::read() else {
            panic!("this host has no cgroup mount: the scan cannot be tested here");
        };
        let Some(root) = layout.root() else {
            eprintln!("NOT RUN: this process sees only a part of the hierarchy ({layout:?})");
            return;
        };
        let scan = layout.scan(10_000);
        assert!(scan.complete, "{scan:?}");
        assert_eq!(scan.groups[0].1, b"/");
        assert_eq!(scan.groups[0].0.0, fs::metadata(root).unwrap().ino());
        let one = layout.scan(1);
        assert_eq!(one.groups.len(), 1);
        assert!(one.complete == (scan.groups.len() == 1));
    }

    #[test]
    fn what_cannot_be_read_has_not_ended() {
        let mut scan = Scan {
            complete: true,
            ..Scan::default()
        };
        scan.leave_out(&std::io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!((scan.complete, scan.failed, scan.skipped), (true, false, 1));
        scan.leave_out(&std::io::Error::from_raw_os_error(libc::EMFILE));
        assert_eq!((scan.complete, scan.failed, scan.skipped), (false, true, 2));
    }

    /// As the kernel writes a path of a mount table.
    fn escaped(path: &[u8]) -> String {
        let mut text = String::new();
        for byte in path {
            match byte {
                b' ' | b'\t' | b'\n' | b'\\' => text.push_str(&format!("\\{byte:03o}")),
                other => text.push(char::from(*other)),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn a_mount_point_is_read_as_it_is(name in "[ -~\t\n]{1,40}") {
            let path = format!("/{name}");
            let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", escaped(path.as_bytes()));
            let layout = Layout::parse(&mounts, "").unwrap();
            prop_assert_eq!(layout.mounts, [PathBuf::from(path)]);
        }

        #[test]
        fn no_text_makes_it_panic(mounts in "([a-z0-9/\\\\+é]{0,9} ){0,5}(cgroup2?)? [a-z,]{0,9}", cgroups: String) {
            let _ = Layout::parse(&mounts, &cgroups);
            let _ = unescape(&mounts);
        }
    }
}
