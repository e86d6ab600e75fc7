//! What a runtime is asked for, and what it tells.
//!
//! In: one answer. Out: more of a [`Container`]. Invariant: pure; a poorer
//! answer takes nothing away, whatever the order. Lacks on purpose: asking.

use std::time::{Duration, SystemTime};

use crate::denial::{Container, Runtime};

/// What a runtime tells of a container. Fields left empty say nothing, and
/// overwrite nothing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The answer; `id` is always set.
    pub container: Container,
    /// The end of its latest run, if that is what is told.
    pub ended: Option<Ended>,
}

/// How a run of a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Of its first process.
    pub exit_code: i32,
    /// Wall clock time, as the runtime tells it.
    pub time: SystemTime,
}

impl Ended {
    /// From nanoseconds since 1970.
    pub(super) fn at(exit_code: i32, unix_ns: i64) -> Option<Self> {
        let since = Duration::from_nanos(u64::try_from(unix_ns).ok()?);
        let time = SystemTime::UNIX_EPOCH.checked_add(since)?;
        Some(Ended { exit_code, time })
    }
}

/// A wish for a [`Description`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookUp {
    /// The container's id.
    pub id: String,
    /// Whom to ask, as far as the control group's path tells.
    pub runtime: Runtime,
}

/// Adds what was told to what is known.
pub(super) fn merge(known: &mut Container, told: Container) {
    let texts = [
        (&mut known.name, told.name),
        (&mut known.image, told.image),
        (&mut known.namespace, told.namespace),
        (&mut known.pod_uid, told.pod_uid),
        (&mut known.pod, told.pod),
        (&mut known.workload, told.workload),
        (&mut known.project, told.project),
        (&mut known.revision, told.revision),
        (&mut known.track, told.track),
    ];
    for (known, told) in texts {
        if !told.is_empty() {
            *known = told;
        }
    }
    if told.runtime != Runtime::Unspecified {
        known.runtime = told.runtime;
    }
    known.read_only_root = told.read_only_root.or(known.read_only_root);
    if !told.mount_targets.is_empty() {
        known.mount_targets = told.mount_targets;
    }
    known.described |= told.described;
}
