//! A daemon's tables in the kernel, read from outside.
//!
//! In: its process. Out: the control groups that its tables have entries of.
//! Invariant: the tables are found by what the kernel says of the daemon's own
//! descriptors, so nothing has to be pinned or told. Lacks on purpose: values.

use std::{
    collections::BTreeSet,
    fs, io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use anyhow::{Context as _, Result, ensure};

/// Commands of bpf(2).
const MAP_GET_NEXT_KEY: libc::c_long = 4;
const OBJECT_INFO: libc::c_long = 15;
/// The tables whose keys begin with a control group's id, by the names that the
/// kernel keeps of them.
const NAMES: [&str; 5] = ["COUNTS", "PATH_KEYS", "OOM_KILLS", "WATCHED", "WRITES"];
/// More keys than any table has; one that is changed while it is read may begin anew.
const KEYS_MAX: usize = 1 << 18;

/// The part of `union bpf_attr` that walks keys.
#[repr(C)]
struct NextKey {
    map: u32,
    padding: u32,
    key: u64,
    next: u64,
}

/// The part that asks what a descriptor is.
#[repr(C)]
struct AskInfo {
    fd: u32,
    len: u32,
    info: u64,
}

/// The begin of `struct bpf_map_info`.
#[repr(C)]
#[derive(Default)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries_max: u32,
    flags: u32,
    name: [u8; 16],
}

/// One table.
pub(super) struct Table {
    pub(super) name: String,
    fd: OwnedFd,
    key_bytes: usize,
}

/// Finds them among a process's descriptors.
pub(super) fn tables(pid: u32) -> Result<Vec<Table>> {
    let process = pidfd(pid)?;
    let mut tables = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if !text.lines().any(|line| line.starts_with("map_id:")) {
            continue;
        }
        let number: RawFd = entry.file_name().to_string_lossy().parse()?;
        let fd = taken(&process, number)?;
        let info = info(&fd)?;
        let name = info
            .name
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let known = tables.iter().any(|table: &Table| table.name == name);
        if NAMES.contains(&name.as_str()) && !known {
            tables.push(Table {
                name,
                fd,
                key_bytes: info.key_bytes as usize,
            });
        }
    }
    ensure!(
        tables.len() == NAMES.len(),
        "process {pid} has only the tables {:?} of {NAMES:?}",
        tables.iter().map(|table| &table.name).collect::<Vec<_>>()
    );
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

impl Table {
    /// The control group of each entry.
    pub(super) fn groups(&self) -> Result<Vec<u64>> {
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut key: Option<Vec<u8>> = None;
        while keys.len() < KEYS_MAX {
            let mut next = vec![0_u8; self.key_bytes];
            let mut attributes = NextKey {
                map: self.fd.as_raw_fd().cast_unsigned(),
                padding: 0,
                key: key.as_ref().map_or(0, |key| key.as_ptr() as u64),
                next: next.as_mut_ptr() as u64,
            };
            // SAFETY: the attributes point to room for keys of this table.
            let done = unsafe { bpf(MAP_GET_NEXT_KEY, &mut attributes) };
            match done {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break,
                Err(error) => return Err(error).with_context(|| self.name.clone()),
            }
            // A key that was deleted meanwhile makes the kernel begin anew.
            if !keys.insert(next.clone()) && key.as_ref().is_some_and(|key| *key >= next) {
                break;
            }
            key = Some(next);
        }
        let group = |key: &Vec<u8>| key.first_chunk::<8>().map(|id| u64::from_ne_bytes(*id));
        Ok(keys.iter().filter_map(group).collect())
    }
}

/// # Safety
/// What the attributes point to must be as the command wants it.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<()> {
    // SAFETY: the attributes outlive the call; the caller vouches for the rest.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn info(fd: &OwnedFd) -> Result<MapInfo> {
    let mut info = MapInfo::default();
    let mut ask = AskInfo {
        fd: fd.as_raw_fd().cast_unsigned(),
        len: u32::try_from(size_of::<MapInfo>())?,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: `info` has the room that `len` says, and outlives the call.
    unsafe { bpf(OBJECT_INFO, &mut ask) }.context("what a map is")?;
    Ok(info)
}

fn pidfd(pid: u32) -> Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    owned(fd).with_context(|| format!("process {pid}"))
}

/// A copy of another process's descriptor.
fn taken(process: &OwnedFd, number: RawFd) -> Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) };
    owned(fd).with_context(|| format!("descriptor {number}"))
}

fn owned(fd: libc::c_long) -> Result<OwnedFd> {
    let fd = RawFd::try_from(fd)?;
    ensure!(fd >= 0, io::Error::last_os_error());
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
