//! The calls of bpf(2) that the loader library does not offer.
//!
//! In: paths, descriptors, bytes. Out: descriptors, bytes. Invariant: each
//! attribute block is as long as the kernel's for its command. Lacks on purpose:
//! what the objects mean.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// `enum bpf_cmd`.
const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const OBJ_PIN: libc::c_long = 6;
const OBJ_GET: libc::c_long = 7;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const LINK_CREATE: libc::c_long = 28;

/// BPF_MAP_TYPE_ARRAY.
const TYPE_ARRAY: u32 = 2;
/// BPF_PERF_EVENT of `enum bpf_attach_type`.
const ATTACH_PERF_EVENT: u32 = 41;

/// Sizes of a map, as the kernel tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) key: u32,
    pub(super) value: u32,
    pub(super) entries: u32,
}

/// Opens what is pinned there.
pub(super) fn get(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    descriptor(OBJ_GET, &mut [path.as_ptr() as u64, 0])
}

/// Pins an object there.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    let words = &mut [path.as_ptr() as u64, u64::from(object.as_raw_fd() as u32)];
    call(OBJ_PIN, words).map(drop)
}

/// Makes an array of `entries` values.
pub(super) fn make_array(value: u32, entries: u32) -> io::Result<OwnedFd> {
    let words = &mut [pair(TYPE_ARRAY, 4), pair(value, entries), 0];
    descriptor(MAP_CREATE, words)
}

/// Reads an array's value; `into` is as long as a value is.
pub(super) fn read(map: BorrowedFd<'_>, index: u32, into: &mut [u8]) -> io::Result<()> {
    let words = &mut [
        u64::from(map.as_raw_fd() as u32),
        (&raw const index) as u64,
        into.as_mut_ptr() as u64,
        0,
    ];
    call(MAP_LOOKUP_ELEM, words).map(drop)
}

/// Replaces an array's value, which is as long as `value`. The kernel copies it
/// whole before it looks at signals, so that no death of this process halves it.
pub(super) fn write(map: BorrowedFd<'_>, index: u32, value: &[u8]) -> io::Result<()> {
    let words = &mut [
        u64::from(map.as_raw_fd() as u32),
        (&raw const index) as u64,
        value.as_ptr() as u64,
        0,
    ];
    call(MAP_UPDATE_ELEM, words).map(drop)
}

/// What the kernel tells of a map.
pub(super) fn sizes(map: BorrowedFd<'_>) -> io::Result<Sizes> {
    // type, id, key_size, value_size, max_entries.
    let mut info = [0u32; 5];
    let words = &mut [
        pair(map.as_raw_fd() as u32, size_of_val(&info) as u32),
        info.as_mut_ptr() as u64,
    ];
    call(OBJ_GET_INFO_BY_FD, words)?;
    let [_, _, key, value, entries] = info;
    Ok(Sizes {
        key,
        value,
        entries,
    })
}

/// Attaches a program to a perf event by a link, which can be pinned; since 5.15.
pub(super) fn link(program: BorrowedFd<'_>, event: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let words = &mut [
        pair(program.as_raw_fd() as u32, event.as_raw_fd() as u32),
        pair(ATTACH_PERF_EVENT, 0),
        0,
        0,
    ];
    descriptor(LINK_CREATE, words)
}

/// Two 32-bit members in their order.
fn pair(first: u32, second: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

fn descriptor(command: libc::c_long, words: &mut [u64]) -> io::Result<OwnedFd> {
    let descriptor = call(command, words)?;
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn call(command: libc::c_long, words: &mut [u64]) -> io::Result<RawFd> {
    let len = size_of_val(words);
    // SAFETY: the kernel reads and writes `len` bytes of `words`, and at the
    // addresses in them what the callers above own.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, words.as_mut_ptr(), len) };
    match result {
        0.. => Ok(result as RawFd),
        _ => Err(io::Error::last_os_error()),
    }
}
