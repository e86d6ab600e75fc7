//! One kernel counter, as far as it has been read, and where its refusals go.
//!
//! In: a counter's key, what its latest sample told. Out: kind and write root.
//! Invariant: what a key alone tells and what its sample tells never contradict
//! each other (`classify`). Lacks on purpose: the counts' destinations.

use std::sync::Arc;

use sealwatch_ebpf::wire::{CountKey, CountValue};

use super::recent::RowKey;
use super::snapshot::Kind;
use crate::classify::{Question, classify};
use crate::denial::{Cause, Denial};
use crate::write_root;

/// Where a counter's refusals go, as its latest sample told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) cause: Cause,
    pub(super) write_root: Arc<str>,
    /// Of an open; none where one sample does not speak for all.
    pub(super) open_flags: Option<u32>,
    /// The row of the list of recent denials that shows this counter's value.
    pub(super) row: Option<RowKey>,
}

#[derive(Debug, Default)]
pub(super) struct Tracked {
    pub(super) seen: CountValue,
    pub(super) pending: u64,
    pub(super) since_ns: u64,
    pub(super) settled: bool,
    pub(super) told: Option<Told>,
}

/// The counter that a denial is a sample of.
pub fn key_of(denial: &Denial) -> CountKey {
    CountKey {
        cgroup: denial.cgroup.0,
        path: denial.path_key.0,
        signals: denial.signals,
        operation: denial.operation as u8,
        errno: denial.errno.number(),
        backend: denial.backend as u8,
        lsm: denial.lsm.map_or(0, |lsm| lsm as u8),
        reserved: 0,
    }
}

/// A part of what a counter has counted, on its way to a series.
#[derive(Debug)]
pub(super) struct Share {
    /// Where to; none for a number of another version.
    pub(super) aim: Option<(Kind, Arc<str>)>,
    pub(super) count: u64,
    /// CLOCK_MONOTONIC nanoseconds of the latest refusal.
    pub(super) last_ns: u64,
    pub(super) open_flags: Option<u32>,
}

impl Share {
    pub(super) fn of(key: &CountKey, tracked: &Tracked, count: u64) -> Self {
        Share {
            aim: aim(key, tracked.told.as_ref()),
            count,
            last_ns: tracked.seen.last_ns,
            open_flags: tracked.told.as_ref().and_then(|told| told.open_flags),
        }
    }
}

/// Where a counter's refusals go; none for a number of another version.
fn aim(key: &CountKey, told: Option<&Told>) -> Option<(Kind, Arc<str>)> {
    let question = Question::of_key(key).ok()?;
    let (cause, write_root) = match told {
        Some(told) => (told.cause, Arc::clone(&told.write_root)),
        None => (classify(&question).cause, Arc::from(write_root::UNRESOLVED)),
    };
    let kind = Kind {
        operation: question.operation,
        errno: question.errno,
        cause,
        lsm: question.lsm.filter(|_| cause == Cause::Lsm),
    };
    Some((kind, write_root))
}
