//! Where records and counters come from: the running kernel, or a recording.
//!
//! In: nothing but its own making. Out: raw records and cumulative counters, in
//! the kernel half's own types. Invariant: a source never interprets bytes; it
//! hands them on, so that a recording replays without root. Lacks on purpose:
//! decoding, naming.

mod batch;
pub mod btf;
pub mod kernel;
pub mod replay;

use sealwatch_ebpf::wire::{CountKey, CountValue, OomValue, WriteKey, WriteValue};

use crate::host::Plan;

/// What a source could not do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A map of the kernel half could not be read or written.
    #[error("map {map}: {reason}")]
    Map {
        /// The map's name in `wire`.
        map: &'static str,
        /// The operating system's or the loader's own words.
        reason: String,
    },
}

/// Which ring buffer a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// `wire::SAMPLES`: a `Sample` with its body.
    Sample,
    /// `wire::CGROUPS`: a `CgroupEvent`.
    Cgroup,
    /// `wire::WRITE_SAMPLES`: a `WriteRecord`.
    Write,
}

/// What an earlier daemon left to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// What [`Source::keep`] was given last; none where nothing was kept yet.
    pub text: Option<Vec<u8>>,
    /// Has everything been counted since?
    pub whole: bool,
    /// What becomes of the counters that are read until [`Source::succeed`].
    pub succession: Succession,
}

/// What becomes of an earlier daemon's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// They go on.
    Same,
    /// They have ended and are read first; the own ones began at zero.
    Ended,
    /// They have ended and cannot be read.
    Unreadable {
        /// Refusals they had counted in all.
        recorded: u64,
    },
}

/// A supplier of records and counters.
///
/// Calls never block; the pipeline waits on [`Source::ready`] in between.
pub trait Source: Send {
    /// Hands over every record that waits, control group events first, so that
    /// an owner is known before its denials. Returns how many there were.
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize;

    /// Completes when a record waits.
    fn ready(&mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// `wire::Stat` counters, summed, cumulative since the programs were loaded.
    fn stats(&mut self) -> Result<[u64; sealwatch_ebpf::wire::STATS_MAX as usize], SourceError>;

    /// Hands over every exact counter, cumulative since its key was made.
    fn counters(&mut self, each: &mut dyn FnMut(&CountKey, &CountValue))
    -> Result<(), SourceError>;

    /// Hands over the refusals that found the table full, as (operation number,
    /// errno, cumulative count).
    fn overflow(&mut self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError>;

    /// Hands over the control groups of processes killed for want of memory, with
    /// how many, cumulative since the group's key was made.
    fn oom_kills(&mut self, each: &mut dyn FnMut(u64, &OomValue)) -> Result<(), SourceError>;

    /// Deletes the kills of a control group that no longer exists.
    fn forget_oom_kills(&mut self, cgroup: u64) -> Result<(), SourceError>;

    /// Begins or ends to count the successful writes of a control group. At the
    /// end its counters are deleted; whoever wants the last values reads them before.
    fn watch_writes(&mut self, cgroup: u64, on: bool) -> Result<(), SourceError>;

    /// Hands over every counter of watched control groups, cumulative since its
    /// key was made.
    fn inventory(
        &mut self,
        each: &mut dyn FnMut(&WriteKey, &WriteValue),
    ) -> Result<(), SourceError>;

    /// Deletes the counters of control groups that no longer exist and makes room.
    fn forget(&mut self, keys: &[CountKey]) -> Result<(), SourceError>;

    /// The plan, where it is another than before.
    fn plan_changed(&mut self) -> Option<&Plan> {
        None
    }

    /// The state to go on from, if an earlier daemon left one. Told once; records
    /// and counters are that daemon's until [`Source::succeed`].
    fn past(&mut self) -> Option<Past> {
        None
    }

    /// Ends the reading of an earlier daemon's counters. What becomes of those that
    /// are read from now on: of the next daemon's, where several took over before
    /// one kept what it counted, and at last the own ones.
    fn succeed(&mut self) -> Succession {
        Succession::Same
    }

    /// Does [`Source::keep`] keep anything?
    fn keeps(&self) -> bool {
        false
    }

    /// Keeps a state for the next daemon, whenever this one ends.
    fn keep(&mut self, _text: &[u8]) -> Result<(), SourceError> {
        Ok(())
    }

    /// From now on leaves out the refusals of a control group (one of the host's).
    fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError>;
}
