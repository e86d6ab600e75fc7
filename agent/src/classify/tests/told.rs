//! What a verdict tells beside its cause.

use super::*;
use crate::denial::Runtime;
use crate::remedy::MountKind;

#[test]
fn a_module_that_is_known_is_the_cause_and_tells_what_it_knows() {
    let mut denial = denied(Operation::Create, Errno::Eacces, 0);
    denial.lsm = Some(Lsm::Apparmor);
    denial.lsm_detail.subject = b"docker-default".to_vec();
    denial.lsm_detail.requested = 0x12;
    let told = verdict(&denial);
    assert_eq!(told.cause, Cause::Lsm);
    assert_eq!(told.evidence, "AppArmor refused wc, profile docker-default");
    denial.lsm = Some(Lsm::Selinux);
    denial.lsm_detail = LsmDetail {
        subject: b"system_u:system_r:container_t:s0".to_vec(),
        object: b"system_u:object_r:user_home_t:s0".to_vec(),
        class: b"dir".to_vec(),
        requested: 0x1000_0004,
    };
    assert_eq!(
        verdict(&denial).evidence,
        "SELinux refused write 0x10000000 of class dir, \
         task system_u:system_r:container_t:s0, object system_u:object_r:user_home_t:s0"
    );
    denial.errno = Errno::Erofs;
    assert_eq!(verdict(&denial).cause, Cause::Unknown);
    denial.lsm = Some(Lsm::Bpf);
    assert_eq!(verdict(&denial).cause, Cause::Lsm);
    assert_eq!(of_key(&denial), Cause::Lsm);
}

#[test]
fn the_mount_is_named_where_its_table_was_read() {
    let denial = denied(Operation::Create, Errno::Erofs, S::READ_ONLY_MOUNT);
    let evidence = |kind, target| {
        let mount = Mount { kind, target };
        let seen = MountSeen {
            mount,
            bytes_max: None,
            inodes_max: None,
        };
        classify(&Question::of_sample(Sampled {
            denial: &denial,
            container: None,
            write_root: "/data",
            mount: Some(seen),
        }))
        .evidence
    };
    for (kind, words) in [
        (MountKind::Root, "the container's root has MNT_READONLY"),
        (MountKind::Volume, "the volume at /data has MNT_READONLY"),
        (MountKind::HostPath, "the host path at /data has"),
        (MountKind::Secret, "the Secret at /data has"),
        (MountKind::RuntimeFile, "the runtime's own /data has"),
    ] {
        assert!(evidence(kind, "/data").starts_with(words), "{words}");
    }
    let root = denied(
        Operation::Create,
        Errno::Erofs,
        S::READ_ONLY_MOUNT | S::ROOT_MOUNT,
    );
    assert_eq!(
        verdict(&root).evidence,
        "the container's root has MNT_READONLY"
    );
}

#[test]
fn the_remedy_is_asked_with_all_that_is_known() {
    let mut denial = denied(Operation::Create, Errno::Eacces, S::INODE_CAPABILITY);
    denial.evidence = file(0o40_755, 0, 0);
    denial.comm = b"ng\ninx".to_vec();
    let container = Container {
        pod: "web-1".to_owned(),
        image: "nginx:1".to_owned(),
        read_only_root: Some(true),
        ..Container::unnamed(&"a".repeat(64), Runtime::Containerd)
    };
    let sample = Sampled {
        denial: &denial,
        container: Some(&container),
        write_root: "/data",
        mount: None,
    };
    let question = Question::of_sample(sample);
    let asked = advice::with(Cause::Ownership, &question, &sample, |advice| {
        assert_eq!(advice.file_owner, Some((0, 0)));
        assert_eq!(advice.task, Some((10_001, 10_001)));
        assert_eq!(advice.file_mode, Some(0o40_755));
        assert_eq!((advice.write_root, advice.path), ("/data", "/data/x"));
        assert_eq!((advice.image, advice.comm), ("nginx:1", "ng\\x0ainx"));
        assert_eq!(advice.read_only_root, Some(true));
        assert!(advice.kubernetes && advice.mount.is_none());
        None
    });
    assert_eq!(asked, None);
}
