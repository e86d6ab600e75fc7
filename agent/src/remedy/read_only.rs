//! Advice for what is mounted read-only: where the write should go instead.
//!
//! In: an [`Advice`]. Out: a habit's cure, a tmpfs, a volume, or the words why
//! neither fits. Invariant: the root stays read-only, and a mount is proposed
//! only over a directory that is known to hold nothing but what is written.
//! Lacks on purpose: learning from the container's other mounts.

use super::{
    Advice, MountKind,
    knowledge::{HABITS, Habit, NAMES, PLACES, Place},
    mounting::{Mounting, Tmpfs},
    pattern::fits,
    plain::{plain_path, shown},
    plan::Plan,
};
use crate::denial::{Cause, Operation, Remedy};

/// Size of a tmpfs at /tmp that a moved cache needs.
const TEMPORARY_MEBIBYTES: u64 = 64;

/// Advice for EROFS.
pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    let at = shown(
        advice.mount.map_or("", |mount| mount.target),
        "its mount point",
    );
    let sentence = match advice.mount.map(|mount| mount.kind) {
        Some(MountKind::Secret) => read_only_by_nature("secret", at),
        Some(MountKind::ConfigMap) => read_only_by_nature("config map", at),
        Some(MountKind::Projected) => read_only_by_nature("projected volume", at),
        Some(MountKind::HostPath) => format!(
            "{at} is a directory of the host and mounted read-only: write to a volume or tmpfs elsewhere, and mount it writable only if the host is meant to be changed"
        ),
        Some(MountKind::Volume | MountKind::Tmpfs) if sick(advice) => format!(
            "the file system of the volume at {at} is read-only: look in the host's kernel log for errors that made it so, and at the volume's own options"
        ),
        Some(MountKind::Volume | MountKind::Tmpfs) => format!(
            "the volume at {at} is mounted read-only: if this container should write there, drop :ro or readOnly: true of this one mount, else write elsewhere"
        ),
        Some(MountKind::Kernel) => format!(
            "{at} is the kernel's and read-only in containers: set kernel parameters by --sysctl or the pod's securityContext.sysctls"
        ),
        Some(MountKind::Other) => format!(
            "what is mounted at {at} is read-only: write to a tmpfs or volume mounted elsewhere"
        ),
        Some(MountKind::Root | MountKind::RuntimeFile) | None => return root(advice),
    };
    words(sentence)
}

/// Advice for a write into the container's own root.
pub(super) fn root(advice: &Advice) -> Option<Remedy> {
    if let Some(habit) = habit(advice) {
        return Some(cure(habit, advice));
    }
    // Where a path starts is not known without a write root; no mount fits it.
    if !advice.write_root.starts_with('/') {
        return None;
    }
    let Some((at, place)) = place(advice) else {
        return elsewhere(advice);
    };
    let owner = advice.task.filter(|(uid, _)| *uid != 0);
    let (sentence, mount) = match place {
        Place::Memory(mebibytes) => (
            format!("mount a tmpfs at {at}: what is written there may be lost with the container"),
            Some(tmpfs(at, mebibytes.into(), owner)),
        ),
        Place::Logs => (
            format!(
                "log to standard output; if it must be files, mount a tmpfs at {at} and rotate them"
            ),
            Some(tmpfs(at, TEMPORARY_MEBIBYTES, owner)),
        ),
        Place::Volume => (keep(at, advice, owner), Some(Mounting::Volume { at })),
        Place::Settings => (
            format!(
                "{at} holds settings: write them when the image is built, mount them finished (a ConfigMap or a read-only file), or have the program read what it writes at start from a tmpfs"
            ),
            None,
        ),
        Place::Image => (
            format!(
                "{at} holds programs: what is written there belongs into the image when it is built"
            ),
            None,
        ),
    };
    let plan = Plan {
        mount,
        ..Plan::default()
    };
    Some(Remedy {
        sentence,
        changes: plan.changes(advice),
    })
}

/// Does a habit that is known explain the write?
pub(super) fn habit(advice: &Advice) -> Option<&'static Habit> {
    HABITS.iter().find(|habit| {
        let known = habit.paths.iter().any(|path| fits(path, advice.path));
        let comm = |start: &&str| advice.comm.starts_with(start);
        known && (habit.comms.is_empty() || habit.comms.iter().any(comm))
    })
}

/// The habit's cure. What moves to /tmp needs it writable, which on a read-only
/// root takes a mount; a second tmpfs there replaces the first, so it does no harm.
pub(super) fn cure(habit: &'static Habit, advice: &Advice) -> Remedy {
    let moves = habit
        .environment
        .iter()
        .any(|(_, value)| value.contains("/tmp"));
    let read_only = matches!(
        advice.cause,
        Cause::ReadOnlyMount | Cause::ReadOnlySuperblock
    );
    let plan = Plan {
        environment: habit.environment,
        mount: (moves && read_only).then(|| tmpfs("/tmp", TEMPORARY_MEBIBYTES, None)),
        ..Plan::default()
    };
    Remedy {
        sentence: format!("{}: {}", habit.name, habit.advice),
        changes: plan.changes(advice),
    }
}

/// The directory that should be a mount, and what belongs there.
pub(super) fn place<'a>(advice: &Advice<'a>) -> Option<(&'a str, Place)> {
    let by_path = by_path(advice);
    match by_path {
        Some((_, Place::Image)) => by_name(advice).or(by_path),
        Some(_) => by_path,
        None => by_name(advice),
    }
}

/// A directory that is known wherever it is.
pub(super) fn by_path<'a>(advice: &Advice<'a>) -> Option<(&'a str, Place)> {
    PLACES.iter().find_map(|(pattern, place)| {
        let depth = pattern.matches('/').count();
        let at = prefix(advice.write_root, depth)?;
        fits(pattern, at).then_some((at, *place))
    })
}

/// A directory of the path whose name tells what it is for.
fn by_name<'a>(advice: &Advice<'a>) -> Option<(&'a str, Place)> {
    let path = plain_path(advice.path)?;
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let directories = match advice.operation {
        Operation::Mkdir => parts.len(),
        _ => parts.len() - 1,
    };
    (0..directories).find_map(|index| {
        let (_, place) = NAMES.iter().find(|(name, _)| *name == parts[index])?;
        Some((prefix(path, index + 1)?, *place))
    })
}

/// The first components of a plain path.
pub(super) fn prefix(path: &str, depth: usize) -> Option<&str> {
    let path = plain_path(path)?;
    let mut ends = path.match_indices('/').skip(1).map(|(at, _)| at);
    match ends.nth(depth - 1) {
        Some(end) => Some(&path[..end]),
        None => (path.matches('/').count() == depth).then_some(path),
    }
}

fn elsewhere(advice: &Advice) -> Option<Remedy> {
    let path = shown(advice.path, "this path");
    words(format!(
        "have {path} written to a directory of its own and mount a tmpfs (to discard) or a volume (to keep) there; a mount over a directory of the image would hide what is in it"
    ))
}

fn keep(at: &str, advice: &Advice, owner: Option<(u32, u32)>) -> String {
    let mut text = format!("mount a volume at {at}: what is written there should be kept");
    match owner {
        _ if advice.kubernetes => text.push_str(", on a PersistentVolumeClaim that you make"),
        Some((uid, gid)) => text.push_str(&format!(
            "; have the image hold the directory, owned by {uid}:{gid}, since a new volume takes its owner from there"
        )),
        None => {}
    }
    text
}

fn read_only_by_nature(what: &str, at: &str) -> String {
    format!(
        "the {what} at {at} is always read-only: write elsewhere, or have an init container copy it into an emptyDir and mount that"
    )
}

fn sick(advice: &Advice) -> bool {
    advice.cause == Cause::ReadOnlySuperblock
}

pub(super) fn tmpfs(at: &str, mebibytes: u64, owner: Option<(u32, u32)>) -> Mounting<'_> {
    Mounting::Tmpfs(Tmpfs {
        at,
        bytes: Some(mebibytes << 20),
        owner,
        ..Tmpfs::default()
    })
}

/// Advice without a change.
pub(super) fn words(sentence: String) -> Option<Remedy> {
    Some(Remedy {
        sentence,
        changes: Vec::new(),
    })
}
