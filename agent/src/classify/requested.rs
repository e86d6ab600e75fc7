//! What was asked of a security module: its own bits become its own words.
//!
//! In: the module, the operation, the class of the object, bits. Out: text as
//! the module's own audit records have it, or hexadecimal where a bit has no
//! name that is the same on all kernels. Invariant: no bit is left out. Lacks on
//! purpose: names of contexts and profiles.

use crate::denial::{Denial, Lsm, Operation};

/// Bits with one name each.
type Names = [(u32, &'static str)];

/// `AA_MAY_*` and the letters of a file rule: `aa_file_perm_chrs`.
const APPARMOR_LETTERS: &Names = &[
    (0x1, "x"),
    (0x2, "w"),
    (0x4, "r"),
    (0x8, "a"),
    (0x10, "c"),
    (0x20, "d"),
    (0x8000, "k"),
    (0x1_0000, "m"),
    (0x4_0000, "l"),
];
/// `AA_MAY_GETATTR`, which AppArmor's records call a read.
const APPARMOR_READS: u32 = 0x200;
/// `AA_MAY_{SETATTR,CHMOD,CHOWN}`, which they call a write.
const APPARMOR_WRITES: u32 = 0x100 | 0x1000 | 0x2000;
const APPARMOR_PTRACE: &Names = &[
    (0x2, "trace"),
    (0x4, "read"),
    (0x8, "tracedby"),
    (0x10, "readby"),
];
const APPARMOR_SIGNAL: &Names = &[(0x2, "send"), (0x4, "receive")];
const APPARMOR_MOUNT: &Names = &[(0x1, "pivot_root"), (0x2, "mount"), (0x4, "umount")];

/// `LANDLOCK_ACCESS_FS_*`.
const LANDLOCK: &Names = &[
    (0x1, "execute"),
    (0x2, "write_file"),
    (0x4, "read_file"),
    (0x8, "read_dir"),
    (0x10, "remove_dir"),
    (0x20, "remove_file"),
    (0x40, "make_char"),
    (0x80, "make_dir"),
    (0x100, "make_reg"),
    (0x200, "make_sock"),
    (0x400, "make_fifo"),
    (0x800, "make_block"),
    (0x1000, "make_sym"),
    (0x2000, "refer"),
    (0x4000, "truncate"),
    (0x8000, "ioctl_dev"),
];

/// SELinux's permissions that all file classes share. Those that follow, such as
/// `add_name` of a directory, have moved by one bit in Linux 6.15.
const SELINUX_FILE: &Names = &[
    (0x1, "ioctl"),
    (0x2, "read"),
    (0x4, "write"),
    (0x8, "create"),
    (0x10, "getattr"),
    (0x20, "setattr"),
    (0x40, "lock"),
    (0x80, "relabelfrom"),
    (0x100, "relabelto"),
    (0x200, "append"),
    (0x400, "map"),
    (0x800, "unlink"),
    (0x1000, "link"),
    (0x2000, "rename"),
    (0x4000, "execute"),
    (0x8000, "quotaon"),
    (0x1_0000, "mounton"),
    (0x2_0000, "audit_access"),
    (0x4_0000, "open"),
    (0x8_0000, "execmod"),
    (0x10_0000, "watch"),
    (0x20_0000, "watch_mount"),
    (0x40_0000, "watch_sb"),
    (0x80_0000, "watch_with_perm"),
    (0x100_0000, "watch_reads"),
];
const SELINUX_FILE_CLASSES: [&[u8]; 7] = [
    b"file",
    b"dir",
    b"lnk_file",
    b"chr_file",
    b"blk_file",
    b"sock_file",
    b"fifo_file",
];

/// What was asked for, in the module's words; none where it is not known.
pub fn requested(denial: &Denial) -> Option<String> {
    let bits = denial.lsm_detail.requested;
    if bits == 0 {
        return None;
    }
    Some(match denial.lsm? {
        Lsm::Apparmor => apparmor(denial.operation, bits),
        Lsm::Landlock => named(bits, LANDLOCK, " "),
        Lsm::Selinux if SELINUX_FILE_CLASSES.contains(&denial.lsm_detail.class.as_slice()) => {
            named(bits, SELINUX_FILE, " ")
        }
        Lsm::Selinux | Lsm::Bpf | Lsm::Smack | Lsm::Tomoyo | Lsm::Lockdown | Lsm::Yama => {
            format!("{bits:#x}")
        }
    })
}

fn apparmor(operation: Operation, bits: u32) -> String {
    match operation {
        Operation::Ptrace => return named(bits, APPARMOR_PTRACE, " "),
        Operation::Signal => return named(bits, APPARMOR_SIGNAL, " "),
        Operation::Mount => return named(bits, APPARMOR_MOUNT, " "),
        Operation::Capability => return format!("{bits:#x}"),
        Operation::Open
        | Operation::Create
        | Operation::Mkdir
        | Operation::Mknod
        | Operation::Symlink
        | Operation::Link
        | Operation::Unlink
        | Operation::Rmdir
        | Operation::Rename
        | Operation::Chmod
        | Operation::Chown
        | Operation::Utime
        | Operation::Truncate
        | Operation::Fallocate
        | Operation::Setxattr
        | Operation::Bind
        | Operation::Exec
        | Operation::Write
        | Operation::Mmap => {}
    }
    let mut shown = bits & !(APPARMOR_READS | APPARMOR_WRITES);
    if bits & APPARMOR_READS != 0 {
        shown |= 0x4;
    }
    if bits & APPARMOR_WRITES != 0 {
        shown |= 0x2;
    }
    named(shown, APPARMOR_LETTERS, "")
}

/// The names of the bits, and what is left of them in hexadecimal.
fn named(bits: u32, names: &Names, between: &str) -> String {
    let known = names.iter().fold(0, |sum, (bit, _)| sum | bit);
    let mut words: Vec<String> = names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    let rest = bits & !known;
    if words.is_empty() || rest == 0 {
        if rest != 0 {
            words.push(format!("{rest:#x}"));
        }
        return words.join(between);
    }
    format!("{} {rest:#x}", words.join(between))
}
