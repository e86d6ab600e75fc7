//! Bytes from the ring buffers -> denials and control group changes.
//!
//! In: records as `wire` lays them out, from the kernel or a recording. Out:
//! [`Denial`] or [`CgroupChange`], or a [`DecodeError`] that names the value.
//! Invariant: no panic, whatever the bytes; numbers become enums only through
//! conversions that can fail. Lacks on purpose: names of containers.

mod inventory;
mod reader;

use sealwatch_ebpf::wire::{self, CgroupEvent, LargeRecord, PathFlags, Sample, SmallRecord};

use crate::denial::{
    Backend, CgroupId, ContainerPath, Credentials, Denial, Errno, Extent, Hook, IdMap, Lsm,
    LsmDetail, Operation, PathKey, Resolution,
};
pub use inventory::{Written, written};
use reader::Reader;

/// Why a record could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its layout.
    #[error("a record of {length} bytes is shorter than the {needed} of its layout")]
    Short {
        /// Bytes that came.
        length: usize,
        /// Bytes the layout takes.
        needed: usize,
    },
    /// A number that names no member of its set.
    #[error("{value} is no {what}")]
    Number {
        /// The set.
        what: &'static str,
        /// The number.
        value: u32,
    },
    /// A length beyond its array.
    #[error("{what} claims {value} of {limit}")]
    Length {
        /// The array.
        what: &'static str,
        /// The claim.
        value: usize,
        /// The array's length.
        limit: usize,
    },
}

impl DecodeError {
    /// The reason's name in metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            DecodeError::Short { .. } => "short_record",
            DecodeError::Number { .. } => "unknown_number",
            DecodeError::Length { .. } => "bad_length",
        }
    }

    /// Every reason.
    pub const REASONS: [&'static str; 3] = ["short_record", "unknown_number", "bad_length"];
}

/// A control group's birth or death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupChange {
    /// Which one.
    pub cgroup: CgroupId,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// Birth, otherwise death.
    pub created: bool,
    /// Path in its hierarchy.
    pub path: Vec<u8>,
    /// The path was cut off.
    pub truncated: bool,
}

/// Decodes a record of the sample ring buffer.
pub fn sample(bytes: &[u8]) -> Result<Denial, DecodeError> {
    let sample = Reader::new(bytes, size_of::<Sample>())?.sample();
    let (name_max, slots, slot_bytes, needed) = match sample.layout {
        wire::SMALL => (256, 0, 1, size_of::<SmallRecord>()),
        wire::LARGE => (4096, 24, 256, size_of::<LargeRecord>()),
        other => {
            return Err(DecodeError::Number {
                what: "layout",
                value: other.into(),
            });
        }
    };
    let body = Reader::new(bytes, needed)?
        .rest
        .split_at(size_of::<Sample>())
        .1;
    let (name, base) = body.split_at(name_max);
    let name_len = usize::from(sample.name_len);
    let name = name.get(..name_len).ok_or(DecodeError::Length {
        what: "name",
        value: name_len,
        limit: name_max,
    })?;
    let base_len = usize::from(sample.base_len);
    if base_len > slots {
        return Err(DecodeError::Length {
            what: "base",
            value: base_len,
            limit: slots,
        });
    }
    let components = base.chunks_exact(slot_bytes).take(base_len).map(until_nul);
    let key = sample.key;
    Ok(Denial {
        cgroup: CgroupId(key.cgroup),
        path_key: PathKey(key.path),
        time_ns: sample.time_ns,
        operation: operation(key.operation)?,
        errno: errno(key.errno)?,
        signals: key.signals,
        lsm: lsm(key.lsm)?,
        backend: backend(key.backend)?,
        hook: Hook::try_from(sample.hook).map_err(|value| DecodeError::Number {
            what: "hook",
            value: value.into(),
        })?,
        path: path(sample.path_flags, name, components.rev()),
        pid: sample.pid,
        tid: sample.tid,
        uid: sample.uid,
        gid: sample.gid,
        mount_namespace: sample.mount_namespace,
        comm: until_nul(&sample.comm).to_vec(),
        evidence: sample.evidence,
        open_flags: sample.open_flags,
        credentials: credentials(&sample.credentials),
        lsm_detail: LsmDetail {
            subject: until_nul(&sample.lsm.subject).to_vec(),
            object: until_nul(&sample.lsm.object).to_vec(),
            class: until_nul(&sample.lsm.class).to_vec(),
            requested: sample.lsm.requested,
        },
    })
}

/// Every user namespace has an inode number, so zero says that nothing was read.
fn credentials(wire: &wire::Credentials) -> Option<Credentials> {
    let carried = wire.groups.len().min(wire.groups_len as usize);
    (wire.user_namespace != 0).then(|| Credentials {
        capabilities: wire.capabilities,
        groups: wire.groups[..carried].to_vec(),
        groups_len: wire.groups_len,
        user_namespace: wire.user_namespace,
        uid_map: id_map(&wire.uid_map),
        gid_map: id_map(&wire.gid_map),
    })
}

/// A map of more extents than are carried comes without any.
fn id_map(wire: &wire::IdMap) -> IdMap {
    let Some(extents) = wire.extents.get(..wire.len as usize) else {
        return IdMap::Unread;
    };
    let extents = extents.iter().map(|[inside, outside, count]| Extent {
        inside: *inside,
        outside: *outside,
        count: *count,
    });
    IdMap::Extents(extents.collect())
}

/// A security module's number; 0 stands for none.
pub fn lsm(number: u8) -> Result<Option<Lsm>, DecodeError> {
    match number {
        0 => Ok(None),
        number => Lsm::try_from(number)
            .map(Some)
            .map_err(|value| DecodeError::Number {
                what: "security module",
                value: value.into(),
            }),
    }
}

/// An operation's number.
pub fn operation(number: u8) -> Result<Operation, DecodeError> {
    Operation::try_from(number).map_err(|value| DecodeError::Number {
        what: "operation",
        value: value.into(),
    })
}

/// An errno's number.
pub fn errno(number: u8) -> Result<Errno, DecodeError> {
    Errno::try_from(number).map_err(|value| DecodeError::Number {
        what: "denial errno",
        value: value.into(),
    })
}

/// A backend's number.
pub fn backend(number: u8) -> Result<Backend, DecodeError> {
    Backend::try_from(number).map_err(|value| DecodeError::Number {
        what: "backend",
        value: value.into(),
    })
}

/// Decodes a record of the control group ring buffer.
pub fn cgroup(bytes: &[u8]) -> Result<CgroupChange, DecodeError> {
    let mut reader = Reader::new(bytes, size_of::<CgroupEvent>())?;
    let cgroup = CgroupId(reader.u64());
    let time_ns = reader.u64();
    let kind = reader.u32();
    let length = reader.u32() as usize;
    let created = match kind {
        wire::CGROUP_CREATED => true,
        wire::CGROUP_REMOVED => false,
        value => {
            return Err(DecodeError::Number {
                what: "control group event",
                value,
            });
        }
    };
    let limit = wire::CGROUP_PATH_MAX;
    let path = reader.rest.get(..length).ok_or(DecodeError::Length {
        what: "control group path",
        value: length,
        limit,
    })?;
    let truncated = length == limit;
    Ok(CgroupChange {
        cgroup,
        time_ns,
        created,
        path: until_nul(path).to_vec(),
        truncated,
    })
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Joins the base's components (root first) and the name into a path without
/// `.`, `//` and, as far as it can be told without links, `..`.
fn path<'a>(flags: u16, name: &'a [u8], base: impl Iterator<Item = &'a [u8]>) -> ContainerPath {
    let has = |bit: u16| flags & bit != 0;
    if !has(PathFlags::NAME) && !has(PathFlags::BASE) {
        let resolution = match has(PathFlags::NAME_UNREADABLE) {
            true => Resolution::Partial,
            false => Resolution::Absent,
        };
        return ContainerPath {
            bytes: Vec::new(),
            resolution,
        };
    }
    let absolute = name.first() == Some(&b'/');
    let mut components: Vec<&[u8]> = Vec::new();
    // No name of a directory has a slash, but a record is only bytes.
    let joined = base.take_while(|_| !absolute).chain([name]);
    for component in joined.flat_map(|names| names.split(|byte| *byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            other => components.push(other),
        }
    }
    let mut resolution = Resolution::Absolute;
    if has(PathFlags::NAME_UNREADABLE) {
        resolution = Resolution::Partial;
    }
    let mut rooted = true;
    if !absolute {
        if !has(PathFlags::BASE) {
            resolution = Resolution::Relative;
            rooted = false;
        } else if has(PathFlags::BASE_TRUNCATED)
            || has(PathFlags::BASE_DELETED)
            || has(PathFlags::BASE_UNREACHABLE)
        {
            resolution = Resolution::Partial;
        }
    }
    let mut bytes = Vec::new();
    for component in &components {
        if rooted || !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(component);
    }
    if bytes.is_empty() && rooted {
        bytes.push(b'/');
    }
    ContainerPath { bytes, resolution }
}

#[cfg(test)]
mod tests;
