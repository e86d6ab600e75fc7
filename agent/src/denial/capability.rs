//! The kernel's capabilities by number.
//!
//! In: a number. Out: its name, as `capabilities(7)` and Docker's `--cap-add`
//! know it. Invariant: the numbers are the kernel's and never change. Lacks on
//! purpose: what a capability allows.

/// CAP_CHOWN.
pub const CAP_CHOWN: u32 = 0;
/// CAP_DAC_OVERRIDE.
pub const CAP_DAC_OVERRIDE: u32 = 1;
/// CAP_DAC_READ_SEARCH.
pub const CAP_DAC_READ_SEARCH: u32 = 2;
/// CAP_FOWNER.
pub const CAP_FOWNER: u32 = 3;
/// CAP_SYS_PTRACE.
pub const CAP_SYS_PTRACE: u32 = 19;
/// CAP_SYS_ADMIN.
pub const CAP_SYS_ADMIN: u32 = 21;
/// CAP_SYS_RESOURCE.
pub const CAP_SYS_RESOURCE: u32 = 24;
/// CAP_SYSLOG.
pub const CAP_SYSLOG: u32 = 34;
/// CAP_PERFMON.
pub const CAP_PERFMON: u32 = 38;
/// CAP_BPF.
pub const CAP_BPF: u32 = 39;

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
            (CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"),
            (CAP_FOWNER, "CAP_FOWNER"),
            (CAP_SYS_PTRACE, "CAP_SYS_PTRACE"),
            (CAP_SYS_ADMIN, "CAP_SYS_ADMIN"),
            (CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE"),
            (CAP_SYSLOG, "CAP_SYSLOG"),
            (CAP_PERFMON, "CAP_PERFMON"),
            (CAP_BPF, "CAP_BPF"),
            (27, "CAP_MKNOD"),
            (40, "CAP_CHECKPOINT_RESTORE"),
        ] {
            assert_eq!(capability_name(number), Some(name));
        }
        assert_eq!(capability_name(41), None);
        assert_eq!(capability_name(u32::MAX), None);
    }
}
