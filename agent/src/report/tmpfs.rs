//! How full the containers' tmpfs mounts are becomes the list that
//! `/api/v1/tmpfs` serves.
//!
//! In: a [`Snapshot`]. Out: JSON. Invariant: a number that was not measured is
//! null, with the reason beside it; fields are added, never changed, within one
//! [`VERSION`]. Lacks on purpose: the table, which `tmpfs::table` makes of it.

pub mod table;

use serde::Serialize;
use utoipa::ToSchema;

pub use crate::amount::size;

use super::Page;
use super::paging::Totals;
use crate::aggregate::Snapshot;
use crate::aggregate::filling::{Filled, Filling, OomShare};
use crate::record::{ContainerRecord, VERSION};
use crate::tmpfs::{Asked, Killed, Limit, Memory, MountTmpfs, Origin, Sampled};

/// How full the containers' tmpfs mounts are.
#[derive(Serialize, ToSchema)]
#[schema(as = TmpfsList)]
pub struct Listing<'a> {
    version: u32,
    /// By the container's id.
    tmpfs: Vec<ContainerEntry<'a>>,
    /// The last kill for want of memory of each name.
    tmpfs_oom: Vec<OomEntry<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// The tmpfs mounts of one container.
#[derive(Serialize, ToSchema)]
#[schema(as = ContainerTmpfs)]
pub(super) struct ContainerEntry<'a> {
    container: ContainerRecord<'a>,
    /// By path.
    mounts: Vec<MountEntry<'a>>,
    /// Mounts past the limit of one container.
    mounts_left_out: usize,
    /// Why none of it is known, or what is known is old.
    unmeasured: Option<String>,
    memory: MemoryEntry,
    /// Processes killed for want of memory since the container is watched.
    oom_kills: Option<u64>,
    /// CLOCK_MONOTONIC nanoseconds.
    sampled_ns: u64,
}

/// One tmpfs mount.
#[derive(Serialize, ToSchema)]
#[schema(as = TmpfsMount)]
struct MountEntry<'a> {
    /// Where, from the container's root.
    mount: &'a str,
    /// `major:minor`.
    device: String,
    /// `container` or `handed_in`.
    origin: &'static str,
    /// More mounts of the same file system in this container.
    elsewhere: usize,
    /// Containers that have it, this one included.
    containers: usize,
    bytes: AmountEntry,
    inodes: AmountEntry,
}

/// How much of how much, in bytes or inodes.
#[derive(Serialize, ToSchema)]
#[schema(as = TmpfsAmount)]
struct AmountEntry {
    /// Null where it is not measured.
    used: Option<u64>,
    limit: Option<u64>,
    /// 0.0 to 1.0, and above where a limit was lowered below what is in use.
    share: Option<f64>,
    /// What was asked for: a number, `unbounded` or `unlimited`.
    asked: serde_json::Value,
    /// `calm`, `near` or `full`.
    pressure: Option<&'static str>,
    /// At the recent growth.
    full_in_seconds: Option<u64>,
    /// Why it is not measured.
    unmeasured: Option<String>,
}

/// What the tmpfs mounts of a container take of its memory limit.
#[derive(Serialize, ToSchema)]
#[schema(as = TmpfsMemory)]
struct MemoryEntry {
    /// The lowest limit that binds the container.
    limit_bytes: Option<u64>,
    tmpfs_bytes: u64,
    share: Option<f64>,
    pressure: &'static str,
}

/// A container's last kill for want of memory.
#[derive(Serialize, ToSchema)]
#[schema(as = TmpfsKill)]
struct OomEntry<'a> {
    container: ContainerRecord<'a>,
    /// CLOCK_MONOTONIC nanoseconds of the sample that found it.
    seen_ns: u64,
    memory: MemoryEntry,
    /// The mount with the most bytes in it.
    largest_mount: Option<&'a str>,
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let filling = &*snapshot.tmpfs;
    let (containers, kills) = (&filling.containers, &filling.kills);
    let shown = page.part(containers).iter();
    serde_json::to_string(&Listing {
        version: VERSION,
        tmpfs: shown.map(|filled| container(filled, filling)).collect(),
        tmpfs_oom: page.part(kills).iter().map(oom).collect(),
        totals: page.totals([("tmpfs", containers.len()), ("tmpfs_oom", kills.len())]),
    })
}

/// The mounts of one container.
pub(super) fn container<'a>(filled: &'a Filled, filling: &Filling) -> ContainerEntry<'a> {
    let told = &filled.told;
    let mounts = told.mounts.iter().map(|mount| mount_entry(mount, filling));
    ContainerEntry {
        container: ContainerRecord::of(&filled.container),
        mounts: mounts.collect(),
        mounts_left_out: told.dropped,
        unmeasured: told.unmeasured.as_ref().map(ToString::to_string),
        memory: memory(&told.memory),
        oom_kills: told.oom.kills,
        sampled_ns: told.sampled_ns,
    }
}

fn mount_entry<'a>(mount: &'a MountTmpfs, filling: &Filling) -> MountEntry<'a> {
    let device = mount.device;
    MountEntry {
        mount: &mount.target,
        device: format!("{}:{}", device.major, device.minor),
        origin: match mount.origin {
            Origin::Container => "container",
            Origin::HandedIn => "handed_in",
        },
        elsewhere: mount.elsewhere,
        containers: filling.shared.get(&device).copied().unwrap_or(1),
        bytes: amount(&mount.bytes, mount.bytes_asked),
        inodes: amount(&mount.inodes, mount.inodes_asked),
    }
}

fn amount(sampled: &Sampled, asked: Asked) -> AmountEntry {
    let nothing = AmountEntry {
        used: None,
        limit: None,
        share: None,
        asked: match asked {
            Asked::Unbounded => "unbounded".into(),
            Asked::Unlimited => "unlimited".into(),
            Asked::AtMost(most) => most.into(),
        },
        pressure: None,
        full_in_seconds: None,
        unmeasured: None,
    };
    match sampled {
        Sampled::Measured {
            fill,
            pressure,
            full_in_s,
        } => AmountEntry {
            used: Some(fill.used),
            limit: Some(fill.limit),
            share: Some(fill.share()),
            pressure: Some(pressure.label()),
            full_in_seconds: *full_in_s,
            ..nothing
        },
        Sampled::Not(why) => AmountEntry {
            unmeasured: Some(why.to_string()),
            ..nothing
        },
    }
}

fn memory(memory: &Memory) -> MemoryEntry {
    MemoryEntry {
        limit_bytes: match memory.limit {
            Limit::Bytes(bytes) => Some(bytes),
            Limit::Unbounded | Limit::NotMeasured => None,
        },
        tmpfs_bytes: memory.tmpfs_bytes,
        share: memory.share,
        pressure: memory.pressure.label(),
    }
}

fn oom(share: &OomShare) -> OomEntry<'_> {
    let Killed {
        seen_ns,
        memory: at_kill,
        largest,
    } = &share.killed;
    OomEntry {
        container: ContainerRecord::of(&share.container),
        seen_ns: *seen_ns,
        memory: memory(at_kill),
        largest_mount: largest.as_deref(),
    }
}
