//! A container's control group becomes its memory limit and its kills.
//!
//! In: where the memory controller is mounted, and a control group's path. Out:
//! [`Limit`], and the count of processes killed for want of memory. Invariant:
//! bounded reads of control group files alone; the limit is the lowest of the
//! group's and of all above it, as a pod's limit binds its containers. Lacks on
//! purpose: usage as charged, and kills in groups made below a container's
//! under version 1, which counts each group by itself.

use std::path::{Path, PathBuf};

use crate::mountinfo::process::{below, read_at_most};

/// More than any machine has; version 1 writes "no limit" as a number above this.
const NO_LIMIT_FROM: u64 = 1 << 62;
const FILE_MAX: u64 = 4096;

/// Which files tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `memory.limit_in_bytes` and `memory.oom_control`.
    V1,
    /// `memory.max` and `memory.events`.
    V2,
}

/// Where the memory controller's groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRoot {
    version: Version,
    mount: PathBuf,
}

/// How much memory a container may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many bytes.
    Bytes(u64),
    /// As much as the host has.
    Unbounded,
    /// Its group has no memory controller, or is gone.
    NotMeasured,
}

impl MemoryRoot {
    /// Where version 1 has the controller it is there; otherwise it is version 2's.
    /// `mounts` is the text of /proc/mounts.
    pub fn find(mounts: &str) -> Option<MemoryRoot> {
        let rows = || {
            mounts.lines().filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                Some((fields.next()?, fields.next()?, fields.next()?))
            })
        };
        let v1 = rows().find(|(_, kind, options)| {
            *kind == "cgroup" && options.split(',').any(|option| option == "memory")
        });
        let v2 = || rows().find(|(_, kind, _)| *kind == "cgroup2");
        let (version, (target, _, _)) = match v1 {
            Some(row) => (Version::V1, row),
            None => (Version::V2, v2()?),
        };
        Some(MemoryRoot {
            version,
            mount: PathBuf::from(target),
        })
    }

    /// A given place, for a tree that is not in /proc/mounts.
    pub fn at(version: Version, mount: PathBuf) -> MemoryRoot {
        MemoryRoot { version, mount }
    }

    /// The directory of a group, by its path from the hierarchy's root.
    pub fn directory(&self, group: &[u8]) -> PathBuf {
        below(&self.mount, group)
    }

    /// The lowest limit from `directory` up to the root.
    pub fn limit(&self, directory: &Path) -> Limit {
        let file = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        let mut lowest = Limit::NotMeasured;
        for level in directory.ancestors() {
            let seen = read_at_most(&level.join(file), FILE_MAX).ok();
            match seen.as_deref().and_then(limit) {
                Some(Limit::Bytes(bytes)) => {
                    lowest = match lowest {
                        Limit::Bytes(other) => Limit::Bytes(bytes.min(other)),
                        Limit::Unbounded | Limit::NotMeasured => Limit::Bytes(bytes),
                    };
                }
                Some(Limit::Unbounded) if lowest == Limit::NotMeasured => {
                    lowest = Limit::Unbounded;
                }
                Some(Limit::Unbounded | Limit::NotMeasured) | None => {}
            }
            if level == self.mount {
                break;
            }
        }
        lowest
    }

    /// Processes killed in the group since it was made; none where it does not
    /// tell (gone, no controller, version 1 before Linux 4.13).
    pub fn oom_kills(&self, directory: &Path) -> Option<u64> {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        kills(&read_at_most(&directory.join(file), FILE_MAX).ok()?)
    }
}

fn limit(text: &[u8]) -> Option<Limit> {
    match std::str::from_utf8(text).ok()?.trim() {
        "max" => Some(Limit::Unbounded),
        digits => match digits.parse().ok()? {
            NO_LIMIT_FROM.. => Some(Limit::Unbounded),
            bytes => Some(Limit::Bytes(bytes)),
        },
    }
}

/// `oom_kill N`, the same words in both versions.
fn kills(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text)
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn texts_of_both_versions_are_read() {
        assert_eq!(limit(b"max\n"), Some(Limit::Unbounded));
        assert_eq!(limit(b"9223372036854771712\n"), Some(Limit::Unbounded));
        assert_eq!(limit(b"16777216\n"), Some(Limit::Bytes(16 << 20)));
        assert_eq!(limit(b"-1\n"), None);
        let v2 = b"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(kills(v2), Some(2));
        assert_eq!(
            kills(b"oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"),
            Some(4)
        );
        assert_eq!(kills(b"oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn the_lowest_limit_on_the_way_up_binds() {
        let dir = tempfile::tempdir().unwrap();
        let root = MemoryRoot::at(Version::V2, dir.path().to_owned());
        let container = root.directory(b"/kubepods/pod1/c");
        assert_eq!(container, dir.path().join("kubepods/pod1/c"));
        fs::create_dir_all(&container).unwrap();
        assert_eq!(root.limit(&container), Limit::NotMeasured);
        fs::write(container.join("memory.max"), "max\n").unwrap();
        assert_eq!(root.limit(&container), Limit::Unbounded);
        fs::write(dir.path().join("kubepods/pod1/memory.max"), "4096\n").unwrap();
        assert_eq!(root.limit(&container), Limit::Bytes(4096));
        fs::write(container.join("memory.max"), "8192\n").unwrap();
        assert_eq!(root.limit(&container), Limit::Bytes(4096));
        assert_eq!(root.oom_kills(&container), None);
    }

    #[test]
    fn the_hierarchy_with_the_controller_is_taken() {
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let hybrid = format!("cgroup2 /u cgroup2 rw 0 0\ncgroup /m cgroup rw,memory 0 0\n{v2}");
        let at = |version, path: &str| Some(MemoryRoot::at(version, PathBuf::from(path)));
        assert_eq!(MemoryRoot::find(v2), at(Version::V2, "/sys/fs/cgroup"));
        assert_eq!(MemoryRoot::find(&hybrid), at(Version::V1, "/m"));
        assert_eq!(MemoryRoot::find("proc /proc proc rw 0 0\n"), None);
    }
}
