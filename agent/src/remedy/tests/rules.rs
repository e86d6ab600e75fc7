//! Each rule, with the words it must have and the changes to copy.

use super::*;

#[test]
fn a_tmpfs_in_three_dialects() {
    let advice = about(
        Cause::ReadOnlyMount,
        Operation::Create,
        "/var/run",
        "/var/run/app.pid",
    );
    let docker = advise(&advice).unwrap();
    assert_eq!(
        docker.sentence,
        "mount a tmpfs at /var/run: what is written there may be lost with the container"
    );
    assert_eq!(
        text(&docker, Target::Docker),
        ["--tmpfs /var/run:rw,nosuid,nodev,noexec,size=16m"]
    );
    assert_eq!(
        text(&docker, Target::Compose),
        ["tmpfs:\n  - \"/var/run:rw,nosuid,nodev,noexec,size=16m\""]
    );
    let owned = Advice {
        task: Some((10001, 10002)),
        ..advice
    };
    assert_eq!(
        text(&advise(&owned).unwrap(), Target::Docker),
        ["--tmpfs /var/run:rw,nosuid,nodev,noexec,size=16m,uid=10001,gid=10002"]
    );
    let pod = Advice {
        kubernetes: true,
        container: "web",
        ..owned
    };
    let pod = advise(&pod).unwrap();
    assert_eq!(pod.changes.len(), 1);
    assert_eq!(
        pod.changes[0].text,
        "spec:\n  template:\n    spec:\n      containers:\n        - name: \"web\"\n          volumeMounts:\n            - name: var-run\n              mountPath: \"/var/run\"\n      volumes:\n        - name: var-run\n          emptyDir:\n            medium: Memory\n            sizeLimit: 16Mi"
    );
}

#[test]
fn data_gets_a_volume() {
    let advice = about(
        Cause::ReadOnlyMount,
        Operation::Mkdir,
        "/var/lib/app",
        "/var/lib/app/db",
    );
    let remedy = advise(&advice).unwrap();
    assert_eq!(
        text(&remedy, Target::Docker),
        ["--volume var-lib-app:/var/lib/app"]
    );
    let pod = advise(&Advice {
        kubernetes: true,
        ..advice
    })
    .unwrap();
    assert!(
        pod.changes[0].text.contains("claimName: var-lib-app"),
        "{pod:?}"
    );
    assert!(
        pod.changes[0].text.contains("name: \"CONTAINER\""),
        "{pod:?}"
    );
}

#[test]
fn what_is_mounted_decides_before_where() {
    use MountKind as K;
    for (kind, words) in [
        (K::Secret, "the secret at /var/run is always read-only"),
        (
            K::ConfigMap,
            "the config map at /var/run is always read-only",
        ),
        (K::Projected, "projected volume"),
        (K::HostPath, "directory of the host"),
        (K::Volume, "readOnly: true of this one mount"),
        (K::Tmpfs, "mounted read-only"),
        (K::Kernel, "--sysctl"),
        (K::Other, "mounted elsewhere"),
        (K::Root, "mount a tmpfs at /var/run"),
    ] {
        let advice = Advice {
            mount: on(kind, "/var/run"),
            ..about(
                Cause::ReadOnlyMount,
                Operation::Create,
                "/var/run",
                "/var/run/x",
            )
        };
        let remedy = advise(&advice).unwrap();
        check(&remedy);
        assert!(remedy.sentence.contains(words), "{}", remedy.sentence);
        assert_eq!(remedy.changes.is_empty(), kind != K::Root, "{kind:?}");
    }
}

#[test]
fn the_wrong_user_of_a_volume_hears_of_both() {
    let advice = Advice {
        mount: on(MountKind::Volume, "/data"),
        file_owner: Some((0, 0)),
        file_mode: Some(0o040_755),
        task: Some((10001, 10001)),
        ..about(Cause::ModeBits, Operation::Create, "/data", "/data/x")
    };
    let docker = advise(&advice).unwrap();
    check(&docker);
    assert!(docker.sentence.starts_with("the directory at or above /data/x belongs to 0:0 with mode 755 and the process runs as 10001:10001: chown -R 10001:10001 "), "{docker:?}");
    assert!(
        docker.changes.is_empty(),
        "root owns it, and nobody should become root"
    );
    let pod = advise(&Advice {
        kubernetes: true,
        ..advice
    })
    .unwrap();
    check(&pod);
    assert!(pod.sentence.contains("fsGroup: 10001"), "{pod:?}");
    assert!(pod.changes[0].text.contains("fsGroup: 10001"), "{pod:?}");
    assert_eq!(pod.changes.len(), 1);
    let owned = Advice {
        file_owner: Some((999, 998)),
        ..advice
    };
    assert_eq!(
        text(&advise(&owned).unwrap(), Target::Docker),
        ["--user 999:998"]
    );
    let pod = advise(&Advice {
        kubernetes: true,
        ..owned
    })
    .unwrap();
    check(&pod);
    assert!(
        pod.changes[1]
            .text
            .contains("runAsUser: 999\n        runAsGroup: 998"),
        "{pod:?}"
    );
    let tmpfs = Advice {
        mount: on(MountKind::Tmpfs, "/data"),
        ..advice
    };
    assert_eq!(
        text(&advise(&tmpfs).unwrap(), Target::Docker),
        ["--tmpfs /data:rw,nosuid,nodev,noexec,uid=10001,gid=10001"]
    );
    let host = Advice {
        mount: on(MountKind::HostPath, "/data"),
        kubernetes: true,
        ..advice
    };
    assert!(
        advise(&host)
            .unwrap()
            .sentence
            .contains("fsGroup leaves a hostPath alone")
    );
    let image = Advice {
        mount: on(MountKind::Root, "/"),
        ..advice
    };
    assert!(
        advise(&image)
            .unwrap()
            .sentence
            .contains("COPY --chown=10001:10001")
    );
    let own = Advice {
        file_owner: Some((10001, 0)),
        file_mode: Some(0o100_444),
        ..advice
    };
    assert!(advise(&own).unwrap().sentence.contains("chmod u+rw"));
    let nobody = Advice {
        file_owner: Some((65534, 65534)),
        ..advice
    };
    assert!(advise(&nobody).unwrap().sentence.contains("does not map"));
}

#[test]
fn rules_of_owners_come_first() {
    for (operation, words) in [
        (Operation::Chown, "only root gives files away"),
        (Operation::Unlink, "is sticky"),
        (Operation::Rename, "is sticky"),
        (Operation::Utime, "only the owner may do this"),
    ] {
        let advice = about(Cause::Ownership, operation, "/data", "/data/x");
        let remedy = advise(&advice).unwrap();
        check(&remedy);
        assert!(remedy.sentence.contains(words), "{}", remedy.sentence);
    }
    for (operation, words) in [
        (Operation::Open, "fs.protected_regular"),
        (Operation::Link, "fs.protected_hardlinks"),
    ] {
        let advice = Advice {
            protected: true,
            ..about(Cause::Ownership, operation, "/tmp", "/tmp/x")
        };
        let remedy = advise(&advice).unwrap();
        check(&remedy);
        assert!(remedy.sentence.contains(words), "{}", remedy.sentence);
    }
}

#[test]
fn a_full_tmpfs_gets_the_next_power_of_two() {
    let full = Advice {
        mount: on(MountKind::Tmpfs, "/tmp"),
        limit: Some(48 << 20),
        ..about(Cause::TmpfsFullBytes, Operation::Write, "/tmp", "/tmp/x")
    };
    let remedy = advise(&full).unwrap();
    assert!(remedy.sentence.contains("of 48 MiB"), "{remedy:?}");
    assert_eq!(
        text(&remedy, Target::Docker),
        ["--tmpfs /tmp:rw,nosuid,nodev,noexec,size=128m"]
    );
    for (limit, changes) in [
        (None, 0),
        (Some(u64::MAX), 0),
        (Some(3 << 40), 0),
        (Some(0), 2),
        (Some(4096), 2),
    ] {
        let remedy = advise(&Advice { limit, ..full }).unwrap();
        check(&remedy);
        assert_eq!(remedy.changes.len(), changes, "{limit:?}");
    }
    assert!(
        advise(&Advice {
            kubernetes: true,
            ..full
        })
        .unwrap()
        .changes
        .is_empty()
    );
    let shm = Advice {
        mount: on(MountKind::Tmpfs, "/dev/shm"),
        limit: Some(64 << 20),
        ..full
    };
    assert_eq!(
        text(&advise(&shm).unwrap(), Target::Docker),
        ["--shm-size 128m"]
    );
    check(&advise(&shm).unwrap());
    let inodes = Advice {
        limit: Some(1000),
        ..Advice {
            cause: Cause::TmpfsFullInodes,
            ..full
        }
    };
    assert_eq!(
        text(&advise(&inodes).unwrap(), Target::Docker),
        ["--tmpfs /tmp:rw,nosuid,nodev,noexec,nr_inodes=2048"]
    );
}

#[test]
fn unknown_stays_unknown() {
    assert_eq!(
        advise(&about(Cause::Unknown, Operation::Open, "/tmp", "/tmp/x")),
        None
    );
    assert_eq!(
        advise(&about(Cause::Lsm, Operation::Open, "/tmp", "/tmp/x")),
        None
    );
    let unresolved = about(
        Cause::ReadOnlyMount,
        Operation::Create,
        "_unresolved",
        "/data/x",
    );
    assert_eq!(advise(&unresolved), None);
    assert_eq!(
        advise(&about(Cause::ModeBits, Operation::Exec, "/app", "/app/x")),
        None
    );
}
