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
    /// Bytes of the path that name its own group.
    pub group_len: usize,
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
    let mut end = 0;
    for (depth, segment) in path[1..].split(|&byte| byte == b'/').enumerate() {
        end += 1 + segment.len();
        if let Some((id, runtime)) = container(segment, parent, depth) {
            child = levels.len() == NEST_MAX;
            if !child {
                let pod_uid = pod_uid.take().or_else(|| pod_of_slice_prefix(segment));
                levels.push(Level {
                    id,
                    runtime,
                    pod_uid,
                    group_len: end,
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
mod tests;
