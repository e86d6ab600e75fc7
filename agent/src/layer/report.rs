//! What is told of the containers' writable layers.
//!
//! In: nothing but its fields. Out: [`Report`]. Invariant: plain data; what was
//! not measured holds the reason in the number's place. Lacks on purpose:
//! labels and formats, which belong to the sinks.

use std::sync::Arc;

use super::Unmeasured;

/// All containers that are watched.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By id; those that have been looked at.
    pub layers: Vec<Arc<Layer>>,
    /// Containers that are not watched as there are too many.
    pub overflow: u64,
    /// Entries looked at, ever.
    pub entries: u64,
    /// Processor time that it took, ever.
    pub cpu_ns: u64,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The runtime's id.
    pub container: Arc<str>,
    /// Can the container write to it?
    pub writable: bool,
    /// What it keeps, or why that is not known.
    pub kept: Result<Kept, Unmeasured>,
}

/// What a layer keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    /// On the disk, in whole blocks; those of directories included.
    pub bytes: u64,
    /// Files, directories, links and whiteouts, without the layer itself.
    pub entries: u64,
    /// There is more: these are lower bounds.
    pub truncated: bool,
    /// Bytes per second since the walk before; negative where it shrinks. None
    /// before the second walk, and between lower bounds.
    pub growth: Option<f64>,
}
