//! Follows a plan, and has it made anew where the kernel refuses a part.
//!
//! In: the loaded object, facts, the backend asked for, what is pinned already.
//! Out: the plan that is attached. Invariant: each refusal becomes a fact before
//! the next plan, so the loop ends; what is attached once stays; a link that is
//! pinned already is taken, and its program not even loaded. Lacks on purpose:
//! choosing (`host::plan`).

use std::collections::BTreeSet;
use std::error::Error;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{FExit, KProbe, ProgramError, ProgramInfo, RawTracePoint};
use aya::{Btf as LoaderBtf, Ebpf};
use tracing::{debug, warn};

use super::error::{LoadError, errno, reason, refusal};
use super::kretprobe::{self, Kretprobe};
use super::pins::Generation;
use super::system;
use crate::denial::{Backend, Hook};
use crate::host::{self, Attachment, Facts, Plan, Wanted};

/// ENOTSUPP, which the C library has no name for: a function with more
/// arguments than this kernel's trampolines carry.
const ENOTSUPP: i32 = 524;

/// What keeps the programs attached; dropping it detaches those that are not pinned.
#[derive(Default)]
pub(super) struct Attached {
    /// (program, symbol) of each attachment.
    done: BTreeSet<(String, String)>,
    links: Vec<FdLink>,
    pinned: Vec<PinnedLink>,
    kretprobes: Vec<Kretprobe>,
    /// The programs of `links` and `pinned`, which the object itself does not have open.
    pub(super) programs: Vec<OwnedFd>,
    /// Where to pin.
    generation: Option<Generation>,
    /// What could not be pinned, and so ends with the daemon.
    unpinned: Vec<String>,
}

/// Attaches the plan; what is refused becomes a fact and the rest is planned anew.
pub(super) fn attach(
    object: &mut Ebpf,
    btf: &LoaderBtf,
    facts: &mut Facts,
    wanted: Wanted,
    attached: &mut Attached,
) -> Result<Plan, LoadError> {
    kretprobe::remove_leftovers();
    attached.follow(object, btf, facts, wanted)
}

impl Attached {
    /// Nothing yet; what is attached is pinned in that generation.
    pub(super) fn in_generation(generation: Option<Generation>) -> Attached {
        Attached {
            generation,
            ..Attached::default()
        }
    }

    /// Everything is attached: what an earlier daemon pinned besides is detached,
    /// and what could not be pinned is told.
    pub(super) fn settle(&mut self) {
        let Some(generation) = &self.generation else {
            return;
        };
        let done = self.done.iter();
        generation.keep_only(done.map(|(program, symbol)| (program.as_str(), symbol.as_str())));
        let unpinned = std::mem::take(&mut self.unpinned);
        if unpinned.is_empty() {
            return;
        }
        warn!(
            functions = unpinned.join(", "),
            "this kernel cannot pin them: what only they see is not counted while no daemon runs"
        );
        if let Err(error) = generation.mark_partial() {
            warn!(%error, "the next daemon will not know of it");
        }
    }

    /// Takes a link that is pinned already.
    fn adopt(&mut self, program: &str, symbol: &str) -> bool {
        let Some(generation) = &self.generation else {
            return false;
        };
        let Ok(link) = PinnedLink::from_pin(generation.link(program, symbol)) else {
            return false;
        };
        self.pinned.push(link);
        match system::get(&generation.program(program, symbol)) {
            Ok(descriptor) => self.programs.push(descriptor),
            Err(error) => debug!(program, symbol, %error, "its skipped runs are not told"),
        }
        self.done.insert((program.to_owned(), symbol.to_owned()));
        true
    }

    /// Keeps a link, over the daemon's end where that is asked for.
    ///
    /// # Errors
    /// It cannot be pinned, and has gone with the attempt.
    fn hold(
        &mut self,
        link: FdLink,
        descriptor: BorrowedFd<'_>,
        program: &str,
        symbol: &str,
    ) -> Result<(), Box<dyn Error>> {
        let Some(generation) = &self.generation else {
            self.links.push(link);
            return Ok(());
        };
        let pinned = system::pin(descriptor, &generation.program(program, symbol));
        if let Err(error) = pinned {
            debug!(program, symbol, %error, "its skipped runs will not be told");
        }
        self.pinned
            .push(link.pin(generation.link(program, symbol))?);
        Ok(())
    }

    /// Attaches what the plan has and is not attached yet.
    ///
    /// # Errors
    /// Nothing at all is attached, or there is no descriptor left.
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
                if self.done.contains(&name) || self.adopt(&name.0, &name.1) {
                    continue;
                }
                match self.attach_one(object, btf, next) {
                    Ok(()) => {
                        self.done.insert(name);
                    }
                    // No hook's fault: what is next would be refused as well.
                    Err(error) if errno(error.as_ref()) == Some(libc::EMFILE) => {
                        return Err(LoadError::Object(refusal(error.as_ref())));
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
                self.hold(link.into(), descriptor.as_fd(), &next.program, &next.symbol)?;
                self.programs.push(descriptor);
            }
            // Its argument is there at the function's entry only.
            Backend::Kprobe if next.hook == Hook::OomKill => {
                let program: &mut KProbe = program(object, &next.program)?;
                program.load()?;
                let link = program.attach(&next.symbol, 0)?;
                if self.generation.is_some() {
                    let descriptor = program.fd()?.as_fd().try_clone_to_owned()?;
                    let link = program.take_link(link)?;
                    match FdLink::try_from(link) {
                        Ok(link) => {
                            self.hold(link, descriptor.as_fd(), &next.program, &next.symbol)?;
                        }
                        // Before 5.15 it is none, and went with the attempt.
                        Err(_) => {
                            program.attach(&next.symbol, 0)?;
                            self.unpinned.push(next.symbol.clone());
                        }
                    }
                }
            }
            Backend::Kprobe => {
                let program: &mut KProbe = program(object, &next.program)?;
                if program.fd().is_err() {
                    program.load()?;
                    told_verified(&next.program, program.info());
                }
                match Kretprobe::attach(program.fd()?.as_fd(), &next.symbol) {
                    Ok(kretprobe) => self.hold_kretprobe(kretprobe, next),
                    Err(error) => {
                        program.attach(&next.symbol, 0)?;
                        warn!(symbol = next.symbol, %error, "only a few tasks at once are seen");
                        self.not_pinned(&next.symbol);
                    }
                }
            }
            Backend::Tracepoint => {
                self.attach_tracepoint(object, &next.program, &next.symbol)?;
            }
        }
        Ok(())
    }

    fn hold_kretprobe(&mut self, mut kretprobe: Kretprobe, next: &Attachment) {
        if let Some(generation) = &self.generation {
            let path = generation.link(&next.program, &next.symbol);
            if let Err(error) = kretprobe.pin(&path) {
                debug!(symbol = next.symbol, %error, "not pinned");
                self.not_pinned(&next.symbol);
            }
        }
        self.kretprobes.push(kretprobe);
    }

    fn not_pinned(&mut self, symbol: &str) {
        if self.generation.is_some() {
            self.unpinned.push(symbol.to_owned());
        }
    }

    pub(super) fn attach_tracepoint(
        &mut self,
        object: &mut Ebpf,
        name: &str,
        tracepoint: &str,
    ) -> Result<(), Box<dyn Error>> {
        if self.adopt(name, tracepoint) {
            return Ok(());
        }
        let program: &mut RawTracePoint = program(object, name)?;
        program.load()?;
        told_verified(name, program.info());
        let link = program.attach(tracepoint)?;
        if self.generation.is_some() {
            let descriptor = program.fd()?.as_fd().try_clone_to_owned()?;
            let link = program.take_link(link)?;
            self.hold(link.into(), descriptor.as_fd(), name, tracepoint)?;
            self.done.insert((name.to_owned(), tracepoint.to_owned()));
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
