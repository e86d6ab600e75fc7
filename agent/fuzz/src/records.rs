//! Records of the ring buffers: decoded, each by itself.
//!
//! In: a byte that chooses (bits 0 and 1 the ring, bit 2 whether zeros follow up
//! to the layout's length), the record. Out: nothing; a broken promise panics.

use sealwatch::decode;
use sealwatch::denial::{ContainerPath, Resolution};
use sealwatch_ebpf::wire::{self, CgroupEvent, LargeRecord, Sample, SmallRecord, WriteRecord};

use super::show::is_one_line;

/// Where a sample says which layout it has.
const LAYOUT: usize = std::mem::offset_of!(Sample, layout);

/// A record of any ring.
pub fn ring_record(bytes: &[u8]) {
    let Some((choice, record)) = bytes.split_first() else {
        return;
    };
    let pad = choice & 4 != 0;
    let mut record = record.to_vec();
    match choice & 3 {
        0 | 1 => {
            if pad {
                pad_sample(&mut record);
            }
            if let Ok(denial) = decode::sample(&record) {
                is_path(&denial.path);
                assert!(denial.comm.len() <= 16);
            }
        }
        2 => {
            if pad {
                pad_to(&mut record, size_of::<CgroupEvent>());
            }
            if let Ok(change) = decode::cgroup(&record) {
                assert!(change.path.len() <= wire::CGROUP_PATH_MAX);
            }
        }
        _ => {
            if pad {
                pad_to(&mut record, size_of::<WriteRecord>());
            }
            if let Ok(written) = decode::written(&record) {
                is_path(&written.path);
                assert!(written.owners.len() <= wire::WRITE_SLOTS + 1);
            }
        }
    }
}

/// Zeros up to what the record's layout takes.
pub fn pad_sample(record: &mut Vec<u8>) {
    pad_to(record, size_of::<Sample>());
    pad_to(
        record,
        match record[LAYOUT] {
            wire::LARGE => size_of::<LargeRecord>(),
            _ => size_of::<SmallRecord>(),
        },
    );
}

/// Zeros up to a length.
pub fn pad_to(record: &mut Vec<u8>, length: usize) {
    record.resize(record.len().max(length), 0);
}

/// Joined paths have no steps back, and an absolute one begins at the root.
fn is_path(path: &ContainerPath) {
    is_one_line("a path", &path.to_string());
    let mut parts = path.bytes.split(|byte| *byte == b'/');
    assert!(!parts.any(|part| part == b".."), "{path}");
    match path.resolution {
        Resolution::Absolute => assert_eq!(path.bytes.first(), Some(&b'/'), "{path}"),
        Resolution::Absent => assert!(path.bytes.is_empty()),
        Resolution::Relative | Resolution::Partial => {}
    }
}
