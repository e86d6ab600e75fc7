//! BPF programs that are written down as instructions, and attached to a kernel function.
//!
//! In: instructions, a function's names. Out: descriptors. Invariant: what is attached
//! stays while they are held. Lacks on purpose: a loader; nothing here has maps.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use btf_rs::{Btf, Type};

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

/// How a program is attached, as the kernel numbers it.
pub struct Kind {
    /// `enum bpf_prog_type`.
    pub program: u32,
    /// `enum bpf_attach_type`.
    pub attach: u32,
}

/// The running kernel's types.
pub fn kernel() -> Result<Btf, String> {
    Btf::from_file("/sys/kernel/btf/vmlinux").map_err(|error| error.to_string())
}

/// Loads a program and attaches it to the first of the functions that there is.
pub fn attach(
    btf: &Btf,
    kind: &Kind,
    code: &[u64],
    names: &[&str],
) -> Result<[OwnedFd; 2], String> {
    let id = names.iter().find_map(|name| function(btf, name));
    let load = Load {
        kind: kind.program,
        instructions_len: code.len() as u32,
        instructions: code.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        expected_attach_type: kind.attach,
        attach_btf_id: id.ok_or_else(|| format!("none of {names:?} is in BTF"))?,
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
