//! Advice for a security module's refusal, by the module.
//!
//! In: an [`Advice`] with the module's name. Out: the rule, label or boolean
//! that lets this one thing happen; or whose decision it is. Invariant: no
//! module, profile or label is ever switched off. Lacks on purpose: a word
//! where the module is not known.

mod apparmor;
mod selinux;

use super::{Advice, plain::plain, read_only::words};
use crate::denial::{Lsm, Remedy};

pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    match advice.lsm? {
        Lsm::Apparmor => apparmor::advise(advice),
        Lsm::Selinux => selinux::advise(advice),
        Lsm::Landlock => words(
            "the program restricts itself with Landlock: allow this directory in its own ruleset, before it restricts itself".to_owned(),
        ),
        Lsm::Bpf => words(
            "a BPF program on a security hook refused: ask the owner of this node's policy (bpftool prog show lists programs of type lsm)".to_owned(),
        ),
        Lsm::Smack => words(match (plain(advice.subject), plain(advice.object)) {
            (Some(subject), Some(object)) => format!(
                "Smack has no rule that lets {subject} do this to {object}: ask the owner of the policy for one"
            ),
            (_, _) => "Smack has no rule that allows it: ask the owner of the policy for one".to_owned(),
        }),
        Lsm::Tomoyo => words(
            "TOMOYO's policy for this domain does not allow it: ask its owner to add the access to the domain".to_owned(),
        ),
        Lsm::Lockdown => words(
            "the kernel is locked down, for every container of this host alike: use an interface that does not reach into the kernel".to_owned(),
        ),
        Lsm::Yama => words(
            "Yama lets a process trace its descendants only (kernel.yama.ptrace_scope): start the program under the tracer, or have it name its tracer with prctl(PR_SET_PTRACER)".to_owned(),
        ),
    }
}
