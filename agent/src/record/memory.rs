//! Processes killed for want of memory, as the object that events and reports share.
//!
//! In: [`Killed`]. Out: [`KillRecord`], for `serde`. Invariant: as in `record`.
//! Lacks on purpose: whether a tmpfs took the memory.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ContainerRecord, VERSION, owner, time};
use crate::aggregate::Killed;

/// Some processes of one control group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OomKill)]
pub struct KillRecord<'a> {
    /// See [`VERSION`].
    pub version: u32,
    /// Always `oom_kill`; an event of a denial has no such member.
    pub event: &'static str,
    /// Of the last one.
    pub time: String,
    /// The same, CLOCK_MONOTONIC.
    pub monotonic_ns: u64,
    /// `container`, `host` or `unknown`.
    pub owner: &'static str,
    /// Why the owner is unknown.
    pub unresolved: Option<&'static str>,
    /// The container.
    pub container: Option<ContainerRecord<'a>>,
    /// Its control group.
    pub cgroup: u64,
    /// How many processes.
    pub killed: u64,
    /// How many of this control group so far.
    pub count: u64,
}

impl<'a> KillRecord<'a> {
    /// The object of some kills.
    pub fn of(killed: &'a Killed) -> Self {
        let (owner, unresolved, container) = owner(&killed.owner);
        KillRecord {
            version: VERSION,
            event: "oom_kill",
            time: time(killed.time),
            monotonic_ns: killed.time_ns,
            owner,
            unresolved,
            container,
            cgroup: killed.cgroup.0,
            killed: killed.killed,
            count: killed.count,
        }
    }
}
