//! The aggregate's state as the next daemon goes on from it.
//!
//! In: an [`Aggregate`]. Out: its text, and from the text the same state again.
//! Invariant: what is in the text was not exported before it was kept, so that
//! nothing exported ever decreases over a restart; what the kernel has counted
//! beyond it is found by the first reading. Lacks on purpose: samples, so the
//! list of recent denials begins anew; who a container is, which is asked again.

use std::collections::BTreeMap;

use sealwatch_ebpf::wire::{CountKey, CountValue};
use serde::{Deserialize, Serialize};

use super::counter::{Told, Tracked};
use super::series::SavedGroup;
use super::snapshot::Kind;
use super::{Aggregate, Totals};
use crate::catalog;
use crate::denial::{Cause, CgroupId, Errno, Lsm, Operation, Owner, Unresolved};

/// The form of the text.
pub const VERSION: u32 = 1;

/// Why a text is not gone on from.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is no JSON of this form.
    #[error("the counts of an earlier daemon cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("the counts of an earlier daemon have version {0}, not {VERSION}")]
    Version(u32),
    /// A name or number that this version does not have.
    #[error("the counts of an earlier daemon have a bad {what}: {value:?}")]
    Value {
        /// Which.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

/// A kind, as numbers and a name that never change their meaning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedKind(u8, u8, String, Option<u8>);

#[derive(Debug, Serialize, Deserialize)]
struct SavedKey {
    /// cgroup, path, signals, operation, errno, backend, lsm.
    key: (u64, u64, u16, u8, u8, u8, u8),
    /// count, sampled, lost, next_sample_ns, last_ns.
    seen: (u64, u64, u64, u64, u64),
    pending: u64,
    since_ns: u64,
    settled: bool,
    /// cause, write root, open flags.
    told: Option<(String, String, Option<u32>)>,
}

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u32,
    keys: Vec<SavedKey>,
    overflow: Vec<(u8, u8, u64)>,
    groups: Vec<SavedGroup>,
    other: SavedGroup,
    limited: BTreeMap<String, u64>,
    oom_seen: Vec<(u64, u64, u64)>,
    oom_waiting: Vec<(u64, u64, u64)>,
    oom_unresolved: u64,
    host: Vec<(SavedKind, u64)>,
    unresolved: Vec<(String, SavedKind, u64)>,
    losses: Vec<(String, String, u64)>,
    totals: [u64; 7],
    /// Control groups of the keys that are a container's, with its id.
    owners: BTreeMap<u64, String>,
}

/// Whose control groups a restored state is of: containers' ids, each with its groups.
pub type Former = BTreeMap<String, Vec<CgroupId>>;

impl SavedKind {
    pub(super) fn of(kind: Kind) -> Self {
        SavedKind(
            kind.operation as u8,
            kind.errno.number(),
            kind.cause.label().to_owned(),
            kind.lsm.map(|lsm| lsm as u8),
        )
    }

    pub(super) fn kind(&self) -> Result<Kind, SavedError> {
        let SavedKind(operation, errno, cause, lsm) = self;
        Ok(Kind {
            operation: Operation::try_from(*operation).map_err(|n| bad("operation", n))?,
            errno: Errno::try_from(*errno).map_err(|n| bad("errno", n))?,
            cause: cause_of(cause)?,
            lsm: lsm
                .map(|lsm| Lsm::try_from(lsm).map_err(|n| bad("security module", n)))
                .transpose()?,
        })
    }
}

fn cause_of(label: &str) -> Result<Cause, SavedError> {
    let mut causes = Cause::ALL.into_iter();
    let found = causes.find(|cause| cause.label() == label);
    found.ok_or_else(|| bad("cause", label))
}

fn bad(what: &'static str, value: impl ToString) -> SavedError {
    SavedError::Value {
        what,
        value: value.to_string(),
    }
}

impl Aggregate {
    /// The text of the state.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn save(&self, owner_of: impl Fn(CgroupId) -> Owner) -> Result<String, SavedError> {
        let mut owners = BTreeMap::new();
        for key in self.keys.keys() {
            if let Owner::Container(container) = owner_of(CgroupId(key.cgroup)) {
                owners.insert(key.cgroup, container.id.clone());
            }
        }
        let (groups, other) = self.series.save();
        let Totals {
            recorded,
            sampled,
            suppressed,
            pending,
            retired: _,
            ignored,
            unreadable,
        } = self.totals;
        let saved = Saved {
            version: VERSION,
            keys: self
                .keys
                .iter()
                .map(|(key, one)| save_key(key, one))
                .collect(),
            overflow: self
                .overflow
                .iter()
                .map(|((operation, errno), count)| (*operation, *errno, *count))
                .collect(),
            groups,
            other,
            limited: self
                .series
                .limited
                .iter()
                .map(|(limit, count)| (limit.label().to_owned(), *count))
                .collect(),
            oom_seen: self.oom_kills.save_seen(),
            oom_waiting: self.oom_kills.save_waiting(),
            oom_unresolved: self.oom_unresolved,
            host: self
                .host
                .iter()
                .map(|(kind, count)| (SavedKind::of(*kind), *count))
                .collect(),
            unresolved: self
                .unresolved
                .iter()
                .map(|((why, kind), count)| (why.label().to_owned(), SavedKind::of(*kind), *count))
                .collect(),
            losses: self
                .losses
                .iter()
                .map(|((stage, why), count)| (stage.label().to_owned(), (*why).to_owned(), *count))
                .collect(),
            totals: [
                recorded,
                sampled,
                suppressed,
                pending,
                self.series.retired,
                ignored,
                unreadable,
            ],
            owners,
        };
        Ok(serde_json::to_string(&saved)?)
    }

    /// Goes on from such a text; nothing was counted here before. Returns whose
    /// counters are in it.
    ///
    /// # Errors
    /// See [`SavedError`]; nothing has changed then.
    pub fn restore(&mut self, text: &[u8]) -> Result<Former, SavedError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(text)?;
        if version != VERSION {
            return Err(SavedError::Version(version));
        }
        let saved: Saved = serde_json::from_slice(text)?;
        let mut next = Aggregate::new(self.series.limits(), self.include_host);
        let former = next.series.restore(&saved.groups, &saved.other)?;
        for saved in &saved.keys {
            let (key, tracked) = restore_key(saved)?;
            if tracked.pending > 0 {
                next.waiting.insert(key);
            }
            next.keys.insert(key, tracked);
        }
        let overflow = saved.overflow.iter();
        next.overflow = overflow.map(|(op, errno, n)| ((*op, *errno), *n)).collect();
        for (limit, count) in next.series.limited.iter_mut() {
            *count = saved.limited.get(limit.label()).copied().unwrap_or(0);
        }
        next.oom_kills.restore(&saved.oom_seen, &saved.oom_waiting);
        next.oom_unresolved = saved.oom_unresolved;
        for (kind, count) in &saved.host {
            next.host.insert(kind.kind()?, *count);
        }
        for (why, kind, count) in &saved.unresolved {
            let mut reasons = Unresolved::ALL.into_iter();
            let reason = reasons.find(|reason| reason.label() == why);
            let reason = reason.ok_or_else(|| bad("reason", why))?;
            next.unresolved.insert((reason, kind.kind()?), *count);
        }
        for (stage, reason, count) in &saved.losses {
            // One that this version does not have is nobody's any more.
            let row = catalog::LOSSES
                .iter()
                .find(|row| row.stage.label() == stage && row.reason == reason);
            if let Some(row) = row {
                next.losses.insert((row.stage, row.reason), *count);
            }
        }
        let [
            recorded,
            sampled,
            suppressed,
            pending,
            retired,
            ignored,
            unreadable,
        ] = saved.totals;
        next.series.retired = retired;
        next.totals = Totals {
            recorded,
            sampled,
            suppressed,
            pending,
            retired,
            ignored,
            unreadable,
        };
        *self = next;
        let mut homes = former;
        for (cgroup, id) in saved.owners {
            homes.entry(id).or_default().push(CgroupId(cgroup));
        }
        Ok(homes)
    }

    /// The kernel's counters have ended, and others began at zero; what was counted
    /// and where the same goes stays.
    pub fn recount(&mut self) {
        for tracked in self.keys.values_mut() {
            tracked.seen = CountValue::default();
        }
        self.overflow.clear();
        self.oom_kills.recount();
    }
}

fn save_key(key: &CountKey, tracked: &Tracked) -> SavedKey {
    let seen = &tracked.seen;
    SavedKey {
        key: (
            key.cgroup,
            key.path,
            key.signals,
            key.operation,
            key.errno,
            key.backend,
            key.lsm,
        ),
        seen: (
            seen.count,
            seen.sampled,
            seen.lost,
            seen.next_sample_ns,
            seen.last_ns,
        ),
        pending: tracked.pending,
        since_ns: tracked.since_ns,
        settled: tracked.settled,
        told: tracked.told.as_ref().map(|told| {
            let cause = told.cause.label().to_owned();
            (cause, told.write_root.to_string(), told.open_flags)
        }),
    }
}

fn restore_key(saved: &SavedKey) -> Result<(CountKey, Tracked), SavedError> {
    let (cgroup, path, signals, operation, errno, backend, lsm) = saved.key;
    let (count, sampled, lost, next_sample_ns, last_ns) = saved.seen;
    let told = match &saved.told {
        None => None,
        Some((cause, write_root, open_flags)) => Some(Told {
            cause: cause_of(cause)?,
            write_root: write_root.as_str().into(),
            open_flags: *open_flags,
            row: None,
        }),
    };
    let key = CountKey {
        cgroup,
        path,
        signals,
        operation,
        errno,
        backend,
        lsm,
        reserved: 0,
    };
    let tracked = Tracked {
        seen: CountValue {
            count,
            sampled,
            lost,
            next_sample_ns,
            last_ns,
        },
        pending: saved.pending,
        since_ns: saved.since_ns,
        settled: saved.settled,
        told,
    };
    Ok((key, tracked))
}
