//! The words of a recording's lines, and what they stand for.
//!
//! In: words. Out: bytes, keys and values; none where the words are no such
//! thing. Invariant: no word takes more memory than a record may. Lacks on
//! purpose: the lines themselves.

use std::fmt::Write as _;

use sealwatch_ebpf::wire::{CountKey, CountValue, WriteKey, WriteValue};

/// Hexadecimal, with `*N` for the N zero bytes at the end that most records have.
pub(super) fn hex(bytes: &[u8]) -> String {
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let mut text = String::with_capacity(2 * used + 8);
    for byte in &bytes[..used] {
        let _ = write!(text, "{byte:02x}");
    }
    // A record without any bytes is a word all the same.
    if used < bytes.len() || bytes.is_empty() {
        let _ = write!(text, "*{}", bytes.len() - used);
    }
    text
}

/// The largest record that a line may stand for.
const RECORD_MAX: usize = 1 << 20;

pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let (digits, zeros) = text.split_once('*').unwrap_or((text, "0"));
    let zeros: usize = zeros.parse().ok().filter(|zeros| *zeros <= RECORD_MAX)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let mut bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    bytes.resize(bytes.len() + zeros, 0);
    Some(bytes)
}

pub(super) fn key_of(bytes: &[u8]) -> Option<CountKey> {
    let bytes: &[u8; size_of::<CountKey>()] = bytes.try_into().ok()?;
    Some(CountKey {
        cgroup: u64_at(bytes, 0)?,
        path: u64_at(bytes, 8)?,
        signals: u16::from_le_bytes([bytes[16], bytes[17]]),
        operation: bytes[18],
        errno: bytes[19],
        backend: bytes[20],
        lsm: bytes[21],
        reserved: u16::from_le_bytes([bytes[22], bytes[23]]),
    })
}

pub(super) fn written(numbers: &[u64]) -> Option<(WriteKey, WriteValue)> {
    let [cgroup, directory, mount_id, operation, author, rest @ ..] = numbers else {
        return None;
    };
    let [count, bytes, first_ns, last_ns, sampled] = *rest else {
        return None;
    };
    let key = WriteKey {
        cgroup: *cgroup,
        directory: *directory,
        mount_id: u32::try_from(*mount_id).ok()?,
        operation: u8::try_from(*operation).ok()?,
        author: u8::try_from(*author).ok()?,
        reserved: [0; 2],
    };
    let value = WriteValue {
        count,
        bytes,
        first_ns,
        last_ns,
        sampled,
    };
    Some((key, value))
}

pub(super) fn value_of(bytes: &[u8]) -> Option<CountValue> {
    let bytes: &[u8; size_of::<CountValue>()] = bytes.try_into().ok()?;
    Some(CountValue {
        count: u64_at(bytes, 0)?,
        sampled: u64_at(bytes, 8)?,
        lost: u64_at(bytes, 16)?,
        next_sample_ns: u64_at(bytes, 24)?,
        last_ns: u64_at(bytes, 32)?,
    })
}

fn u64_at(bytes: &[u8], start: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(start..start + 8)?.try_into().ok()?,
    ))
}
