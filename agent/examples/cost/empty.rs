//! The least that a monitor of failures pays: one fexit program per operation, which
//! does nothing.
//!
//! In: the outermost kernel function of each operation. Out: an empty program at the
//! return of each. Invariant: with fewer functions an operation would be missed; with
//! what is attached here nothing is seen. Lacks on purpose: aya, which loads from an
//! object file only.

use crate::batch::Length;
use crate::container::{Belongs, Container, Costs};
use crate::program::{Kind, attach, kernel};

/// One function per measured operation that Sealwatch watches, older names first.
const FUNCTIONS: [&[&str]; 5] = [
    &["do_filp_open", "do_file_open"],
    &["vfs_write"],
    &["do_mkdirat", "filename_mkdirat"],
    &["do_rmdir", "filename_rmdir"],
    &["do_renameat2", "filename_renameat2"],
];

/// `mov r0, 0` and `exit`, as `struct bpf_insn`.
const PROGRAM: [u64; 2] = [0xb7, 0x95];

/// BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT.
const FEXIT: Kind = Kind {
    program: 26,
    attach: 25,
};

/// Measures with the empty programs attached.
pub fn measure(container: &Container, length: Length) -> Result<Costs, String> {
    let btf = kernel()?;
    let _held = FUNCTIONS
        .iter()
        .map(|names| attach(&btf, &FEXIT, &PROGRAM, names))
        .collect::<Result<Vec<_>, _>>()?;
    container.measure(Belongs::Container, length)
}
