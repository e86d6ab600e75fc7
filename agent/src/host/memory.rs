//! Where the kernel's choice of a victim is heard when memory runs out.
//!
//! In: facts. Out: one attachment, or why there is none. Invariant: apart from
//! the backend that the user chose for file operations, since it is none; the
//! tracepoint is taken where it hands over the victim itself. Lacks on purpose:
//! the tracepoint of older kernels, which tells a number that no program can
//! find the victim's control group by.

use super::{Attachment, Facts};
use crate::denial::{Backend, Hook};

/// The raw tracepoint.
pub const TRACEPOINT: &str = "mark_victim";
/// The function around it, which takes the victim on every kernel.
pub(super) const MARK_VICTIM: &str = "mark_oom_victim";

pub(super) fn place(facts: &Facts) -> Result<Attachment, String> {
    let attachment = |backend, program: &str, symbol: &str| Attachment {
        hook: Hook::OomKill,
        backend,
        program: program.to_owned(),
        symbol: symbol.to_owned(),
    };
    let refused = |backend, symbol: &str| facts.refused.get(&(backend, symbol.to_owned()));
    let mut reasons = Vec::new();
    match (facts.tells_victim, refused(Backend::Tracepoint, TRACEPOINT)) {
        (true, None) => return Ok(attachment(Backend::Tracepoint, "tp_oom_kill", TRACEPOINT)),
        (true, Some(reason)) => reasons.push(format!("tracepoint {TRACEPOINT}: {reason}")),
        (false, _) => reasons.push(format!(
            "the tracepoint {TRACEPOINT} does not hand over the process"
        )),
    }
    let fexit = refused(Backend::Fexit, MARK_VICTIM);
    match (facts.functions.get(MARK_VICTIM), &facts.no_trampolines) {
        (Some(1), None) if fexit.is_none() => {
            return Ok(attachment(Backend::Fexit, "fexit_oom_kill_1", MARK_VICTIM));
        }
        (Some(1), barred) => reasons.extend(
            barred
                .iter()
                .chain(fexit)
                .map(|reason| format!("fexit: {reason}")),
        ),
        (Some(_) | None, _) => reasons.push(format!("no function {MARK_VICTIM} of one argument")),
    }
    let kprobe = refused(Backend::Kprobe, MARK_VICTIM).or(facts.no_kprobes.as_ref());
    match kprobe {
        None => Ok(attachment(Backend::Kprobe, "kprobe_oom_kill", MARK_VICTIM)),
        Some(reason) => {
            reasons.push(format!("kprobe: {reason}"));
            Err(reasons.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_gives_way_to_the_next() {
        let mut facts = Facts {
            tells_victim: true,
            ..Facts::default()
        };
        facts.functions.insert(MARK_VICTIM.to_owned(), 1);
        assert_eq!(place(&facts).unwrap().program, "tp_oom_kill");
        // Linux 5.10.
        facts.tells_victim = false;
        assert_eq!(place(&facts).unwrap().program, "fexit_oom_kill_1");
        facts.no_trampolines = Some("lockdown".to_owned());
        assert_eq!(place(&facts).unwrap().program, "kprobe_oom_kill");
        facts.no_kprobes = Some("not compiled in".to_owned());
        let reason = place(&facts).unwrap_err();
        assert!(reason.contains("fexit: lockdown") && reason.contains("not compiled in"));
    }
}
