//! Records of the write inventory -> [`Written`].
//!
//! In, Out, Invariant: as in `decode`. Lacks on purpose: the counts, which the
//! counter of the same key has.

use sealwatch_ebpf::wire::{
    Ownership, PathFlags, WRITE_NAME_MAX, WRITE_SLOT_BYTES, WRITE_SLOTS, WriteKey, WriteRecord,
};

use super::reader::Reader;
use super::{DecodeError, id_map, path, until_nul};
use crate::denial::{ContainerPath, IdMap, Resolution};

/// Where the writes of a counter went: the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The counter.
    pub key: WriteKey,
    /// Process id in the initial namespace.
    pub pid: u32,
    /// Inode number of the task's mount namespace.
    pub mount_namespace: u32,
    /// `super_block.s_magic` of the file system, where it is known.
    pub fs_magic: Option<u64>,
    /// The task's fsuid, in the initial user namespace.
    pub uid: u32,
    /// The task's fsgid, in the initial user namespace.
    pub gid: u32,
    /// The task's command name.
    pub comm: Vec<u8>,
    /// Of user ids.
    pub uid_map: IdMap,
    /// Of group ids.
    pub gid_map: IdMap,
    /// The path as the container sees it.
    pub path: ContainerPath,
    /// Whose the directories on the path are, from the root on, as far as that is
    /// known: none of the file itself.
    pub owners: Vec<Ownership>,
}

/// Decodes a record of the inventory's ring buffer.
pub fn written(bytes: &[u8]) -> Result<Written, DecodeError> {
    let mut reader = Reader::new(bytes, size_of::<WriteRecord>())?;
    let sample = reader.written();
    let owners: [Ownership; WRITE_SLOTS + 1] = std::array::from_fn(|_| reader.ownership());
    let (name, base) = reader.rest.split_at(WRITE_NAME_MAX);
    let length = |what, value: u16, limit| match usize::from(value) {
        value if value <= limit => Ok(value),
        value => Err(DecodeError::Length { what, value, limit }),
    };
    let name = &name[..length("name", sample.name_len, WRITE_NAME_MAX)?];
    let base_len = length("base", sample.base_len, WRITE_SLOTS)?;
    let slots = base.chunks_exact(WRITE_SLOT_BYTES).take(base_len);
    let base: Vec<&[u8]> = slots.map(until_nul).rev().collect();
    let mut flags = sample.path_flags;
    // A file that was deleted while it was open, or never had a name, still lies
    // in its directory, which is what counts.
    if flags & PathFlags::BASE_IS_FILE != 0 {
        flags &= !PathFlags::BASE_DELETED;
    }
    let path = path(flags, name, base.iter().copied());
    let mut known = Vec::new();
    // An absolute name leads on from the root, whatever the base.
    let named = flags & PathFlags::NAME != 0 && name.first() == Some(&b'/');
    if flags & PathFlags::BASE != 0 && !named && path.resolution == Resolution::Absolute {
        known = along(&base, &owners[..=base_len]);
        if flags & PathFlags::BASE_IS_FILE != 0 {
            known.pop();
        }
        known.truncate(1 + in_common(&base, &path.bytes));
    }
    Ok(Written {
        key: sample.key,
        pid: sample.pid,
        mount_namespace: sample.mount_namespace,
        fs_magic: (sample.fs_magic != 0).then_some(sample.fs_magic),
        uid: sample.uid,
        gid: sample.gid,
        comm: until_nul(&sample.comm).to_vec(),
        uid_map: read_map(&sample.uid_map, sample.user_namespace),
        gid_map: read_map(&sample.gid_map, sample.user_namespace),
        path,
        owners: known,
    })
}

/// Every user namespace has an inode number, so zero says that nothing was read.
fn read_map(map: &sealwatch_ebpf::wire::IdMap, namespace: u32) -> IdMap {
    match namespace {
        0 => IdMap::Unread,
        _ => id_map(map),
    }
}

/// The owners of a base's components, the root's first. `owners` are in the
/// kernel's order, the root's last. What is mounted hides the directory below.
fn along(base: &[&[u8]], owners: &[Ownership]) -> Vec<Ownership> {
    let mut along = Vec::with_capacity(owners.len());
    let mut from_root = owners.iter().rev();
    along.extend(from_root.next());
    for (component, owner) in base.iter().zip(from_root) {
        if component.is_empty() {
            along.pop();
        }
        along.push(*owner);
    }
    along
}

/// How many components a base and a path begin with in common.
fn in_common(base: &[&[u8]], path: &[u8]) -> usize {
    let base = base.iter().filter(|component| !component.is_empty());
    let path = path.split(|byte| *byte == b'/').skip(1);
    base.zip(path).take_while(|(a, b)| **a == *b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    use sealwatch_ebpf::wire::WriteSample;

    /// The slots' owners are their numbers, and the root's the next.
    fn record(name: &[u8], base: &[&[u8]], flags: u16) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<WriteRecord>()];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &[7]);
        let (names, bases) = (name.len() as u16, base.len() as u16);
        put(offset_of!(WriteSample, name_len), &names.to_ne_bytes());
        put(offset_of!(WriteSample, base_len), &bases.to_ne_bytes());
        put(offset_of!(WriteSample, path_flags), &flags.to_ne_bytes());
        put(offset_of!(WriteSample, comm), b"app");
        put(offset_of!(WriteSample, uid), &33_u32.to_ne_bytes());
        put(offset_of!(WriteRecord, name), name);
        for (slot, component) in base.iter().enumerate() {
            let at = offset_of!(WriteRecord, base) + slot * WRITE_SLOT_BYTES;
            put(at, component);
        }
        for slot in 0..=base.len() {
            let at = offset_of!(WriteRecord, owners) + slot * size_of::<Ownership>();
            put(at, &(slot as u32).to_ne_bytes());
        }
        bytes
    }

    fn owners(written: &Written) -> Vec<u32> {
        written.owners.iter().map(|owner| owner.uid).collect()
    }

    #[test]
    fn a_file_and_a_relative_name_become_paths() {
        let flags = PathFlags::BASE | PathFlags::BASE_IS_FILE;
        let file = written(&record(b"", &[b"a.log", b"", b"log", b"var"], flags)).unwrap();
        assert_eq!(
            (file.key.cgroup, &file.path.bytes[..]),
            (7, &b"/var/log/a.log"[..])
        );
        assert_eq!(file.path.resolution, Resolution::Absolute);
        assert_eq!((file.uid, &file.comm[..]), (33, &b"app"[..]));
        // Root, /var, and of /var/log what is mounted there.
        assert_eq!(owners(&file), [4, 3, 1]);
        assert_eq!((file.fs_magic, file.uid_map), (None, IdMap::Unread));
        let flags = PathFlags::BASE | PathFlags::NAME;
        let up = written(&record(b"../x", &[b"b", b"a"], flags)).unwrap();
        assert_eq!(up.path.bytes, b"/a/x");
        assert_eq!(owners(&up), [2, 1]);
        let below = written(&record(b"c/x", &[b"b", b"a"], flags)).unwrap();
        assert_eq!(
            (&below.path.bytes[..], owners(&below)),
            (&b"/a/b/c/x"[..], vec![2, 1, 0])
        );
    }

    #[test]
    fn whose_a_place_is_is_not_told_where_it_is_not_certain() {
        let flags = PathFlags::BASE | PathFlags::BASE_IS_FILE;
        for (name, flags) in [
            (&b""[..], flags | PathFlags::BASE_TRUNCATED),
            (b"", flags | PathFlags::BASE_UNREACHABLE),
            (
                b"n",
                PathFlags::BASE | PathFlags::NAME | PathFlags::BASE_DELETED,
            ),
            (b"/x/y", PathFlags::BASE | PathFlags::NAME),
        ] {
            let told = written(&record(name, &[b"f", b"d"], flags)).unwrap();
            assert!(owners(&told).is_empty(), "{flags:x}");
        }
        let gone = written(&record(
            b"",
            &[b"#7", b"tmp"],
            flags | PathFlags::BASE_DELETED,
        ));
        let gone = gone.unwrap();
        assert_eq!(gone.path.resolution, Resolution::Absolute);
        assert_eq!(owners(&gone), [2, 1]);
        // A file that is mounted by itself: the owner of its directory is known.
        let mounted = written(&record(b"", &[b"", b"hosts", b"etc"], flags)).unwrap();
        assert_eq!(mounted.path.bytes, b"/etc/hosts");
        assert_eq!(owners(&mounted), [3, 2]);
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
