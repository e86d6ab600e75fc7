//! What this kernel can do -> which program goes where.
//!
//! In: [`Facts`] gathered by the loader, and the backend the user asked for.
//! Out: a [`Plan`], or the reason why there is none. Invariant: a pure
//! function; the same facts give the same plan, and every hook of [`HOOKS`] is
//! in it, attached or missing with a reason. Lacks on purpose: attaching.

mod hooks;

use std::collections::{BTreeMap, BTreeSet};

use crate::denial::{Backend, Hook, Lsm, Operation};

pub use hooks::HOOKS;

/// One hook: the kernel functions that carry it, by kernel version.
#[derive(Debug)]
pub struct HookRow {
    /// The hook.
    pub hook: Hook,
    /// The operation its refusals are reported as; `None` for a cause.
    pub operation: Option<Operation>,
    /// Kernel functions, the first that exists is watched.
    pub symbols: &'static [&'static str],
    /// Numbers of arguments the fexit programs exist for.
    pub arguments: &'static [u8],
    /// Watched only where this function does not exist, because it does the same.
    pub unless: Option<&'static str>,
    /// Every function of `symbols` that exists is watched, not the first alone.
    pub every: bool,
    /// A kretprobe serves too: for a cause, the return value alone tells it.
    pub kretprobe: bool,
    /// Watched only where this security module is active.
    pub module: Option<Lsm>,
}

/// What the running kernel was found to have and to allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Functions named in [`HOOKS`] that the kernel's BTF has exactly once,
    /// with their number of arguments.
    pub functions: BTreeMap<String, u8>,
    /// Why no trampoline can be attached at all, where that was found.
    pub no_trampolines: Option<String>,
    /// Why no kprobe can be attached at all, where that was found.
    pub no_kprobes: Option<String>,
    /// Single attachments that were refused, by (backend, symbol), with the reason.
    pub refused: BTreeMap<(Backend, String), String>,
}

/// The backend the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The best one for each hook.
    Auto,
    /// This one and no other.
    Only(Backend),
}

/// One program to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The hook.
    pub hook: Hook,
    /// How.
    pub backend: Backend,
    /// The program's name in the object.
    pub program: String,
    /// The kernel function or tracepoint.
    pub symbol: String,
}

/// What is to be attached, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of [`HOOKS`].
    pub attachments: Vec<Attachment>,
    /// Hooks without a place, and why.
    pub missing: Vec<(Hook, String)>,
}

/// Decides which program goes where.
///
/// The tracepoint backend sees every refusal of a system call by itself, so it
/// is taken for all hooks or for none: beside another it would count twice.
pub fn plan(facts: &Facts, wanted: Wanted) -> Plan {
    if wanted == Wanted::Only(Backend::Tracepoint) {
        return tracepoint_plan();
    }
    let mut plan = Plan::default();
    for row in HOOKS {
        if row
            .unless
            .is_some_and(|other| facts.functions.contains_key(other))
        {
            continue;
        }
        let mut reasons = Vec::new();
        let mut placed = None;
        if wanted != Wanted::Only(Backend::Kprobe) {
            let place = match &facts.no_trampolines {
                None => place_fexit(facts, row),
                Some(reason) => Err(format!("fexit: {reason}")),
            };
            placed = place.map_err(|reason| reasons.push(reason)).ok();
        }
        if placed.is_none() && wanted != Wanted::Only(Backend::Fexit) {
            let place = match &facts.no_kprobes {
                None => place_kprobe(facts, row),
                Some(reason) => Err(format!("kprobe: {reason}")),
            };
            placed = place.map_err(|reason| reasons.push(reason)).ok();
        }
        match placed {
            Some(attachment) => plan.attachments.push(attachment),
            None => {
                reasons.dedup();
                plan.missing.push((row.hook, reasons.join("; ")));
            }
        }
    }
    let sees_operations = plan
        .attachments
        .iter()
        .any(|placed| row(placed.hook).is_some_and(|r| r.operation.is_some()));
    if wanted == Wanted::Auto && !sees_operations {
        tracepoint_plan()
    } else {
        plan
    }
}

/// The row of a hook; `None` for the tracepoints.
pub fn row(hook: Hook) -> Option<&'static HookRow> {
    HOOKS.iter().find(|row| row.hook == hook)
}

/// The backend that needs neither trampolines nor kprobes, and sees no cause.
fn tracepoint_plan() -> Plan {
    Plan {
        attachments: vec![Attachment {
            hook: Hook::SyscallExit,
            backend: Backend::Tracepoint,
            program: "tp_sys_exit".to_owned(),
            symbol: "sys_exit".to_owned(),
        }],
        missing: HOOKS
            .iter()
            .filter(|row| row.operation.is_none())
            .map(|row| (row.hook, "the tracepoint backend sees no causes".to_owned()))
            .collect(),
    }
}

fn place_fexit(facts: &Facts, row: &HookRow) -> Result<Attachment, String> {
    let mut reason = format!("the kernel has none of {}", row.symbols.join(", "));
    for &symbol in row.symbols {
        let Some(&arguments) = facts.functions.get(symbol) else {
            continue;
        };
        if !row.arguments.contains(&arguments) {
            reason = format!("{symbol} takes {arguments} arguments, which no program expects");
        } else if let Some(refused) = facts.refused.get(&(Backend::Fexit, symbol.to_owned())) {
            reason = format!("fexit on {symbol}: {refused}");
        } else {
            return Ok(Attachment {
                hook: row.hook,
                backend: Backend::Fexit,
                program: format!("fexit_{}_{arguments}", row.hook.label()),
                symbol: symbol.to_owned(),
            });
        }
    }
    Err(reason)
}

fn place_kprobe(facts: &Facts, row: &HookRow) -> Result<Attachment, String> {
    if row.operation.is_none() {
        return Err("a kretprobe does not see the arguments that tell a cause".to_owned());
    }
    let mut reason = format!("the kernel has none of {}", row.symbols.join(", "));
    for &symbol in row.symbols {
        if !facts.functions.contains_key(symbol) {
            continue;
        }
        if let Some(refused) = facts.refused.get(&(Backend::Kprobe, symbol.to_owned())) {
            reason = format!("kprobe on {symbol}: {refused}");
            continue;
        }
        return Ok(Attachment {
            hook: row.hook,
            backend: Backend::Kprobe,
            program: format!("kretprobe_{}", row.hook.label()),
            symbol: symbol.to_owned(),
        });
    }
    Err(reason)
}

/// Every function that [`HOOKS`] names, for the search through the kernel's BTF.
pub fn functions_of_interest() -> BTreeSet<&'static str> {
    HOOKS
        .iter()
        .flat_map(|row| row.symbols.iter().copied().chain(row.unless))
        .collect()
}

#[cfg(test)]
mod tests;
