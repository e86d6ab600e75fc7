//! The mounts of the namespaces in which something was refused lately.
//!
//! In: texts that were read, CLOCK_MONOTONIC nanoseconds. Out: a mount by its
//! id, and whether a text is worth reading. Invariant: bounded in namespaces,
//! and in readings per second however many namespaces and mounts there are.
//! Lacks on purpose: reading.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Mount, parse};
use crate::denial::CgroupId;

/// Most namespaces that are known at once; the one read first gives way.
pub const NAMESPACES_MAX: usize = 256;
/// How long a namespace's text stands, since mounts and their options change.
pub const REREAD_NS: u64 = 10_000_000_000;
/// Least time between two readings of one namespace.
pub const RETRY_NS: u64 = 1_000_000_000;
/// Most readings a second, of all namespaces together.
pub const READS_PER_SECOND_MAX: u32 = 64;

const SECOND_NS: u64 = 1_000_000_000;

/// Whose view of the mounts. A namespace's number is used again, by another
/// container as a rule; a control group's is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Of the task.
    pub cgroup: CgroupId,
    /// Of the task.
    pub namespace: u32,
}

#[derive(Debug)]
struct Namespace {
    mounts: HashMap<u32, Arc<Mount>>,
    read_ns: u64,
}

/// What is known, by mount namespace.
#[derive(Debug, Default)]
pub struct MountTables {
    namespaces: HashMap<View, Namespace>,
    /// The second in which `reads` were made.
    second: u64,
    reads: u32,
}

impl MountTables {
    /// Is the text of a namespace worth reading, for this mount, or for any
    /// where its id is 0? Counts the
    /// reading that follows; [`MountTables::take_in`] gives its result.
    pub fn wants(&mut self, view: View, mount_id: u32, now_ns: u64) -> bool {
        if let Some(known) = self.namespaces.get(&view) {
            let age = now_ns.saturating_sub(known.read_ns);
            let least = match mount_id == 0 || known.mounts.contains_key(&mount_id) {
                true => REREAD_NS,
                false => RETRY_NS,
            };
            if age < least {
                return false;
            }
        }
        if now_ns / SECOND_NS != self.second {
            self.second = now_ns / SECOND_NS;
            self.reads = 0;
        }
        self.reads += 1;
        self.reads <= READS_PER_SECOND_MAX
    }

    /// Takes in the text of a namespace; none where all its tasks are gone, after
    /// which what was known of it stands.
    pub fn take_in(&mut self, view: View, text: Option<&[u8]>, now_ns: u64) {
        if !self.namespaces.contains_key(&view) && self.namespaces.len() >= NAMESPACES_MAX {
            let oldest = self
                .namespaces
                .iter()
                .min_by_key(|(_, known)| known.read_ns)
                .map(|(view, _)| *view);
            if let Some(oldest) = oldest {
                self.namespaces.remove(&oldest);
            }
        }
        let known = self.namespaces.entry(view).or_insert_with(|| Namespace {
            mounts: HashMap::new(),
            read_ns: now_ns,
        });
        known.read_ns = now_ns;
        if let Some(text) = text {
            let mounts = parse(text).into_iter();
            known.mounts = mounts.map(|mount| (mount.id, Arc::new(mount))).collect();
        }
    }

    /// The innermost mount of a file system that a path, escaped, lies on by its name.
    pub fn of_path(&self, view: View, device: u32, path: &str) -> Option<Arc<Mount>> {
        let mounts = self.namespaces.get(&view)?.mounts.values();
        let holding = mounts.filter(|mount| mount.device == device && mount.holds(path));
        let innermost = holding.max_by_key(|mount| (mount.target.len(), mount.id));
        innermost.cloned()
    }

    /// The innermost mount that a path, escaped, lies on by its name alone.
    pub fn holding(&self, view: View, path: &str) -> Option<Arc<Mount>> {
        let mounts = self.namespaces.get(&view)?.mounts.values();
        let holding = mounts.filter(|mount| mount.holds(path));
        let innermost = holding.max_by_key(|mount| (mount.target.len(), mount.id));
        innermost.cloned()
    }

    /// A mount of a namespace, where it is known.
    pub fn mount(&self, view: View, mount_id: u32) -> Option<Arc<Mount>> {
        self.namespaces.get(&view)?.mounts.get(&mount_id).cloned()
    }
}
