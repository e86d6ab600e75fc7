//! The BPF programs on security hooks: which functions may refuse by them.
//!
//! In: the kernel's list of loaded programs. Out: [`Targets`] where they changed.
//! Invariant: asked once in a while, since a program may be loaded at any time;
//! kernels before 6.0 do not tell what a program is for, which is an answer of
//! its own. Lacks on purpose: attaching, and programs that are loaded but not
//! attached told from those that are: watching one too many refuses nothing.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// Time between two readings.
const INTERVAL: Duration = Duration::from_secs(10);
/// Most programs that are looked at.
const PROGRAMS_MAX: usize = 10_000;

/// BPF_PROG_TYPE_LSM.
const TYPE_LSM: u32 = 29;
/// BPF_PROG_GET_NEXT_ID.
const GET_NEXT_ID: libc::c_long = 11;
/// BPF_PROG_GET_FD_BY_ID.
const GET_FD_BY_ID: libc::c_long = 13;
/// BPF_OBJ_GET_INFO_BY_FD.
const GET_INFO_BY_FD: libc::c_long = 15;

/// Words of the part of `struct bpf_prog_info` that is read.
const INFO_WORDS: usize = 58;
/// Word of `type`.
const WORD_TYPE: usize = 0;
/// Word of `attach_btf_id`, and the bytes a kernel returns that has it.
const WORD_TARGET: usize = 56;
const TARGET_BYTES: u32 = (WORD_TARGET as u32 + 1) * 4;

/// What the loaded LSM programs are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// Ids of functions in the kernel's BTF.
    pub(super) functions: BTreeSet<u32>,
    /// There is a program whose target this kernel does not tell.
    pub(super) untold: bool,
}

/// The list, as it was last read.
#[derive(Default)]
pub(super) struct Programs {
    read: Option<Instant>,
    last: Targets,
}

impl Programs {
    /// What the programs are for, where it is time to look and something was added.
    pub(super) fn news(&mut self) -> Option<Targets> {
        if self.read.is_some_and(|read| read.elapsed() < INTERVAL) {
            return None;
        }
        self.read = Some(Instant::now());
        let now = targets();
        let added =
            !now.functions.is_subset(&self.last.functions) || now.untold && !self.last.untold;
        self.last.functions.extend(&now.functions);
        self.last.untold |= now.untold;
        added.then(|| self.last.clone())
    }
}

fn targets() -> Targets {
    let mut targets = Targets::default();
    let mut id = 0;
    for _ in 0..PROGRAMS_MAX {
        let Ok(next) = next_id(id) else { break };
        id = next;
        // A program that is gone by now is no news.
        let Ok((info, len)) = info(id) else { continue };
        if info[WORD_TYPE] != TYPE_LSM {
            continue;
        }
        if len < TARGET_BYTES || info[WORD_TARGET] == 0 {
            targets.untold = true;
        } else {
            targets.functions.insert(info[WORD_TARGET]);
        }
    }
    targets
}

/// `union bpf_attr` of the three commands: the first words of each.
#[repr(C)]
struct Attributes {
    /// Program id, or descriptor.
    subject: u32,
    /// The next id, or the length of the information.
    second: u32,
    /// Address of the information.
    address: u64,
}

fn next_id(id: u32) -> io::Result<u32> {
    let mut attributes = Attributes {
        subject: id,
        second: 0,
        address: 0,
    };
    bpf(GET_NEXT_ID, &mut attributes)?;
    Ok(attributes.second)
}

fn info(id: u32) -> io::Result<([u32; INFO_WORDS], u32)> {
    let mut attributes = Attributes {
        subject: id,
        second: 0,
        address: 0,
    };
    let descriptor = bpf(GET_FD_BY_ID, &mut attributes)?;
    // SAFETY: the descriptor was just made and nobody else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut info = [0u32; INFO_WORDS];
    let mut attributes = Attributes {
        subject: descriptor.as_raw_fd() as u32,
        second: size_of_val(&info) as u32,
        address: info.as_mut_ptr() as u64,
    };
    bpf(GET_INFO_BY_FD, &mut attributes)?;
    Ok((info, attributes.second))
}

fn bpf(command: libc::c_long, attributes: &mut Attributes) -> io::Result<RawFd> {
    let len = size_of::<Attributes>();
    // SAFETY: the kernel reads and writes `len` bytes of `attributes`, and at the
    // address in it as many bytes as it says, which the caller owns.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), len) };
    match result {
        0.. => Ok(result as RawFd),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_lies_where_the_kernel_writes_it() {
        // The last member of `struct bpf_prog_info`, 228 bytes long without padding.
        assert_eq!(TARGET_BYTES, 228);
        assert_eq!(INFO_WORDS * 4, 232);
        assert_eq!(size_of::<Attributes>(), 16);
    }

    #[test]
    fn what_was_told_once_is_no_news() {
        let mut programs = Programs::default();
        let first = programs.news();
        assert_eq!(first.is_some(), targets() != Targets::default());
        assert_eq!(programs.news(), None);
    }
}
