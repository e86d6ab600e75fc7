//! The rows of a container's mount table become what of them matters.
//!
//! In: rows, and the host's mounts. Out: a [`Table`]. Invariant: pure; bounded;
//! both the mount's and the file system's `ro` count; what a runtime puts into
//! every container (masks, kernel file systems, /dev, /etc/hosts) is no writable
//! mount of the user's; a mount that no path leads to is none either. Lacks on
//! purpose: judging.

use super::cover::Cover;
use super::{HostMounts, Kind, Seen, Table, Unknown};
use crate::denial::escape;
use crate::mountinfo::MountRow;
use crate::mounts::kind_of;
use crate::remedy::MountKind;

/// Most mounts told of one kind of a container.
pub const MOUNTS_MAX: usize = 32;
/// Rows that are looked at; the table itself is cut at some thousand.
const ROWS_MAX: usize = 4096;
/// Writable mounts of which it is found out whether a path leads to them.
const CANDIDATES_MAX: usize = 256;
/// Digits of a container's or a pod's id, at least.
const ID_DIGITS_MIN: usize = 32;

/// Sockets by which a container runtime is told what to do.
const SOCKETS: [&str; 6] = [
    "docker.sock",
    "containerd.sock",
    "crio.sock",
    "podman.sock",
    "cri-dockerd.sock",
    "buildkitd.sock",
];

/// What matters of a table; `cut` where there is more of it than `rows`.
pub fn table(rows: &[MountRow], host: &HostMounts, cut: bool) -> Result<Table, Unknown> {
    let cut = cut || rows.len() > ROWS_MAX;
    let rows = &rows[..rows.len().min(ROWS_MAX)];
    if host.has_root_of(rows) {
        return Err(Unknown::Starting);
    }
    let cover = Cover::new(rows);
    let mut table = Table {
        root: root(rows, host),
        writable: Vec::new(),
        dropped: 0,
        kernel: Vec::new(),
        sockets: Vec::new(),
        cut,
    };
    let users = rows.iter().filter(|row| row.is_writable() && is_users(row));
    for (index, row) in users.enumerate() {
        if index >= CANDIDATES_MAX {
            table.dropped += 1;
        } else if !cover.is_covered(row) {
            table.writable.push(seen(row, host));
        }
    }
    let sockets = rows.iter().filter(|row| is_socket(row, host));
    table.sockets = sockets
        .take(MOUNTS_MAX)
        .map(|row| seen(row, host))
        .collect();
    table.kernel = kernel(rows, &cover).map(|row| seen(row, host)).collect();
    table.writable.sort_by(|a, b| a.target.cmp(&b.target));
    table.dropped += table.writable.len().saturating_sub(MOUNTS_MAX);
    table.writable.truncate(MOUNTS_MAX);
    Ok(table)
}

/// Several mounts at `/` do not tell which of them the process's root is; that
/// does not matter where they agree.
fn root(rows: &[MountRow], host: &HostMounts) -> Result<Seen, Unknown> {
    let mut roots = rows.iter().filter(|row| row.target == b"/");
    let first = roots.next().ok_or(Unknown::NoRoot)?;
    match roots.all(|row| row.is_writable() == first.is_writable()) {
        true => Ok(seen(first, host)),
        false => Err(Unknown::StackedRoot),
    }
}

/// Was this mount asked for by whoever describes the container?
fn is_users(row: &MountRow) -> bool {
    match kind_of(row) {
        MountKind::Root | MountKind::Kernel | MountKind::RuntimeFile => false,
        MountKind::Tmpfs
        | MountKind::Volume
        | MountKind::HostPath
        | MountKind::Secret
        | MountKind::ConfigMap
        | MountKind::Projected
        | MountKind::Other => !is_runtimes(row),
    }
}

/// The runtime's /dev, a device that masks a path, and files that runtimes and
/// the kubelet keep for a container in directories named by its id.
fn is_runtimes(row: &MountRow) -> bool {
    if row.target == b"/dev" || row.root == b"/null" {
        return true;
    }
    let parts: Vec<&[u8]> = row.root.split(|byte| *byte == b'/').collect();
    parts.windows(3).any(|window| match window {
        [b"containers" | b"overlay-containers" | b"sandboxes", id, _] => is_id(id),
        [b"pods", id, b"etc-hosts" | b"containers"] => is_id(id),
        _ => false,
    })
}

fn is_id(name: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_');
    name.len() >= ID_DIGITS_MIN && name.iter().all(digit)
}

fn is_socket(row: &MountRow, host: &HostMounts) -> bool {
    let is_one = |path: &[u8]| {
        let name = path.rsplit(|byte| *byte == b'/').next();
        SOCKETS.iter().any(|socket| name == Some(socket.as_bytes()))
    };
    let root_is = is_one(&row.root);
    root_is || is_one(&row.target) || host.path_of(row).is_some_and(|path| is_one(&path))
}

/// `/sys`, and `/proc/sys` where no read-only mount lies over it.
fn kernel<'a>(rows: &'a [MountRow], cover: &Cover) -> impl Iterator<Item = &'a MountRow> {
    let guarded = rows
        .iter()
        .any(|row| row.target == b"/proc/sys" && !row.is_writable() && !cover.is_covered(row));
    let open = rows.iter().filter(move |row| {
        let at = row.target.as_slice();
        let is_open = match row.fs_type.as_str() {
            "sysfs" => at == b"/sys",
            "proc" => at == b"/proc" && !guarded,
            _ => false,
        };
        is_open && row.is_writable()
    });
    let covered: Vec<u64> = rows
        .iter()
        .filter(|row| matches!(row.target.as_slice(), b"/sys" | b"/proc"))
        .filter(|row| cover.is_covered(row))
        .map(|row| row.id)
        .collect();
    open.filter(move |row| !covered.contains(&row.id)).take(2)
}

fn seen(row: &MountRow, host: &HostMounts) -> Seen {
    let (kind, source) = kind(row, host);
    let size = crate::mounts::bytes_max(row).filter(|size| *size > 0);
    Seen {
        target: escape(&row.target),
        kind,
        source: source.map(|path| escape(&path)),
        fs_type: escape(row.fs_type.as_bytes()),
        options: escape(row.options.as_bytes()),
        super_read_only: row.super_options.split(',').any(|option| option == "ro"),
        writable: row.is_writable(),
        size,
    }
}

/// What a row is, and the path on the host where that is told.
fn kind(row: &MountRow, host: &HostMounts) -> (Kind, Option<Vec<u8>>) {
    let source = host.path_of(row);
    match kind_of(row) {
        MountKind::Root => (Kind::Root, None),
        MountKind::Volume | MountKind::Secret | MountKind::ConfigMap | MountKind::Projected => {
            (Kind::Volume, source)
        }
        MountKind::Kernel | MountKind::RuntimeFile => (Kind::Other, None),
        // A part of a tmpfs is a file or directory of somebody else's.
        MountKind::Tmpfs if row.root != b"/" => (Kind::HostPath, source),
        MountKind::HostPath => (Kind::HostPath, source),
        MountKind::Tmpfs => match source {
            Some(path) if !is_for_containers(&path) => (Kind::HostPath, Some(path)),
            Some(_) | None => (Kind::Tmpfs, None),
        },
        // All of a file system: the host has it mounted, or nobody else does.
        MountKind::Other => match source {
            Some(path) if is_for_containers(&path) => (Kind::Volume, Some(path)),
            Some(path) => (Kind::HostPath, Some(path)),
            None if row.fs_type == "overlay" => (Kind::Overlay, None),
            None => (Kind::Other, None),
        },
    }
}

/// Is a place on the host one where the kubelet or a runtime mounts what it then
/// hands to a container: volumes of pods, plug-ins' staging directories, /dev/shm?
fn is_for_containers(path: &[u8]) -> bool {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let of_pods = |part: &&[u8]| part.starts_with(b"kubernetes.io~");
    let staged = |window: &[&[u8]]| window == [b"plugins".as_slice(), b"kubernetes.io"];
    parts.iter().any(of_pods)
        || parts.windows(2).any(staged)
        || parts.windows(3).any(|window| match window {
            [b"containers" | b"overlay-containers" | b"sandboxes", id, _] => is_id(id),
            _ => false,
        })
}
