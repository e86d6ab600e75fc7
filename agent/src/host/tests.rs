//! The plan on hosts of every kind.

use super::*;

/// Facts of a kernel that has every function, with the first layout of each.
fn facts() -> Facts {
    let functions = rows()
        .filter(|row| row.unless.is_none())
        .flat_map(|row| row.symbols.iter().zip(row.arguments))
        .map(|(symbol, arguments)| ((*symbol).to_owned(), *arguments))
        .filter(|(symbol, _)| symbol != "path_removexattrat" && symbol != "landlock_log_denial")
        .collect();
    Facts {
        functions,
        seccomp: true,
        bpf_lsm: BTreeMap::from([("bpf_lsm_file_open".to_owned(), 1)]),
        ..Facts::default()
    }
}

/// The same with these security modules alone.
fn with_modules(modules: &[Lsm]) -> Facts {
    Facts {
        modules: Some(modules.iter().copied().collect()),
        ..facts()
    }
}

fn places(plan: &Plan, hook: Hook) -> Vec<(&str, &str)> {
    let placed = plan.attachments.iter().filter(|a| a.hook == hook);
    placed
        .map(|a| (a.program.as_str(), a.symbol.as_str()))
        .collect()
}

#[test]
fn an_able_kernel_gets_fexit_everywhere() {
    let mut facts = facts();
    for function in ["__x64_sys_fremovexattr", "hook_file_truncate"] {
        facts.functions.insert(function.to_owned(), 1);
    }
    let plan = plan(&facts, Wanted::Auto);
    assert_eq!(plan.missing, []);
    let hooks: BTreeSet<_> = plan.attachments.iter().map(|a| a.hook).collect();
    let rows: BTreeSet<_> = rows().map(|row| row.hook).collect();
    let others = BTreeSet::from([Hook::SelinuxAudited, Hook::OomKill]);
    assert_eq!(&hooks - &rows, others);
    assert_eq!(&rows - &hooks, BTreeSet::from([Hook::WriteIter]));
    let of_rows = plan.attachments.iter().filter(|a| rows.contains(&a.hook));
    assert!(of_rows.clone().all(|a| a.backend == Backend::Fexit));
    assert_eq!(plan.attachments[0].program, "fexit_open_3");
}

#[test]
fn names_of_newer_kernels_are_found() {
    let mut facts = facts();
    facts.functions.remove("do_mkdirat");
    facts.functions.insert("filename_mkdirat".to_owned(), 3);
    let plan = plan(&facts, Wanted::Auto);
    let mkdir = plan.attachments.iter().find(|a| a.hook == Hook::Mkdir);
    assert_eq!(mkdir.unwrap().symbol, "filename_mkdirat");
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
    facts.functions.insert("path_openat".to_owned(), 4);
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
        seccomp: true,
        ..with_modules(&[Lsm::Landlock])
    };
    let plan = plan(&facts, Wanted::Auto);
    assert_eq!(plan.attachments.len(), 1);
    assert_eq!(plan.attachments[0].hook, Hook::SyscallExit);
    let missing: BTreeSet<_> = plan.missing.iter().map(|(hook, _)| *hook).collect();
    assert!(missing.contains(&Hook::LandlockPath) && !missing.contains(&Hook::ApparmorPath));
}

#[test]
fn a_forced_backend_is_the_only_one() {
    let facts = with_modules(&[Lsm::Apparmor, Lsm::Yama, Lsm::Bpf]);
    for backend in [Backend::Fexit, Backend::Kprobe, Backend::Tracepoint] {
        let plan = plan(&facts, Wanted::Only(backend));
        // No file operation, and so none of the user's choice.
        let mut of_files = plan.attachments.iter().filter(|a| a.hook != Hook::OomKill);
        assert!(of_files.clone().next().is_some());
        assert!(of_files.all(|a| a.backend == backend), "{backend:?}");
    }
}

#[test]
fn every_hook_is_attached_or_missing_with_a_reason() {
    let every = Lsm::ALL.iter().copied().collect();
    let facts = Facts {
        modules: Some(every),
        bpf_lsm: facts().bpf_lsm,
        seccomp: true,
        ..Facts::default()
    };
    for backend in [Backend::Fexit, Backend::Kprobe] {
        let plan = plan(&facts, Wanted::Only(backend));
        let attached = plan.attachments.iter().map(|a| a.hook);
        let missing = plan.missing.iter().map(|(hook, _)| *hook);
        let hooks: BTreeSet<_> = attached.chain(missing).collect();
        // What another row does by the other backend is no gap.
        let mut rows = rows().filter(|row| row.only.is_none_or(|only| only == backend));
        assert!(rows.all(|row| hooks.contains(&row.hook)));
        assert!(plan.missing.iter().all(|(_, reason)| !reason.is_empty()));
    }
}

#[test]
fn a_module_that_is_not_active_has_neither_hooks_nor_gaps() {
    let of_modules = |plan: &Plan| -> BTreeSet<Lsm> {
        let attached = plan.attachments.iter().map(|a| a.hook);
        let hooks = attached.chain(plan.missing.iter().map(|(hook, _)| *hook));
        hooks.filter_map(|hook| row(hook)?.module).collect()
    };
    for wanted in [Wanted::Auto, Wanted::Only(Backend::Kprobe)] {
        let plan = plan(&with_modules(&[Lsm::Yama]), wanted);
        assert_eq!(of_modules(&plan), BTreeSet::from([Lsm::Yama]));
        assert_eq!(places(&plan, Hook::SelinuxAudited), []);
    }
    // Where the kernel does not show them, a module is there if its functions are.
    let mut hidden = facts();
    hidden
        .functions
        .retain(|symbol, _| !symbol.starts_with("tomoyo_"));
    let seen = of_modules(&plan(&hidden, Wanted::Auto));
    assert!(seen.contains(&Lsm::Apparmor) && !seen.contains(&Lsm::Tomoyo));
}

#[test]
fn one_program_serves_every_function_of_its_row() {
    let mut facts = with_modules(&[Lsm::Yama]);
    for function in ["yama_ptrace_access_check", "yama_ptrace_traceme"] {
        facts.functions.insert(function.to_owned(), 2);
    }
    let expected = [
        ("fexit_yama_2", "yama_ptrace_access_check"),
        ("fexit_yama_2", "yama_ptrace_traceme"),
    ];
    assert_eq!(places(&plan(&facts, Wanted::Auto), Hook::Yama), expected);
    // One of several that is refused is told, and the others stay.
    let refused = (Backend::Fexit, "yama_ptrace_traceme".to_owned());
    facts.refused.insert(refused, "no".to_owned());
    let plan = plan(&facts, Wanted::Only(Backend::Fexit));
    assert_eq!(places(&plan, Hook::Yama), expected[..1]);
    let (_, reason) = plan
        .missing
        .iter()
        .find(|(hook, _)| *hook == Hook::Yama)
        .unwrap();
    assert!(reason.contains("yama_ptrace_traceme"), "{reason}");
}

#[test]
fn bpf_programs_are_watched_where_there_are_any() {
    let mut facts = with_modules(&[Lsm::Bpf]);
    facts.bpf_lsm.insert("bpf_lsm_path_mknod".to_owned(), 4);
    let expected = [
        ("fexit_bpf_lsm_1", "bpf_lsm_file_open"),
        ("fexit_bpf_lsm_4", "bpf_lsm_path_mknod"),
    ];
    assert_eq!(places(&plan(&facts, Wanted::Auto), Hook::BpfLsm), expected);
    facts.bpf_lsm.clear();
    let plan = plan(&facts, Wanted::Auto);
    assert_eq!(places(&plan, Hook::BpfLsm), []);
    assert!(plan.missing.iter().all(|(hook, _)| *hook != Hook::BpfLsm));
}

#[test]
fn landlock_is_watched_in_one_place_where_there_is_one() {
    let mut facts = with_modules(&[Lsm::Landlock]);
    facts.functions.remove("landlock_log_denial");
    for function in ["is_access_to_paths_allowed", "hook_file_truncate"] {
        facts.functions.insert(function.to_owned(), 1);
    }
    let older = plan(&facts, Wanted::Only(Backend::Kprobe));
    let expected = [("kretprobe_landlock_path_bool", "is_access_to_paths_allowed")];
    assert_eq!(places(&older, Hook::LandlockPath), expected);
    assert!(!places(&older, Hook::LandlockOther).is_empty());
    facts.functions.insert("landlock_log_denial".to_owned(), 2);
    let newer = plan(&facts, Wanted::Auto);
    let expected = [("fexit_landlock_path_2", "landlock_log_denial")];
    assert_eq!(places(&newer, Hook::LandlockPath), expected);
    assert_eq!(places(&newer, Hook::LandlockOther), []);
}

#[test]
fn seccomp_is_watched_on_demand() {
    let facts = Facts {
        seccomp: true,
        ..with_modules(&[])
    };
    let expected = [("fexit_seccomp_1", "__secure_computing")];
    assert_eq!(places(&plan(&facts, Wanted::Auto), Hook::Seccomp), expected);
    let off = Facts {
        seccomp: false,
        ..facts
    };
    assert_eq!(places(&plan(&off, Wanted::Auto), Hook::Seccomp), []);
}
