//! Every kind of evidence has its one verdict.

use super::*;

fn ask(operation: Operation, errno: Errno, signals: u16, evidence: Option<&Evidence>) -> Cause {
    let sample = evidence.map(|evidence| Sampled {
        evidence,
        uid: 1,
        gid: 1,
        write_root: "/d",
    });
    classify(&Question {
        operation,
        errno,
        signals,
        lsm: None,
        sample,
    })
    .cause
}

#[test]
fn signals_decide_without_a_sample() {
    use Signals as S;
    for (errno, signals, cause) in [
        (Errno::Erofs, S::READ_ONLY_MOUNT, Cause::ReadOnlyMount),
        (
            Errno::Erofs,
            S::READ_ONLY_SUPERBLOCK,
            Cause::ReadOnlySuperblock,
        ),
        (
            Errno::Erofs,
            S::READ_ONLY_MOUNT | S::READ_ONLY_SUPERBLOCK,
            Cause::ReadOnlyMount,
        ),
        (Errno::Erofs, S::INODE_CAPABILITY, Cause::Unknown),
        (Errno::Erofs, 0, Cause::Unknown),
        (Errno::Eacces, S::INODE_CAPABILITY, Cause::ModeBits),
        (Errno::Eperm, S::INODE_CAPABILITY, Cause::ModeBits),
        (Errno::Eperm, S::INODE_OWNER, Cause::Ownership),
        (Errno::Eacces, S::INODE_OWNER, Cause::Unknown),
        (Errno::Eacces, S::READ_ONLY_MOUNT, Cause::Unknown),
        (Errno::Eacces, S::SECURITY | S::INODE_CAPABILITY, Cause::Lsm),
        (Errno::Edquot, 0, Cause::Quota),
        (Errno::Enospc, u16::MAX, Cause::Unknown),
    ] {
        assert_eq!(
            ask(Operation::Write, errno, signals, None),
            cause,
            "{errno:?} {signals:#x}"
        );
    }
}

#[test]
fn a_full_tmpfs_is_told_from_a_full_disk_by_the_sample_alone() {
    let on = |fs_magic| Evidence {
        fs_magic,
        ..Evidence::default()
    };
    let tmpfs = on(TMPFS_MAGIC);
    for (operation, evidence, cause) in [
        (Operation::Write, tmpfs, Cause::TmpfsFullBytes),
        (Operation::Fallocate, tmpfs, Cause::TmpfsFullBytes),
        (Operation::Create, tmpfs, Cause::TmpfsFullInodes),
        (Operation::Symlink, tmpfs, Cause::Unknown),
        (Operation::Write, on(0xef53), Cause::DiskFull),
        (Operation::Create, on(0x794c_7630), Cause::Unknown),
        (Operation::Write, on(0), Cause::Unknown),
    ] {
        assert_eq!(
            ask(operation, Errno::Enospc, 0, Some(&evidence)),
            cause,
            "{operation:?}"
        );
    }
}

#[test]
fn every_input_has_one_verdict_and_a_known_cause_has_evidence() {
    let evidence = Evidence {
        fs_magic: TMPFS_MAGIC,
        super_flags: SB_RDONLY,
        mount_flags: MNT_READONLY,
        inode_mode: 0o100_644,
        ..Evidence::default()
    };
    for operation in Operation::ALL {
        for errno in Errno::ALL {
            for signals in 0..64 {
                let sample = Some(Sampled {
                    evidence: &evidence,
                    uid: 1,
                    gid: 2,
                    write_root: "/data",
                });
                let question = Question {
                    operation: *operation,
                    errno,
                    signals,
                    lsm: None,
                    sample,
                };
                let verdict = classify(&question);
                assert_eq!(verdict.cause == Cause::Unknown, verdict.evidence.is_empty());
                // A signal is stronger than evidence: a sample never contradicts its counter.
                let of_key = classify(&Question {
                    sample: None,
                    ..question
                })
                .cause;
                assert!(of_key == Cause::Unknown || of_key == verdict.cause);
            }
        }
    }
}

#[test]
fn the_remedy_names_the_write_root_where_there_is_one() {
    let evidence = Evidence::default();
    let ask = |write_root| {
        let sample = Some(Sampled {
            evidence: &evidence,
            uid: 0,
            gid: 0,
            write_root,
        });
        classify(&Question {
            operation: Operation::Create,
            errno: Errno::Erofs,
            signals: Signals::READ_ONLY_MOUNT,
            lsm: None,
            sample,
        })
        .remedy
    };
    assert!(ask("/var/run").is_some_and(|remedy| remedy.sentence.contains("at /var/run")));
    assert_eq!(ask("/"), None);
    assert_eq!(ask("_unresolved"), None);
}
