//! What was asked of a security module: its own bits become its own words.
//!
//! In: the module, the operation, the class of the object, bits. Out: text as
//! the module's own audit records have it, or hexadecimal where a bit has no
//! name that is the same on all kernels. Invariant: no bit is left out. Lacks on
//! purpose: names of contexts and profiles.

use crate::denial::{Denial, Lsm, Operation, capability_name};

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

/// SELinux's permissions that all file classes share.
const SELINUX_SHARED: &Names = &[
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

/// Bit of `watch_mountns`, which Linux 6.15 has put behind the shared ones; the
/// permissions of a class alone follow, one bit further from then on.
const SELINUX_OWN_BIT: u32 = 25;
const SELINUX_DIRECTORY: [&str; 5] = ["add_name", "remove_name", "reparent", "search", "rmdir"];
const SEARCH: u32 = 3;

/// What was asked for, in the module's words; none where it is not known.
pub fn requested(denial: &Denial) -> Option<String> {
    let bits = denial.lsm_detail.requested;
    if bits == 0 {
        return None;
    }
    Some(match denial.lsm? {
        Lsm::Apparmor => apparmor(denial.operation, bits),
        Lsm::Landlock => named(bits, LANDLOCK, " "),
        Lsm::Selinux => selinux(denial.operation, &denial.lsm_detail.class, bits),
        Lsm::Bpf | Lsm::Smack | Lsm::Tomoyo | Lsm::Lockdown | Lsm::Yama => {
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

fn selinux(operation: Operation, class: &[u8], bits: u32) -> String {
    match class {
        b"capability" | b"cap_userns" => return capabilities(0, bits),
        b"capability2" | b"cap2_userns" => return capabilities(32, bits),
        _ if !SELINUX_FILE_CLASSES.contains(&class) => return format!("{bits:#x}"),
        _ => {}
    }
    let shared = bits & ((1 << SELINUX_OWN_BIT) - 1);
    let own = bits & !shared;
    let first = match class {
        b"dir" => first_of_directory(operation, own),
        _ => None,
    };
    let mut words = named(shared, SELINUX_SHARED, " ");
    let mut rest = own;
    for (name, bit) in SELINUX_DIRECTORY
        .iter()
        .zip(first.into_iter().flat_map(|first| first..))
    {
        if own & (1 << bit) != 0 {
            rest &= !(1 << bit);
            words = format!("{words} {name}");
        }
    }
    if rest != 0 {
        words = format!("{words} {rest:#x}");
    }
    words.trim_start().to_owned()
}

/// The bit of `add_name` in what was asked of a directory. The kernel asks for
/// `search` with `write`, `add_name` and `remove_name`, and for `reparent` (in a
/// rename) and `rmdir` each alone: that tells the two numberings apart, but for
/// `search` alone in those two operations.
fn first_of_directory(operation: Operation, own: u32) -> Option<u32> {
    let [older, newer] = [SELINUX_OWN_BIT, SELINUX_OWN_BIT + 1];
    let bit = |first: u32, permission: u32| 1_u32 << (first + permission);
    let [older_search, newer_search] = [bit(older, SEARCH), bit(newer, SEARCH)];
    if own & bit(newer, SEARCH + 1) != 0 {
        Some(newer)
    } else if own == newer_search && operation == Operation::Rmdir {
        None
    } else if own & newer_search != 0 {
        Some(newer)
    } else if own == older_search && operation == Operation::Rename {
        None
    } else if own & older_search != 0 {
        Some(older)
    } else {
        None
    }
}

fn capabilities(first: u32, bits: u32) -> String {
    let numbers = (0..u32::BITS).filter(|bit| bits & (1 << bit) != 0);
    let names = numbers.map(|bit| match capability_name(first + bit) {
        Some(name) => name.to_owned(),
        None => format!("capability {}", first + bit),
    });
    names.collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directorys_permissions_are_told_in_both_numberings() {
        let told = |operation, bits| selinux(operation, b"dir", bits);
        for (operation, bits, words) in [
            (Operation::Create, 0x1000_0004, "write search"),
            (Operation::Create, 0x2000_0004, "write search"),
            (Operation::Create, 0x1200_0000, "add_name search"),
            (Operation::Create, 0x2400_0000, "add_name search"),
            (Operation::Unlink, 0x1400_0000, "remove_name search"),
            (Operation::Unlink, 0x2800_0000, "remove_name search"),
            (Operation::Open, 0x1000_0000, "search"),
            (Operation::Open, 0x2000_0000, "search"),
            (Operation::Rmdir, 0x4000_0000, "rmdir"),
            (Operation::Rmdir, 0x2000_0000, "0x20000000"),
            (Operation::Rename, 0x1000_0000, "0x10000000"),
            (Operation::Open, 0x2, "read"),
        ] {
            assert_eq!(told(operation, bits), words, "{operation:?} {bits:#x}");
        }
    }

    #[test]
    fn other_classes_are_told_as_far_as_they_are_known() {
        for (class, bits, words) in [
            (b"file".as_slice(), 0x6, "read write"),
            (b"file", 0x200_0004, "write 0x2000000"),
            (b"capability", 0x2, "CAP_DAC_OVERRIDE"),
            (b"cap2_userns", 0x4_0000, "capability 50"),
            (b"process", 0x40, "0x40"),
            (b"", 0x4, "0x4"),
        ] {
            assert_eq!(selinux(Operation::Open, class, bits), words);
        }
    }

    #[test]
    fn apparmors_words_are_those_of_its_records() {
        for (operation, bits, words) in [
            (Operation::Create, 0x12, "wc"),
            (Operation::Chmod, 0x1000, "w"),
            (Operation::Open, 0x4, "r"),
            (Operation::Unlink, 0x20, "d"),
            (Operation::Mmap, 0x1_0004, "rm"),
            (Operation::Open, 0x80_0004, "r 0x800000"),
            (Operation::Ptrace, 0x2, "trace"),
            (Operation::Signal, 0x2, "send"),
        ] {
            assert_eq!(apparmor(operation, bits), words);
        }
    }
}
