//! Evidence in words that a person can check: whose the file is, who the task
//! was, which mount, what the module was asked.
//!
//! In: a [`Question`] for which a rule holds. Out: one line. Invariant: what was
//! not seen is not mentioned; an id is told as the container sees it, and as
//! the host does where that differs; text of a container's choice is escaped.
//! Lacks on purpose: advice.

use sealwatch_ebpf::wire::Signals;

use super::{Question, Sampled, access, requested};
use crate::denial::{
    CAP_CHOWN, CAP_DAC_OVERRIDE, Denial, Inside, Lsm, Operation, capability_name, escape,
};
use crate::remedy::MountKind;

/// `S_APPEND` and `S_IMMUTABLE` of `inode.i_flags`.
const S_APPEND: u32 = 4;
const S_IMMUTABLE: u32 = 8;
/// What programs inside a user namespace see of an id that it does not map.
const OVERFLOW_ID: u32 = 65_534;

/// The mount, as far as it is known.
pub(super) fn place(question: &Question) -> String {
    let Some(seen) = question.sample.and_then(|sample| sample.mount) else {
        return match question.saw(Signals::ROOT_MOUNT) {
            true => "the container's root".to_owned(),
            false => "the mount".to_owned(),
        };
    };
    let target = seen.mount.target;
    match seen.mount.kind {
        MountKind::Root => "the container's root".to_owned(),
        MountKind::Tmpfs => format!("the tmpfs at {target}"),
        MountKind::Volume => format!("the volume at {target}"),
        MountKind::HostPath => format!("the host path at {target}"),
        MountKind::Secret => format!("the Secret at {target}"),
        MountKind::ConfigMap => format!("the ConfigMap at {target}"),
        MountKind::Projected => format!("the projected volume at {target}"),
        MountKind::RuntimeFile => format!("the runtime's own {target}"),
        MountKind::Kernel => format!("the kernel's file system at {target}"),
        MountKind::Other => format!("the mount at {target}"),
    }
}

/// Whose the file is and who the task was.
pub(super) fn who(question: &Question) -> String {
    match question.sample {
        None => "no sample tells who".to_owned(),
        Some(Sampled { denial, .. }) if access::has_file(denial) => {
            format!("{}; {}", file(denial), task(denial))
        }
        Some(Sampled { denial, .. }) => task(denial),
    }
}

fn file(denial: &Denial) -> String {
    let evidence = &denial.evidence;
    let what = match access::is_directory(denial) {
        true => "the directory",
        false => "the file",
    };
    format!(
        "{what} has mode {:04o} and belongs to uid {}, gid {}",
        evidence.inode_mode & 0o7777,
        id(evidence.inode_uid, denial.uid_inside(evidence.inode_uid)),
        id(evidence.inode_gid, denial.gid_inside(evidence.inode_gid)),
    )
}

fn task(denial: &Denial) -> String {
    let mut text = format!(
        "the task has uid {}, gid {}",
        id(denial.uid, denial.uid_inside(denial.uid)),
        id(denial.gid, denial.gid_inside(denial.gid)),
    );
    if let Some(credentials) = &denial.credentials {
        let others = credentials
            .groups
            .iter()
            .filter(|group| **group != denial.gid);
        let mut groups: Vec<_> = others
            .map(|group| id(*group, denial.gid_inside(*group)))
            .collect();
        if !credentials.has_all_groups() {
            groups.push(format!("{} in all", credentials.groups_len));
        }
        if !groups.is_empty() {
            text.push_str(&format!(", groups {}", groups.join(", ")));
        }
    }
    text
}

/// As the container sees it first.
fn id(outside: u32, inside: Inside) -> String {
    match inside {
        Inside::Id(inside) if inside == outside => outside.to_string(),
        Inside::Id(inside) => format!("{inside} ({outside} on the host)"),
        Inside::Unmapped => {
            format!("{OVERFLOW_ID} ({outside} on the host, unmapped in the container)")
        }
        // The map is not known, or nothing of the task was read.
        Inside::Unknown => outside.to_string(),
    }
}

/// The test of mode bits, done again.
pub(super) fn of_mode_bits(question: &Question) -> String {
    let judged = question.denial().and_then(access::judge);
    let Some((denial, judged)) = question.denial().zip(judged) else {
        return String::new();
    };
    let who = who(question);
    let lacks = access::words(judged.lacks);
    let found = match (judged.class, judged.lacks) {
        (_, 0) if judged.class.is_none() => {
            "which bits count depends on groups that were not read".to_owned()
        }
        (_, 0) => "the bits shown allow it: an access control list takes it back".to_owned(),
        (Some(class), _) => format!("class {} lacks {lacks}", class.label()),
        (None, _) => format!("the task's class lacks {lacks}"),
    };
    let owner = match judged.owner_could {
        true => ", which the owner has",
        false => "",
    };
    let evidence = &denial.evidence;
    let unmapped = [
        denial.uid_inside(evidence.inode_uid),
        denial.gid_inside(evidence.inode_gid),
    ]
    .contains(&Inside::Unmapped);
    let overridden = match &denial.credentials {
        Some(task) if !task.has_capability(CAP_DAC_OVERRIDE) => {
            "; CAP_DAC_OVERRIDE would override it"
        }
        Some(_) if unmapped => {
            "; the task's CAP_DAC_OVERRIDE does not reach ids that its user namespace does not map"
        }
        Some(_) | None => "",
    };
    format!("{who}: {found}{owner}{overridden}")
}

/// CAP_CHOWN and CAP_FOWNER, which take an owner's place.
pub(super) fn of_owner_capability(question: &Question) -> String {
    let refused = question.denial().and_then(Denial::refused_capability);
    let entry = matches!(
        question.operation,
        Operation::Unlink | Operation::Rmdir | Operation::Rename
    );
    let who = who(question);
    if refused == Some(CAP_CHOWN) {
        format!("to give a file away takes CAP_CHOWN: {who}")
    } else if entry {
        format!(
            "in a sticky directory only an entry's or the directory's owner may do it, or CAP_FOWNER: {who}"
        )
    } else {
        format!("only the file's owner may do it, or CAP_FOWNER: {who}")
    }
}

/// One of the fs.protected_* settings; the kernel does not tell which.
pub(super) fn of_protected(question: &Question) -> String {
    let settings = match question.operation {
        Operation::Link => "fs.protected_hardlinks, fs.protected_symlinks",
        Operation::Create => "fs.protected_regular, fs.protected_fifos, fs.protected_symlinks",
        Operation::Open
        | Operation::Mkdir
        | Operation::Mknod
        | Operation::Symlink
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
        | Operation::Mmap
        | Operation::Ptrace
        | Operation::Mount
        | Operation::Signal
        | Operation::Capability => "fs.protected_symlinks and its kind",
    };
    format!(
        "one of {settings} protects what belongs to another user: {}",
        who(question)
    )
}

/// Which of the two flags, where the file was seen.
pub(super) fn of_immutable(question: &Question) -> String {
    let flags = question
        .denial()
        .map_or(0, |denial| denial.evidence.inode_flags);
    let what = match (flags & S_IMMUTABLE != 0, flags & S_APPEND != 0) {
        (true, false) => "immutable (chattr +i)",
        (false, true) => "append-only (chattr +a)",
        (true, true) => "immutable and append-only (chattr +ia)",
        (false, false) => "immutable or append-only (chattr)",
    };
    format!("the file or its directory is {what}")
}

/// A capability outside any inode.
pub(super) fn of_capability(question: &Question) -> String {
    let number = question.denial().and_then(Denial::refused_capability);
    match number.map(|number| (number, capability_name(number))) {
        Some((_, Some(name))) => format!("the task lacks {name}"),
        Some((number, None)) => format!("the task lacks capability {number}"),
        None => "the task lacks a capability that the kernel asked for".to_owned(),
    }
}

/// A file system without room.
pub(super) fn of_full(question: &Question, what: &str) -> String {
    let mount = question.sample.and_then(|sample| sample.mount);
    let limit = mount.and_then(|seen| match what {
        "bytes" => seen.bytes_max,
        "inodes" => seen.inodes_max,
        _ => None,
    });
    let place = place(question);
    match limit {
        Some(limit) => format!("{place} has no {what} left of its {limit}"),
        None => format!("{place} has no {what} left"),
    }
}

/// The module, and what its hook told.
pub(super) fn of_module(question: &Question) -> String {
    let Some(lsm) = question.lsm else {
        return "a security module's hook returned the error; which one is not known".to_owned();
    };
    let name = match lsm {
        Lsm::Apparmor => "AppArmor",
        Lsm::Selinux => "SELinux",
        Lsm::Landlock => "Landlock",
        Lsm::Bpf => "a BPF program on a security hook",
        Lsm::Smack => "Smack",
        Lsm::Tomoyo => "TOMOYO",
        Lsm::Lockdown => "kernel lockdown",
        Lsm::Yama => "Yama",
    };
    let Some(denial) = question.denial() else {
        return format!("{name} refused");
    };
    let detail = &denial.lsm_detail;
    let mut text = format!("{name} refused");
    if let Some(requested) = requested(denial) {
        text.push_str(&format!(" {requested}"));
    }
    if !detail.class.is_empty() {
        text.push_str(&format!(" of class {}", escape(&detail.class)));
    }
    let capability = denial.refused_capability().and_then(capability_name);
    if let Some(capability) = capability.filter(|_| denial.signals & CAPABILITY_SIGNALS != 0) {
        text.push_str(&format!(" {capability}"));
    }
    let subject = match lsm {
        Lsm::Apparmor => "profile",
        Lsm::Tomoyo => "domain",
        Lsm::Selinux | Lsm::Landlock | Lsm::Bpf | Lsm::Smack | Lsm::Lockdown | Lsm::Yama => "task",
    };
    let parts = [(subject, &detail.subject), ("object", &detail.object)];
    for (what, bytes) in parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        text.push_str(&format!(", {what} {}", escape(bytes)));
    }
    text
}

/// Where a capability was asked for at all.
const CAPABILITY_SIGNALS: u16 = Signals::CAPABILITY | Signals::INODE_CAPABILITY;
