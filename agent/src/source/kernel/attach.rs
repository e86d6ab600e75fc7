//! Follows a plan, and has it made anew where the kernel refuses a part.
//!
//! In: the loaded object, facts, the backend asked for. Out: the plan that is
//! attached. Invariant: each refusal becomes a fact before the next plan, so
//! the loop ends; what is attached once stays. Lacks on purpose: choosing
//! (`host::plan`).

use std::collections::BTreeSet;
use std::error::Error;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::programs::fexit::FExitLink;
use aya::programs::{FExit, KProbe, ProgramError, ProgramInfo, RawTracePoint};
use aya::{Btf as LoaderBtf, Ebpf};
use tracing::{debug, warn};

use super::error::{LoadError, errno, reason};
use super::kretprobe::{self, Kretprobe};
use crate::denial::{Backend, Hook};
use crate::host::{self, Attachment, Facts, Plan, Wanted};

/// ENOTSUPP, which the C library has no name for: a function with more
/// arguments than this kernel's trampolines carry.
const ENOTSUPP: i32 = 524;

/// What keeps the programs attached; dropping it detaches them.
#[derive(Default)]
pub(super) struct Attached {
    /// (program, symbol) of each attachment.
    done: BTreeSet<(String, String)>,
    links: Vec<FExitLink>,
    kretprobes: Vec<Kretprobe>,
    /// The programs of `links`, which the object itself no longer has open.
    pub(super) programs: Vec<OwnedFd>,
}

/// Attaches the plan; what is refused becomes a fact and the rest is planned anew.
pub(super) fn attach(
    object: &mut Ebpf,
    btf: &LoaderBtf,
    facts: &mut Facts,
    wanted: Wanted,
) -> Result<(Plan, Attached), LoadError> {
    let mut attached = Attached::default();
    kretprobe::remove_leftovers();
    let plan = attached.follow(object, btf, facts, wanted)?;
    Ok((plan, attached))
}

impl Attached {
    /// Attaches what the plan has and is not attached yet.
    ///
    /// # Errors
    /// Nothing at all is attached.
    pub(super) fn follow(
        &mut self,
        object: &mut Ebpf,
        btf: &LoaderBtf,
        facts: &mut Facts,
        wanted: Wanted,
    ) -> Result<Plan, LoadError> {
        loop {
            let plan = host::plan(facts, wanted);
            let mut refused = None;
            for next in &plan.attachments {
                let name = (next.program.clone(), next.symbol.clone());
                if self.done.contains(&name) {
                    continue;
                }
                match self.attach_one(object, btf, next) {
                    Ok(()) => {
                        self.done.insert(name);
                    }
                    Err(error) => {
                        note_refusal(facts, next, error.as_ref());
                        refused = Some(next.hook);
                        break;
                    }
                }
            }
            match refused {
                // What tells nothing of files alone is not worth a daemon.
                None if plan.attachments.iter().all(|a| a.hook == Hook::OomKill) => {
                    return Err(LoadError::NothingAttached(summary(&plan)));
                }
                None => return Ok(plan),
                // There is no other plan beyond this one.
                Some(Hook::SyscallExit) => {
                    let last = facts
                        .refused
                        .get(&(Backend::Tracepoint, "sys_exit".to_owned()));
                    let reason = last.cloned().unwrap_or_default();
                    return Err(LoadError::NothingAttached(format!(
                        "tracepoint sys_exit: {reason}"
                    )));
                }
                Some(_) => {}
            }
        }
    }

    /// Attaches one program, whatever is attached already.
    pub(super) fn attach_one(
        &mut self,
        object: &mut Ebpf,
        btf: &LoaderBtf,
        next: &Attachment,
    ) -> Result<(), Box<dyn Error>> {
        match next.backend {
            Backend::Fexit => {
                let program: &mut FExit = program(object, &next.program)?;
                program.load(&next.symbol, btf)?;
                told_verified(&next.program, program.info());
                let attached = program
                    .attach()
                    .and_then(|link| program.take_link(link))
                    .and_then(|link| {
                        let descriptor = program.fd()?.as_fd().try_clone_to_owned();
                        Ok((link, descriptor.map_err(ProgramError::IOError)?))
                    });
                // The link keeps the kernel's program; the object's is free for the next symbol.
                program.unload()?;
                let (link, descriptor) = attached?;
                self.links.push(link);
                self.programs.push(descriptor);
            }
            // Its argument is there at the function's entry only.
            Backend::Kprobe if next.hook == Hook::OomKill => {
                let program: &mut KProbe = program(object, &next.program)?;
                program.load()?;
                program.attach(&next.symbol, 0)?;
            }
            Backend::Kprobe => {
                let program: &mut KProbe = program(object, &next.program)?;
                if program.fd().is_err() {
                    program.load()?;
                    told_verified(&next.program, program.info());
                }
                match Kretprobe::attach(program.fd()?.as_fd(), &next.symbol) {
                    Ok(kretprobe) => self.kretprobes.push(kretprobe),
                    Err(error) => {
                        program.attach(&next.symbol, 0)?;
                        warn!(symbol = next.symbol, %error, "only a few tasks at once are seen");
                    }
                }
            }
            Backend::Tracepoint => attach_tracepoint(object, &next.program, &next.symbol)?,
        }
        Ok(())
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
    let (hook, symbol, backend) = (next.hook.label(), &next.symbol, next.backend.label());
    let can_fall_back = host::row(next.hook).is_some_and(|row| row.kretprobe);
    if errno(error) == Some(ENOTSUPP) && can_fall_back {
        debug!(hook, symbol, backend, reason, "a kretprobe takes its place");
    } else {
        warn!(hook, symbol, backend, reason, "hook refused");
    }
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

pub(super) fn attach_tracepoint(
    object: &mut Ebpf,
    name: &str,
    tracepoint: &str,
) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program(object, name)?;
    program.load()?;
    told_verified(name, program.info());
    program.attach(tracepoint)?;
    Ok(())
}

/// Says what the kernel had to verify, in instructions, where it tells (5.16
/// and later): the greater part of the time until the daemon is ready.
fn told_verified(program: &str, info: Result<ProgramInfo, ProgramError>) {
    let verified = info.ok().and_then(|info| info.verified_instruction_count());
    debug!(program, verified, "loaded");
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
