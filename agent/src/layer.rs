//! Mount tables become how much the containers' writable layers keep.
//!
//! In: which containers there are, and where their control groups lie. Out:
//! [`Report`]s: bytes and entries of each overlay's upper directory, and how
//! fast they grow. Invariant: all walks together look at a bounded number of
//! entries a second, and one walk at a bounded number in all, after which its
//! figures are a lower bound and say so; nothing is followed or opened but
//! directories of the layer's own file system; the hot path waits for none of
//! it. Lacks on purpose: bytes written and deleted again, and names of files.
//!
//! | file | does |
//! |---|---|
//! | `upper` | mount table -> the upper directory; pure |
//! | `walk` | a directory -> what it keeps |
//! | `bucket` | how many entries may be looked at now; pure |
//! | `pace` | whose turn it is; pure |
//! | `walker` | the thread that calls them |

mod bucket;
mod pace;
mod report;
pub mod upper;
pub mod walk;
mod walker;

pub use bucket::Bucket;
pub use report::{Kept, Layer, Report};
pub use walker::{Settings, Walker, Watched};

/// Why a writable layer is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// No process of the container is there to look through.
    NoProcess,
    /// Its root is no overlay with an upper directory.
    NoOverlay,
    /// Its upper directory lies where no runtime makes one.
    UnknownPlace,
    /// Nothing lies at that place on the host.
    NotFound,
    /// A capability is missing: CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH.
    NotPermitted,
    /// The host's file system does not answer.
    Stuck,
    /// The kernel's error number, where none of the above is meant.
    Failed(i32),
}

impl Unmeasured {
    /// Every name.
    pub const LABELS: [&'static str; 7] = [
        "no_process",
        "no_overlay",
        "unknown_place",
        "not_found",
        "not_permitted",
        "stuck",
        "failed",
    ];

    /// The name used in metrics and reports.
    pub const fn label(self) -> &'static str {
        match self {
            Unmeasured::NoProcess => "no_process",
            Unmeasured::NoOverlay => "no_overlay",
            Unmeasured::UnknownPlace => "unknown_place",
            Unmeasured::NotFound => "not_found",
            Unmeasured::NotPermitted => "not_permitted",
            Unmeasured::Stuck => "stuck",
            Unmeasured::Failed(_) => "failed",
        }
    }
}
