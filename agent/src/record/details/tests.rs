//! What was seen is there, and nothing else.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::denial::{
    Backend, Cause, CgroupId, ContainerPath, Errno, Evidence, Extent, Hook, IdMap, LsmDetail,
    Operation, Owner, PathKey, Resolution, Unresolved, Verdict,
};
use crate::remedy::MountKind;

fn sample() -> Explained {
    Explained {
        denial: Denial {
            cgroup: CgroupId(1),
            path_key: PathKey(1),
            time_ns: 1,
            operation: Operation::Create,
            errno: Errno::Eacces,
            signals: 0,
            lsm: None,
            backend: Backend::Fexit,
            hook: Hook::Open,
            path: ContainerPath {
                bytes: b"/data/x".to_vec(),
                resolution: Resolution::Absolute,
            },
            pid: 1,
            tid: 1,
            uid: 100_000,
            gid: 100_000,
            mount_namespace: 1,
            comm: b"app".to_vec(),
            evidence: Evidence::default(),
            open_flags: 0,
            credentials: None,
            lsm_detail: LsmDetail::default(),
        },
        owner: Owner::Unknown(Unresolved::CgroupUnseen),
        verdict: Verdict {
            cause: Cause::Unknown,
            evidence: String::new(),
            remedy: None,
        },
        write_root: "/data".into(),
        mount: None,
        time: std::time::UNIX_EPOCH,
    }
}

fn json_of(sample: &Explained) -> Value {
    serde_json::to_value(Details::of(sample)).unwrap()
}

#[test]
fn what_was_not_seen_is_left_out() {
    assert_eq!(
        json_of(&sample()),
        json!({"task": {"uid": 100_000, "gid": 100_000}})
    );
}

#[test]
fn what_was_seen_is_told_in_the_containers_ids_too() {
    let mut sample = sample();
    let map = |outside| {
        IdMap::Extents(vec![Extent {
            inside: 0,
            outside,
            count: 10,
        }])
    };
    let denial = &mut sample.denial;
    denial.credentials = Some(Credentials {
        capabilities: 0b10,
        groups: vec![100_003],
        groups_len: 1,
        user_namespace: 77,
        uid_map: map(100_000),
        gid_map: map(100_000),
    });
    denial.evidence = Evidence {
        inode: 12,
        inode_uid: 0,
        inode_gid: 100_001,
        inode_mode: 0o41_777,
        inode_flags: 0xc,
        fs_magic: 0xef53,
        device: 8 << 20 | 1,
        mount_flags: 0x47,
        mount_id: 99,
        super_flags: 0,
        capability: 2,
    };
    denial.lsm = Some(Lsm::Apparmor);
    denial.lsm_detail.subject = b"docker\ndefault".to_vec();
    denial.lsm_detail.requested = 2;
    sample.mount = Some(Arc::new(Mount {
        id: 99,
        device: 8 << 20 | 1,
        kind: MountKind::Volume,
        target: "/data".to_owned(),
        file_system: "ext4".to_owned(),
        root: "/v".to_owned(),
        options: "rw".to_owned(),
        bytes_max: None,
        inodes_max: None,
    }));
    assert_eq!(
        json_of(&sample),
        json!({
            "file": {
                "uid": 0, "gid": 100_001, "gid_in_container": 1, "mode": "1777",
                "type": "directory", "inode": 12, "flags": ["append", "immutable"],
                "file_system": "ext4", "device": "8:1",
            },
            "mount": {
                "id": 99, "flags": ["ro", "nosuid", "nodev", "noexec"], "kind": "volume",
                "target": "/data", "root": "/v", "options": "rw",
            },
            "task": {
                "uid": 100_000, "gid": 100_000, "uid_in_container": 0, "gid_in_container": 0,
                "groups": [100_003], "groups_len": 1, "capabilities": ["CAP_DAC_OVERRIDE"],
                "user_namespace": 77,
            },
            "lsm": {"name": "apparmor", "profile": "docker\\x0adefault", "requested": "w"},
            "capability": "CAP_DAC_OVERRIDE",
        })
    );
}
