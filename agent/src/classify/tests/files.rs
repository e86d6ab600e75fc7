//! Mode bits, owners and capabilities.

use super::*;

#[test]
fn the_owner_decides_between_ownership_and_mode_bits() {
    use Operation::{Create, Exec, Open, Truncate, Unlink};
    for (operation, open_flags, evidence, cause, words) in [
        // uid 10001 in a volume of root's.
        (
            Create,
            0x41,
            file(0o40_755, 0, 0),
            Cause::Ownership,
            "class other lacks write, which the owner has",
        ),
        (
            Create,
            0x41,
            file(0o40_555, 0, 0),
            Cause::ModeBits,
            "class other lacks write;",
        ),
        (
            Create,
            0x41,
            file(0o40_555, 10_001, 0),
            Cause::ModeBits,
            "class owner lacks write",
        ),
        (
            Unlink,
            0,
            file(0o40_700, 0, 0),
            Cause::Ownership,
            "class other lacks execute, which the owner has",
        ),
        (
            Open,
            0,
            file(0o100_600, 0, 10_001),
            Cause::Ownership,
            "class group lacks read, which",
        ),
        (
            Open,
            1,
            file(0o100_444, 0, 0),
            Cause::ModeBits,
            "class other lacks write",
        ),
        (
            Open,
            2,
            file(0o100_644, 0, 0),
            Cause::Ownership,
            "class other lacks write",
        ),
        (
            Truncate,
            0,
            file(0o100_644, 0, 0),
            Cause::Ownership,
            "class other lacks write",
        ),
        (
            Exec,
            0,
            file(0o100_744, 0, 0),
            Cause::Ownership,
            "class other lacks execute",
        ),
        (
            Create,
            0x41,
            file(0o40_777, 0, 0),
            Cause::ModeBits,
            "access control list",
        ),
    ] {
        let mut denial = denied(operation, Errno::Eacces, S::INODE_CAPABILITY);
        denial.open_flags = open_flags;
        denial.evidence = evidence;
        let told = verdict(&denial);
        assert_eq!(told.cause, cause, "{operation:?} {evidence:?}");
        assert!(told.evidence.contains(words), "{words}: {}", told.evidence);
    }
}

#[test]
fn groups_count_and_those_not_carried_are_not_guessed() {
    let mut denial = denied(Operation::Create, Errno::Eacces, S::INODE_CAPABILITY);
    denial.evidence = file(0o40_750, 0, 77);
    denial.credentials = Some(task(0, &[5, 77]));
    assert!(
        verdict(&denial)
            .evidence
            .contains("groups 5, 77: class group lacks write, which the owner has")
    );
    // In the group it lacks `w`, outside it `x`; the owner has both.
    denial.credentials.as_mut().unwrap().groups = vec![5];
    let told = verdict(&denial);
    assert_eq!(told.cause, Cause::ModeBits);
    assert!(
        told.evidence.contains("groups that were not read"),
        "{told:?}"
    );
    denial.evidence.inode_mode = 0o40_755;
    let told = verdict(&denial);
    assert_eq!(told.cause, Cause::Ownership);
    assert!(
        told.evidence.contains("the task's class lacks write"),
        "{told:?}"
    );
}

#[test]
fn what_was_refused_before_another_capability_was_granted_is_no_cause() {
    // Root in most containers: CAP_DAC_OVERRIDE without CAP_DAC_READ_SEARCH.
    let mut denial = denied(Operation::Open, Errno::Eacces, S::INODE_CAPABILITY);
    denial.uid = 0;
    denial.credentials = Some(task(1 << 1, &[]));
    denial.evidence = file(0o40_700, 5, 5);
    denial.evidence.capability = 3;
    assert_eq!(verdict(&denial).cause, Cause::Unknown);
    denial.evidence.capability = 0;
    assert_eq!(verdict(&denial).cause, Cause::Unknown);
    // In a user namespace it does not reach ids that are not mapped.
    denial.evidence.capability = 2;
    denial.credentials.as_mut().unwrap().uid_map = extents(&[[0, 100_000, 65_536]]);
    denial.uid = 100_000;
    let told = verdict(&denial);
    assert_eq!(told.cause, Cause::Ownership);
    assert!(
        told.evidence
            .contains("belongs to uid 65534 (5 on the host, unmapped in the container)"),
        "{told:?}"
    );
    assert!(
        told.evidence
            .contains("the task has uid 0 (100000 on the host)"),
        "{told:?}"
    );
    assert!(told.evidence.contains("does not reach ids"), "{told:?}");
}

#[test]
fn an_owners_capabilities_are_ownership_and_others_are_named() {
    for (operation, number, cause, words) in [
        (Operation::Chown, 0, Cause::Capability, "CAP_CHOWN"),
        (Operation::Unlink, 3, Cause::Ownership, "sticky"),
        (Operation::Setxattr, 3, Cause::Ownership, "CAP_FOWNER"),
        (Operation::Chmod, 4, Cause::Unknown, ""),
        (Operation::Chmod, 1, Cause::Unknown, ""),
    ] {
        let mut denial = denied(operation, Errno::Eperm, S::INODE_CAPABILITY);
        denial.evidence = file(0o100_644, 0, 0);
        denial.evidence.capability = number + 1;
        let told = verdict(&denial);
        assert_eq!(told.cause, cause, "{number}");
        assert!(told.evidence.contains(words), "{}", told.evidence);
    }
    let mut denial = denied(Operation::Mknod, Errno::Eperm, S::CAPABILITY);
    denial.evidence.capability = 28;
    assert_eq!(verdict(&denial).evidence, "the task lacks CAP_MKNOD");
    denial.evidence.capability = 99;
    assert_eq!(verdict(&denial).evidence, "the task lacks capability 98");
}

#[test]
fn a_file_that_nobody_may_execute_needs_no_capabilitys_word() {
    let mut denial = denied(Operation::Exec, Errno::Eacces, 0);
    denial.evidence = file(0o100_644, 10_001, 0);
    denial.evidence.capability = 0;
    assert_eq!(verdict(&denial).cause, Cause::ModeBits);
    denial.evidence.inode_mode = 0o40_644;
    assert_eq!(verdict(&denial).cause, Cause::Unknown);
    denial.evidence.inode_mode = 0o100_654;
    assert_eq!(verdict(&denial).cause, Cause::Unknown);
}
