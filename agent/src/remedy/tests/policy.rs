//! Security modules and capabilities: the rule, label or capability, and no more.

use super::{
    super::knowledge::{CAPABILITIES, Need},
    *,
};

#[test]
fn apparmor_gets_the_rule_it_lacks() {
    let base = Advice {
        lsm: Some(Lsm::Apparmor),
        profile: "my-profile",
        ..about(Cause::Lsm, Operation::Create, "/data", "/data/audited")
    };
    for (requested, rule) in [
        (None, "  /data/** rw,"),
        (Some("c"), "  /data/** w,"),
        (Some("wrc"), "  /data/** rw,"),
        (Some("r"), "  /data/audited r,"),
        (Some("x"), "  /data/audited ix,"),
        (Some("a"), "  /data/audited a,"),
    ] {
        let remedy = advise(&Advice { requested, ..base }).unwrap();
        check(&remedy);
        assert_eq!(text(&remedy, Target::Apparmor), [rule]);
        assert_eq!(remedy.changes.len(), 1);
    }
    let built_in = Advice {
        profile: "docker-default",
        image: "registry:5000/a/web@sha256:1",
        ..base
    };
    let remedy = advise(&built_in).unwrap();
    check(&remedy);
    assert_eq!(
        text(&remedy, Target::Docker),
        ["--security-opt apparmor=custom-web"]
    );
    let pod = advise(&Advice {
        kubernetes: true,
        profile: "cri-containerd.apparmor.d",
        ..built_in
    })
    .unwrap();
    check(&pod);
    assert!(
        text(&pod, Target::Kubernetes)[0].contains("localhostProfile: \"custom-web\""),
        "{pod:?}"
    );
    for (operation, capability, rule) in [
        (
            Operation::Ptrace,
            None,
            Some("  ptrace (read, trace) peer=my-profile,"),
        ),
        (
            Operation::Signal,
            None,
            Some("  signal (send, receive) peer=my-profile,"),
        ),
        (
            Operation::Capability,
            Some("CAP_CHOWN"),
            Some("  capability chown,"),
        ),
        (Operation::Capability, Some("CAP_SYS_ADMIN"), None),
        (Operation::Mount, None, None),
    ] {
        let remedy = advise(&Advice {
            operation,
            capability,
            ..base
        })
        .unwrap();
        check(&remedy);
        assert_eq!(text(&remedy, Target::Apparmor), Vec::from_iter(rule));
    }
}

#[test]
fn selinux_gets_a_label_or_a_boolean() {
    let base = Advice {
        lsm: Some(Lsm::Selinux),
        subject: "system_u:system_r:container_t:s0:c1,c2",
        object: "unconfined_u:object_r:user_home_t:s0",
        class: "file",
        mount: on(MountKind::HostPath, "/data"),
        ..about(Cause::Lsm, Operation::Open, "/data", "/data/x")
    };
    let remedy = advise(&base).unwrap();
    check(&remedy);
    assert!(
        remedy
            .sentence
            .starts_with("SELinux keeps container_t from user_home_t: label the volume at /data"),
        "{remedy:?}"
    );
    assert_eq!(text(&remedy, Target::Docker), ["--volume SOURCE:/data:Z"]);
    assert_eq!(
        text(&remedy, Target::Selinux)[0],
        "chcon -R -t container_file_t SOURCE"
    );
    let shared = Advice {
        object: "system_u:object_r:container_file_t:s0:c3,c4",
        ..base
    };
    assert_eq!(
        text(&advise(&shared).unwrap(), Target::Docker),
        ["--volume SOURCE:/data:z"]
    );
    for (object, class, boolean) in [
        ("system_u:object_r:nfs_t:s0", "dir", "virt_use_nfs"),
        (
            "system_u:object_r:cgroup_t:s0",
            "file",
            "container_manage_cgroup",
        ),
        (
            "system_u:object_r:dri_device_t:s0",
            "chr_file",
            "container_use_dri_devices",
        ),
        (
            "system_u:object_r:fuse_device_t:s0",
            "chr_file",
            "container_use_devices",
        ),
        (
            "system_u:object_r:http_port_t:s0",
            "tcp_socket",
            "container_connect_any",
        ),
    ] {
        let remedy = advise(&Advice {
            object,
            class,
            ..base
        })
        .unwrap();
        check(&remedy);
        assert_eq!(
            text(&remedy, Target::Selinux),
            [format!("setsebool -P {boolean} on")]
        );
    }
    let process = Advice {
        class: "process",
        ..base
    };
    assert!(advise(&process).unwrap().sentence.contains("udica"));
}

#[test]
fn capabilities_are_added_only_if_narrow() {
    for (name, need) in CAPABILITIES {
        for kubernetes in [false, true] {
            let advice = Advice {
                capability: Some(name),
                kubernetes,
                ..about(Cause::Capability, Operation::Bind, "", "")
            };
            let remedy = advise(&advice).unwrap();
            check(&remedy);
            assert_eq!(
                remedy.changes.is_empty(),
                matches!(need, Need::Wide(_)),
                "{name}"
            );
        }
    }
    let unknown = Advice {
        capability: Some("CAP_NOVEL"),
        ..about(Cause::Capability, Operation::Bind, "", "")
    };
    assert_eq!(advise(&unknown), None);
}
