//! A container's mount table and first process become its mount posture: can it
//! write its root, where else can it write, as whom, and what of that is a finding.
//!
//! In: which containers there are and where their control groups lie; what the
//! runtime said of each. Out: a [`Posture`] each. Invariant: what is told was read
//! from the kernel, and stood still while it was; what was not read says why, and
//! is neither good nor bad. Lacks on purpose: looking up any path of a container,
//! and mending anything.
//!
//! | file | does |
//! |---|---|
//! | `table`, `cover`, `host` | rows of a mount table -> what of it matters; pure |
//! | `user` | texts of /proc -> who the first process is; pure |
//! | `judge`, `words` | what was read and what was asked for -> findings; pure |
//! | `read` | one container's turn |
//! | `pace` | whose turn it is; pure |
//! | `reader` | the thread that calls them |
//!
//! The sampler of tmpfs mounts reads the same tables. It does so to find its
//! mounts, behind a crew of threads since it asks what is mounted, and reads half
//! as often; a remounted root must be told soon. So each reads for itself.

mod cover;
mod host;
mod judge;
mod pace;
mod read;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod user;
mod words;

use std::sync::Arc;

use crate::denial::{Container, FindingKind};

pub use host::HostMounts;
pub use judge::judge;
pub use reader::{CONTAINERS_MAX, Reader, Report, Watched};
pub use table::{MOUNTS_MAX, table};
pub use user::User;

/// Why something is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The container has no process to look through.
    NoProcess,
    /// It uses the host's mounts.
    HostMounts,
    /// It is being started: the runtime still changes its mounts.
    Starting,
    /// The table that was read has no root.
    NoRoot,
    /// Several mounts lie at the root, and they differ.
    StackedRoot,
    /// A capability is missing: CAP_SYS_PTRACE.
    NotPermitted,
    /// What the kernel told could not be understood.
    Unreadable,
    /// The kernel's error number, where none of the above is meant.
    Failed(i32),
}

impl Unknown {
    /// The name used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Unknown::NoProcess => "no_process",
            Unknown::HostMounts => "host_mounts",
            Unknown::Starting => "starting",
            Unknown::NoRoot => "no_root",
            Unknown::StackedRoot => "stacked_root",
            Unknown::NotPermitted => "not_permitted",
            Unknown::Unreadable => "unreadable",
            Unknown::Failed(_) => "failed",
        }
    }
}

/// What was read of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// From its mount table.
    pub table: Result<Table, Unknown>,
    /// From its first process.
    pub user: Result<User, Unknown>,
}

impl Facts {
    /// Nothing is known, for one reason.
    pub const fn unknown(why: Unknown) -> Facts {
        Facts {
            table: Err(why),
            user: Err(why),
        }
    }
}

/// What matters of a mount table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The mount at `/`.
    pub root: Result<Seen, Unknown>,
    /// Where else the container can write, by target; [`MOUNTS_MAX`] at most.
    pub writable: Vec<Seen>,
    /// Writable mounts left out past that.
    pub dropped: usize,
    /// Kernel file systems that ought to be read-only: `/sys`, `/proc/sys`.
    pub kernel: Vec<Seen>,
    /// Sockets of container runtimes; a read-only mount does not keep anybody
    /// from talking to one.
    pub sockets: Vec<Seen>,
    /// The table is longer than what is read of one.
    pub cut: bool,
}

/// One mount. All texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where, from the container's root.
    pub target: String,
    /// What it is.
    pub kind: Kind,
    /// The path on the host, where it has one.
    pub source: Option<String>,
    /// Type of the file system.
    pub fs_type: String,
    /// Of the mount, with commas.
    pub options: String,
    /// Is the file system itself read-only?
    pub super_read_only: bool,
    /// Can anything be written?
    pub writable: bool,
    /// Most bytes, where a tmpfs was given a size.
    pub size: Option<u64>,
}

impl Seen {
    /// Has the mount an option such as `noexec`?
    pub fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|own| own == option)
    }

    /// `ro` or `rw`, of mount and file system together.
    pub const fn mode(&self) -> &'static str {
        if self.writable { "rw" } else { "ro" }
    }
}

/// What a mount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The container's root: image and writable layer.
    Root,
    /// A tmpfs of the container.
    Tmpfs,
    /// A volume of the runtime, an emptyDir, a persistent volume.
    Volume,
    /// A file or directory of the host.
    HostPath,
    /// An overlay of its own.
    Overlay,
    /// Something else, such as a network file system mounted inside.
    Other,
}

impl Kind {
    /// Every member.
    pub const ALL: [Kind; 6] = [
        Kind::Root,
        Kind::Tmpfs,
        Kind::Volume,
        Kind::HostPath,
        Kind::Overlay,
        Kind::Other,
    ];

    /// The name used in metrics and reports.
    pub const fn label(self) -> &'static str {
        match self {
            Kind::Root => "root",
            Kind::Tmpfs => "tmpfs",
            Kind::Volume => "volume",
            Kind::HostPath => "host_path",
            Kind::Overlay => "overlay",
            Kind::Other => "other",
        }
    }
}

/// Can the container write its root?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// No: mount or file system is read-only.
    ReadOnly,
    /// Yes.
    Writable,
    /// That is not known.
    Unknown(Unknown),
}

impl Root {
    /// The name used in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Root::ReadOnly => "read_only",
            Root::Writable => "writable",
            Root::Unknown(_) => "unknown",
        }
    }
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// Whose it is.
    pub container: Arc<Container>,
    /// What was read.
    pub facts: Arc<Facts>,
    /// Its root.
    pub root: Root,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// Something that a security engineer wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub kind: FindingKind,
    /// The path that it is about.
    pub place: String,
    /// In words, with the path.
    pub sentence: String,
    /// What to change, in words.
    pub fix: String,
    /// What the kernel told.
    pub evidence: String,
}
