//! The object's maps, taken out of it with their types.
//!
//! In: the loaded object, a map's name in `wire`. Out: the map. Invariant: a
//! map that is not there, or is of another kind, is an error with its name.
//! Lacks on purpose: what the maps hold.

use std::io;

use aya::maps::{Array, Map, MapData, RingBuf};
use aya::{Ebpf, Pod};
use sealwatch_ebpf::layout::{self, Settings};
use sealwatch_ebpf::syscalls;
use sealwatch_ebpf::wire::{self, CountKey, CountValue, OomValue, Watched, WriteKey, WriteValue};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::debug;

use super::error::{LoadError, errno, map_error, object_error};
use crate::source::SourceError;

/// Integers of the wire contract, as the loader's library wants them marked.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Plain<T>(pub(super) T);
// SAFETY: `CountKey`, `CountValue`, `Offsets` and `Settings` are `repr(C)`, made
// of integers only, without padding.
unsafe impl Pod for Plain<CountKey> {}
// SAFETY: as above.
unsafe impl Pod for Plain<CountValue> {}
// SAFETY: as above.
unsafe impl Pod for Plain<OomValue> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Watched> {}
// SAFETY: as above.
unsafe impl Pod for Plain<WriteKey> {}
// SAFETY: as above.
unsafe impl Pod for Plain<WriteValue> {}
// SAFETY: as above.
unsafe impl Pod for Plain<layout::Offsets> {}
// SAFETY: as above.
unsafe impl Pod for Plain<Settings> {}

/// Before 5.11 maps count against the limit of locked memory. A refusal shows
/// itself when the maps are made.
pub(super) fn unlimit_locked_memory() {
    let unlimited = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: passes a valid structure.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &unlimited) } != 0 {
        debug!(error = %io::Error::last_os_error(), "RLIMIT_MEMLOCK stays");
    }
}

pub(super) fn fill_syscalls(object: &mut Ebpf) -> Result<(), LoadError> {
    let map = object
        .map_mut(wire::MAP_SYSCALLS)
        .ok_or_else(|| LoadError::Absent(wire::MAP_SYSCALLS.to_owned()))?;
    let mut table: Array<_, u32> = Array::try_from(map).map_err(object_error)?;
    for (index, row) in syscalls::packed_rows() {
        table
            .set(index, row, 0)
            .map_err(|error| map_error(wire::MAP_SYSCALLS, &error))?;
    }
    Ok(())
}

pub(super) fn take(object: &mut Ebpf, name: &str) -> Result<Map, LoadError> {
    object
        .take_map(name)
        .ok_or_else(|| LoadError::Absent(name.to_owned()))
}

pub(super) fn typed<T>(map: Map, name: &str) -> Result<T, LoadError>
where
    T: TryFrom<Map>,
    T::Error: std::fmt::Display,
{
    T::try_from(map).map_err(|error| LoadError::Absent(format!("a fitting {name}: {error}")))
}

pub(super) fn ring(map: Map, name: &str) -> Result<AsyncFd<RingBuf<MapData>>, LoadError> {
    let ring: RingBuf<MapData> = typed(map, name)?;
    // SAFETY: the ring buffer owns its descriptor, and always the same one,
    // until it is dropped with the `AsyncFd`.
    unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }.map_err(object_error)
}

/// A key that is not in its map is as good as removed.
pub(super) fn absent_is_fine(
    map: &'static str,
    result: Result<(), aya::maps::MapError>,
) -> Result<(), SourceError> {
    match result {
        Err(aya::maps::MapError::KeyNotFound) | Ok(()) => Ok(()),
        Err(error) if errno(&error) == Some(libc::ENOENT) => Ok(()),
        Err(error) => Err(map_error(map, &error)),
    }
}
