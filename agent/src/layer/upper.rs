//! A container's mount table becomes the directory that its writes go to.
//!
//! In: rows. Out: [`Upper`]. Invariant: pure; only a place where Docker,
//! containerd, Podman or CRI-O make a layer is taken, as the text of the option
//! is whatever the one who mounted has written. Lacks on purpose: looking.

use super::Unmeasured;
use crate::mountinfo::MountRow;

/// The upper directory of a container's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upper {
    /// On the host, absolute.
    pub path: String,
    /// Can the container write there?
    pub writable: bool,
}

/// Of the rows of one table.
pub fn upper(rows: &[MountRow]) -> Result<Upper, Unmeasured> {
    // What the root lies on is outside of the table, or the root itself. What a
    // container mounts over its root lies on that.
    let is_bottom =
        |row: &MountRow| row.parent == row.id || !rows.iter().any(|other| other.id == row.parent);
    let root = rows.iter().find(|row| row.target == b"/" && is_bottom(row));
    let root = root.filter(|row| row.fs_type == "overlay");
    let root = root.ok_or(Unmeasured::NoOverlay)?;
    let options = root.super_options.split(',');
    let mut uppers = options.filter_map(|option| option.strip_prefix("upperdir="));
    let path = uppers.next().ok_or(Unmeasured::NoOverlay)?;
    if !is_layer(path) {
        return Err(Unmeasured::UnknownPlace);
    }
    Ok(Upper {
        path: path.to_owned(),
        writable: root.is_writable(),
    })
}

/// `.../overlay2/ID/diff`, `.../overlay/ID/diff` or `.../snapshots/ID/fs`.
fn is_layer(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    path.starts_with('/')
        && !parts.contains(&"..")
        && matches!(
            parts.as_slice(),
            [.., "overlay2" | "overlay", _, "diff"] | [.., "snapshots", _, "fs"]
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo::parse;

    fn of(table: &str) -> Result<Upper, Unmeasured> {
        upper(&parse(table.as_bytes()))
    }

    fn root(options: &str, upper: &str) -> String {
        format!(
            "10 5 0:40 / / {options} - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir={upper},workdir=/w\n\
             11 10 0:41 / /proc rw - proc proc rw\n"
        )
    }

    #[test]
    fn each_runtimes_layer_is_found() {
        for path in [
            "/var/lib/docker/overlay2/0abc/diff",
            "/var/lib/containers/storage/overlay/0abc/diff",
            "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs",
        ] {
            let found = of(&root("rw,relatime", path)).unwrap();
            assert_eq!((found.path.as_str(), found.writable), (path, true));
        }
        let read_only = of(&root("ro,relatime", "/d/overlay2/1/diff")).unwrap();
        assert!(!read_only.writable);
    }

    #[test]
    fn any_other_place_is_not_looked_at() {
        for path in [
            "/etc",
            "overlay2/1/diff",
            "/overlay2/../diff",
            "/a/../overlay2/1/diff",
        ] {
            assert_eq!(
                of(&root("rw", path)),
                Err(Unmeasured::UnknownPlace),
                "{path}"
            );
        }
    }

    #[test]
    fn a_root_without_a_layer_is_told() {
        let other = "10 5 254:0 / / rw - ext4 /dev/vda rw\n";
        assert_eq!(of(other), Err(Unmeasured::NoOverlay));
        let lower_only = "10 5 0:40 / / ro - overlay overlay ro,lowerdir=/l/A:/l/B\n";
        assert_eq!(of(lower_only), Err(Unmeasured::NoOverlay));
        assert_eq!(of(""), Err(Unmeasured::NoOverlay));
    }

    #[test]
    fn what_a_container_mounts_over_its_root_does_not_lead_away() {
        let over = "12 10 0:50 / / rw - overlay overlay rw,upperdir=/host/overlay2/9/diff\n";
        let table = root("rw", "/d/overlay2/1/diff") + over;
        assert_eq!(of(&table).unwrap().path, "/d/overlay2/1/diff");
        let table = over.to_owned() + &root("rw", "/d/overlay2/1/diff");
        assert_eq!(of(&table).unwrap().path, "/d/overlay2/1/diff");
    }
}
