//! The plan on hosts of every kind.

use super::*;

/// Facts of a kernel that has every function, with the first layout of each.
fn facts() -> Facts {
    let functions = HOOKS
        .iter()
        .filter(|row| row.unless.is_none())
        .flat_map(|row| row.symbols.iter().zip(row.arguments))
        .map(|(symbol, arguments)| ((*symbol).to_owned(), *arguments))
        .filter(|(symbol, _)| symbol != "path_removexattrat")
        .collect();
    Facts {
        functions,
        ..Facts::default()
    }
}

#[test]
fn an_able_kernel_gets_fexit_everywhere() {
    let mut facts = facts();
    facts
        .functions
        .insert("__x64_sys_fremovexattr".to_owned(), 1);
    let plan = plan(&facts, Wanted::Auto);
    assert_eq!(plan.missing, []);
    assert_eq!(plan.attachments.len(), HOOKS.len());
    assert!(plan.attachments.iter().all(|a| a.backend == Backend::Fexit));
    assert_eq!(plan.attachments[0].program, "fexit_open_3");
}

#[test]
fn names_of_newer_kernels_are_found() {
    let mut facts = facts();
    facts.functions.remove("do_filp_open");
    facts.functions.insert("do_file_open".to_owned(), 3);
    assert_eq!(
        plan(&facts, Wanted::Auto).attachments[0].symbol,
        "do_file_open"
    );
}

#[test]
fn a_refused_trampoline_falls_back_to_a_kprobe_for_that_hook_only() {
    let mut facts = facts();
    facts.refused.insert(
        (Backend::Fexit, "vfs_write".to_owned()),
        "ENOTSUPP".to_owned(),
    );
    let plan = plan(&facts, Wanted::Auto);
    let write = plan
        .attachments
        .iter()
        .find(|a| a.hook == Hook::Write)
        .unwrap();
    assert_eq!(write.backend, Backend::Kprobe);
    assert_eq!(write.program, "kretprobe_write");
    assert!(plan.attachments.iter().any(|a| a.backend == Backend::Fexit));
}

#[test]
fn an_unknown_layout_is_not_attached_by_fexit() {
    let mut facts = facts();
    facts.functions.insert("do_filp_open".to_owned(), 4);
    let plan = plan(&facts, Wanted::Only(Backend::Fexit));
    let (hook, reason) = &plan.missing[0];
    assert_eq!(*hook, Hook::Open);
    assert!(reason.contains("4 arguments"), "{reason}");
}

#[test]
fn a_locked_kernel_gets_the_tracepoint_alone() {
    let facts = Facts {
        no_trampolines: Some("lockdown".to_owned()),
        no_kprobes: Some("not compiled in".to_owned()),
        ..facts()
    };
    let plan = plan(&facts, Wanted::Auto);
    assert_eq!(plan.attachments.len(), 1);
    assert_eq!(plan.attachments[0].hook, Hook::SyscallExit);
}

#[test]
fn a_forced_backend_is_the_only_one() {
    let facts = facts();
    for backend in [Backend::Fexit, Backend::Kprobe, Backend::Tracepoint] {
        let plan = plan(&facts, Wanted::Only(backend));
        assert!(!plan.attachments.is_empty());
        assert!(
            plan.attachments.iter().all(|a| a.backend == backend),
            "{backend:?}"
        );
    }
}

#[test]
fn every_hook_is_attached_or_missing_with_a_reason() {
    for wanted in [Wanted::Only(Backend::Fexit), Wanted::Only(Backend::Kprobe)] {
        let plan = plan(&Facts::default(), wanted);
        assert_eq!(plan.attachments.len() + plan.missing.len(), HOOKS.len());
        assert!(plan.missing.iter().all(|(_, reason)| !reason.is_empty()));
    }
}
