//! Runs of a program that the kernel skipped.
//!
//! In: the descriptors of the attached programs, as copies. Out: how many of their runs
//! were skipped in all. Invariant: asked once in a while, since the answer
//! costs a file per program. The kernel skips a program that is already active
//! on the same processor, which happens where one task preempts another inside
//! it; a refusal at that moment is not counted. Lacks on purpose: kernels before
//! 5.12, which do not tell.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use aya::Ebpf;

/// Time between two readings.
const INTERVAL: Duration = Duration::from_secs(10);

/// The field of a program's fdinfo.
const FIELD: &str = "recursion_misses:";

/// The skipped runs of all programs.
pub(super) struct Skipped {
    /// Of the object's own programs.
    programs: Vec<OwnedFd>,
    read: Option<Instant>,
    total: u64,
}

impl Skipped {
    /// Of the programs that the object holds loaded by now.
    pub(super) fn of(object: &Ebpf) -> Skipped {
        let programs = object
            .programs()
            .filter_map(|(_, program)| program.fd().ok()?.as_fd().try_clone_to_owned().ok())
            .collect();
        Skipped {
            programs,
            read: None,
            total: 0,
        }
    }

    /// How many there were when they were last read, those of `others` included.
    pub(super) fn total(&mut self, others: &[OwnedFd]) -> u64 {
        if self.read.is_none_or(|read| read.elapsed() >= INTERVAL) {
            self.read = Some(Instant::now());
            self.total = self.programs.iter().chain(others).map(of_program).sum();
        }
        self.total
    }
}

fn of_program(descriptor: &OwnedFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    parse(&std::fs::read_to_string(path).unwrap_or_default())
}

fn parse(fdinfo: &str) -> u64 {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix(FIELD)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_field_is_found_among_others() {
        assert_eq!(
            parse("run_cnt:\t7\nrecursion_misses:\t12\nverified_insns:\t9\n"),
            12
        );
        assert_eq!(parse("pos:\t0\n"), 0);
    }
}
