//! A refusal whose cause was not seen becomes a suggestion, from its path alone.
//!
//! In: a [`Row`]. Out: what would mend it if the path lay on the container's
//! read-only root, and the changes to copy. Invariant: pure; only for EROFS, whose
//! very meaning is a read-only file system, and only where no cause was told.
//! Lacks on purpose: calling it a cause.

use super::lists::{Change, Row};
use crate::denial::{Cause, Errno, Operation};
use crate::remedy::{Advice, Mount, MountKind, advise};

/// The suggestion, if there is one. `kubernetes`: does the container belong to a pod?
pub(super) fn suggest(row: &Row, kubernetes: bool) -> Option<(String, Vec<Change>)> {
    if row.cause != Cause::Unknown.label() || row.errno != Errno::Erofs.label() {
        return None;
    }
    // What lies on a mount of its own is mended there, and that is not known here.
    let kind = row
        .details
        .mount
        .as_ref()
        .and_then(|mount| mount.kind.as_deref());
    if kind.is_some_and(|kind| kind != "root") {
        return None;
    }
    let operation = Operation::ALL
        .iter()
        .find(|operation| operation.label() == row.operation)?;
    let task = &row.details.task;
    let named = row.container.as_ref();
    let advice = Advice {
        write_root: &row.write_root,
        path: &row.path,
        mount: Some(Mount {
            kind: MountKind::Root,
            target: "/",
        }),
        task: task.uid_in_container.zip(task.gid_in_container),
        read_only_root: Some(true),
        kubernetes,
        container: named.map_or("", |named| &named.name),
        image: named.map_or("", |named| &named.image),
        comm: &row.comm,
        ..Advice::new(Cause::ReadOnlyMount, *operation, Errno::Erofs)
    };
    let remedy = advise(&advice)?;
    let changes = remedy.changes.into_iter().map(|change| Change {
        target: change.target.label().to_owned(),
        text: change.text,
    });
    Some((remedy.sentence, changes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(errno: &str, cause: &str, kind: &str) -> Row {
        serde_json::from_value(serde_json::json!({
            "container": {"id": "c0", "name": "web"},
            "operation": "create", "errno": errno, "cause": cause,
            "path": "/var/run/app.pid", "write_root": "/var/run", "comm": "sh",
            "details": {"task": {"uid": 10001, "uid_in_container": 10001, "gid_in_container": 10001},
                        "mount": {"kind": kind}},
            "count": 1, "exact": true,
        }))
        .unwrap()
    }

    #[test]
    fn a_path_alone_suggests_where_nothing_more_is_known() {
        let (sentence, changes) = suggest(&row("EROFS", "unknown", "root"), false).unwrap();
        assert!(sentence.contains("tmpfs at /var/run"), "{sentence}");
        let docker = changes
            .iter()
            .find(|change| change.target == "docker")
            .unwrap();
        assert!(docker.text.starts_with("--tmpfs /var/run:"), "{docker:?}");
        assert!(docker.text.contains("uid=10001"), "{docker:?}");
        let (_, changes) = suggest(&row("EROFS", "unknown", "root"), true).unwrap();
        assert_eq!(changes[0].target, "kubernetes");
    }

    #[test]
    fn nothing_is_guessed() {
        for (errno, cause, kind) in [
            ("EROFS", "read_only_mount", "root"),
            ("EACCES", "unknown", "root"),
            ("EROFS", "unknown", "volume"),
        ] {
            assert_eq!(
                suggest(&row(errno, cause, kind), false),
                None,
                "{errno} {cause} {kind}"
            );
        }
    }
}
