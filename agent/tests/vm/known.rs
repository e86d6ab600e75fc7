//! What a backend is known not to tell of a case.
//!
//! In: a backend and a case. Out: what is lacking. Invariant: a situation that a
//! backend does not measure is the catalog's word, in its table of truths; here are
//! the single cases that are counted without their path. Lacks on purpose: causes.

use sealwatch::catalog::truth::{self, Told};
use sealwatch::denial::{Backend, Operation};

use super::report::Provoked;

/// What is not seen of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// It is not counted.
    Count,
    /// It is counted, but its path is not told.
    Path,
    /// It is counted as a plain open, and its path is not told.
    Operation,
}

/// Cases of a situation and an operation that a backend counts, but does not see whole.
struct Partly {
    backend: Backend,
    situation: &'static str,
    operation: Operation,
    lacks: Lacks,
}

const fn by_kprobe(situation: &'static str, operation: Operation, lacks: Lacks) -> Partly {
    Partly {
        backend: Backend::Kprobe,
        situation,
        operation,
        lacks,
    }
}

/// A kretprobe takes the path from the system call's registers, which io_uring and a
/// page fault have not.
const PARTLY: &[Partly] = &[
    by_kprobe("uring", Operation::Open, Lacks::Path),
    by_kprobe("uring", Operation::Create, Lacks::Operation),
    by_kprobe("uring", Operation::Mkdir, Lacks::Path),
    by_kprobe("uring", Operation::Unlink, Lacks::Path),
    by_kprobe("uring", Operation::Rename, Lacks::Path),
    by_kprobe("uring_ownership", Operation::Open, Lacks::Path),
    by_kprobe("tmpfs_bytes_uring", Operation::Write, Lacks::Path),
    by_kprobe("tmpfs_bytes_fault", Operation::Mmap, Lacks::Path),
];

/// Operations on something else than a file.
const TASKS: [Operation; 4] = [
    Operation::Ptrace,
    Operation::Mount,
    Operation::Signal,
    Operation::Capability,
];

/// The backend of a report.
pub fn backend(label: &str) -> Option<Backend> {
    Backend::ALL
        .iter()
        .copied()
        .find(|backend| backend.label() == label)
}

/// What is lacking of a case.
pub fn lacks(label: &str, case: &Provoked) -> Option<Lacks> {
    let backend = backend(label)?;
    let row = truth::row(&case.situation)?;
    if row.told(backend) == Told::Nothing {
        return Some(Lacks::Count);
    }
    let partly = PARTLY.iter().find(|partly| {
        partly.backend == backend
            && partly.situation == case.situation
            && partly.operation.label() == case.operation
    });
    match partly {
        Some(partly) => Some(partly.lacks),
        None if is_pathless(case) => Some(Lacks::Path),
        None => None,
    }
}

/// Is the operation on something else than a file? Then its events' paths mean nothing.
pub fn is_task(case: &Provoked) -> bool {
    TASKS
        .iter()
        .any(|operation| operation.label() == case.operation)
}

/// Is there no path to tell?
pub fn is_pathless(case: &Provoked) -> bool {
    is_task(case) || case.path.is_empty()
}

/// How many of the refusals a backend must count.
pub fn to_be_counted(label: &str, provoked: &[Provoked]) -> u64 {
    let counts = provoked
        .iter()
        .filter(|case| lacks(label, case) != Some(Lacks::Count));
    counts.map(|case| case.count).sum()
}
