//! A container's posture becomes the JSON object that is served.
//!
//! In: [`Posture`]. Out: [`PostureRecord`], for `serde`. Invariant: that of
//! `record`; a posture's texts are escaped already, the container's are escaped
//! here. Lacks on purpose: order, which is the list's.

use serde::Serialize;
use utoipa::ToSchema;

use super::ContainerRecord;
use crate::posture::{Finding, Posture, Root, Seen};

/// One container.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Posture)]
pub struct PostureRecord<'a> {
    /// Whose posture it is; `read_only_root` is what was asked for.
    pub container: ContainerRecord<'a>,
    /// `read_only`, `writable` or `unknown`.
    pub root: &'static str,
    /// Why the root is unknown.
    pub root_unknown: Option<&'static str>,
    /// The mount at `/`.
    pub root_mount: Option<MountRecord<'a>>,
    /// Where else the container can write, by target.
    pub writable_mounts: Vec<MountRecord<'a>>,
    /// Writable mounts left out.
    pub writable_mounts_left_out: usize,
    /// The mount table is longer than what is read of one.
    pub table_cut: bool,
    /// The first process's effective user id as the container sees it.
    pub uid: Option<u32>,
    /// The same as the host sees it.
    pub host_uid: Option<u32>,
    /// Why no user is known.
    pub user_unknown: Option<&'static str>,
    /// The worst first.
    pub findings: Vec<FindingRecord<'a>>,
}

/// A mount in a [`PostureRecord`].
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mount)]
pub struct MountRecord<'a> {
    /// Where, from the container's root.
    pub target: &'a str,
    /// `root`, `tmpfs`, `volume`, `host_path`, `overlay` or `other`.
    pub kind: &'static str,
    /// The path on the host, where it has one.
    pub source: Option<&'a str>,
    /// Type of the file system.
    pub fs_type: &'a str,
    /// `ro` or `rw`, of mount and file system together.
    pub mode: &'static str,
    /// Of the mount, with commas.
    pub options: &'a str,
    /// Is the file system itself read-only?
    pub super_read_only: bool,
    /// No programs.
    pub noexec: bool,
    /// No set-user-id bits.
    pub nosuid: bool,
    /// No device files.
    pub nodev: bool,
    /// Most bytes, where a tmpfs was given a size.
    pub size_bytes: Option<u64>,
}

/// A finding in a [`PostureRecord`].
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingRecord<'a> {
    /// Which.
    pub finding: &'static str,
    /// The path that it is about.
    pub path: &'a str,
    /// In words.
    pub sentence: &'a str,
    /// What to change, in words.
    pub fix: &'a str,
    /// What the kernel told.
    pub evidence: &'a str,
}

impl<'a> PostureRecord<'a> {
    /// Of a posture.
    pub fn of(posture: &'a Posture) -> Self {
        let table = posture.facts.table.as_ref();
        let user = posture.facts.user;
        let writable = table.iter().flat_map(|table| &table.writable);
        PostureRecord {
            container: ContainerRecord::of(&posture.container),
            root: posture.root.label(),
            root_unknown: match posture.root {
                Root::Unknown(why) => Some(why.label()),
                Root::ReadOnly | Root::Writable => None,
            },
            root_mount: table
                .ok()
                .and_then(|table| table.root.as_ref().ok())
                .map(MountRecord::of),
            writable_mounts: writable.map(MountRecord::of).collect(),
            writable_mounts_left_out: table.map_or(0, |table| table.dropped),
            table_cut: table.is_ok_and(|table| table.cut),
            uid: user.ok().and_then(|user| user.uid),
            host_uid: user.ok().map(|user| user.host_uid),
            user_unknown: user.err().map(|why| why.label()),
            findings: posture.findings.iter().map(FindingRecord::of).collect(),
        }
    }
}

impl<'a> MountRecord<'a> {
    fn of(mount: &'a Seen) -> Self {
        MountRecord {
            target: &mount.target,
            kind: mount.kind.label(),
            source: mount.source.as_deref(),
            fs_type: &mount.fs_type,
            mode: mount.mode(),
            options: &mount.options,
            super_read_only: mount.super_read_only,
            noexec: mount.has("noexec"),
            nosuid: mount.has("nosuid"),
            nodev: mount.has("nodev"),
            size_bytes: mount.size,
        }
    }
}

impl<'a> FindingRecord<'a> {
    fn of(finding: &'a Finding) -> Self {
        FindingRecord {
            finding: finding.kind.label(),
            path: &finding.place,
            sentence: &finding.sentence,
            fix: &finding.fix,
            evidence: &finding.evidence,
        }
    }
}
