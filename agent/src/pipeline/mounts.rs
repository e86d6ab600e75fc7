//! A task's mounts, read while somebody who has the same is there.
//!
//! In: a refusal's process id and mount namespace, its container's control group.
//! Out: the mount of its file, from `/proc/PID/mountinfo`. Invariant: a bounded
//! reading of memory that the kernel makes up, which waits for no file system of
//! the container; nothing is told of a process in another namespace. Lacks on
//! purpose: understanding the text.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Now, place};
use crate::classify::MountSeen;
use crate::decode::Written;
use crate::denial::{CgroupId, ContainerPath, Denial, Resolution};
use crate::inventory::Real;
use crate::mountinfo::process;
use crate::mounts::{Mount, MountTables, View};
use crate::remedy;
use crate::tmpfs::answers_by_itself;

/// What is known of the mounts, and where to look for more.
#[derive(Debug)]
pub(super) struct Mounts {
    tables: MountTables,
    /// Where the hierarchy of the control groups is mounted, if in sight.
    groups: Option<PathBuf>,
}

impl Mounts {
    pub(super) fn new(groups: Option<PathBuf>) -> Self {
        Mounts {
            tables: MountTables::default(),
            groups,
        }
    }

    /// The mount that a refusal's file lies on. A task's table is read now or never:
    /// a short-lived one is gone before its container has a name. `home` is the
    /// own group of the task's container.
    pub(super) fn of(
        &mut self,
        denial: &Denial,
        home: Option<&[u8]>,
        now: Now,
    ) -> Option<Arc<Mount>> {
        let (namespace, id) = (denial.mount_namespace, denial.evidence.mount_id);
        let device = denial.evidence.device;
        if id == 0 && (device == 0 || denial.path.resolution != Resolution::Absolute) {
            return None;
        }
        let view = View {
            cgroup: denial.cgroup,
            namespace,
        };
        self.refresh(view, id, denial.pid, home, now);
        match id {
            // The test of mode bits is not told the mount. The path's name and the file
            // system together tell it, but for a link between mounts of one file system.
            0 => self.tables.of_path(view, device, &denial.path.to_string()),
            id => self.tables.mount(view, id),
        }
    }

    /// The mount that a successful write went to, and where its name really led. A
    /// call that names its file from elsewhere does not tell the mount. Where it
    /// cannot be looked up any more, the name does, but for links on its way.
    pub(super) fn of_written(
        &mut self,
        written: &Written,
        home: Option<&[u8]>,
        now: Now,
    ) -> (Option<Arc<Mount>>, Option<Real>) {
        let (key, namespace) = (&written.key, written.mount_namespace);
        let view = View {
            cgroup: CgroupId(key.cgroup),
            namespace,
        };
        let absolute = written.path.resolution == Resolution::Absolute;
        self.refresh(view, key.mount_id, written.pid, home, now);
        let real = match key.mount_id {
            0 if absolute => self.look_up(view, written, home),
            _ => None,
        };
        let id = real.as_ref().map_or(key.mount_id, |(id, _)| *id);
        let mount = match id {
            0 if !absolute => None,
            0 => self.tables.holding(view, &written.path.to_string()),
            id => self.tables.mount(view, id),
        };
        (mount, real.map(|(_, real)| real))
    }

    /// Where the directory of a name is, with the number of its mount.
    fn look_up(&self, view: View, written: &Written, home: Option<&[u8]>) -> Option<(u32, Real)> {
        let mut task = written.pid;
        if !is_in(task, view.namespace) {
            task = process::of_group(&process::below(self.groups.as_deref()?, home?))?;
        }
        let name = &written.path.bytes;
        let answers = |root| {
            let mount = self.tables.mount(view, root);
            mount.is_some_and(|mount| answers_by_itself(&mount.file_system))
        };
        let found = place::directory_of(task, name, answers)?;
        if !is_in(task, view.namespace) {
            return None;
        }
        let last = name.iter().rposition(|byte| *byte == b'/')?;
        let mut bytes = found.directory;
        if bytes == b"/" {
            bytes.clear();
        }
        bytes.extend_from_slice(&name[last..]);
        let path = ContainerPath {
            bytes,
            resolution: Resolution::Absolute,
        };
        let owner = found.owner;
        Some((found.mount_id, Real { path, owner }))
    }

    /// Reads a view's table where that is worth it.
    fn refresh(&mut self, view: View, id: u32, pid: u32, home: Option<&[u8]>, now: Now) {
        if !self.tables.wants(view, id, now.monotonic_ns) {
            return;
        }
        let home = self.groups.as_deref().zip(home);
        let text = read(pid, view.namespace).or_else(|| {
            let (groups, home) = home?;
            let task = process::of_group(&process::below(groups, home))?;
            read(task, view.namespace)
        });
        self.tables.take_in(view, text.as_deref(), now.monotonic_ns);
    }
}

/// As the classification takes it.
pub(super) fn seen(mount: &Mount) -> MountSeen<'_> {
    MountSeen {
        mount: remedy::Mount {
            kind: mount.kind,
            target: &mount.target,
        },
        bytes_max: mount.bytes_max,
        inodes_max: mount.inodes_max,
    }
}

/// The text, where the process is still there and in that namespace.
fn read(pid: u32, namespace: u32) -> Option<Vec<u8>> {
    // A process that left the namespace while its table was read, or another one
    // under its number, tells another number.
    let (text, _) = process::mount_table(pid).ok()?;
    is_in(pid, namespace).then_some(text)
}

fn is_in(pid: u32, namespace: u32) -> bool {
    process::mount_namespace(pid).is_ok_and(|inode| inode == u64::from(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::parse;
    use crate::remedy::MountKind;

    #[test]
    fn this_process_has_a_root_and_no_other_namespace() {
        let own = process::mount_namespace(std::process::id()).unwrap() as u32;
        let mounts = parse(&read(std::process::id(), own).unwrap());
        assert!(mounts.iter().any(|mount| mount.kind == MountKind::Root));
        assert!(mounts.iter().any(|mount| mount.kind == MountKind::Kernel));
        assert_eq!(read(std::process::id(), own + 1), None);
        assert_eq!(read(u32::MAX, own), None);
    }
}
