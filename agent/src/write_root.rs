//! A denied path becomes the write root under which it belongs.
//!
//! In: a path as the container sees it, and the container's mount targets. Out:
//! the only form in which a path may become a label. Invariant: the answer is a
//! mount target, a prefix of the path of known depth, or [`UNRESOLVED`]; it is
//! printable, and at most [`LABEL_MAX_BYTES`] long. Lacks on purpose: the bound
//! on how many a container may have, which `aggregate` keeps.

use crate::denial::{Container, ContainerPath, Resolution, escape};

/// Stands for a path that is not known from the container's root. No path looks
/// like it, since those start with a slash.
pub const UNRESOLVED: &str = "_unresolved";

/// Longest write root; a deeper one gives way to its parent.
pub const LABEL_MAX_BYTES: usize = 128;

/// How many components make a write root, by the directory they start with.
/// Anything else has [`DEFAULT_DEPTH`].
const DEPTHS: &[(&[&str], usize)] = &[
    (&["tmp"], 1),
    (&["dev"], 1),
    (&["proc"], 1),
    (&["sys"], 1),
    (&["dev", "shm"], 2),
    (&["var", "cache"], 3),
    (&["var", "lib"], 3),
    (&["var", "log"], 3),
    (&["var", "run"], 3),
    (&["var", "spool"], 3),
    (&["usr", "local"], 3),
    (&["usr", "share"], 3),
];

/// Components of a write root where no row of [`DEPTHS`] fits: `/etc/nginx`,
/// `/home/app`, `/run/nginx`, `/app/data`, `/var/tmp`.
const DEFAULT_DEPTH: usize = 2;

/// The write root of a path. The last component is the file that was refused
/// and never belongs to it, unless it is a mount target itself.
pub fn of(path: &ContainerPath, container: Option<&Container>) -> String {
    if path.resolution != Resolution::Absolute || path.bytes.first() != Some(&b'/') {
        return UNRESOLVED.to_owned();
    }
    let components = clean(&path.bytes);
    let targets = container.map_or(&[][..], |container| &container.mount_targets);
    let target = targets
        .iter()
        .map(|target| (clean(target.as_bytes()), target))
        .filter(|(parts, _)| !parts.is_empty() && components.starts_with(parts))
        .max_by_key(|(parts, _)| parts.len());
    if let Some((parts, _)) = target {
        return label(&parts);
    }
    let parents = &components[..components.len().saturating_sub(1)];
    let depth = DEPTHS
        .iter()
        .filter(|(start, _)| starts_with(&components, start))
        .max_by_key(|(start, _)| start.len())
        .map_or(DEFAULT_DEPTH, |(_, depth)| *depth);
    label(&parents[..depth.min(parents.len())])
}

/// Components without `.` and empty ones; `..` takes the one before it away, by
/// the text alone, since the container's symbolic links are not followed here.
fn clean(path: &[u8]) -> Vec<&[u8]> {
    let mut components = Vec::new();
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    components
}

fn starts_with(components: &[&[u8]], start: &[&str]) -> bool {
    components.len() >= start.len()
        && components
            .iter()
            .zip(start)
            .all(|(component, name)| *component == name.as_bytes())
}

fn label(parts: &[&[u8]]) -> String {
    let mut text = String::new();
    for part in parts {
        let part = escape(part);
        if text.len() + 1 + part.len() > LABEL_MAX_BYTES {
            break;
        }
        text.push('/');
        text.push_str(&part);
    }
    if text.is_empty() {
        "/".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::Runtime;

    fn absolute(bytes: &[u8]) -> ContainerPath {
        ContainerPath {
            bytes: bytes.to_vec(),
            resolution: Resolution::Absolute,
        }
    }

    fn with_targets(targets: &[&str]) -> Container {
        Container {
            mount_targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            described: true,
            ..Container::unnamed(&"1".repeat(64), Runtime::Docker)
        }
    }

    #[test]
    fn depth_follows_the_table() {
        for (path, root) in [
            ("/var/run/myapp.pid", "/var/run"),
            ("/var/cache/nginx/client_temp", "/var/cache/nginx"),
            ("/var/cache/nginx/a/b/c", "/var/cache/nginx"),
            ("/var/cache/nginx", "/var/cache"),
            ("/var/tmp/x", "/var/tmp"),
            ("/tmp/a/b", "/tmp"),
            ("/home/app/.cache/x", "/home/app"),
            ("/run/nginx.pid", "/run"),
            ("/run/nginx/nginx.pid", "/run/nginx"),
            ("/etc/nginx/conf.d/x", "/etc/nginx"),
            ("/app/data/x/y/z", "/app/data"),
            ("/x", "/"),
            ("/", "/"),
            ("//var/./lib//x/y", "/var/lib/x"),
            ("/var/cache/../../etc/x/y", "/etc/x"),
            ("/../../..", "/"),
            ("/dev/shm/x", "/dev/shm"),
        ] {
            assert_eq!(of(&absolute(path.as_bytes()), None), root, "{path}");
        }
    }

    #[test]
    fn the_longest_mount_target_wins_over_depth() {
        let container = with_targets(&["/", "/data", "/data/deep/er/", "/etc/hosts"]);
        for (path, root) in [
            ("/data/x/y/z", "/data"),
            ("/data/deep/er/x", "/data/deep/er"),
            ("/data/deep/error", "/data"),
            ("/database/x/y", "/database/x"),
            ("/etc/hosts", "/etc/hosts"),
            ("/data", "/data"),
        ] {
            assert_eq!(
                of(&absolute(path.as_bytes()), Some(&container)),
                root,
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_not_absolute_is_unresolved() {
        for resolution in [
            Resolution::Relative,
            Resolution::Partial,
            Resolution::Absent,
        ] {
            let path = ContainerPath {
                bytes: b"/var/run/x".to_vec(),
                resolution,
            };
            assert_eq!(of(&path, None), UNRESOLVED);
        }
        assert_eq!(of(&absolute(b"var/run"), None), UNRESOLVED);
    }

    #[test]
    fn hostile_names_stay_short_and_printable() {
        let long = [b"/".as_slice(), &[b'a'; 255], b"/", &[b'\n'; 200], b"/x"].concat();
        assert_eq!(of(&absolute(&long), None), "/");
        assert_eq!(of(&absolute(b"/a\"\n\xff/b/c"), None), "/a\"\\x0a\\xff/b");
    }
}
