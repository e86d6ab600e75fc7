//! Follows a plan, and has it made anew where the kernel refuses a part.
//!
//! In: the loaded object, facts, the backend asked for. Out: the plan that is
//! attached. Invariant: each refusal becomes a fact before the next plan, so
//! the loop ends; what is attached once stays. Lacks on purpose: choosing
//! (`host::plan`).

use std::collections::BTreeSet;
use std::error::Error;
use std::os::fd::AsFd as _;

use aya::programs::{FExit, KProbe, ProgramError, RawTracePoint};
use aya::{Btf as LoaderBtf, Ebpf};
use tracing::{debug, warn};

use super::error::{LoadError, errno, reason};
use super::kretprobe::{self, Kretprobe};
use crate::denial::Backend;
use crate::host::{self, Attachment, Facts, Plan, Wanted};

/// Attaches the plan; what is refused becomes a fact and the rest is planned anew.
pub(super) fn attach(
    object: &mut Ebpf,
    btf: &LoaderBtf,
    facts: &mut Facts,
    wanted: Wanted,
) -> Result<(Plan, Vec<Kretprobe>), LoadError> {
    let mut attached: BTreeSet<String> = BTreeSet::new();
    let mut kretprobes = Vec::new();
    kretprobe::remove_leftovers();
    loop {
        let plan = host::plan(facts, wanted);
        let mut refused = false;
        for next in &plan.attachments {
            if attached.contains(&next.program) {
                continue;
            }
            match attach_one(object, btf, next, &mut kretprobes) {
                Ok(()) => {
                    attached.insert(next.program.clone());
                }
                Err(error) => {
                    note_refusal(facts, next, error.as_ref());
                    refused = true;
                    break;
                }
            }
        }
        if !refused {
            return match plan.attachments.is_empty() {
                true => Err(LoadError::NothingAttached(summary(&plan))),
                false => Ok((plan, kretprobes)),
            };
        }
        if wanted == Wanted::Only(Backend::Tracepoint)
            || plan
                .attachments
                .iter()
                .any(|a| a.backend == Backend::Tracepoint)
        {
            let last = facts.refused.last_key_value();
            let reason = last.map(|(_, reason)| reason.clone()).unwrap_or_default();
            return Err(LoadError::NothingAttached(format!(
                "tracepoint sys_exit: {reason}"
            )));
        }
    }
}

fn note_refusal(facts: &mut Facts, next: &Attachment, error: &(dyn Error + 'static)) {
    let reason = reason(error);
    // The whole facility is barred (lockdown, a missing capability), not this function alone.
    if errno(error) == Some(libc::EPERM) {
        let barred = match next.backend {
            Backend::Fexit => Some(&mut facts.no_trampolines),
            Backend::Kprobe => Some(&mut facts.no_kprobes),
            Backend::Tracepoint => None,
        };
        if let Some(barred) = barred {
            debug!(backend = next.backend.label(), reason, "not allowed here");
            *barred = Some(reason);
            return;
        }
    }
    warn!(
        hook = next.hook.label(),
        symbol = next.symbol,
        backend = next.backend.label(),
        reason,
        "hook refused"
    );
    facts
        .refused
        .insert((next.backend, next.symbol.clone()), reason);
}

fn summary(plan: &Plan) -> String {
    let mut reasons: Vec<&str> = plan
        .missing
        .iter()
        .map(|(_, reason)| reason.as_str())
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.join("; ")
}

fn attach_one(
    object: &mut Ebpf,
    btf: &LoaderBtf,
    next: &Attachment,
    kretprobes: &mut Vec<Kretprobe>,
) -> Result<(), Box<dyn Error>> {
    match next.backend {
        Backend::Fexit => {
            let program: &mut FExit = program(object, &next.program)?;
            program.load(&next.symbol, btf)?;
            program.attach()?;
        }
        Backend::Kprobe => {
            let program: &mut KProbe = program(object, &next.program)?;
            program.load()?;
            match Kretprobe::attach(program.fd()?.as_fd(), &next.symbol) {
                Ok(kretprobe) => kretprobes.push(kretprobe),
                Err(error) => {
                    program.attach(&next.symbol, 0)?;
                    warn!(symbol = next.symbol, %error, "only a few tasks at once are seen");
                }
            }
        }
        Backend::Tracepoint => {
            return attach_tracepoint(object, &next.program, &next.symbol).map_err(Into::into);
        }
    }
    Ok(())
}

pub(super) fn attach_tracepoint(
    object: &mut Ebpf,
    name: &str,
    tracepoint: &str,
) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program(object, name)?;
    program.load()?;
    program.attach(tracepoint)?;
    Ok(())
}

fn program<'a, T>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut T, ProgramError>
where
    &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    // The object and the table of hooks are built from the same names; a
    // mismatch is a mistake that the tests find.
    object
        .program_mut(name)
        .ok_or(ProgramError::NotLoaded)?
        .try_into()
}
