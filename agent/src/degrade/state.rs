//! The state of the containers, as it outlives the daemon.
//!
//! In: a [`Degrade`]; the text of a state file. Out: the text; a `Degrade` again,
//! or a [`StateError`], after which one starts with nothing. Invariant: times
//! are kept as ages, so that the time in which nobody watched has not passed:
//! no silence is made of it. Of another boot only failed starts are taken
//! over, which are told on the wall clock; its processes are gone. No text makes
//! it panic. Lacks on purpose: the file, and when it is written.
//!
//! Left out of the text, and so lost with the daemon: ends of containers that
//! had not been judged, transitions that had not been told, and that successes
//! were measured (what has never succeeded so far is unknown afterwards).

mod parts;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run::{Held, Run};
use super::{Degrade, Moment, Thresholds};
use crate::config::Limits;
use crate::denial::{Container, Runtime, escape};
use parts::{RootState, StartState, text};

/// The form of the text. Another one is not read.
pub const VERSION: u32 = 1;
/// Longest text that is read: room for 1,024 containers with 32 roots each.
pub const BYTES_MAX: usize = 32 << 20;

/// Why a state file is not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is longer than any that was written.
    #[error("the state has {0} bytes, more than {BYTES_MAX}")]
    TooLong(usize),
    /// It is no JSON of this form.
    #[error("the state cannot be read: {0}")]
    Form(String),
    /// Another version wrote it.
    #[error("the state has version {0}, not {VERSION}")]
    Version(u32),
    /// A value that cannot have been written.
    #[error("the state has a bad {what}: {value:?}")]
    Value {
        /// Which.
        what: &'static str,
        /// What it was, shortened.
        value: String,
    },
}

/// The version alone, which decides how the rest is read.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    boot_id: String,
    /// CLOCK_MONOTONIC nanoseconds of the writing.
    saved_ns: u64,
    containers: Vec<ContainerState>,
    starts: Vec<StartState>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContainerState {
    id: String,
    run: u64,
    /// Not as an age: what starts, starts whether it is watched or not.
    started_ns: Option<u64>,
    seen_ago_ns: u64,
    evicted: bool,
    roots: Vec<RootState>,
}

impl Degrade {
    /// The text of the state at this moment, in this boot of the machine.
    pub fn save(&self, boot_id: &str, now: Moment) -> Result<String, StateError> {
        let mut containers: Vec<_> = self
            .containers
            .iter()
            .filter_map(|(id, held)| {
                let run = held.run.as_ref()?;
                let young = now.monotonic_ns < run.mature_ns(&self.thresholds);
                (young || !run.roots.is_empty()).then(|| saved(id, run, now.monotonic_ns))
            })
            .collect();
        containers.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let state = State {
            version: VERSION,
            boot_id: boot_id.to_owned(),
            saved_ns: now.monotonic_ns,
            containers,
            // A name too long to be read back must not spoil the rest.
            starts: self
                .starts()
                .iter()
                .map(StartState::of)
                .filter(|start| start.view().is_ok())
                .collect(),
        };
        serde_json::to_string(&state).map_err(|error| StateError::Form(error.to_string()))
    }

    /// The state of that text. Containers of it are waited for (`confirm_ns`)
    /// until [`Degrade::started`] or a failure tells that they are there.
    pub fn restore(
        thresholds: Thresholds,
        limits: Limits,
        json: &[u8],
        boot_id: &str,
        now: Moment,
    ) -> Result<Degrade, StateError> {
        Self::resume(thresholds, limits, json, boot_id, now, false)
    }

    /// The same; where everything was `counted` meanwhile, the time in between has
    /// passed.
    pub fn resume(
        thresholds: Thresholds,
        limits: Limits,
        json: &[u8],
        boot_id: &str,
        now: Moment,
        counted: bool,
    ) -> Result<Degrade, StateError> {
        if json.len() > BYTES_MAX {
            return Err(StateError::TooLong(json.len()));
        }
        // Its words may hold words of the text.
        let form =
            |error: serde_json::Error| StateError::Form(escape(error.to_string().as_bytes()));
        let Versioned { version } = serde_json::from_slice(json).map_err(form)?;
        if version != VERSION {
            return Err(StateError::Version(version));
        }
        let state: State = serde_json::from_slice(json).map_err(form)?;
        let mut degrade = Degrade::new(thresholds, limits);
        for start in &state.starts {
            // What no longer fits, because a limit is lower now, stays out.
            let fits = degrade.starts.restore(start.view()?, now.monotonic_ns);
            degrade.overflow.workloads += u64::from(!fits);
        }
        if state.boot_id != boot_id {
            return Ok(degrade);
        }
        if state.saved_ns > now.monotonic_ns {
            return Err(bad("saved_ns", state.saved_ns));
        }
        let unwatched_ns = match counted {
            true => 0,
            false => now.monotonic_ns - state.saved_ns,
        };
        let ago = Duration::from_nanos(now.monotonic_ns - state.saved_ns);
        let now = match counted {
            true => Moment {
                monotonic_ns: state.saved_ns,
                wall: now.wall.checked_sub(ago).unwrap_or(now.wall),
            },
            false => now,
        };
        degrade.unwatched = Some(Duration::from_nanos(unwatched_ns));
        for container in &state.containers {
            let run = restored(container, &state, &limits, now)?;
            if degrade.containers.len() >= limits.containers {
                let failures = run.roots.values().map(|root| root.failures);
                let lost = failures.fold(0, u64::saturating_add);
                let overflow = &mut degrade.overflow.containers;
                *overflow = overflow.saturating_add(lost);
                continue;
            }
            // Its name is told by who sees it alive.
            let unnamed = Container::unnamed(&container.id, Runtime::Unspecified);
            let held = Held {
                run: Some(run),
                restored_ns: Some(now.monotonic_ns),
                ..Held::new(Arc::new(unnamed))
            };
            let id = Arc::from(container.id.as_str());
            if degrade.containers.insert(id, held).is_some() {
                return Err(bad("id", &container.id));
            }
        }
        Ok(degrade)
    }
}

impl Degrade {
    /// Nothing was left uncounted before the start.
    pub fn note_counted(&mut self) {
        self.unwatched = Some(Duration::ZERO);
    }
}

fn saved(id: &str, run: &Run, now_ns: u64) -> ContainerState {
    let mut roots: Vec<_> = run
        .roots
        .iter()
        .map(|(name, root)| RootState::of(name, root, now_ns))
        .collect();
    roots.sort_unstable_by(|a, b| a.write_root.cmp(&b.write_root));
    ContainerState {
        id: id.to_owned(),
        run: run.id,
        started_ns: run.started_ns,
        seen_ago_ns: now_ns.saturating_sub(run.seen_ns),
        evicted: run.evicted,
        roots,
    }
}

fn restored(
    container: &ContainerState,
    state: &State,
    limits: &Limits,
    now: Moment,
) -> Result<Run, StateError> {
    text("id", &container.id)?;
    let started_ns = container.started_ns;
    if let Some(late) = started_ns.filter(|started_ns| *started_ns > state.saved_ns) {
        return Err(bad("started_ns", late));
    }
    let seen_ns = now.monotonic_ns.saturating_sub(container.seen_ago_ns);
    let mut run = Run::new(container.run, started_ns, seen_ns);
    run.evicted = container.evicted;
    for saved in &container.roots {
        text("write_root", &saved.write_root)?;
        let root = saved.root(state.saved_ns, now)?;
        // One more for the roots past the limit.
        if run.roots.len() > limits.write_roots_per_container {
            run.evicted = true;
            continue;
        }
        run.roots.insert(saved.write_root.as_str().into(), root);
    }
    Ok(run)
}

fn bad(what: &'static str, value: impl ToString) -> StateError {
    StateError::Value {
        what,
        value: value.to_string().chars().take(64).collect(),
    }
}
