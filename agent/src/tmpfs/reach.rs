//! A mount table becomes the way to a mount, and whether it is safe to go.
//!
//! In: all rows of one table, and one of them. Out: nothing, or why not.
//! Invariant: pure; a way is safe only where every mount on it is of a file
//! system known to answer by itself. Lacks on purpose: going the way. The table
//! may be out of date by then, which the one who goes must check.

use std::collections::HashMap;

use super::Unmeasured;
use crate::mountinfo::MountRow;

/// File systems whose look-ups wait for no process and no network. FUSE and
/// what is made of it, NFS, CIFS, 9p and autofs are missing, as is whatever
/// is not known.
const ANSWERING: [&str; 24] = [
    "bcachefs",
    "binfmt_misc",
    "btrfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "devtmpfs",
    "erofs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "overlay",
    "proc",
    "ramfs",
    "rootfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "xfs",
    "zfs",
];

/// The rows of one table as the tree that they are.
pub(super) struct Tree<'a> {
    rows: &'a [MountRow],
    /// The row that lies on a mount at a path.
    children: HashMap<(u64, &'a [u8]), usize>,
    /// The row of the process's root.
    root: Option<usize>,
}

impl<'a> Tree<'a> {
    /// Of all rows of one table.
    pub(super) fn new(rows: &'a [MountRow]) -> Tree<'a> {
        let ids: std::collections::HashSet<u64> = rows.iter().map(|row| row.id).collect();
        let children = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.parent != row.id)
            .map(|(index, row)| ((row.parent, row.target.as_slice()), index))
            .collect();
        // What the root lies on is outside of the table, or the root itself.
        let root = rows.iter().position(|row| {
            row.target == b"/" && (row.parent == row.id || !ids.contains(&row.parent))
        });
        Tree {
            rows,
            children,
            root,
        }
    }

    /// Walks to `row` as the kernel would, and judges every mount on the way.
    pub(super) fn way_to(&self, row: &MountRow) -> Result<(), Unmeasured> {
        let Some(mut at) = self.root else {
            return Err(Unmeasured::RootUnseen);
        };
        // No mount is entered twice, unless the table goes in circles.
        let mut left = self.rows.len();
        for place in prefixes(&row.target) {
            // Mounts may lie on top of each other at one place.
            while let Some(&next) = self.children.get(&(self.rows[at].id, place)) {
                left = left.checked_sub(1).ok_or(Unmeasured::Covered)?;
                self.must_answer(at)?;
                at = next;
            }
        }
        if self.rows[at].id == row.id {
            Ok(())
        } else {
            Err(Unmeasured::Covered)
        }
    }

    fn must_answer(&self, at: usize) -> Result<(), Unmeasured> {
        let fs_type = self.rows[at].fs_type.as_str();
        match answers_by_itself(fs_type) {
            true => Ok(()),
            false => Err(Unmeasured::Crosses(fs_type.chars().take(32).collect())),
        }
    }
}

/// Do look-ups in a file system of this type wait for no process and no network?
pub fn answers_by_itself(fs_type: &str) -> bool {
    ANSWERING.binary_search(&fs_type).is_ok()
}

/// `/a`, `/a/b`, `/a/b/c` of `/a/b/c`; nothing of `/`.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    let whole = (path.len() > 1).then_some(path.len());
    ends.chain(whole).map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    fn way(table: &str, id: u64) -> Result<(), Unmeasured> {
        let rows = parse(table.as_bytes());
        let row = rows.iter().find(|row| row.id == id).unwrap();
        Tree::new(&rows).way_to(row)
    }

    const ROOT: &str = "10 5 0:40 / / ro - overlay overlay rw,lowerdir=a\n";

    #[test]
    fn the_table_of_file_systems_is_in_order() {
        assert!(ANSWERING.is_sorted());
    }

    #[test]
    fn a_way_over_file_systems_that_answer_is_safe() {
        let table = format!(
            "{ROOT}11 10 254:0 /v /data rw - ext4 /dev/vda rw\n12 11 0:50 / /data/a/cache rw - tmpfs tmpfs rw,size=4k\n"
        );
        assert_eq!(way(&table, 12), Ok(()));
        assert_eq!(way("1 1 0:2 / / rw - rootfs rootfs rw\n", 1), Ok(()));
        assert_eq!(way("1 0 0:2 / / rw - tmpfs tmpfs rw\n", 1), Ok(()));
    }

    #[test]
    fn a_way_over_one_that_may_not_answer_is_told() {
        for fs_type in [
            "fuse.sshfs",
            "fuse",
            "virtiofs",
            "nfs4",
            "cifs",
            "9p",
            "autofs",
            "ceph",
            "new",
        ] {
            let table = format!(
                "{ROOT}11 10 0:60 / /data rw - {fs_type} x rw\n12 11 0:50 / /data/cache rw - tmpfs tmpfs rw\n"
            );
            assert_eq!(
                way(&table, 12),
                Err(Unmeasured::Crosses(fs_type.to_owned()))
            );
            // Beside the way it does not matter.
            let table = format!(
                "{ROOT}11 10 0:60 / /data rw - {fs_type} x rw\n12 10 0:50 / /database rw - tmpfs tmpfs rw\n"
            );
            assert_eq!(way(&table, 12), Ok(()));
        }
    }

    #[test]
    fn a_root_that_may_not_answer_spoils_everything_below() {
        let table = "10 5 0:40 / / ro - fuse.overlayfs fuse-overlayfs rw\n12 10 0:50 / /tmp rw - tmpfs tmpfs rw\n";
        assert_eq!(
            way(table, 12),
            Err(Unmeasured::Crosses("fuse.overlayfs".to_owned()))
        );
    }

    #[test]
    fn what_lies_under_another_mount_cannot_be_asked() {
        let over_itself = format!(
            "{ROOT}12 10 0:50 / /tmp rw - tmpfs tmpfs rw\n13 12 0:51 / /tmp rw - tmpfs tmpfs rw\n"
        );
        assert_eq!(way(&over_itself, 12), Err(Unmeasured::Covered));
        assert_eq!(way(&over_itself, 13), Ok(()));
        let over_its_parent = format!(
            "{ROOT}12 10 0:50 / /a/b rw - tmpfs tmpfs rw\n13 10 0:51 / /a rw - tmpfs tmpfs rw\n"
        );
        assert_eq!(way(&over_its_parent, 12), Err(Unmeasured::Covered));
    }

    #[test]
    fn a_root_that_is_no_mount_gives_no_way() {
        let table = "12 10 0:50 / /tmp rw - tmpfs tmpfs rw\n";
        assert_eq!(way(table, 12), Err(Unmeasured::RootUnseen));
    }

    #[test]
    fn a_table_that_goes_in_circles_ends() {
        let table = "1 2 0:2 / /a rw - tmpfs t rw\n2 1 0:3 / /a rw - tmpfs t rw\n3 9 0:4 / / rw - tmpfs t rw\n4 3 0:5 / /a rw - tmpfs t rw\n";
        assert_eq!(way(table, 4), Ok(()));
        assert_eq!(way(table, 1), Err(Unmeasured::Covered));
        let twice = "3 9 0:4 / / rw - tmpfs t rw\n5 3 0:5 / /a rw - tmpfs t rw\n6 5 0:6 / /a rw - tmpfs t rw\n5 6 0:7 / /a rw - tmpfs t rw\n";
        assert_eq!(way(twice, 5), Err(Unmeasured::Covered));
    }
}
