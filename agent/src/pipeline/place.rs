//! A name that a call was given -> the directory where it led.
//!
//! In: a process, an absolute name. Out: the directory without links, its mount,
//! its owner; nothing where the kernel does not have all of it in memory.
//! Invariant: nothing outside of the process's root is found, no file system is
//! waited for, and no descriptor outlives the call. Lacks on purpose: links on
//! other mounts than the root's; certainty, since the container may have put
//! another link there meanwhile.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, readlinkat, statx,
};
use sealwatch_ebpf::wire::Ownership;

use crate::mountinfo::process;

/// Names that are looked at, those in links included; fewer than it takes to go
/// in circles for long.
const NAMES_MAX: usize = 128;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// As the process sees it.
    pub(super) directory: Vec<u8>,
    /// `mount.mnt_id`.
    pub(super) mount_id: u32,
    /// Whose it is.
    pub(super) owner: Ownership,
}

/// Looks up the directory of a name. A link on the root is read where `answers`
/// says of the root's mount that its file system does by itself.
pub(super) fn directory_of(pid: u32, name: &[u8], answers: impl Fn(u32) -> bool) -> Option<Found> {
    let root = process::root(pid).ok()?;
    let root_mount = look(&root, &[])?.1.stx_mnt_id;
    let end = name.iter().rposition(|byte| *byte == b'/')?;
    let mut left: VecDeque<Vec<u8>> = components(&name[..end]).collect();
    let mut way: Vec<Vec<u8>> = Vec::new();
    for _ in 0..NAMES_MAX {
        let Some(next) = left.pop_front() else {
            return found(&root, &way);
        };
        if next == b".." {
            way.pop();
            continue;
        }
        way.push(next);
        let (place, seen) = look(&root, &way)?;
        if FileType::from_raw_mode(seen.stx_mode.into()) != FileType::Symlink {
            continue;
        }
        // The root's descriptor keeps its mount, so that the number is no other's.
        if seen.stx_mnt_id != root_mount || !answers(u32::try_from(root_mount).ok()?) {
            return None;
        }
        let target = readlinkat(&place, c"", Vec::new()).ok()?;
        way.pop();
        if target.to_bytes().starts_with(b"/") {
            way.clear();
        }
        for name in components(target.to_bytes()).rev() {
            left.push_front(name);
        }
    }
    None
}

fn found(root: &OwnedFd, way: &[Vec<u8>]) -> Option<Found> {
    let (_, seen) = look(root, way)?;
    Some(Found {
        directory: joined(way),
        mount_id: u32::try_from(seen.stx_mnt_id).ok()?,
        owner: Ownership {
            uid: seen.stx_uid,
            gid: seen.stx_gid,
            mode: seen.stx_mode.into(),
            reserved: 0,
        },
    })
}

/// What lies at the end of a way without links, itself a link perhaps.
/// RESOLVE_CACHED (Linux 5.12) gives up where a file system would be asked.
fn look(root: &OwnedFd, way: &[Vec<u8>]) -> Option<(OwnedFd, Statx)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let within = ResolveFlags::IN_ROOT
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::CACHED;
    let place = openat2(root, joined(way), flags, Mode::empty(), within).ok()?;
    let as_known = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let wanted = StatxFlags::MNT_ID | StatxFlags::UID | StatxFlags::GID | StatxFlags::MODE;
    let seen = statx(&place, c"", as_known, wanted).ok()?;
    Some((place, seen))
}

fn components(name: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    name.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
}

fn joined(way: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = vec![b'/'];
    joined.extend(way.join(&b'/'));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    fn at(name: &Path) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt as _;
        let name = name.as_os_str().as_encoded_bytes();
        let found = directory_of(std::process::id(), name, |_| true)?;
        assert_eq!(found.owner.mode & 0o170_000, 0o040_000);
        assert_ne!(found.mount_id, 0);
        Some(std::ffi::OsString::from_vec(found.directory).into())
    }

    #[test]
    fn links_lead_to_their_directories() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("a/b")).unwrap();
        symlink(top.join("a"), top.join("absolute")).unwrap();
        symlink("../a/./b", top.join("a/relative")).unwrap();
        symlink("turning", top.join("turning")).unwrap();
        // What is no mount of its own here may be told by the root's number alone.
        let on_root = at(&top.join("absolute/new"));
        if on_root.is_none() {
            assert_ne!(at(&top.join("new")), None);
            return;
        }
        assert_eq!(on_root, Some(top.join("a")));
        assert_eq!(
            at(&top.join("absolute/relative/new")),
            Some(top.join("a/b"))
        );
        assert_eq!(at(&top.join("turning/new")), None);
        let unread = |_| false;
        let name = top.join("absolute/new");
        let name = name.as_os_str().as_encoded_bytes();
        assert_eq!(directory_of(std::process::id(), name, unread), None);
    }

    #[test]
    fn a_plain_way_is_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        assert_eq!(at(&top.join("new")), Some(top));
        assert_eq!(at(Path::new("/new")), Some("/".into()));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for name in ["/nonexistent/x", "relative", "", "/dev/null/x/y"] {
            assert_eq!(at(Path::new(name)), None, "{name}");
        }
        assert_eq!(directory_of(u32::MAX, b"/etc/x", |_| true), None);
    }
}
