//! A mount table becomes which of its mounts a path still leads to.
//!
//! In: rows. Out: whether another mount lies over one. Invariant: pure; ends on
//! any table, also one that goes in circles. Lacks on purpose: judging mounts.

use std::collections::HashMap;

use crate::mountinfo::MountRow;

/// Mounts that may lie on each other before a row counts as covered.
const DEPTH_MAX: usize = 64;

/// The rows of a table by the mount that they lie on.
pub(super) struct Cover<'a> {
    by_id: HashMap<u64, &'a MountRow>,
    on: HashMap<u64, Vec<&'a MountRow>>,
}

impl<'a> Cover<'a> {
    pub(super) fn new(rows: &'a [MountRow]) -> Cover<'a> {
        let mut on: HashMap<u64, Vec<&MountRow>> = HashMap::new();
        for row in rows.iter().filter(|row| row.id != row.parent) {
            on.entry(row.parent).or_default().push(row);
        }
        Cover {
            by_id: rows.iter().map(|row| (row.id, row)).collect(),
            on,
        }
    }

    /// Does another mount lie over `row`: on itself, or on a mount below it at a
    /// directory that its path leads through?
    pub(super) fn is_covered(&self, row: &MountRow) -> bool {
        let mut way_from = None;
        let mut at = row;
        for _ in 0..DEPTH_MAX {
            let beside = self.on.get(&at.id).into_iter().flatten();
            let covers = |other: &&&MountRow| {
                Some(other.id) != way_from && holds(&other.target, &row.target)
            };
            if beside.clone().any(|other| covers(&other)) {
                return true;
            }
            way_from = Some(at.id);
            match self.by_id.get(&at.parent) {
                Some(parent) if parent.id != at.id => at = parent,
                _ => return false,
            }
        }
        true
    }
}

/// Is `path` this directory, or below it?
fn holds(directory: &[u8], path: &[u8]) -> bool {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    #[test]
    fn what_another_mount_lies_over_is_covered() {
        let rows = parse(
            b"1 0 8:1 / / rw - ext4 a rw\n2 1 0:2 / /a rw - tmpfs t rw\n\
              3 1 0:3 / /b/c rw - tmpfs t rw\n4 1 0:4 / /b rw - tmpfs t rw\n\
              5 2 0:5 / /a rw - tmpfs t rw\n6 5 0:6 / /a/x rw - tmpfs t rw\n\
              7 8 0:7 / /y rw - tmpfs t rw\n8 7 0:8 / /z rw - tmpfs t rw\n\
              9 1 0:9 / /ab rw - tmpfs t rw\n",
        );
        let cover = Cover::new(&rows);
        let covered = |id: usize| cover.is_covered(&rows[id - 1]);
        assert!(!covered(1) && !covered(4) && !covered(5) && !covered(6) && !covered(9));
        assert!(covered(2), "5 lies on it");
        assert!(covered(3), "4 lies over its directory");
        assert!(covered(7), "a circle leads nowhere");
    }
}
