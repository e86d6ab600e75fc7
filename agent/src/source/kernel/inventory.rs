//! The write inventory's program and maps.
//!
//! In: which control groups to watch. Out: the program attached while there is
//! one, and only then; counters and records. Invariant: a control group that is
//! not watched any more has no counters left in the kernel. Lacks on purpose:
//! deciding who is watched.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData, RingBuf};
use aya::programs::{ProgramError, RawTracePoint};
use sealwatch_ebpf::wire::{self, Watched, WriteKey, WriteValue};
use tokio::io::unix::AsyncFd;

use super::error::{LoadError, map_error, object_error};
use super::maps::{Plain, absent_is_fine, ring, take, typed};
use crate::source::{SourceError, batch};

const PROGRAM: &str = "tp_inventory";
const TRACEPOINT: &str = "sys_exit";

/// What the inventory needs of the object.
pub(super) struct Inventory {
    pub(super) records: AsyncFd<RingBuf<MapData>>,
    writes: HashMap<MapData, Plain<WriteKey>, Plain<WriteValue>>,
    writes_fd: OwnedFd,
    in_kernel: HashMap<MapData, u64, Plain<Watched>>,
    watched: BTreeSet<u64>,
}

impl Inventory {
    pub(super) fn of(object: &mut Ebpf) -> Result<Inventory, LoadError> {
        let writes = take(object, wire::MAP_WRITES)?;
        let writes_fd = match &writes {
            Map::HashMap(data) => data.fd().as_fd().try_clone_to_owned(),
            _ => {
                return Err(LoadError::Absent(format!(
                    "a hash map {}",
                    wire::MAP_WRITES
                )));
            }
        };
        Ok(Inventory {
            records: ring(
                take(object, wire::MAP_WRITE_SAMPLES)?,
                wire::MAP_WRITE_SAMPLES,
            )?,
            writes: typed(writes, wire::MAP_WRITES)?,
            writes_fd: writes_fd.map_err(object_error)?,
            in_kernel: typed(take(object, wire::MAP_WATCHED)?, wire::MAP_WATCHED)?,
            watched: BTreeSet::new(),
        })
    }

    /// Begins or ends to count a control group's writes. Its counters are gone
    /// afterwards, so they are read before.
    pub(super) fn watch(
        &mut self,
        object: &mut Ebpf,
        cgroup: u64,
        on: bool,
    ) -> Result<(), SourceError> {
        let failed = |error: ProgramError| map_error(PROGRAM, &error);
        if on {
            self.in_kernel
                .insert(cgroup, Plain(Watched::default()), 0)
                .map_err(|error| map_error(wire::MAP_WATCHED, &error))?;
            if self.watched.is_empty() {
                attach(object).map_err(failed)?;
            }
            self.watched.insert(cgroup);
            return Ok(());
        }
        absent_is_fine(wire::MAP_WATCHED, self.in_kernel.remove(&cgroup))?;
        if self.watched.remove(&cgroup) && self.watched.is_empty() {
            detach(object).map_err(failed)?;
        }
        let mut keys = Vec::new();
        self.read(&mut |key, _| {
            if key.cgroup == cgroup {
                keys.push(*key);
            }
        })?;
        for key in keys {
            absent_is_fine(wire::MAP_WRITES, self.writes.remove(&Plain(key)))?;
        }
        Ok(())
    }

    pub(super) fn read(
        &self,
        each: &mut dyn FnMut(&WriteKey, &WriteValue),
    ) -> Result<(), SourceError> {
        // SAFETY: this map was declared with these types, and both are integers only.
        unsafe { batch::read_all(self.writes_fd.as_fd(), each) }
            .map_err(|error| map_error(wire::MAP_WRITES, &error))
    }
}

fn program(object: &mut Ebpf) -> Result<&mut RawTracePoint, ProgramError> {
    let program = object.program_mut(PROGRAM);
    program.ok_or(ProgramError::NotLoaded)?.try_into()
}

fn attach(object: &mut Ebpf) -> Result<(), ProgramError> {
    let program = program(object)?;
    program.load()?;
    program.attach(TRACEPOINT)?;
    Ok(())
}

/// The kernel lets go of the program where it is in no run any more.
fn detach(object: &mut Ebpf) -> Result<(), ProgramError> {
    program(object)?.unload()
}
