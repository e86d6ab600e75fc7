//! The first write of a counter, as far as a row needs it.
//!
//! In: a record, and what the mount table and a look at the directory told of
//! the place. Out: [`Told`]. Invariant: an id of the container is never guessed
//! from the host's. Lacks on purpose: the counts.

use std::sync::Arc;

use sealwatch_ebpf::wire::Ownership;

use super::row::{Destination, Ids, Owned};
use crate::decode::Written;
use crate::denial::{ContainerPath, escape};
use crate::mounts::Mount;

/// `inode.i_mode` without the type.
const PERMISSIONS: u32 = 0o7777;

/// Where a name really led, which a symbolic link on it may hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Real {
    /// The path, without links.
    pub path: ContainerPath,
    /// Whose its directory is.
    pub owner: Ownership,
}

/// What is known of a write beside its counter.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where.
    pub path: ContainerPath,
    /// On what.
    pub destination: Destination,
    /// By whom.
    pub writer: Ids,
    /// By which command, escaped.
    pub command: String,
    /// Whose the directories on the path are, by their depth; the root's is 0.
    owners: Vec<(usize, Owned)>,
}

impl Told {
    /// Of a record; `mount` is where it went, `real` where its name led.
    pub fn of(written: Written, mount: Option<Arc<Mount>>, real: Option<Real>) -> Told {
        let ids = |uid, gid| Ids {
            uid,
            gid,
            uid_in_container: written.uid_map.inside(uid).id(),
            gid_in_container: written.gid_map.inside(gid).id(),
        };
        let owned = |depth: usize, owner: &Ownership| {
            let by = ids(owner.uid, owner.gid);
            let mode = owner.mode & PERMISSIONS;
            // Every inode has a type, so zero says that nothing was read.
            (owner.mode != 0).then_some((depth, Owned { by, mode }))
        };
        let owners = match &real {
            Some(real) => owned(depth(&real.path).saturating_sub(1), &real.owner)
                .into_iter()
                .collect(),
            None => {
                let owners = written.owners.iter().enumerate();
                owners
                    .filter_map(|(depth, owner)| owned(depth, owner))
                    .collect()
            }
        };
        Told {
            destination: Destination::of(mount.as_deref(), written.fs_magic),
            writer: ids(written.uid, written.gid),
            command: escape(&written.comm),
            owners,
            path: real.map_or(written.path, |real| real.path),
        }
    }

    /// Whose the write root is that the path lies under.
    pub(super) fn owner_of(&self, write_root: &str) -> Option<Owned> {
        let components = write_root.split('/').filter(|name| !name.is_empty());
        self.owner_at(components.count())
    }

    /// Whose the directory is in which it was written.
    pub(super) fn directory_owner(&self) -> Option<Owned> {
        self.owner_at(depth(&self.path).checked_sub(1)?)
    }

    fn owner_at(&self, depth: usize) -> Option<Owned> {
        let found = self.owners.iter().find(|(at, _)| *at == depth);
        found.map(|(_, owned)| *owned)
    }
}

/// Components of a clean path; none of the root.
fn depth(path: &ContainerPath) -> usize {
    let names = path.bytes.split(|byte| *byte == b'/');
    names.filter(|name| !name.is_empty()).count()
}
