//! The parts of the state file: write roots and failed starts.
//!
//! In: what is kept in memory; what a file claims. Out: each as the other.
//! Invariant: a value that cannot have been written is an error. Lacks on
//! purpose: the whole (`state`).

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{StateError, bad};
use crate::degrade::caches;
use crate::degrade::failure::{Fact, Moment};
use crate::degrade::root::{Episode, Gap, Phase, Purpose, Root};
use crate::degrade::view::{Ending, StartView, Workload};
use crate::denial::{Cause, Errno, Lsm, Operation};

/// Longest name: a label of Kubernetes has 253 characters, a write root 128.
const TEXT_MAX: usize = 256;
/// The purpose of a root of which no sample was a known cache's.
const OTHER_PURPOSE: &str = "other";

/// What was refused last, in the words of the events.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindState {
    operation: String,
    errno: String,
    cause: String,
    lsm: Option<String>,
}

type Kind = (Operation, Errno, Cause, Option<Lsm>);

impl KindState {
    fn of(operation: Operation, errno: Errno, cause: Cause, lsm: Option<Lsm>) -> Self {
        KindState {
            operation: operation.label().to_owned(),
            errno: errno.label().to_owned(),
            cause: cause.label().to_owned(),
            lsm: lsm.map(|lsm| lsm.label().to_owned()),
        }
    }

    fn kind(&self) -> Result<Kind, StateError> {
        let lsm = self.lsm.as_deref();
        let lsm = lsm.map(|name| member("lsm", Lsm::ALL, Lsm::label, name));
        Ok((
            member(
                "operation",
                Operation::ALL,
                Operation::label,
                &self.operation,
            )?,
            member("errno", &Errno::ALL, Errno::label, &self.errno)?,
            member("cause", &Cause::ALL, Cause::label, &self.cause)?,
            lsm.transpose()?,
        ))
    }
}

fn member<T: Copy>(
    what: &'static str,
    all: &[T],
    label: fn(T) -> &'static str,
    name: &str,
) -> Result<T, StateError> {
    let named = all.iter().copied().find(|member| label(*member) == name);
    named.ok_or_else(|| bad(what, name))
}

pub(super) fn text(what: &'static str, text: &str) -> Result<(), StateError> {
    match text.len() <= TEXT_MAX && !text.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(bad(what, text)),
    }
}

/// A moment, as its age and on the wall clock.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    ago_ns: u64,
    unix_ns: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpisodeState {
    first: Stamp,
    last_ago_ns: u64,
    failures: u64,
    slots: u32,
    slot_ago_ns: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PhaseState {
    Healthy,
    Failing(EpisodeState),
    Degraded(EpisodeState),
    Recovered {
        episode: EpisodeState,
        ago_ns: u64,
        by: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootState {
    pub(super) write_root: String,
    phase: PhaseState,
    failures: u64,
    last: Option<(Stamp, KindState)>,
    /// Length, and age of its end.
    gap: Option<(u64, u64)>,
    succeeded: bool,
    cleared_ago_ns: Option<u64>,
    cleared_episode: bool,
    contradictions: u8,
    purpose: Option<String>,
}

impl RootState {
    pub(super) fn of(write_root: &str, root: &Root, now_ns: u64) -> Self {
        let ago = |at_ns: u64| now_ns.saturating_sub(at_ns);
        let episode_of = |episode: &Episode| EpisodeState {
            first: Stamp {
                ago_ns: ago(episode.first_ns),
                unix_ns: unix_ns(episode.first),
            },
            last_ago_ns: ago(episode.last_ns),
            failures: episode.failures,
            slots: episode.slots,
            slot_ago_ns: ago(episode.slot_ns),
        };
        let phase = match &root.phase {
            Phase::Healthy => PhaseState::Healthy,
            Phase::Failing(episode) => PhaseState::Failing(episode_of(episode)),
            Phase::Degraded(episode) => PhaseState::Degraded(episode_of(episode)),
            Phase::Recovered { episode, at_ns, by } => PhaseState::Recovered {
                episode: episode_of(episode),
                ago_ns: ago(*at_ns),
                by: by.label().to_owned(),
            },
        };
        let last = root.last.map(|fact| {
            let stamp = Stamp {
                ago_ns: ago(fact.at_ns),
                unix_ns: unix_ns(fact.wall),
            };
            let kind = KindState::of(fact.operation, fact.errno, fact.cause, fact.lsm);
            (stamp, kind)
        });
        RootState {
            write_root: write_root.to_owned(),
            phase,
            failures: root.failures,
            last,
            gap: root.gap.map(|gap| (gap.length_ns, ago(gap.at_ns))),
            succeeded: root.succeeded,
            cleared_ago_ns: root.cleared_ns.map(ago),
            cleared_episode: root.cleared_episode,
            contradictions: root.contradictions,
            purpose: match root.purpose {
                Purpose::Unsampled => None,
                Purpose::Cache(cache) => Some(cache.name.to_owned()),
                Purpose::Other => Some(OTHER_PURPOSE.to_owned()),
            },
        }
    }

    /// As if no time had passed since it was written, at `saved_ns`.
    pub(super) fn root(&self, saved_ns: u64, now: Moment) -> Result<Root, StateError> {
        let at = |what, ago_ns: u64| match ago_ns <= saved_ns {
            true => Ok(now.monotonic_ns - ago_ns),
            false => Err(bad(what, ago_ns)),
        };
        let episode_of = |episode: &EpisodeState| {
            let restored = Episode {
                first_ns: at("first", episode.first.ago_ns)?,
                first: wall("first", episode.first.unix_ns)?,
                last_ns: at("last_ago_ns", episode.last_ago_ns)?,
                failures: episode.failures,
                slots: episode.slots,
                slot_ns: at("slot_ago_ns", episode.slot_ago_ns)?,
            };
            let ordered =
                restored.first_ns <= restored.slot_ns && restored.slot_ns <= restored.last_ns;
            match ordered && self.last.is_some() {
                true => Ok(restored),
                false => Err(bad("episode", &self.write_root)),
            }
        };
        let phase = match &self.phase {
            PhaseState::Healthy => Phase::Healthy,
            PhaseState::Failing(episode) => Phase::Failing(episode_of(episode)?),
            PhaseState::Degraded(episode) => Phase::Degraded(episode_of(episode)?),
            PhaseState::Recovered {
                episode,
                ago_ns,
                by,
            } => Phase::Recovered {
                episode: episode_of(episode)?,
                at_ns: at("ago_ns", *ago_ns)?,
                by: member("by", &Ending::ALL, Ending::label, by)?,
            },
        };
        let last = self.last.as_ref().map(|(stamp, kind)| {
            let (operation, errno, cause, lsm) = kind.kind()?;
            Ok(Fact {
                at_ns: at("last", stamp.ago_ns)?,
                wall: wall("last", stamp.unix_ns)?,
                operation,
                errno,
                cause,
                lsm,
            })
        });
        let gap = self.gap.map(|(length_ns, ago_ns)| {
            let at_ns = at("gap", ago_ns)?;
            Ok(Gap { length_ns, at_ns })
        });
        let cleared_ns = self
            .cleared_ago_ns
            .map(|ago_ns| at("cleared_ago_ns", ago_ns));
        Ok(Root {
            phase,
            failures: self.failures,
            last: last.transpose()?,
            gap: gap.transpose()?,
            succeeded: self.succeeded,
            cleared_ns: cleared_ns.transpose()?,
            cleared_episode: self.cleared_episode,
            contradictions: self.contradictions,
            purpose: match self.purpose.as_deref() {
                Some(OTHER_PURPOSE) => Purpose::Other,
                // A cache that this version does not know is sampled again.
                name => name
                    .and_then(caches::named)
                    .map_or(Purpose::Unsampled, Purpose::Cache),
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartState {
    namespace: String,
    pod: String,
    container: String,
    container_id: String,
    failures: u64,
    since_unix_ns: u64,
    last_unix_ns: u64,
    exit_code: Option<i32>,
    write_root: String,
    kind: KindState,
}

impl StartState {
    pub(super) fn of(view: &StartView) -> Self {
        StartState {
            namespace: view.workload.namespace.clone(),
            pod: view.workload.pod.clone(),
            container: view.workload.container.clone(),
            container_id: view.container_id.to_string(),
            failures: view.failures,
            since_unix_ns: unix_ns(view.since),
            last_unix_ns: unix_ns(view.last),
            exit_code: view.exit_code,
            write_root: view.write_root.to_string(),
            kind: KindState::of(view.operation, view.errno, view.cause, view.lsm),
        }
    }

    pub(super) fn view(&self) -> Result<StartView, StateError> {
        for (what, value) in [
            ("namespace", &self.namespace),
            ("pod", &self.pod),
            ("container", &self.container),
            ("container_id", &self.container_id),
            ("write_root", &self.write_root),
        ] {
            text(what, value)?;
        }
        let (operation, errno, cause, lsm) = self.kind.kind()?;
        Ok(StartView {
            workload: Workload {
                namespace: self.namespace.clone(),
                pod: self.pod.clone(),
                container: self.container.clone(),
            },
            container_id: self.container_id.as_str().into(),
            failures: self.failures,
            since: wall("since_unix_ns", self.since_unix_ns)?,
            last: wall("last_unix_ns", self.last_unix_ns)?,
            exit_code: self.exit_code,
            write_root: self.write_root.as_str().into(),
            operation,
            errno,
            cause,
            lsm,
        })
    }
}

fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

fn wall(what: &'static str, unix_ns: u64) -> Result<SystemTime, StateError> {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_nanos(unix_ns))
        .ok_or_else(|| bad(what, unix_ns))
}
