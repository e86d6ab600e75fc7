//! Every kind of evidence has its one verdict.

mod files;
mod told;

use std::collections::BTreeMap;

use sealwatch_ebpf::wire::Signals as S;

use super::rules::{MNT_READONLY, SB_RDONLY, TMPFS_MAGIC};
use super::*;
use crate::denial::{
    Backend, CgroupId, ContainerPath, Credentials, Evidence, Extent, Hook, IdMap, LsmDetail,
    PathKey, Resolution,
};

fn extents(extents: &[[u32; 3]]) -> IdMap {
    let extents = extents.iter().map(|[inside, outside, count]| Extent {
        inside: *inside,
        outside: *outside,
        count: *count,
    });
    IdMap::Extents(extents.collect())
}

fn task(capabilities: u64, groups: &[u32]) -> Credentials {
    Credentials {
        capabilities,
        groups: groups.to_vec(),
        groups_len: groups.len() as u32,
        user_namespace: 0xeffffffd,
        uid_map: extents(&[[0, 0, u32::MAX]]),
        gid_map: extents(&[[0, 0, u32::MAX]]),
    }
}

/// A task 10001:10001 without capabilities.
fn denied(operation: Operation, errno: Errno, signals: u16) -> Denial {
    Denial {
        cgroup: CgroupId(1),
        path_key: PathKey(2),
        time_ns: 3,
        operation,
        errno,
        signals,
        lsm: None,
        backend: Backend::Fexit,
        hook: Hook::Open,
        path: ContainerPath {
            bytes: b"/data/x".to_vec(),
            resolution: Resolution::Absolute,
        },
        pid: 4,
        tid: 4,
        uid: 10_001,
        gid: 10_001,
        mount_namespace: 5,
        comm: b"app".to_vec(),
        evidence: Evidence::default(),
        open_flags: 0,
        credentials: Some(task(0, &[])),
        lsm_detail: LsmDetail::default(),
    }
}

fn file(mode: u32, uid: u32, gid: u32) -> Evidence {
    Evidence {
        inode_mode: mode,
        inode_uid: uid,
        inode_gid: gid,
        capability: 2,
        ..Evidence::default()
    }
}

fn verdict(denial: &Denial) -> Verdict {
    classify(&Question::of_sample(Sampled {
        denial,
        container: None,
        write_root: "/data",
        mount: None,
    }))
}

fn of_key(denial: &Denial) -> Cause {
    classify(&Question {
        operation: denial.operation,
        errno: denial.errno,
        signals: denial.signals,
        lsm: denial.lsm,
        sample: None,
    })
    .cause
}

#[test]
fn signals_decide_without_a_sample() {
    use Cause as C;
    use Errno::{Eacces, Edquot, Enospc, Eperm, Erofs};
    use Operation::{Exec, Mmap, Open, Write};
    for (operation, errno, signals, cause) in [
        (Write, Erofs, S::READ_ONLY_MOUNT, C::ReadOnlyMount),
        (Write, Erofs, S::READ_ONLY_SUPERBLOCK, C::ReadOnlySuperblock),
        (
            Write,
            Erofs,
            S::READ_ONLY_MOUNT | S::READ_ONLY_SUPERBLOCK | S::ROOT_MOUNT,
            C::ReadOnlyMount,
        ),
        (Write, Erofs, S::INODE_CAPABILITY, C::Unknown),
        (Write, Erofs, 0, C::Unknown),
        // Whether the owner could is told by the sample.
        (Write, Eacces, S::INODE_CAPABILITY, C::Unknown),
        (Write, Eperm, S::INODE_CAPABILITY, C::Unknown),
        (
            Write,
            Eperm,
            S::INODE_CAPABILITY | S::CAPABILITY,
            C::Unknown,
        ),
        (Write, Eperm, S::INODE_OWNER, C::Ownership),
        (Write, Eacces, S::INODE_OWNER, C::Unknown),
        (Write, Eacces, S::READ_ONLY_MOUNT, C::Unknown),
        (Write, Eacces, S::SECURITY | S::INODE_CAPABILITY, C::Lsm),
        (Write, Edquot, 0, C::Quota),
        (Exec, Eacces, S::NOEXEC, C::NoexecMount),
        (Mmap, Eperm, S::NOEXEC, C::NoexecMount),
        (Write, Eacces, S::NOEXEC, C::Unknown),
        (Open, Eacces, S::NODEV, C::NodevMount),
        (Open, Eperm, S::NODEV, C::Unknown),
        (Open, Eacces, S::PROTECTED, C::Ownership),
        (
            Operation::Link,
            Eperm,
            S::PROTECTED | S::INODE_OWNER,
            C::Ownership,
        ),
        (
            Write,
            Eperm,
            S::IMMUTABLE | S::INODE_CAPABILITY,
            C::Immutable,
        ),
        (Write, Eacces, S::IMMUTABLE, C::Unknown),
        (Operation::Mknod, Eperm, S::CAPABILITY, C::Capability),
        (Write, Eacces, S::CAPABILITY, C::Unknown),
        (Write, Enospc, S::TMPFS_BYTES, C::TmpfsFullBytes),
        (Write, Enospc, S::TMPFS_INODES, C::TmpfsFullInodes),
        (Write, Enospc, S::DISK_FULL, C::DiskFull),
        (Write, Enospc, 0, C::Unknown),
        (Write, Erofs, S::SECCOMP, C::Seccomp),
        (
            Write,
            Eacces,
            S::SECCOMP | S::SECURITY | S::READ_ONLY_MOUNT,
            C::Seccomp,
        ),
    ] {
        assert_eq!(
            of_key(&denied(operation, errno, signals)),
            cause,
            "{operation:?} {errno:?} {signals:#x}"
        );
    }
}

#[test]
fn a_full_file_system_is_told_by_the_sample_where_no_signal_was_seen() {
    for (operation, fs_magic, cause) in [
        (Operation::Write, TMPFS_MAGIC, Cause::TmpfsFullBytes),
        (Operation::Fallocate, TMPFS_MAGIC, Cause::TmpfsFullBytes),
        (Operation::Create, TMPFS_MAGIC, Cause::TmpfsFullInodes),
        (Operation::Symlink, TMPFS_MAGIC, Cause::Unknown),
        (Operation::Write, 0xef53, Cause::DiskFull),
        (Operation::Create, 0x794c_7630, Cause::Unknown),
        (Operation::Write, 0, Cause::Unknown),
    ] {
        let mut denial = denied(operation, Errno::Enospc, 0);
        denial.evidence.fs_magic = fs_magic;
        assert_eq!(verdict(&denial).cause, cause, "{operation:?}");
    }
}

/// Evidence of many kinds, the contradictory ones included.
fn samples() -> Vec<Evidence> {
    let mut samples = vec![
        Evidence::default(),
        Evidence {
            fs_magic: TMPFS_MAGIC,
            super_flags: SB_RDONLY,
            mount_flags: MNT_READONLY,
            ..file(0o100_644, 0, 0)
        },
    ];
    for capability in [0, 1, 2, 3, 4, 5, 28, 99] {
        for mode in [0, 0o40_755, 0o41_777, 0o100_600, 0o100_444] {
            samples.push(Evidence {
                capability,
                ..file(mode, 0, 0)
            });
        }
    }
    samples
}

#[test]
fn every_input_has_one_verdict_and_a_known_cause_has_evidence() {
    let lsms: Vec<_> = std::iter::once(None)
        .chain(Lsm::ALL.iter().copied().map(Some))
        .collect();
    let samples = samples();
    let mut seen: BTreeMap<Cause, u64> = BTreeMap::new();
    // What more than four signals at once would decide, some of them decide already.
    let signals: Vec<u16> = (0..1 << 15)
        .filter(|signals: &u16| signals.count_ones() <= 4)
        .collect();
    let mut turn = 0;
    for operation in Operation::ALL {
        for (errno, signals) in Errno::ALL
            .into_iter()
            .flat_map(|errno| signals.iter().map(move |signals| (errno, *signals)))
        {
            let mut denial = denied(*operation, errno, signals);
            // Each combination meets another sample, task and module.
            turn += 1;
            denial.evidence = samples[turn % samples.len()];
            denial.lsm = lsms[turn / 7 % lsms.len()].filter(|_| turn % 3 == 0);
            denial.credentials = (turn % 5 != 0).then(|| task(turn as u64 / 11 % 4, &[]));
            let told = verdict(&denial);
            assert_eq!(
                told.cause == Cause::Unknown,
                told.evidence.is_empty(),
                "{denial:?}"
            );
            // A signal is stronger than evidence: a sample never contradicts its counter.
            let of_key = of_key(&denial);
            assert!(
                of_key == Cause::Unknown || of_key == told.cause,
                "{denial:?}"
            );
            *seen.entry(told.cause).or_default() += 1;
        }
    }
    // No cause is out of reach.
    assert_eq!(seen.len(), Cause::ALL.len(), "{seen:?}");
}
