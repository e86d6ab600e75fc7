//! Advice for what is full: a tmpfs, a disk, a quota.
//!
//! In: an [`Advice`]. Out: the larger size, where the present one is known.
//! Invariant: a proposed size is the next power of two from twice the present
//! one, and never past [`LARGEST_MEBIBYTES`]. Lacks on purpose: what fills it.

use super::{
    Advice, MountKind,
    mounting::{Mounting, Tmpfs},
    plain::{plain_path, shown},
    plan::{Plan, change},
    read_only::words,
};
use crate::denial::{Change, Remedy, Target};

/// Past this a tmpfs is the wrong place, since it is memory.
const LARGEST_MEBIBYTES: u64 = 4096;
/// Past this the files are too many for any tmpfs.
const LARGEST_INODES: u64 = 1 << 24;
const MEBIBYTE: u64 = 1 << 20;

/// Twice as much, as a power of two.
fn larger(limit: u64) -> Option<u64> {
    limit.max(1).checked_mul(2)?.checked_next_power_of_two()
}

fn target<'a>(advice: &Advice<'a>) -> &'a str {
    advice.mount.map_or(advice.write_root, |mount| mount.target)
}

pub(super) fn tmpfs_bytes(advice: &Advice) -> Option<Remedy> {
    let at = target(advice);
    let known = advice
        .limit
        .map(|bytes| format!(" of {}", size(bytes)))
        .unwrap_or_default();
    let shown = shown(at, "its mount point");
    let new = advice
        .limit
        .and_then(|bytes| larger(bytes.div_ceil(MEBIBYTE)))
        .filter(|mebibytes| *mebibytes <= LARGEST_MEBIBYTES);
    let key = match (advice.kubernetes, at) {
        (true, _) => "sizeLimit (and the memory limit, which it counts towards)",
        (false, "/dev/shm") => "shm_size",
        (false, _) => "size=",
    };
    let step = new
        .map(|new| format!(", such as {new} MiB"))
        .unwrap_or_default();
    let sentence = format!(
        "the tmpfs{known} at {shown} is full: delete what is no longer needed, give it a larger {key}{step}, or use a volume for what is large"
    );
    let changes = match (plain_path(at), new) {
        (Some(at), Some(new)) if !advice.kubernetes => enlarge(at, Some(new), None, advice),
        (Some(_) | None, _) => Vec::new(),
    };
    Some(Remedy { sentence, changes })
}

pub(super) fn tmpfs_inodes(advice: &Advice) -> Option<Remedy> {
    let at = target(advice);
    let shown = shown(at, "its mount point");
    if advice.kubernetes {
        return words(format!(
            "the tmpfs at {shown} has no inodes left, and an emptyDir has no setting for them: make fewer files, or use an emptyDir on disk"
        ));
    }
    let new = advice
        .limit
        .and_then(larger)
        .filter(|inodes| *inodes <= LARGEST_INODES);
    let changes = match (plain_path(at), new) {
        (Some(at), Some(new)) if at != "/dev/shm" => enlarge(at, None, Some(new), advice),
        (Some(_) | None, _) => Vec::new(),
    };
    Some(Remedy {
        sentence: format!(
            "the tmpfs at {shown} has no inodes left: delete or merge small files, or give it a larger nr_inodes= and keep its size="
        ),
        changes,
    })
}

pub(super) fn disk(advice: &Advice) -> Option<Remedy> {
    let at = shown(target(advice), "this path");
    let place = match advice.mount.map(|mount| mount.kind) {
        Some(MountKind::Root) => "the disk under the container's writable layer",
        Some(_) | None => "the disk",
    };
    let limit = if advice.kubernetes {
        ", and set ephemeral-storage requests and limits so that the pod goes where there is room"
    } else {
        ""
    };
    words(format!(
        "{place} behind {at} is full: free space on it or enlarge it{limit}"
    ))
}

pub(super) fn quota(advice: &Advice) -> Option<Remedy> {
    let at = shown(target(advice), "this path");
    words(format!(
        "a quota of the file system behind {at} (of a user, group or project, as --storage-opt size= sets) is used up: delete what is no longer needed or raise the quota on the host"
    ))
}

fn enlarge(at: &str, mebibytes: Option<u64>, inodes: Option<u64>, advice: &Advice) -> Vec<Change> {
    if let ("/dev/shm", Some(size)) = (at, mebibytes) {
        return vec![
            change(Target::Docker, format!("--shm-size {size}m")),
            change(Target::Compose, format!("shm_size: \"{size}m\"")),
        ];
    }
    let plan = Plan {
        mount: Some(Mounting::Tmpfs(Tmpfs {
            at,
            bytes: mebibytes.map(|mebibytes| mebibytes * MEBIBYTE),
            inodes,
            ..Tmpfs::default()
        })),
        ..Plan::default()
    };
    plan.changes(advice)
}

fn size(bytes: u64) -> String {
    if bytes >= MEBIBYTE {
        format!("{} MiB", bytes / MEBIBYTE)
    } else {
        format!("{} KiB", bytes / 1024)
    }
}
