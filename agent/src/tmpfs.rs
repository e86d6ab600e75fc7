//! Rows of mount tables become how full the containers' tmpfs mounts are.
//!
//! In: which containers there are, and where their control groups lie. Out:
//! [`Report`]s: used, limit, time to full, pressure, the share of the memory
//! limit, and kills for want of memory. Invariant: what is not measured says
//! why and is never a zero; nothing in a container blocks the hot path, and
//! what blocks a reader anyway costs that container's numbers alone. Lacks on
//! purpose: naming containers, and any descriptor that is kept, which would make
//! a container's umount fail.
//!
//! | file | does |
//! |---|---|
//! | `ownership`, `reach` | mount table -> the tmpfs mounts of a container, and whether they can be asked safely; pure |
//! | `read`, `memory` | the kernel's numbers |
//! | `visit` | one container's turn |
//! | `worker` | many turns, each with a deadline |
//! | `trend`, `history`, `pressure`, `track` | numbers over time -> what is reported; pure |
//! | `pace` | whose turn it is; pure |
//! | `sampler` | the thread that calls them |

pub mod history;
pub mod memory;
mod ownership;
mod pace;
mod pressure;
mod reach;
pub mod read;
mod report;
mod sampler;
mod track;
mod trend;
pub mod visit;
mod worker;

pub use history::Past;
pub use memory::Limit;
pub use ownership::{Asked, HostTmpfs, MOUNTS_MAX, Origin, Owned, Ownership, owned};
pub use pressure::Pressure;
pub use reach::answers_by_itself;
pub use report::{ContainerTmpfs, Killed, Memory, MountTmpfs, Oom, Report, Sampled};
pub use sampler::{Sampler, Settings, Watched};

/// Why something is not measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// No process of the container is there to look through.
    NoProcess,
    /// The container has no mount table of its own, or not yet.
    HostMounts,
    /// The way leads across a file system that can keep a reader waiting.
    Crosses(String),
    /// Another mount lies over it.
    Covered,
    /// The process's root is no mount, so the way cannot be judged.
    RootUnseen,
    /// Something else lies there than the mount table said.
    Swapped,
    /// A capability is missing: CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH.
    NotPermitted,
    /// The reader did not come back in time.
    Stuck,
    /// The tmpfs has no limit, and then the kernel does not tell what is used.
    Unlimited,
    /// The kernel's error number, where none of the above is meant.
    Failed(i32),
}

impl Unmeasured {
    /// Every name.
    pub const LABELS: [&'static str; 10] = [
        "no_process",
        "host_mounts",
        "crosses_file_system",
        "covered",
        "root_unseen",
        "swapped",
        "not_permitted",
        "stuck",
        "unlimited",
        "failed",
    ];

    /// The name used in metrics and reports.
    pub const fn label(&self) -> &'static str {
        match self {
            Unmeasured::NoProcess => "no_process",
            Unmeasured::HostMounts => "host_mounts",
            Unmeasured::Crosses(_) => "crosses_file_system",
            Unmeasured::Covered => "covered",
            Unmeasured::RootUnseen => "root_unseen",
            Unmeasured::Swapped => "swapped",
            Unmeasured::NotPermitted => "not_permitted",
            Unmeasured::Stuck => "stuck",
            Unmeasured::Unlimited => "unlimited",
            Unmeasured::Failed(_) => "failed",
        }
    }
}

impl std::fmt::Display for Unmeasured {
    /// A sentence's end, as in "not measured: ...".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unmeasured::NoProcess => f.write_str("the container has no process"),
            Unmeasured::HostMounts => f.write_str("it uses the host's mounts"),
            Unmeasured::Crosses(fs_type) => write!(
                f,
                "the way there crosses {}, which could keep a reader waiting",
                crate::denial::escape(fs_type.as_bytes())
            ),
            Unmeasured::Covered => f.write_str("another mount lies over it"),
            Unmeasured::RootUnseen => f.write_str("the container's root is not a mount"),
            Unmeasured::Swapped => f.write_str("something else is mounted there by now"),
            Unmeasured::NotPermitted => {
                f.write_str("CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH is missing")
            }
            Unmeasured::Stuck => f.write_str("the kernel did not answer in time"),
            Unmeasured::Unlimited => f.write_str("a tmpfs without a limit does not tell"),
            Unmeasured::Failed(errno) => {
                write!(f, "{}", std::io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

/// What a tmpfs tells of itself, in bytes and inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in whole pages; none where there is no limit.
    pub bytes: Option<Fill>,
    /// Inodes, those of directories included; none where there is no limit.
    pub inodes: Option<Fill>,
}

/// How much of how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// In use.
    pub used: u64,
    /// The most there can be; not 0.
    pub limit: u64,
}

impl Fill {
    /// 0.0 to 1.0, and above where a limit was lowered below what is in use.
    pub fn share(self) -> f64 {
        self.used as f64 / self.limit as f64
    }
}
