//! How full the containers' tmpfs mounts are becomes the list that
//! `/api/v1/tmpfs` serves.
//!
//! In: [`Filling`]. Out: JSON. Invariant: a number that was not measured is
//! null, with the reason beside it; fields are added, never changed, within one
//! [`VERSION`]. Lacks on purpose: the table, which `tmpfs::table` makes of it.

pub mod table;

use serde::Serialize;

use crate::aggregate::filling::{Filled, Filling, OomShare};
use crate::record::{ContainerRecord, VERSION};
use crate::tmpfs::{Asked, Killed, Limit, Memory, MountTmpfs, Origin, Sampled};

#[derive(Serialize)]
struct Listing<'a> {
    version: u32,
    tmpfs: Vec<ContainerEntry<'a>>,
    tmpfs_oom: Vec<OomEntry<'a>>,
}

#[derive(Serialize)]
struct ContainerEntry<'a> {
    container: ContainerRecord<'a>,
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

#[derive(Serialize)]
struct MountEntry<'a> {
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

#[derive(Serialize)]
struct AmountEntry {
    used: Option<u64>,
    limit: Option<u64>,
    share: Option<f64>,
    /// What was asked for: a number, `unbounded` or `unlimited`.
    asked: serde_json::Value,
    pressure: Option<&'static str>,
    full_in_seconds: Option<u64>,
    unmeasured: Option<String>,
}

#[derive(Serialize)]
struct MemoryEntry {
    limit_bytes: Option<u64>,
    tmpfs_bytes: u64,
    share: Option<f64>,
    pressure: &'static str,
}

/// A container's last kill for want of memory.
#[derive(Serialize)]
struct OomEntry<'a> {
    container: ContainerRecord<'a>,
    /// CLOCK_MONOTONIC nanoseconds of the sample that found it.
    seen_ns: u64,
    memory: MemoryEntry,
    /// The mount with the most bytes in it.
    largest_mount: Option<&'a str>,
}

/// The list as it is served.
pub fn listing(filling: &Filling) -> Result<String, serde_json::Error> {
    let containers = filling.containers.iter();
    serde_json::to_string(&Listing {
        version: VERSION,
        tmpfs: containers
            .map(|filled| container(filled, filling))
            .collect(),
        tmpfs_oom: filling.kills.iter().map(oom).collect(),
    })
}

fn container<'a>(filled: &'a Filled, filling: &Filling) -> ContainerEntry<'a> {
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

/// `12.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, next);
    }
    let text = format!("{amount:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}
