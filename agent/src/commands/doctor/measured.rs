//! What is attached -> which operations are seen and which causes told.
//!
//! In: a plan. Out: [`Seen`] operations and told causes, each with the best that
//! Sealwatch has anywhere. Invariant: pure; the words are those of the catalog's
//! tables, which the tests hold against every kernel. Lacks on purpose: what a
//! missing hook alone leaves out of a cause; `hooks` names it.

use std::collections::BTreeSet;

use crate::catalog::{self, Sight, sight, tells};
use crate::denial::{Backend, Cause, Hook, Operation};
use crate::host::{self, HookRow, Plan};

/// How much of an operation or of a cause there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// Of what.
    pub subject: T,
    /// How it is attached; more than one where single hooks fell back.
    pub backends: BTreeSet<Backend>,
    /// How much is seen.
    pub sight: Sight,
    /// Hooks of the operation that are not attached, by what they are for.
    pub missing: Vec<&'static str>,
    /// A better backend sees more.
    pub less_than_best: bool,
}

/// The backends of the hooks that see operations.
fn backends(plan: &Plan, carries: impl Fn(&HookRow) -> bool) -> BTreeSet<Backend> {
    let placed = plan.attachments.iter();
    placed
        .filter(|placed| match host::row(placed.hook) {
            Some(row) => carries(row),
            None => placed.hook == Hook::SyscallExit,
        })
        .map(|placed| placed.backend)
        .collect()
}

/// What is seen of each operation.
pub fn operations(plan: &Plan) -> Vec<Seen<Operation>> {
    let all = Operation::ALL.iter();
    all.map(|operation| of_operation(plan, *operation))
        .collect()
}

fn of_operation(plan: &Plan, operation: Operation) -> Seen<Operation> {
    let of_modules = matches!(
        operation,
        Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability
    );
    let carries = |row: &HookRow| match operation {
        _ if of_modules => row.module.is_some(),
        Operation::Create => row.operation == Some(Operation::Open),
        other => row.operation == Some(other),
    };
    let backends = backends(plan, carries);
    let gaps = plan.missing.iter().filter(|(hook, _)| {
        // A module's missing hooks are told by the module.
        !of_modules && host::row(*hook).is_some_and(carries)
    });
    let missing: Vec<_> = gaps.map(|(hook, _)| catalog::purpose(*hook)).collect();
    let sights = backends.iter().map(|backend| sight(operation, *backend));
    // One module's hook is enough for what another backend's does not see.
    let sight = match of_modules {
        true => sights.min_by_key(rank),
        false => sights.max_by_key(rank),
    };
    let best = catalog::sight(operation, Backend::Fexit);
    let sight = match sight {
        Some(sight) => sight,
        // No active module can refuse it.
        None if of_modules => best,
        None => Sight::None,
    };
    Seen {
        subject: operation,
        backends,
        less_than_best: sight != best || !missing.is_empty(),
        sight,
        missing,
    }
}

/// Which causes are told, where `seccomp` is asked for.
pub fn causes(plan: &Plan, seccomp: bool) -> Vec<Seen<Cause>> {
    let backends = backends(plan, |row| row.operation.is_some());
    let known = Cause::ALL.iter().filter(|cause| **cause != Cause::Unknown);
    let of_cause = |cause: &Cause| {
        let asked_for = *cause == Cause::Seccomp && seccomp;
        let sights = backends
            .iter()
            .map(|backend| match tells(*cause, *backend) {
                Sight::Only(_) if asked_for => Sight::Whole,
                sight => sight,
            });
        let sight = sights.max_by_key(rank).unwrap_or(Sight::None);
        let best = match tells(*cause, Backend::Fexit) {
            Sight::Only(_) if asked_for => Sight::Whole,
            best => best,
        };
        Seen {
            subject: *cause,
            backends: backends.clone(),
            less_than_best: sight != best,
            sight,
            missing: Vec::new(),
        }
    };
    known.map(of_cause).collect()
}

/// Whole first.
fn rank(sight: &Sight) -> u8 {
    match sight {
        Sight::Whole => 0,
        Sight::But(_) => 1,
        Sight::Only(_) => 2,
        Sight::None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Facts, Wanted, plan};

    fn everything(refused: &[(Backend, &str)]) -> Facts {
        let functions = host::rows().flat_map(|row| {
            let arguments = row.arguments.first().copied().unwrap_or_default();
            row.symbols.iter().map(move |symbol| (*symbol, arguments))
        });
        Facts {
            functions: functions
                .map(|(symbol, arguments)| (symbol.to_owned(), arguments))
                .collect(),
            modules: Some(BTreeSet::new()),
            refused: refused
                .iter()
                .map(|(backend, symbol)| ((*backend, (*symbol).to_owned()), "no".to_owned()))
                .collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn the_best_backend_leaves_nothing_better() {
        let plan = plan(&everything(&[]), Wanted::Auto);
        let less: Vec<_> = operations(&plan)
            .into_iter()
            .filter(|seen| seen.less_than_best)
            .collect();
        assert_eq!(less, []);
        for told in causes(&plan, false) {
            assert!(!told.less_than_best, "{told:?}");
        }
        let seccomp = |asked| {
            let all = causes(&plan, asked);
            let one = all.into_iter().find(|told| told.subject == Cause::Seccomp);
            one.unwrap().sight
        };
        assert_eq!(seccomp(false), Sight::Only("with `--seccomp`"));
        assert_eq!(seccomp(true), Sight::Whole);
    }

    #[test]
    fn a_weaker_backend_says_what_it_does_not_see() {
        for backend in [Backend::Kprobe, Backend::Tracepoint] {
            let plan = plan(&everything(&[]), Wanted::Only(backend));
            for seen in operations(&plan) {
                let told = (sight(seen.subject, backend), BTreeSet::from([backend]));
                // Without an active module nothing refuses these.
                let of_modules = ["ptrace", "mount", "signal", "capability"];
                if backend == Backend::Kprobe && of_modules.contains(&seen.subject.label()) {
                    continue;
                }
                assert_eq!((seen.sight, seen.backends.clone()), told, "{seen:?}");
                let best = sight(seen.subject, Backend::Fexit);
                assert_eq!(seen.less_than_best, seen.sight != best, "{seen:?}");
            }
            for told in causes(&plan, false) {
                assert_eq!(told.sight, tells(told.subject, backend));
            }
        }
    }

    #[test]
    fn a_hook_that_is_missing_is_told_by_its_purpose() {
        let refused = [
            (Backend::Fexit, "do_handle_open"),
            (Backend::Kprobe, "do_handle_open"),
            (Backend::Fexit, "do_rmdir"),
            (Backend::Fexit, "unix_bind"),
            (Backend::Kprobe, "unix_bind"),
        ];
        let mut facts = everything(&refused);
        // The row takes the first function that is there.
        facts.functions.remove("filename_rmdir");
        let all = operations(&plan(&facts, Wanted::Auto));
        let of = |label: &str| {
            let found = all.iter().find(|seen| seen.subject.label() == label);
            found.unwrap().clone()
        };
        let open = of("open");
        assert_eq!(open.missing, ["open by file handle"]);
        assert!(open.less_than_best && open.sight == Sight::Whole);
        let rmdir = of("rmdir");
        assert_eq!(rmdir.backends, BTreeSet::from([Backend::Kprobe]));
        assert_eq!(rmdir.sight, sight(Operation::Rmdir, Backend::Kprobe));
        let bind = of("bind");
        assert_eq!(bind.sight, Sight::None);
        assert!(bind.backends.is_empty());
    }
}
