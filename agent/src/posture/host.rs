//! The host's mount table becomes an answer to: which path on the host is this?
//!
//! In: rows of the host's table. Out: [`HostMounts`]. Invariant: pure; a path is
//! told only where the table has a mount of that very file system. Lacks on
//! purpose: looking whether the path is there.

use std::collections::HashMap;

use crate::mountinfo::{Device, HostRoot, MountRow};

/// Rows of the host's table that are kept.
const ROWS_MAX: usize = 16_384;

/// Where the host has which file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostMounts {
    /// What is mounted from it, and where.
    places: HashMap<Device, Vec<(Vec<u8>, Vec<u8>)>>,
    root: HostRoot,
}

impl HostMounts {
    /// From the rows of the host's table.
    pub fn of(rows: &[MountRow]) -> HostMounts {
        let mut host = HostMounts {
            root: HostRoot::of(rows),
            ..HostMounts::default()
        };
        for row in rows.iter().filter(|row| is_lasting(row)).take(ROWS_MAX) {
            let places = host.places.entry(row.device).or_default();
            places.push((row.root.clone(), row.target.clone()));
        }
        host
    }

    /// Is a table of a container that still has the host's root?
    pub(super) fn has_root_of(&self, rows: &[MountRow]) -> bool {
        self.root.is_in(rows)
    }

    /// The path on the host of what a row mounts: by the mount that has the
    /// least of the file system, then the shortest path.
    pub(super) fn path_of(&self, row: &MountRow) -> Option<Vec<u8>> {
        let places = self.places.get(&row.device)?;
        let found = places.iter().filter_map(|(root, target)| {
            let rest = below(&row.root, root)?;
            Some((rest.len(), target.len(), target, rest))
        });
        let (.., target, rest) = found.min()?;
        let mut path = match target.as_slice() {
            b"/" => Vec::new(),
            target => target.to_vec(),
        };
        if !rest.is_empty() {
            path.push(b'/');
            path.extend(rest);
        }
        Some(if path.is_empty() { b"/".to_vec() } else { path })
    }
}

/// Each container has an overlay and some namespaces on the host; they come and
/// go with it, and nobody hands them to another.
fn is_lasting(row: &MountRow) -> bool {
    row.target == b"/" || !matches!(row.fs_type.as_str(), "overlay" | "nsfs")
}

/// The rest of `path` below `directory`, without a slash at its beginning.
fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let rest = path.strip_prefix(directory)?;
    match rest {
        [] => Some(rest),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    #[test]
    fn a_path_is_found_through_the_nearest_mount() {
        let host = HostMounts::of(&parse(
            b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /data rw - ext4 b rw\n\
              3 1 8:2 /deep /mnt/deep rw - ext4 b rw\n4 1 0:9 / /run rw - tmpfs t rw\n\
              5 1 8:3 /only /part rw - ext4 c rw\n",
        ));
        let path = |row: &str| {
            let row = parse(format!("9 8 {row} /x rw - ext4 d rw\n").as_bytes());
            let path = host.path_of(&row[0]);
            path.map(|path| String::from_utf8(path).unwrap())
        };
        assert_eq!(path("8:1 /srv/x").as_deref(), Some("/srv/x"));
        assert_eq!(path("8:1 /").as_deref(), Some("/"));
        assert_eq!(path("8:2 /").as_deref(), Some("/data"));
        assert_eq!(path("8:2 /deep/er").as_deref(), Some("/mnt/deep/er"));
        assert_eq!(path("8:2 /deeper").as_deref(), Some("/data/deeper"));
        assert_eq!(
            path("0:9 /docker.sock").as_deref(),
            Some("/run/docker.sock")
        );
        assert_eq!(path("8:3 /other"), None);
        assert_eq!(path("8:4 /"), None);
    }
}
