//! A control group's path becomes the containers it lies in.
//!
//! In: a path from its hierarchy's root, arbitrary bytes (a container with a
//! writable cgroup file system names groups as it likes). Out: [`Parsed`].
//! Invariant: pure, bounded, never a panic; a path below a container's group
//! belongs to that container, whatever follows. Lacks on purpose: names (the
//! runtimes' business) and BuildKit's build steps, LXC and systemd-nspawn,
//! whose groups count as the host's.
//!
//! Shapes, seen on real systems unless marked (doc):
//!
//! | runtime | path |
//! |---|---|
//! | Docker, cgroupfs | `/docker/<id>`, `/<parent>/<id>` |
//! | Docker, systemd | `/system.slice/docker-<id>.scope`, `/<parent>.slice/docker-<id>.scope` |
//! | CRI, cgroupfs | `/kubepods[/burstable\|/besteffort]/pod<uid>/<id>`, CRI-O `.../crio-<id>` |
//! | CRI, systemd | `/kubepods.slice/[..]/kubepods[-<qos>]-pod<uid>.slice/{cri-containerd,crio,docker}-<id>.scope` |
//! | CRI, drivers that disagree (doc) | `/[..]/kubepods-<qos>-pod<uid>.slice:cri-containerd:<id>` |
//! | Podman | `/machine.slice/libpod-<id>.scope[/container]`, `/libpod_parent/libpod-<id>` |
//! | Podman, `--cgroups=split` (doc) | `/system.slice/<unit>/libpod-payload-<id>` |
//! | ctr, nerdctl | `/default/<name>`, `/k8s.io/<id>` |
//! | kind, Docker in Docker | one of these below another |

use sealwatch_ebpf::wire::CGROUP_PATH_MAX;

use crate::denial::Runtime;

/// Levels of containers in containers that are told apart; deeper ones belong to the last.
pub const NEST_MAX: usize = 4;

/// What a path says of its control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// It lies in at least one container.
    Container(Nest),
    /// It lies in none.
    Host,
    /// It is no absolute path, or was cut off before it told.
    Unparsable,
}

/// The containers that a control group lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nest {
    /// Outermost first; never empty, [`NEST_MAX`] at most.
    pub levels: Vec<Level>,
    /// The group was made inside the innermost container (or by Podman, below its own).
    pub child: bool,
}

/// One container as its control group names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The runtime's id: 64 hexadecimal digits, or ctr's name.
    pub id: String,
    /// The runtime, as far as the path tells.
    pub runtime: Runtime,
    /// The pod's uid with dashes, where a kubelet made the group.
    pub pod_uid: Option<String>,
}

/// Reads a path.
pub fn parse(path: &[u8]) -> Parsed {
    if path.first() != Some(&b'/') || path.contains(&0) {
        return Parsed::Unparsable;
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut child = false;
    let mut pod_uid = None;
    let mut parent: &[u8] = b"";
    for (depth, segment) in path[1..].split(|&byte| byte == b'/').enumerate() {
        if let Some((id, runtime)) = container(segment, parent, depth) {
            child = levels.len() == NEST_MAX;
            if !child {
                let pod_uid = pod_uid.take().or_else(|| pod_of_slice_prefix(segment));
                levels.push(Level {
                    id,
                    runtime,
                    pod_uid,
                });
            }
        } else {
            child = !levels.is_empty();
            pod_uid = pod(segment).or(pod_uid);
        }
        parent = segment;
    }
    if !levels.is_empty() {
        Parsed::Container(Nest { levels, child })
    } else if path.len() >= CGROUP_PATH_MAX {
        Parsed::Unparsable
    } else {
        Parsed::Host
    }
}

/// The container whose own group a path segment is.
fn container(segment: &[u8], parent: &[u8], depth: usize) -> Option<(String, Runtime)> {
    if is_id(segment) {
        return match parent {
            b"docker" => Some(Runtime::Docker),
            b"default" | b"k8s.io" => Some(Runtime::Containerd),
            // A pod of Podman's: only the groups below it are containers.
            b"libpod_parent" => None,
            _ => Some(Runtime::Unspecified),
        }
        .and_then(|runtime| owned(segment, runtime));
    }
    // Plain ctr: `/<namespace>/<name>`. Only the namespace it uses unasked is
    // told from a directory of the host's.
    if depth == 1 && parent == b"default" && is_ctr_name(segment) {
        return owned(segment, Runtime::Containerd);
    }
    let (stem, scope) = match segment.strip_suffix(b".scope") {
        Some(stem) => (stem, true),
        None => (segment, false),
    };
    let (separator, id) = stem.split_at_checked(stem.len().checked_sub(65)?)?;
    let (mark, id) = (id[0], &id[1..]);
    if !is_id(id) {
        return None;
    }
    let prefix = match mark {
        b'-' => separator,
        // `<slice>:<prefix>:<id>`: the kubelet spoke systemd's dialect to a
        // runtime that took it for a directory's name.
        b':' => separator.rsplit(|&byte| byte == b':').next()?,
        _ => return None,
    };
    let runtime = match prefix {
        b"docker" => Runtime::Docker,
        b"cri-containerd" => Runtime::Containerd,
        b"crio" => Runtime::Crio,
        b"libpod" | b"libpod-payload" => Runtime::Podman,
        // conmon is the monitor beside a container, and runs as the host.
        _ if prefix.ends_with(b"conmon") => return None,
        _ if scope || mark == b':' => Runtime::Unspecified,
        _ => return None,
    };
    owned(id, runtime)
}

fn owned(id: &[u8], runtime: Runtime) -> Option<(String, Runtime)> {
    String::from_utf8(id.to_vec()).ok().map(|id| (id, runtime))
}

/// The ids that every runtime but plain ctr makes.
fn is_id(bytes: &[u8]) -> bool {
    bytes.len() == 64 && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// containerd's own rule for ids.
fn is_ctr_name(bytes: &[u8]) -> bool {
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    matches!(bytes, [first, ..] if first.is_ascii_alphanumeric())
        && bytes.len() <= 76
        && bytes.iter().all(inner)
}

/// A pod's uid from its own group's name: `pod<uid>`, or
/// `kubepods[-<qos>]-pod<uid>.slice` with underscores for dashes.
fn pod(segment: &[u8]) -> Option<String> {
    let uid = match segment.strip_suffix(b".slice") {
        Some(stem) => {
            let start = stem.windows(4).rposition(|window| window == b"-pod")?;
            &stem[start + 4..]
        }
        None => segment.strip_prefix(b"pod")?,
    };
    // 36 characters with dashes; a static pod's is a hash of 32.
    let plausible = (32..=36).contains(&uid.len())
        && uid
            .iter()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'_'));
    plausible
        .then(|| String::from_utf8(uid.to_vec()).ok())
        .flatten()
        .map(|uid| uid.replace('_', "-"))
}

/// The pod in `kubepods-<qos>-pod<uid>.slice:cri-containerd:<id>`.
fn pod_of_slice_prefix(segment: &[u8]) -> Option<String> {
    pod(segment.split(|&byte| byte == b':').next()?)
}

#[cfg(test)]
mod tests {
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
}
