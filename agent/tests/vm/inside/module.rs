//! Security modules of the guest: an AppArmor profile, and a BPF program that refuses.
//!
//! In: a guest whose kernel has both modules on. Out: both loaded. Invariant: neither
//! touches a task that does not ask for it, by its profile or by its name. Lacks on
//! purpose: unloading; the guest ends with them.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use xtask::step;

use super::super::program::{Kind, attach, kernel};
use super::Result;

/// The profile's name.
pub const PROFILE: &str = "sealwatch-lab";

/// All is allowed but what is below /armor, and tasks, mounts and one capability.
const PROFILE_TEXT: &str = "
profile sealwatch-lab flags=(attach_disconnected,mediate_deleted) {
  file,
  network,
  capability,
  umount,
  signal (receive) peer=unconfined,
  deny capability sys_chroot,
  deny /armor/** wlx,
}
";

/// Loads the profile.
pub fn load_profile() -> Result<()> {
    let file = Path::new("/run/lab-profile");
    fs::write(file, PROFILE_TEXT)?;
    step::output(
        Command::new("apparmor_parser")
            .args(["--add", "--skip-cache"])
            .arg(file),
    )?;
    Ok(())
}

/// The hooks that the program is put on.
const HOOKS: [&str; 3] = [
    "bpf_lsm_file_open",
    "bpf_lsm_path_mkdir",
    "bpf_lsm_path_unlink",
];
/// The name of the tasks that it refuses: `provoke-bpf`, and NULs.
const REFUSED: [u8; 16] = *b"provoke-bpf\0\0\0\0\0";

/// `struct bpf_insn`: opcode, registers (source in the high half), offset, immediate.
fn instruction(opcode: u8, registers: u8, offset: i16, immediate: i32) -> u64 {
    u64::from(opcode)
        | u64::from(registers) << 8
        | u64::from(offset as u16) << 16
        | u64::from(immediate as u32) << 32
}

/// Refuses with EPERM where the task is called [`REFUSED`].
fn program() -> Vec<u64> {
    let [low, high] = [0, 8].map(|at| {
        REFUSED[at..at + 8]
            .iter()
            .rev()
            .fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
    });
    let compare = |load: u8, offset: i16, word: u64, skip: i16| {
        [
            // r3 = name's word; r4 = the other's; if they differ, go on at the end.
            instruction(load, 0xa3, offset, 0),
            instruction(0x18, 0x04, 0, word as i32),
            instruction(0, 0, 0, (word >> 32) as i32),
            instruction(0x5d, 0x43, skip, 0),
        ]
    };
    let mut code = vec![
        // bpf_get_current_comm(r10 - 16, 16)
        instruction(0xbf, 0xa1, 0, 0),
        instruction(0x07, 0x01, 0, -16),
        instruction(0xb7, 0x02, 0, 16),
        instruction(0x85, 0, 0, 16),
    ];
    code.extend(compare(0x79, -16, low, 6));
    // As far as its NUL: some kernels, 6.1 among them, do not pad it.
    code.extend(compare(0x61, -8, high & 0xffff_ffff, 2));
    code.extend([
        instruction(0xb7, 0, 0, -libc::EPERM),
        instruction(0x95, 0, 0, 0),
        instruction(0xb7, 0, 0, 0),
        instruction(0x95, 0, 0, 0),
    ]);
    code
}

/// A program on a security hook: BPF_PROG_TYPE_LSM, BPF_LSM_MAC.
const ON_HOOK: Kind = Kind {
    program: 29,
    attach: 27,
};

/// Loads and attaches the program; it stays while the descriptors are held.
pub fn attach_program() -> Result<Vec<OwnedFd>> {
    let (btf, code) = (kernel()?, program());
    let mut held = Vec::new();
    for hook in HOOKS {
        held.extend(attach(&btf, &ON_HOOK, &code, &[hook])?);
    }
    Ok(held)
}
