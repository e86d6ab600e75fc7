//! What is attached becomes what a clean check does not tell.
//!
//! In: hooks with backends, and those that are missing. Out: the backend in a
//! word, and sentences. Invariant: pure; what the best backend does not see either
//! is not told here, as it is the same on every machine. Lacks on purpose: causes,
//! without which a denial is counted all the same.

use std::collections::BTreeMap;

use crate::catalog::{Sight, sight};
use crate::denial::{Backend, Hook, Operation};
use crate::host;

/// The backends in use, the most used first.
pub(super) fn backends(attached: &[(String, String)]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (hook, backend) in attached.iter().filter(|(hook, _)| of_files(hook)) {
        // The tracepoint's one hook stands for all operations.
        *counts.entry(backend).or_default() += if *hook == Hook::SyscallExit.label() {
            1_000
        } else {
            1
        };
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let names: Vec<_> = counts.into_iter().map(|(backend, _)| backend).collect();
    names.join(", ")
}

/// What is not measured here, and would be elsewhere.
pub(super) fn gaps(attached: &[(String, String)], missing: &[(String, String)]) -> Vec<String> {
    let has = |name: &str| attached.iter().any(|(_, backend)| backend == name);
    let by_syscalls = attached
        .iter()
        .any(|(hook, _)| hook == Hook::SyscallExit.label());
    let backend = match (by_syscalls, has(Backend::Fexit.label())) {
        (true, _) => Backend::Tracepoint,
        (false, true) => Backend::Fexit,
        (false, false) => Backend::Kprobe,
    };
    let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for operation in Operation::ALL {
        let seen = sight(*operation, backend);
        if seen == sight(*operation, Backend::Fexit) {
            continue;
        }
        match seen {
            Sight::But(what) => texts.entry(what).or_default().push(operation.label()),
            // What has no path is no write, and is refused for other reasons than a root's.
            Sight::Whole | Sight::Only(_) | Sight::None => {}
        }
    }
    let told = texts.into_iter();
    let mut gaps: Vec<String> = told
        .map(|(what, operations)| {
            format!(
                "{}: {what} (the {} backend)",
                operations.join(", "),
                backend.label()
            )
        })
        .collect();
    if !by_syscalls {
        let missing = missing.iter().filter(|(hook, _)| of_files(hook));
        gaps.extend(missing.map(|(hook, reason)| format!("the hook {hook}: {reason}")));
    }
    gaps
}

/// Does the hook count refused operations?
fn of_files(label: &str) -> bool {
    let hook = Hook::ALL.iter().find(|hook| hook.label() == label);
    hook.is_some_and(|hook| {
        let of_module = host::module(*hook).is_some();
        *hook == Hook::SyscallExit || (host::row(*hook).is_some() && !of_module)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        owned.collect()
    }

    #[test]
    fn the_weaker_backend_says_what_it_does_not_see() {
        let tracepoint = pairs(&[
            (Hook::SyscallExit.label(), "tracepoint"),
            ("oom", "tracepoint"),
        ]);
        let missing = pairs(&[(Hook::Open.label(), "no trampolines")]);
        let gaps = gaps(&tracepoint, &missing);
        assert!(
            gaps.iter()
                .any(|gap| gap.contains(": through io_uring (the tracepoint")),
            "{gaps:?}"
        );
        assert!(
            !gaps.iter().any(|gap| gap.contains("no trampolines")),
            "{gaps:?}"
        );
        assert_eq!(backends(&tracepoint), "tracepoint");
    }

    #[test]
    fn the_best_backend_tells_only_what_is_missing() {
        let fexit = pairs(&[
            (Hook::Mkdir.label(), "fexit"),
            (Hook::Open.label(), "fexit"),
            (Hook::Rename.label(), "kprobe"),
        ]);
        assert_eq!(gaps(&fexit, &[]), Vec::<String>::new());
        assert_eq!(
            gaps(&fexit, &pairs(&[(Hook::Rmdir.label(), "why")])),
            ["the hook rmdir: why"]
        );
        assert_eq!(backends(&fexit), "fexit, kprobe");
    }
}
