//! Advice for a missing capability and for a system call that seccomp refuses.
//!
//! In: an [`Advice`]. Out: the capability to add, or what is better than it.
//! Invariant: only a narrow capability is ever proposed. Lacks on purpose:
//! names of system calls by number, since one operation has several.

use super::{
    Advice,
    knowledge::{CAPABILITIES, Need},
    plan::Plan,
    read_only::words,
};
use crate::denial::{Operation, Remedy};

/// A capability's row, with or without `CAP_` before its name.
pub(super) fn known(name: &str) -> Option<(&'static str, &'static Need)> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    CAPABILITIES
        .iter()
        .find(|(name, _)| *name == short)
        .map(|(name, need)| (*name, need))
}

pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    let (name, need) = known(advice.capability?)?;
    match need {
        Need::Wide(why) => words(format!(
            "CAP_{name} is missing and should stay so, since {why}"
        )),
        Need::Narrow(purpose) => {
            let file = match advice.task {
                Some((uid, _)) if uid != 0 => {
                    "; as the process is not root, the program's file needs it too (setcap)"
                }
                Some(_) | None => "",
            };
            let plan = Plan {
                capability: Some(name),
                ..Plan::default()
            };
            Some(Remedy {
                sentence: format!(
                    "CAP_{name} is missing, which is for {purpose}; if the program needs it, add it alone{file}"
                ),
                changes: plan.changes(advice),
            })
        }
    }
}

pub(super) fn seccomp(advice: &Advice) -> Option<Remedy> {
    let calls = calls(advice.operation);
    let plan = Plan {
        seccomp: true,
        ..Plan::default()
    };
    Some(Remedy {
        sentence: format!(
            "the container's seccomp profile refuses {}: allow {calls} in a copy of that profile, and name the copy",
            advice.operation.label()
        ),
        changes: plan.changes(advice),
    })
}

/// The system calls that do an operation; the profile names them.
fn calls(operation: Operation) -> &'static str {
    match operation {
        Operation::Open | Operation::Create => "open, openat, openat2 and creat",
        Operation::Mkdir => "mkdir and mkdirat",
        Operation::Mknod => "mknod and mknodat",
        Operation::Symlink => "symlink and symlinkat",
        Operation::Link => "link and linkat",
        Operation::Unlink => "unlink and unlinkat",
        Operation::Rmdir => "rmdir and unlinkat",
        Operation::Rename => "rename, renameat and renameat2",
        Operation::Chmod => "chmod, fchmod, fchmodat and fchmodat2",
        Operation::Chown => "chown, fchown, lchown and fchownat",
        Operation::Utime => "utime, utimes, utimensat and futimesat",
        Operation::Truncate => "truncate and ftruncate",
        Operation::Fallocate => "fallocate",
        Operation::Setxattr => "setxattr, lsetxattr, fsetxattr and their removexattr kin",
        Operation::Bind => "bind",
        Operation::Exec => "execve and execveat",
        Operation::Write => "write, writev, pwrite64 and pwritev",
        Operation::Mmap => "mmap and mprotect",
        Operation::Ptrace => "ptrace, process_vm_readv and kcmp",
        Operation::Mount => "the one call of mount's family that it needs",
        Operation::Signal => "kill, tkill and tgkill",
        Operation::Capability => "the system call that it makes",
    }
}
