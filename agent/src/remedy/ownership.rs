//! Advice for mode bits and owners: who owns the file, who asked, who should.
//!
//! In: an [`Advice`]. Out: both users as the container sees them, and the change
//! that lets this one write. Invariant: the process never becomes root, and no
//! file is opened to everybody. Lacks on purpose: users as the host sees them.

use super::{
    Advice, MountKind,
    mounting::{Mounting, Tmpfs},
    plain::shown,
    plan::Plan,
    read_only::{self, words},
};
use crate::denial::{Cause, Errno, Operation, Remedy};

/// The uid and gid that stand for those without a mapping in a user namespace.
const NOBODY: u32 = 65_534;

/// The file's type in its mode, and a directory's.
const TYPE_MASK: u16 = 0o170_000;
const TYPE_DIRECTORY: u16 = 0o040_000;

/// Advice for EACCES and EPERM of mode bits and owners.
pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    if let Some(remedy) = by_rule(advice) {
        return Some(remedy);
    }
    let kind = advice.mount.map(|mount| mount.kind);
    if matches!(kind, None | Some(MountKind::Root)) && writes(advice.operation) {
        if let Some(habit) = read_only::habit(advice) {
            return Some(read_only::cure(habit, advice));
        }
        if advice.read_only_root == Some(true) && read_only::place(advice).is_some() {
            return read_only::root(advice);
        }
    }
    let who = who(advice)?;
    let Some((uid, gid)) = advice.task else {
        return words(who);
    };
    let path = shown(advice.path, "the file");
    let at = advice.mount.map_or(path, |mount| shown(mount.target, path));
    if same_owner(advice) {
        return words(format!(
            "{who}: its own mode bits deny it, so give the owner what is missing where the file is made (chmod u+{} or COPY --chmod)",
            missing(advice.operation)
        ));
    }
    let change = Change {
        advice,
        who,
        at,
        uid,
        gid,
    };
    match kind {
        Some(MountKind::Volume | MountKind::Tmpfs) if advice.kubernetes => change.volume_of_pod(),
        Some(MountKind::Tmpfs) => change.tmpfs(),
        Some(MountKind::Volume) => change.volume(),
        Some(MountKind::HostPath) => words(format!(
            "{}: chown -R {uid}:{gid} the directory on the host (as the container counts users{}), or use a volume",
            change.who,
            if advice.kubernetes {
                "; fsGroup leaves a hostPath alone"
            } else {
                ""
            }
        )),
        Some(MountKind::Secret | MountKind::ConfigMap | MountKind::Projected) => words(format!(
            "{}: set its defaultMode to 0440 and the pod's fsGroup to a group of the process",
            change.who
        )),
        Some(MountKind::Kernel) => words(format!(
            "{}: {at} is the kernel's and for its owner alone; set kernel parameters by --sysctl or the pod's securityContext.sysctls",
            change.who
        )),
        Some(MountKind::RuntimeFile) => words(format!(
            "{}: the runtime writes it; use --add-host and --dns, or hostAliases and dnsConfig of the pod",
            change.who
        )),
        Some(MountKind::Root | MountKind::Other) | None => words(format!(
            "{}: have the image give it to the process (COPY --chown={uid}:{gid}), or mount a volume or tmpfs where it writes",
            change.who
        )),
    }
}

/// What is decided by a rule of its own, whoever owns what.
fn by_rule(advice: &Advice) -> Option<Remedy> {
    let path = shown(advice.path, "this file");
    if advice.protected && advice.operation == Operation::Link {
        return words(format!(
            "{path} belongs to another user, whose files fs.protected_hardlinks keeps from being linked to unless they can be read and written: copy it, or link as its owner"
        ));
    }
    if advice.protected {
        return words(format!(
            "{path} lies in a sticky, world-writable directory and belongs to another user, which fs.protected_regular, fs.protected_fifos or fs.protected_symlinks refuses: have the process use a directory of its own"
        ));
    }
    if advice.operation == Operation::Chown {
        return words(format!(
            "only root gives files away: set the owner of {path} where it is made (COPY --chown, fsGroup or the volume's owner), start as that user, and drop the chown from the start script"
        ));
    }
    let removes = matches!(
        advice.operation,
        Operation::Unlink | Operation::Rmdir | Operation::Rename
    );
    if removes && advice.errno == Errno::Eperm {
        return words(format!(
            "the directory of {path} is sticky: only the owner of the file or of the directory may remove or rename it, so have the process that made it do so, or use a directory of its own"
        ));
    }
    if advice.cause == Cause::Ownership && advice.errno == Errno::Eperm {
        return words(format!(
            "only the owner may do this to {path}{}: run the process that made it as the same user, or set modes and times where it is made",
            both(advice)
        ));
    }
    None
}

/// A change that lets the process write to a mount.
struct Change<'a> {
    advice: &'a Advice<'a>,
    who: String,
    at: &'a str,
    uid: u32,
    gid: u32,
}

impl Change<'_> {
    fn volume_of_pod(self) -> Option<Remedy> {
        // A process in the root group still is its user's; that uid serves as the group.
        let group = if self.gid == 0 { self.uid } else { self.gid };
        let mut changes = Plan {
            volume_group: (group != 0).then_some(group),
            ..Plan::default()
        }
        .changes(self.advice);
        let mut sentence = format!(
            "{}: give the pod's volumes to its group (fsGroup: {group})",
            self.who
        );
        if let Some(owner) = self.owner() {
            sentence.push_str(", or run it as the owner");
            changes.extend(run_as(owner).changes(self.advice));
        }
        Some(Remedy { sentence, changes })
    }

    fn tmpfs(self) -> Option<Remedy> {
        let plan = Plan {
            mount: super::plain::plain_path(self.at).map(|at| {
                Mounting::Tmpfs(Tmpfs {
                    at,
                    owner: Some((self.uid, self.gid)),
                    ..Tmpfs::default()
                })
            }),
            ..Plan::default()
        };
        Some(Remedy {
            sentence: format!(
                "{}: Docker makes a tmpfs root's, with the mode of the image's directory; give it to the process with uid= and gid=, and keep its size=",
                self.who
            ),
            changes: plan.changes(self.advice),
        })
    }

    fn volume(self) -> Option<Remedy> {
        let mut sentence = format!(
            "{}: chown -R {}:{} the volume's directory on the host once (as the container counts users; with Podman add :U), or have the image own {} before the volume is first made",
            self.who, self.uid, self.gid, self.at
        );
        let mut changes = Vec::new();
        if let Some(owner) = self.owner() {
            sentence.push_str(", or run it as the owner");
            changes = run_as(owner).changes(self.advice);
        }
        Some(Remedy { sentence, changes })
    }

    /// The file's owner, if a process may run as that.
    fn owner(&self) -> Option<(u32, u32)> {
        let fit =
            |(uid, gid): &(u32, u32)| ![0, NOBODY].contains(uid) && ![0, NOBODY].contains(gid);
        self.advice.file_owner.filter(fit)
    }
}

fn run_as<'a>(owner: (u32, u32)) -> Plan<'a> {
    Plan {
        user: Some(owner),
        ..Plan::default()
    }
}

/// Whose the file is and who asked, both as the container sees them.
fn who(advice: &Advice) -> Option<String> {
    let (owner, group) = advice.file_owner?;
    let path = shown(advice.path, "this path");
    // A refusal may come from a directory on the way, whose owner it then is.
    let what = match advice.file_mode.map(|mode| mode & TYPE_MASK) {
        Some(TYPE_DIRECTORY) => format!("the directory at or above {path}"),
        Some(_) => path.to_owned(),
        None => format!("{path} or its directory"),
    };
    let mode = advice
        .file_mode
        .map(|mode| format!(" with mode {:03o}", mode & 0o777))
        .unwrap_or_default();
    let process = match advice.task {
        Some((uid, gid)) => format!(" and the process runs as {uid}:{gid}"),
        None => String::new(),
    };
    let nobody = if owner == NOBODY {
        ", which stands for a user that the container's user namespace does not map,"
    } else {
        ""
    };
    Some(format!(
        "{what} belongs to {owner}:{group}{nobody}{mode}{process}"
    ))
}

fn both(advice: &Advice) -> String {
    match (advice.file_owner, advice.task) {
        (Some((owner, _)), Some((uid, _))) => {
            format!(", which is uid {owner}'s while the process is uid {uid}")
        }
        (Some(_) | None, _) => String::new(),
    }
}

fn same_owner(advice: &Advice) -> bool {
    matches!((advice.file_owner, advice.task), (Some((owner, _)), Some((uid, _))) if owner == uid)
}

/// The bit that the owner lacks.
fn missing(operation: Operation) -> &'static str {
    match operation {
        Operation::Exec | Operation::Mmap => "rx",
        _ => "rw",
    }
}

/// Does it write to a file or its directory?
fn writes(operation: Operation) -> bool {
    match operation {
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
        | Operation::Write => true,
        Operation::Exec
        | Operation::Mmap
        | Operation::Ptrace
        | Operation::Mount
        | Operation::Signal
        | Operation::Capability => false,
    }
}
