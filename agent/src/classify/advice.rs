//! A verdict's cause and all that is known around it become the question that
//! `remedy` answers.
//!
//! In: a [`Question`] with its sample. Out: a `remedy::Advice`, lent for one
//! call. Invariant: what a container chose is escaped; ids are told as the
//! container sees them, or not at all. Lacks on purpose: advice.

use sealwatch_ebpf::wire::Signals;

use super::{Question, Sampled, access, requested};
use crate::denial::{Cause, Denial, Lsm, Remedy, capability_name, escape};
use crate::remedy::{Advice, Mount, MountKind};

/// Asks for advice on a cause.
pub(super) fn with(
    cause: Cause,
    question: &Question,
    sample: &Sampled,
    advise: fn(&Advice) -> Option<Remedy>,
) -> Option<Remedy> {
    let denial = sample.denial;
    let detail = &denial.lsm_detail;
    let lsm = question.lsm.filter(|_| cause == Cause::Lsm);
    let subject = escape(&detail.subject);
    let object = escape(&detail.object);
    let class = escape(&detail.class);
    let requested = requested(denial);
    let path = denial.path.to_string();
    let comm = escape(&denial.comm);
    let container = sample.container;
    let name = container.map_or(String::new(), |c| escape(c.name.as_bytes()));
    let image = container.map_or(String::new(), |c| escape(c.image.as_bytes()));
    let profile = match lsm {
        Some(Lsm::Apparmor | Lsm::Tomoyo) => subject.as_str(),
        Some(Lsm::Selinux | Lsm::Landlock | Lsm::Bpf | Lsm::Smack | Lsm::Lockdown | Lsm::Yama)
        | None => "",
    };
    advise(&Advice {
        lsm,
        profile,
        subject: if profile.is_empty() { &subject } else { "" },
        object: &object,
        class: &class,
        requested: requested.as_deref(),
        write_root: sample.write_root,
        path: &path,
        mount: mount(question, sample),
        file_owner: access::has_file(denial)
            .then(|| ids(denial, denial.evidence.inode_uid, denial.evidence.inode_gid))
            .flatten(),
        task: ids(denial, denial.uid, denial.gid),
        file_mode: access::has_file(denial).then_some(denial.evidence.inode_mode as u16),
        capability: denial.refused_capability().and_then(capability_name),
        protected: question.saw(Signals::PROTECTED),
        limit: sample.mount.and_then(|seen| match cause {
            Cause::TmpfsFullInodes => seen.inodes_max,
            _ => seen.bytes_max,
        }),
        read_only_root: container.and_then(|container| container.read_only_root),
        kubernetes: container.is_some_and(|container| !container.pod.is_empty()),
        container: &name,
        image: &image,
        comm: &comm,
        ..Advice::new(cause, question.operation, question.errno)
    })
}

/// The kernel half knows the root even where the namespace's table was not read.
fn mount<'a>(question: &Question, sample: &Sampled<'a>) -> Option<Mount<'a>> {
    let root = Mount {
        kind: MountKind::Root,
        target: "/",
    };
    sample
        .mount
        .map(|seen| seen.mount)
        .or_else(|| question.saw(Signals::ROOT_MOUNT).then_some(root))
}

/// An owner and a group as the container sees them, where it sees both.
fn ids(denial: &Denial, uid: u32, gid: u32) -> Option<(u32, u32)> {
    denial.uid_inside(uid).id().zip(denial.gid_inside(gid).id())
}
