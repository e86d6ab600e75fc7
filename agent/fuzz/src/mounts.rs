//! Texts of the kernel in which a container chooses words: mount tables and paths
//! of control groups.
//!
//! In: the texts, as the kernel would show them. Out: nothing; a broken promise
//! panics.

use std::sync::Arc;

use sealwatch::denial::{CgroupId, Container, Owner, Runtime};
use sealwatch::identity::cgroup::{NEST_MAX, Parsed, parse};
use sealwatch::identity::{Identity, Limits};
use sealwatch::mountinfo;
use sealwatch::mounts::{self, MountTables, View};
use sealwatch::posture::{self, Facts, HostMounts, Unknown, table};
use sealwatch::tmpfs::{self, HostTmpfs, owned};

use super::show::is_one_line;

/// The host's table and a container's, apart by a zero.
pub fn mountinfo(bytes: &[u8]) {
    let mut texts = bytes.splitn(2, |byte| *byte == 0);
    let text = texts.next().unwrap_or_default();
    let host = mountinfo::parse(texts.next().unwrap_or_default());
    let rows = mountinfo::parse(text);

    for mount in mounts::parse(text) {
        for shown in [
            &mount.target,
            &mount.root,
            &mount.options,
            &mount.file_system,
        ] {
            is_one_line("a mount", shown);
        }
    }
    let mut tables = MountTables::default();
    let view = View {
        cgroup: CgroupId(1),
        namespace: 1,
    };
    if tables.wants(view, 0, 0) {
        tables.take_in(view, Some(text), 0);
    }
    for row in &rows {
        let path = String::from_utf8_lossy(&row.target);
        let device = row.device.encoded().unwrap_or_default();
        tables.of_path(view, device, &path);
        tables.holding(view, &path);
    }

    for cut in [false, true] {
        let facts = Arc::new(Facts {
            table: table(&rows, &HostMounts::of(&host), cut),
            user: Err(Unknown::NoProcess),
        });
        if let Ok(table) = &facts.table {
            for kind in [&table.writable, &table.sockets] {
                assert!(kind.len() <= posture::MOUNTS_MAX);
                kind.iter()
                    .for_each(|seen| is_one_line("a mount", &seen.target));
            }
        }
        let container = Container {
            read_only_root: Some(cut),
            ..Container::unnamed("0123456789ab", Runtime::Docker)
        };
        for finding in &posture::judge(&facts, &Arc::new(container)).findings {
            is_one_line("a finding", &format!("{finding:?}"));
        }
    }
    let tmpfs = owned(&rows, &HostTmpfs::of(&host));
    assert!(tmpfs.mounts.len() <= tmpfs::MOUNTS_MAX);
}

/// Paths of control groups, one on each line, in the order of their births.
pub fn cgroup_path(bytes: &[u8]) {
    let limits = Limits {
        cgroups: 16,
        containers: 8,
        ..Limits::default()
    };
    let mut identity = Identity::new(limits);
    let paths: Vec<_> = bytes.split(|byte| *byte == b'\n').take(32).collect();
    for (id, path) in (1..).zip(&paths) {
        judge(path);
        identity.cgroup_created(CgroupId(id), path, id);
    }
    let tracked = identity.tracked();
    assert!(tracked.cgroups <= limits.cgroups && tracked.containers <= limits.containers);
    for id in 1..=paths.len() as u64 {
        if let Owner::Container(container) = identity.owner(CgroupId(id)) {
            assert!(identity.container(&container.id).is_some());
        }
        identity.cgroup_removed(CgroupId(id), 100);
    }
    identity.expire(u64::MAX / 2);
    assert_eq!(identity.tracked().containers, 0, "the dead do not stay");
}

fn judge(path: &[u8]) {
    let Parsed::Container(nest) = parse(path) else {
        return;
    };
    assert!((1..=NEST_MAX).contains(&nest.levels.len()));
    assert!(nest.levels.is_sorted_by(|a, b| a.group_len < b.group_len));
    for (depth, level) in nest.levels.iter().enumerate() {
        is_one_line("an id", &level.id);
        // The path of the container's own group says the same of it.
        let Parsed::Container(own) = parse(&path[..level.group_len]) else {
            panic!("{level:?} is not at its own path");
        };
        assert_eq!(own.levels, nest.levels[..=depth]);
        assert!(!own.child);
    }
}
