//! A whole hash map in few system calls.
//!
//! In: a map's descriptor. Out: its entries. Invariant: every entry that stays
//! in the map during the call is handed over at least once. Lacks on purpose:
//! deleting. The loader library reads one entry in two calls, which a table of
//! sixteen thousand counters read every second would feel.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Entries asked for at a time.
const BATCH: usize = 1024;
/// BPF_MAP_LOOKUP_BATCH of `enum bpf_cmd`, since kernel 5.6.
const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;

/// `union bpf_attr`, the part for batch commands.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Hands over every (key, value) of a hash map.
///
/// # Errors
/// The kernel's own error; a map that changes meanwhile is none.
///
/// # Safety
/// The map's keys and values are exactly `K` and `V`, for both of which any
/// bytes are a value.
pub unsafe fn read_all<K: Copy, V: Copy>(
    map: BorrowedFd<'_>,
    each: &mut dyn FnMut(&K, &V),
) -> io::Result<()> {
    let mut keys: Vec<K> = Vec::with_capacity(BATCH);
    let mut values: Vec<V> = Vec::with_capacity(BATCH);
    // A cursor of the kernel's own, of four bytes for a hash map.
    let (mut cursor, mut next) = (0u64, 0u64);
    let mut started = false;
    let mut capacity = BATCH;
    loop {
        keys.reserve(capacity);
        values.reserve(capacity);
        let mut attr = BatchAttr {
            in_batch: if started { (&raw mut cursor) as u64 } else { 0 },
            out_batch: (&raw mut next) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: capacity as u32,
            map_fd: map.as_raw_fd() as u32,
            ..BatchAttr::default()
        };
        // SAFETY: the attributes point to room for `count` keys and values, as
        // the caller vouches for their types.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_MAP_LOOKUP_BATCH,
                &raw mut attr,
                size_of::<BatchAttr>(),
            )
        };
        let error = (result < 0).then(io::Error::last_os_error);
        let count = (attr.count as usize).min(capacity);
        match error.as_ref().and_then(io::Error::raw_os_error) {
            None | Some(libc::ENOENT) => {
                // SAFETY: the kernel wrote `count` of each.
                unsafe {
                    keys.set_len(count);
                    values.set_len(count);
                }
                for (key, value) in keys.iter().zip(&values) {
                    each(key, value);
                }
                keys.clear();
                values.clear();
            }
            // One bucket holds more than was asked for: ask for more.
            Some(libc::ENOSPC) => {
                capacity *= 2;
                continue;
            }
            _ => {}
        }
        match error {
            // ENOENT says that this was the last part.
            Some(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(()),
            Some(error) => return Err(error),
            None => {
                cursor = next;
                started = true;
            }
        }
    }
}
