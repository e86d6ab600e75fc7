//! The mounts of a container, from the text that the kernel shows of them.
//!
//! In: `/proc/PID/mountinfo` as bytes. Out: [`Mount`]s with what they are.
//! Invariant: no bytes panic; a line that is no mount is left out; a kind is
//! told from what the line says, and [`MountKind::Other`] where it does not.
//! Lacks on purpose: reading, and any look at what is mounted.

mod kind;
mod table;

use crate::denial::escape;
use crate::remedy::MountKind;

pub use table::{MountTables, NAMESPACES_MAX, READS_PER_SECOND_MAX, REREAD_NS, RETRY_NS};

/// Most bytes of a namespace's text that are looked at; a container may have as
/// many mounts as it likes, and those that follow stay unknown.
pub const TEXT_MAX_BYTES: usize = 64 << 10;

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

/// The mounts of a text; one that was cut off loses its last line.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    let text = &text[..text.len().min(TEXT_MAX_BYTES)];
    text.split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| mount(line.strip_suffix(b"\n")?))
        .collect()
}

/// `36 35 98:0 /root /target rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let [_parent, device, root, target, options] = [
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    ];
    // Any number of optional fields ends with a dash.
    fields.find(|field| *field == b"-")?;
    let file_system = fields.next()?;
    let _source = fields.next()?;
    let super_options = fields.next().unwrap_or_default();
    let root = unescape(root);
    let target = unescape(target);
    let of_tmpfs = |name| match file_system {
        b"tmpfs" => limit(super_options, name),
        _ => None,
    };
    Some(Mount {
        id,
        device: encode(device)?,
        kind: kind::of(file_system, &root, &target),
        target: escape(&target),
        file_system: escape(&unescape(file_system)),
        root: escape(&root),
        options: escape(&unescape(options)),
        bytes_max: of_tmpfs(b"size="),
        inodes_max: of_tmpfs(b"nr_inodes="),
    })
}

/// `major:minor` as the kernel keeps it.
fn encode(device: &[u8]) -> Option<u32> {
    const MINOR_BITS: u32 = 20;
    let colon = device.iter().position(|byte| *byte == b':')?;
    let major: u32 = number(&device[..colon])?;
    let minor: u32 = number(&device[colon + 1..])?;
    Some(major.checked_mul(1 << MINOR_BITS)? | minor)
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The kernel writes blanks, newlines and backslashes as `\040`.
fn unescape(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    while let Some((byte, rest)) = bytes.split_first() {
        let octal = rest.get(..3).filter(|_| *byte == b'\\').and_then(|digits| {
            digits.iter().try_fold(0_u32, |value, digit| {
                Some(value * 8 + char::from(*digit).to_digit(8)?)
            })
        });
        match octal.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                plain.push(value);
                bytes = &rest[3..];
            }
            None => {
                plain.push(*byte);
                bytes = rest;
            }
        }
    }
    plain
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
    number::<u64>(digits)?.checked_mul(unit)
}

#[cfg(test)]
mod tests;
