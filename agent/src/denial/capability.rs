//! The kernel's capabilities by number.
//!
//! In: a number. Out: its name, as `capabilities(7)` and Docker's `--cap-add`
//! know it. Invariant: the numbers are the kernel's and never change. Lacks on
//! purpose: what a capability allows.

/// CAP_CHOWN.
pub const CAP_CHOWN: u32 = 0;
/// CAP_DAC_OVERRIDE.
pub const CAP_DAC_OVERRIDE: u32 = 1;
/// CAP_FOWNER.
pub const CAP_FOWNER: u32 = 3;

const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The name of a capability; none for a number of a later kernel.
pub fn capability_name(number: u32) -> Option<&'static str> {
    NAMES.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (number, name) in [
            (CAP_CHOWN, "CAP_CHOWN"),
            (CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"),
            (CAP_FOWNER, "CAP_FOWNER"),
            (21, "CAP_SYS_ADMIN"),
            (27, "CAP_MKNOD"),
            (40, "CAP_CHECKPOINT_RESTORE"),
        ] {
            assert_eq!(capability_name(number), Some(name));
        }
        assert_eq!(capability_name(41), None);
        assert_eq!(capability_name(u32::MAX), None);
    }
}
