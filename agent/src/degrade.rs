//! What it means to a container that its writes fail.
//!
//! In: paths. Out: the caches they belong to. Invariant: no I/O, no clock.
//! Lacks on purpose: judging, which needs the failures over time.

pub mod caches;
