//! Every shape of path that is known, and bytes that are none.

use super::*;
use proptest::prelude::*;

const A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const UID: &str = "8f6a2c1e-1111-4222-8333-0123456789ab";
const UID_: &str = "8f6a2c1e_1111_4222_8333_0123456789ab";
const STATIC: &str = "0123456789abcdef0123456789abcdef";

fn one(path: &str) -> (String, Runtime, Option<String>, bool) {
    match parse(path.as_bytes()) {
        Parsed::Container(mut nest) if nest.levels.len() == 1 => {
            let level = nest.levels.remove(0);
            (level.id, level.runtime, level.pod_uid, nest.child)
        }
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn every_runtimes_shape_gives_its_container() {
    use Runtime::*;
    let qos = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort";
    let table = [
        (format!("/docker/{A}"), Docker, None, false),
        (format!("/docker/{A}/init"), Docker, None, true),
        (
            format!("/system.slice/docker-{A}.scope"),
            Docker,
            None,
            false,
        ),
        (format!("/my.slice/docker-{A}.scope"), Docker, None, false),
        (format!("/my-parent/{A}"), Unspecified, None, false),
        (format!("/ecs/{STATIC}/{A}"), Unspecified, None, false),
        (
            format!("/kubepods/besteffort/pod{UID}/{A}"),
            Unspecified,
            Some(UID),
            false,
        ),
        (
            format!("/kubepods/burstable/pod{UID}/{A}"),
            Unspecified,
            Some(UID),
            false,
        ),
        (
            format!("/kubepods/pod{UID}/{A}"),
            Unspecified,
            Some(UID),
            false,
        ),
        (
            format!("/kubepods/burstable/pod{STATIC}/{A}"),
            Unspecified,
            Some(STATIC),
            false,
        ),
        (
            format!("/kubepods/burstable/pod{UID}/crio-{A}"),
            Crio,
            Some(UID),
            false,
        ),
        (
            format!("{qos}-pod{UID_}.slice/cri-containerd-{A}.scope"),
            Containerd,
            Some(UID),
            false,
        ),
        (
            format!("{qos}-pod{STATIC}.slice/cri-containerd-{A}.scope"),
            Containerd,
            Some(STATIC),
            false,
        ),
        (
            format!("/kubepods.slice/kubepods-pod{UID_}.slice/cri-containerd-{A}.scope"),
            Containerd,
            Some(UID),
            false,
        ),
        (
            format!("{qos}-pod{UID_}.slice/crio-{A}.scope/container"),
            Crio,
            Some(UID),
            true,
        ),
        (
            format!("{qos}-pod{UID_}.slice/docker-{A}.scope"),
            Docker,
            Some(UID),
            false,
        ),
        (
            format!(
                "/system.slice/containerd.service/kubepods-burstable-pod{UID_}.slice:cri-containerd:{A}"
            ),
            Containerd,
            Some(UID),
            false,
        ),
        (format!("/system.slice:docker:{A}"), Docker, None, false),
        (
            format!("/machine.slice/libpod-{A}.scope"),
            Podman,
            None,
            false,
        ),
        (
            format!("/machine.slice/libpod-{A}.scope/container"),
            Podman,
            None,
            true,
        ),
        (
            format!(
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container"
            ),
            Podman,
            None,
            true,
        ),
        (format!("/libpod_parent/libpod-{A}"), Podman, None, false),
        (
            format!("/libpod_parent/{B}/libpod-{A}"),
            Podman,
            None,
            false,
        ),
        (
            format!("/system.slice/web.service/libpod-payload-{A}"),
            Podman,
            None,
            false,
        ),
        (
            format!("/user.slice/nerdctl-{A}.scope"),
            Unspecified,
            None,
            false,
        ),
        (format!("/default/{A}"), Containerd, None, false),
        (format!("/k8s.io/{A}"), Containerd, None, false),
    ];
    for (path, runtime, pod_uid, child) in table {
        let expected = (A.to_owned(), runtime, pod_uid.map(str::to_owned), child);
        assert_eq!(one(&path), expected, "{path}");
    }
    assert_eq!(
        one("/default/web-1"),
        ("web-1".to_owned(), Containerd, None, false)
    );
}

#[test]
fn groups_of_the_host_are_the_hosts() {
    for path in [
        "/".to_owned(),
        "/init.scope".to_owned(),
        "/system.slice/docker.service".to_owned(),
        "/docker".to_owned(),
        "/docker/buildkit".to_owned(),
        "/default".to_owned(),
        "/x/default/web".to_owned(),
        "/default/.hidden".to_owned(),
        format!("/libpod_parent/{A}"),
        "/libpod_parent/conmon".to_owned(),
        format!("/machine.slice/libpod-conmon-{A}.scope"),
        format!(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-conmon-{A}.scope"
        ),
        format!("/kubepods/burstable/pod{UID}/crio-conmon-{A}"),
        "/kubepods.slice/kubepods-besteffort.slice".to_owned(),
        format!("/kubepods/burstable/pod{UID}"),
        format!("/machine.slice/machine-libpod_pod_{A}.slice"),
        format!("/docker/{}", &A[..63]),
        format!("/docker/{}", A.to_uppercase()),
        format!("/cache-{A}"),
        "/system.slice/run-r1.scope".to_owned(),
    ] {
        assert_eq!(parse(path.as_bytes()), Parsed::Host, "{path}");
    }
}

#[test]
fn containers_in_containers_are_told_from_outside_in() {
    let kind = format!(
        "/docker/{A}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{UID_}.slice/cri-containerd-{B}.scope"
    );
    let Parsed::Container(nest) = parse(kind.as_bytes()) else {
        panic!("{kind}")
    };
    let told: Vec<_> = nest
        .levels
        .iter()
        .map(|level| (level.id.as_str(), level.runtime, level.pod_uid.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (A, Runtime::Docker, None),
            (B, Runtime::Containerd, Some(UID))
        ]
    );
    assert!(!nest.child);

    let deep = format!("/docker/{A}").repeat(9);
    let Parsed::Container(nest) = parse(deep.as_bytes()) else {
        panic!("{deep}")
    };
    assert_eq!((nest.levels.len(), nest.child), (NEST_MAX, true));

    // The monitor inside a node is no container of its own, but the node's.
    let (id, ..) = one(&format!("/docker/{A}/x.slice/crio-conmon-{B}.scope"));
    assert_eq!(id, A);
}

#[test]
fn what_is_no_path_is_said_to_be_none() {
    for path in [&b""[..], b"docker/x", b"../x", b"/docker/\0"] {
        assert_eq!(parse(path), Parsed::Unparsable, "{path:?}");
    }
    let cut = format!("/{}", "x/".repeat(CGROUP_PATH_MAX / 2));
    assert_eq!(
        parse(&cut.as_bytes()[..CGROUP_PATH_MAX]),
        Parsed::Unparsable
    );
    let cut = format!("/docker/{A}/{}", "x/".repeat(CGROUP_PATH_MAX / 2));
    assert!(matches!(
        parse(&cut.as_bytes()[..CGROUP_PATH_MAX]),
        Parsed::Container(_)
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(path in proptest::collection::vec(any::<u8>(), 0..2048)) {
        parse(&path);
    }

    #[test]
    fn almost_shapes_do_not_either(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(A.to_owned()), Just("docker".to_owned()), Just(format!("docker-{A}.scope")),
                Just(format!("crio-conmon-{A}.scope")), Just(format!("x:y:{A}")), Just(format!("pod{UID}")),
                Just("-pod.slice".to_owned()), "[-:.a-z0-9é]{0,70}",
            ],
            0..12,
        )
    ) {
        if let Parsed::Container(nest) = parse(format!("/{}", parts.join("/")).as_bytes()) {
            prop_assert!(!nest.levels.is_empty() && nest.levels.len() <= NEST_MAX);
        }
    }

    #[test]
    fn whatever_a_container_makes_below_itself_stays_its_own(
        below in proptest::collection::vec(any::<u8>().prop_filter("no NUL", |b| *b != 0), 0..300)
    ) {
        let mut path = format!("/docker/{A}/").into_bytes();
        path.extend(below);
        let Parsed::Container(nest) = parse(&path) else { panic!() };
        prop_assert_eq!(&nest.levels[0].id, A);
        prop_assert!(nest.child || nest.levels.len() > 1);
    }
}
