//! What this kernel can do -> which program goes where.
//!
//! In: [`Facts`] gathered by the loader, and the backend the user asked for.
//! Out: a [`Plan`], or the reason why there is none. Invariant: a pure
//! function; the same facts give the same plan, and every hook of [`HOOKS`] is
//! in it, attached or missing with a reason, unless it is of a security module
//! that is not active. Lacks on purpose: attaching.

mod hooks;
mod lsm;
mod memory;

use std::collections::{BTreeMap, BTreeSet};

use crate::denial::{Backend, Hook, Lsm, Operation};

pub use hooks::HOOKS;
pub use lsm::{BPF_LSM_FALLBACK, LSM_HOOKS, TRACEPOINTS, Tracepoint};
pub use memory::TRACEPOINT as OOM_TRACEPOINT;

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
    /// Watched by this backend alone, where another row serves the other.
    pub only: Option<Backend>,
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
    /// The active security modules; `None` where the kernel does not show them.
    pub modules: Option<BTreeSet<Lsm>>,
    /// Functions to which a BPF LSM program is attached, with their number of arguments.
    pub bpf_lsm: BTreeMap<String, u8>,
    /// The tracepoint of a process killed for want of memory hands over the process itself.
    pub tells_victim: bool,
    /// Refusals of seccomp filters are asked for, at the price of every system call under one.
    pub seccomp: bool,
}

impl Facts {
    /// May the module refuse something?
    pub fn active(&self, module: Lsm) -> bool {
        self.modules
            .as_ref()
            .is_none_or(|known| known.contains(&module))
    }
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

/// Every row of the fexit and kprobe backends.
pub fn rows() -> impl Iterator<Item = &'static HookRow> {
    HOOKS.iter().chain(LSM_HOOKS)
}

/// Decides which program goes where.
///
/// The tracepoint backend sees every refusal of a system call by itself, so it
/// is taken for all hooks or for none: beside another it would count twice.
pub fn plan(facts: &Facts, wanted: Wanted) -> Plan {
    let mut plan = file_plan(facts, wanted);
    match memory::place(facts) {
        Ok(attachment) => plan.attachments.push(attachment),
        Err(reason) => plan.missing.push((Hook::OomKill, reason)),
    }
    plan
}

/// The part of the plan that sees file operations.
fn file_plan(facts: &Facts, wanted: Wanted) -> Plan {
    if wanted == Wanted::Only(Backend::Tracepoint) {
        return tracepoint_plan(facts);
    }
    let mut plan = Plan::default();
    for row in rows() {
        place(&mut plan, facts, wanted, row);
    }
    let sees_operations = plan
        .attachments
        .iter()
        .any(|placed| row(placed.hook).is_some_and(|r| r.operation.is_some()));
    if wanted == Wanted::Auto && !sees_operations {
        return tracepoint_plan(facts);
    }
    add_tracepoints(&mut plan, facts);
    plan
}

/// The row of a hook; `None` for the tracepoints.
pub fn row(hook: Hook) -> Option<&'static HookRow> {
    rows().find(|row| row.hook == hook)
}

/// Does a hook carry an operation's refusals?
pub fn carries(hook: Hook, operation: Operation) -> bool {
    let Some(row) = row(hook) else {
        return hook == Hook::SyscallExit;
    };
    match operation {
        Operation::Create => row.operation == Some(Operation::Open),
        Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability => {
            row.module.is_some()
        }
        Operation::Open
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
        | Operation::Exec
        | Operation::Write
        | Operation::Mmap => row.operation == Some(operation),
    }
}

/// The security module whose word a hook is; `None` for any other hook.
pub fn module(hook: Hook) -> Option<Lsm> {
    row(hook).map_or_else(
        || {
            let point = TRACEPOINTS.iter().find(|point| point.hook == hook)?;
            Some(point.module)
        },
        |row| row.module,
    )
}

/// The backend that needs neither trampolines nor kprobes, and sees no cause
/// but those that a tracepoint tells.
fn tracepoint_plan(facts: &Facts) -> Plan {
    let mut plan = Plan {
        attachments: vec![Attachment {
            hook: Hook::SyscallExit,
            backend: Backend::Tracepoint,
            program: "tp_sys_exit".to_owned(),
            symbol: "sys_exit".to_owned(),
        }],
        missing: rows()
            .filter(|row| row.operation.is_none() && applies(facts, TRACEPOINT, row))
            .map(|row| (row.hook, "the tracepoint backend sees no causes".to_owned()))
            .collect(),
    };
    add_tracepoints(&mut plan, facts);
    plan
}

fn add_tracepoints(plan: &mut Plan, facts: &Facts) {
    for tracepoint in TRACEPOINTS {
        let refused = (Backend::Tracepoint, tracepoint.symbol.to_owned());
        match facts.refused.get(&refused) {
            _ if !facts.active(tracepoint.module) => {}
            // A module that may be active, but is not compiled in.
            Some(_) if facts.modules.is_none() => {}
            Some(reason) => plan.missing.push((tracepoint.hook, reason.clone())),
            None => plan.attachments.push(Attachment {
                hook: tracepoint.hook,
                backend: Backend::Tracepoint,
                program: format!("tp_{}", tracepoint.hook.label()),
                symbol: tracepoint.symbol.to_owned(),
            }),
        }
    }
}

const TRACEPOINT: Wanted = Wanted::Only(Backend::Tracepoint);

/// Does the row concern this kernel at all?
fn applies(facts: &Facts, wanted: Wanted, row: &HookRow) -> bool {
    let backend = match wanted {
        Wanted::Only(backend) => backend,
        Wanted::Auto if facts.no_trampolines.is_none() => Backend::Fexit,
        Wanted::Auto => Backend::Kprobe,
    };
    if row.only.is_some_and(|only| only != backend) {
        return false;
    }
    if row.hook == Hook::Seccomp && !facts.seccomp {
        return false;
    }
    let replaced = |other| facts.functions.contains_key(other);
    let module = match row.module {
        None => true,
        // Nothing to listen to until somebody loads a program.
        Some(Lsm::Bpf) => facts.active(Lsm::Bpf) && !facts.bpf_lsm.is_empty(),
        Some(module) => match &facts.modules {
            Some(active) => active.contains(&module),
            // It may be active, but not without any of its functions.
            None => row
                .symbols
                .iter()
                .any(|symbol| facts.functions.contains_key(*symbol)),
        },
    };
    module && !row.unless.is_some_and(replaced)
}

/// Functions of the row that this kernel has, with their number of arguments.
fn present<'a>(facts: &'a Facts, row: &'a HookRow) -> Vec<(&'a str, u8)> {
    if row.module == Some(Lsm::Bpf) {
        let targets = facts.bpf_lsm.iter();
        return targets
            .map(|(symbol, arguments)| (symbol.as_str(), *arguments))
            .collect();
    }
    let symbols = row.symbols.iter();
    symbols
        .filter_map(|symbol| Some((*symbol, *facts.functions.get(*symbol)?)))
        .collect()
}

fn place(plan: &mut Plan, facts: &Facts, wanted: Wanted, row: &HookRow) {
    if !applies(facts, wanted, row) {
        return;
    }
    let present = present(facts, row);
    let mut placed = false;
    let mut reasons = Vec::new();
    if present.is_empty() {
        reasons.push(format!("the kernel has none of {}", row.symbols.join(", ")));
    }
    for (symbol, arguments) in present {
        match place_at(facts, wanted, row, symbol, arguments) {
            Ok(attachment) => {
                plan.attachments.push(attachment);
                placed = true;
                if !row.every {
                    break;
                }
            }
            Err(refusals) => reasons.extend(refusals),
        }
    }
    if !placed || (row.every && !reasons.is_empty()) {
        reasons.dedup();
        plan.missing.push((row.hook, reasons.join("; ")));
    }
}

/// The best way to watch one function, or why there is none.
fn place_at(
    facts: &Facts,
    wanted: Wanted,
    row: &HookRow,
    symbol: &str,
    arguments: u8,
) -> Result<Attachment, Vec<String>> {
    let attachment = |backend, program| Attachment {
        hook: row.hook,
        backend,
        program,
        symbol: symbol.to_owned(),
    };
    let mut reasons = Vec::new();
    if wanted != Wanted::Only(Backend::Kprobe) {
        let refused = facts.refused.get(&(Backend::Fexit, symbol.to_owned()));
        match (&facts.no_trampolines, refused) {
            (Some(reason), _) => reasons.push(format!("fexit: {reason}")),
            (None, _) if !row.arguments.contains(&arguments) => reasons.push(format!(
                "{symbol} takes {arguments} arguments, which no program expects"
            )),
            (None, Some(refused)) => reasons.push(format!("fexit on {symbol}: {refused}")),
            (None, None) => {
                let program = format!("fexit_{}_{arguments}", row.hook.label());
                return Ok(attachment(Backend::Fexit, program));
            }
        }
    }
    if wanted != Wanted::Only(Backend::Fexit) {
        let refused = facts.refused.get(&(Backend::Kprobe, symbol.to_owned()));
        match (&facts.no_kprobes, refused) {
            _ if !row.kretprobe => {
                reasons.push("a kretprobe does not see the arguments that tell a cause".to_owned())
            }
            (Some(reason), _) => reasons.push(format!("kprobe: {reason}")),
            (None, Some(refused)) => reasons.push(format!("kprobe on {symbol}: {refused}")),
            (None, None) => {
                let variant = lsm::kretprobe_variant(symbol);
                let program = format!("kretprobe_{}{variant}", row.hook.label());
                return Ok(attachment(Backend::Kprobe, program));
            }
        }
    }
    Err(reasons)
}

/// Every function that a row names, for the search through the kernel's BTF.
pub fn functions_of_interest() -> BTreeSet<&'static str> {
    rows()
        .flat_map(|row| row.symbols.iter().copied().chain(row.unless))
        .chain(BPF_LSM_FALLBACK.iter().copied())
        .chain([memory::MARK_VICTIM])
        .collect()
}

#[cfg(test)]
mod tests;
