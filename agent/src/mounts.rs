//! The mounts of a container, from the text that the kernel shows of them.
//!
//! In: rows of `mountinfo`. Out: [`Mount`]s with what they are.
//! Invariant: a kind is told from what the row says, and [`MountKind::Other`]
//! where it does not.
//! Lacks on purpose: reading, and any look at what is mounted.

mod kind;
mod table;

use crate::denial::escape;
use crate::mountinfo::{self, MountRow};
use crate::remedy::MountKind;

pub use kind::is_of_the_kernel;
pub use table::{MountTables, NAMESPACES_MAX, READS_PER_SECOND_MAX, REREAD_NS, RETRY_NS, View};

/// One mount of a mount namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `mount.mnt_id`.
    pub id: u32,
    /// Device of its file system, in the kernel's internal encoding.
    pub device: u32,
    /// What is mounted, by who provides it.
    pub kind: MountKind,
    /// Where, as the container sees it; escaped.
    pub target: String,
    /// Type of the file system; escaped.
    pub file_system: String,
    /// Which part of the file system is mounted; escaped.
    pub root: String,
    /// Options of this mount; escaped.
    pub options: String,
    /// Most bytes, of a tmpfs with such a limit.
    pub bytes_max: Option<u64>,
    /// Most inodes, of a tmpfs with such a limit.
    pub inodes_max: Option<u64>,
}

impl Mount {
    /// Does a path, escaped, lie at its target or below?
    fn holds(&self, path: &str) -> bool {
        let target = self.target.trim_end_matches('/');
        let rest = path.strip_prefix(target);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The name of a kind in events.
pub const fn kind_label(kind: MountKind) -> &'static str {
    match kind {
        MountKind::Root => "root",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Volume => "volume",
        MountKind::HostPath => "host_path",
        MountKind::Secret => "secret",
        MountKind::ConfigMap => "config_map",
        MountKind::Projected => "projected",
        MountKind::RuntimeFile => "runtime_file",
        MountKind::Kernel => "kernel",
        MountKind::Other => "other",
    }
}

/// What a row's mount is, by who provides it.
pub fn kind_of(row: &MountRow) -> MountKind {
    kind::of(row.fs_type.as_bytes(), &row.root, &row.target)
}

/// Most bytes, of a tmpfs with such a limit; 0 is none.
pub fn bytes_max(row: &MountRow) -> Option<u64> {
    of_tmpfs(row, b"size=")
}

fn of_tmpfs(row: &MountRow, name: &[u8]) -> Option<u64> {
    match row.fs_type.as_str() {
        "tmpfs" => limit(row.super_options.as_bytes(), name),
        _ => None,
    }
}

/// The mounts of a text in whole lines.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    mountinfo::parse(text).iter().filter_map(mount).collect()
}

fn mount(row: &MountRow) -> Option<Mount> {
    Some(Mount {
        id: u32::try_from(row.id).ok()?,
        device: row.device.encoded()?,
        kind: kind_of(row),
        target: escape(&row.target),
        file_system: escape(row.fs_type.as_bytes()),
        root: escape(&row.root),
        options: escape(row.options.as_bytes()),
        bytes_max: bytes_max(row),
        inodes_max: of_tmpfs(row, b"nr_inodes="),
    })
}

/// `size=64k` and its like.
fn limit(options: &[u8], name: &[u8]) -> Option<u64> {
    let value = options
        .split(|byte| *byte == b',')
        .find_map(|option| option.strip_prefix(name))?;
    let (digits, unit) = match value.split_last()? {
        (b'k', digits) => (digits, 1 << 10),
        (b'm', digits) => (digits, 1 << 20),
        (b'g', digits) => (digits, 1 << 30),
        _ => (value, 1),
    };
    let digits = std::str::from_utf8(digits).ok()?;
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests;
