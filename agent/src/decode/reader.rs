//! The records of `wire`, read field by field.
//!
//! In: bytes. Out: the kernel half's own types. Invariant: no panic; a record
//! is as long as its layout before its first field is read. Lacks on purpose:
//! meaning, which `decode` gives.

use sealwatch_ebpf::wire::{
    CountKey, Credentials, Evidence, IdMap, LsmDetail, Ownership, Sample, WriteKey, WriteSample,
};

use super::DecodeError;

/// Reads integers in the machine's order from a record, one after the other.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], needed: usize) -> Result<Reader<'a>, DecodeError> {
        match bytes.get(..needed) {
            Some(rest) => Ok(Reader { rest }),
            None => Err(DecodeError::Short {
                length: bytes.len(),
                needed,
            }),
        }
    }

    /// Takes `N` bytes. `new` made sure that a whole layout is there; past its
    /// end come zeros.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.rest = rest;
                *chunk
            }
            None => [0; N],
        }
    }

    fn u8(&mut self) -> u8 {
        u8::from_ne_bytes(self.take())
    }
    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }
    pub(super) fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }
    pub(super) fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }

    fn key(&mut self) -> CountKey {
        CountKey {
            cgroup: self.u64(),
            path: self.u64(),
            signals: self.u16(),
            operation: self.u8(),
            errno: self.u8(),
            backend: self.u8(),
            lsm: self.u8(),
            reserved: self.u16(),
        }
    }

    fn evidence(&mut self) -> Evidence {
        Evidence {
            inode: self.u64(),
            super_flags: self.u64(),
            fs_magic: self.u64(),
            device: self.u32(),
            mount_flags: self.u32(),
            inode_uid: self.u32(),
            inode_gid: self.u32(),
            inode_mode: self.u32(),
            inode_flags: self.u32(),
            mount_id: self.u32(),
            capability: self.u32(),
        }
    }

    pub(super) fn sample(&mut self) -> Sample {
        Sample {
            key: self.key(),
            time_ns: self.u64(),
            evidence: self.evidence(),
            pid: self.u32(),
            tid: self.u32(),
            uid: self.u32(),
            gid: self.u32(),
            mount_namespace: self.u32(),
            name_len: self.u16(),
            base_len: self.u16(),
            comm: self.take(),
            path_flags: self.u16(),
            hook: self.u8(),
            layout: self.u8(),
            syscall: self.u32(),
            open_flags: self.u32(),
            reserved: self.u32(),
            credentials: self.credentials(),
            lsm: LsmDetail {
                requested: self.u32(),
                reserved: self.u32(),
                subject: self.take(),
                object: self.take(),
                class: self.take(),
            },
        }
    }

    pub(super) fn written(&mut self) -> WriteSample {
        WriteSample {
            key: WriteKey {
                cgroup: self.u64(),
                directory: self.u64(),
                mount_id: self.u32(),
                operation: self.u8(),
                author: self.u8(),
                reserved: self.take(),
            },
            fs_magic: self.u64(),
            pid: self.u32(),
            mount_namespace: self.u32(),
            user_namespace: self.u32(),
            uid: self.u32(),
            gid: self.u32(),
            name_len: self.u16(),
            base_len: self.u16(),
            path_flags: self.u16(),
            reserved: std::array::from_fn(|_| self.u16()),
            comm: self.take(),
            uid_map: self.id_map(),
            gid_map: self.id_map(),
        }
    }

    pub(super) fn ownership(&mut self) -> Ownership {
        Ownership {
            uid: self.u32(),
            gid: self.u32(),
            mode: self.u32(),
            reserved: self.u32(),
        }
    }

    fn credentials(&mut self) -> Credentials {
        Credentials {
            capabilities: self.u64(),
            groups_len: self.u32(),
            user_namespace: self.u32(),
            groups: std::array::from_fn(|_| self.u32()),
            uid_map: self.id_map(),
            gid_map: self.id_map(),
        }
    }

    fn id_map(&mut self) -> IdMap {
        IdMap {
            len: self.u32(),
            extents: std::array::from_fn(|_| std::array::from_fn(|_| self.u32())),
        }
    }
}
