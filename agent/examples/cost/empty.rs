//! The least that a monitor of failures pays: one fexit program per operation, which
//! does nothing.
//!
//! In: the outermost kernel function of each operation. Out: an empty program at the
//! return of each. Invariant: with fewer functions an operation would be missed; with
//! what is attached here nothing is seen. Lacks on purpose: aya, which loads from an
//! object file only.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use btf_rs::{Btf, Type};

use crate::batch::Length;
use crate::container::{Belongs, Container, Costs};

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

/// The members of `union bpf_attr` that BPF_PROG_LOAD is given.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    instructions_len: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u64; 2],
    interface: u32,
    expected_attach_type: u32,
    btf: u32,
    func_info_size: u32,
    func_info: u64,
    func_info_len: u32,
    line_info_size: u32,
    line_info: u64,
    line_info_len: u32,
    attach_btf_id: u32,
    attach_btf: u64,
}

const PROG_LOAD: i32 = 5;
const RAW_TRACEPOINT_OPEN: i32 = 17;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_FEXIT: u32 = 25;

/// Measures with the empty programs attached.
pub fn measure(container: &Container, length: Length) -> Result<Costs, String> {
    let _held = FUNCTIONS
        .iter()
        .map(attach)
        .collect::<Result<Vec<_>, _>>()?;
    container.measure(Belongs::Container, length)
}

/// Attaches to the first of the functions that there is, while the result is held.
fn attach(names: &&[&str]) -> Result<[OwnedFd; 2], String> {
    let btf = Btf::from_file("/sys/kernel/btf/vmlinux").map_err(|error| error.to_string())?;
    let id = names.iter().find_map(|name| function(&btf, name));
    let id = id.ok_or_else(|| format!("the kernel has none of {names:?}"))?;
    let load = Load {
        kind: PROG_TYPE_TRACING,
        instructions_len: PROGRAM.len() as u32,
        instructions: PROGRAM.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        expected_attach_type: TRACE_FEXIT,
        attach_btf_id: id,
        ..Load::default()
    };
    let program = bpf(PROG_LOAD, &load).map_err(|error| format!("{names:?}: load: {error}"))?;
    // struct { __u64 name; __u32 prog_fd; }, padded.
    let open = [0_u64, program.as_raw_fd() as u64];
    let link =
        bpf(RAW_TRACEPOINT_OPEN, &open).map_err(|error| format!("{names:?}: attach: {error}"))?;
    Ok([program, link])
}

fn function(btf: &Btf, name: &str) -> Option<u32> {
    let ids = btf.resolve_ids_by_name(name).ok()?;
    ids.into_iter().find(|id| {
        let found = btf.resolve_type_by_id(*id);
        found.is_ok_and(|found| matches!(found, Type::Func(_)))
    })
}

fn bpf<T>(command: i32, attributes: &T) -> std::io::Result<OwnedFd> {
    let size = size_of::<T>();
    // SAFETY: the kernel reads `size` bytes of `attributes`, whose pointers are valid.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
