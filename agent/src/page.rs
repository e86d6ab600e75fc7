//! A snapshot becomes the pages that a person reads in a browser.
//!
//! In: a [`Snapshot`], what happened lately, a query, the time. Out: HTML; the
//! style and the script beside it. Invariant: pure; whatever names and paths a
//! container chooses stay text; a page is bounded; nothing in it needs the
//! script, and no style or script stands in the page itself, so that a strict
//! policy can forbid them. Links are relative, so that the pages work below a
//! proxy's path. Lacks on purpose: answering requests, which `http` does.

pub mod assets;
mod container;
mod denials;
mod frame;
mod happened;
mod list;
mod missing;
mod mounts;
mod node;
mod notices;
mod sparkline;
mod tmpfs;
mod trouble;
mod words;

use std::time::SystemTime;

use crate::aggregate::Snapshot;
use crate::overview::State;

pub use container::page as container;
pub use happened::Happened;
pub use list::page as list;
pub use missing::page as missing;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The latest state.
    pub snapshot: &'a Snapshot,
    /// What the daemon still waits for.
    pub waits_for: &'a [&'static str],
    /// Name of the machine.
    pub node: &'a str,
    /// Path of the metrics, without its leading slash.
    pub metrics: &'a str,
    /// The wall clock.
    pub now: SystemTime,
    /// CLOCK_MONOTONIC nanoseconds.
    pub now_ns: u64,
}

/// Which containers the list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Words that a container's texts must contain.
    pub words: String,
    /// A state that it must be in.
    pub state: Option<State>,
    /// Which page of the list, from 0.
    pub page: usize,
}

#[cfg(test)]
mod tests;
