//! Records of the write inventory -> [`Written`].
//!
//! In, Out, Invariant: as in `decode`. Lacks on purpose: the counts, which the
//! counter of the same key has.

use sealwatch_ebpf::wire::{WRITE_NAME_MAX, WRITE_SLOT_BYTES, WRITE_SLOTS, WriteKey, WriteRecord};

use super::reader::Reader;
use super::{DecodeError, path, until_nul};
use crate::denial::ContainerPath;

/// Where the writes of a counter went: the path of the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The counter.
    pub key: WriteKey,
    /// Process id in the initial namespace.
    pub pid: u32,
    /// Inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// The path as the container sees it.
    pub path: ContainerPath,
}

/// Decodes a record of the inventory's ring buffer.
pub fn written(bytes: &[u8]) -> Result<Written, DecodeError> {
    let mut reader = Reader::new(bytes, size_of::<WriteRecord>())?;
    let sample = reader.written();
    let (name, base) = reader.rest.split_at(WRITE_NAME_MAX);
    let length = |what, value: u16, limit| match usize::from(value) {
        value if value <= limit => Ok(value),
        value => Err(DecodeError::Length { what, value, limit }),
    };
    let name_len = length("name", sample.name_len, WRITE_NAME_MAX)?;
    let base_len = length("base", sample.base_len, WRITE_SLOTS)?;
    let slots = base.chunks_exact(WRITE_SLOT_BYTES).take(base_len);
    Ok(Written {
        key: sample.key,
        pid: sample.pid,
        mount_namespace: sample.mount_namespace,
        path: path(
            sample.path_flags,
            &name[..name_len],
            slots.map(until_nul).rev(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::Resolution;
    use sealwatch_ebpf::wire::PathFlags;

    fn record(name: &[u8], base: &[&[u8]], flags: u16) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<WriteRecord>()];
        bytes[0] = 7;
        bytes[32..34].copy_from_slice(&(name.len() as u16).to_ne_bytes());
        bytes[34..36].copy_from_slice(&(base.len() as u16).to_ne_bytes());
        bytes[36..38].copy_from_slice(&flags.to_ne_bytes());
        bytes[40..40 + name.len()].copy_from_slice(name);
        for (slot, component) in base.iter().enumerate() {
            let at = 40 + WRITE_NAME_MAX + slot * WRITE_SLOT_BYTES;
            bytes[at..at + component.len()].copy_from_slice(component);
        }
        bytes
    }

    #[test]
    fn a_file_and_a_relative_name_become_paths() {
        let file = record(b"", &[b"a.log", b"", b"log", b"var"], PathFlags::BASE);
        let file = written(&file).unwrap();
        assert_eq!(
            (file.key.cgroup, &file.path.bytes[..]),
            (7, &b"/var/log/a.log"[..])
        );
        assert_eq!(file.path.resolution, Resolution::Absolute);
        let name = record(b"../x", &[b"b", b"a"], PathFlags::BASE | PathFlags::NAME);
        assert_eq!(written(&name).unwrap().path.bytes, b"/a/x");
    }

    #[test]
    fn no_bytes_panic() {
        for length in [0, 39, size_of::<WriteRecord>() - 1] {
            assert!(written(&vec![0xff; length]).is_err());
        }
        let bytes = vec![0xff; size_of::<WriteRecord>()];
        assert_eq!(written(&bytes).unwrap_err().reason(), "bad_length");
    }
}
