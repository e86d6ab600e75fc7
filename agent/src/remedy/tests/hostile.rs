//! Whatever a container calls its files, advice stays ours.

use proptest::{prelude::*, sample::select};

use super::*;

/// Words that would do harm in a command, in YAML, or as advice.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "/tmp",
            "/var/run/x",
            "/var/lib/",
            "cache",
            "/data",
            "..",
            "; rm -rf /",
            "$(id)",
            "`id`",
            "\"",
            "'",
            "\\x0a",
            " --privileged",
            "privileged",
            "/unconfined",
            "runAsUser: 0",
            "label=disable",
            "chmod 777",
            ": ",
            "#",
            "- x",
            "{}",
            "docker-default",
            "container_t",
            ":",
            "*",
            ",",
            "setenforce",
            "0777",
            "/etc/passwd",
            "@{x}",
        ])
        .prop_map(str::to_owned),
        "[a-z/._-]{0,8}",
        "\\PC{0,6}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..5).prop_map(|parts| parts.concat())
}

fn kinds() -> impl Strategy<Value = Option<MountKind>> {
    use MountKind as K;
    prop::option::of(select(vec![
        K::Root,
        K::Tmpfs,
        K::Volume,
        K::HostPath,
        K::Secret,
        K::ConfigMap,
        K::Projected,
        K::RuntimeFile,
        K::Kernel,
        K::Other,
    ]))
}

fn users() -> impl Strategy<Value = Option<(u32, u32)>> {
    let id = || select(vec![0, 1, 999, 10001, 65534, u32::MAX]);
    prop::option::of((id(), id()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_name_speaks_in_our_voice(
        (cause, operation, errno, lsm) in (select(Cause::ALL.to_vec()), select(Operation::ALL.to_vec()), select(Errno::ALL.to_vec()), prop::option::of(select(Lsm::ALL.to_vec()))),
        (write_root, path, target, profile, context) in (name(), name(), name(), name(), name()),
        (class, requested, image, container, comm) in (select(vec!["", "file", "tcp_socket", "chr_file"]), prop::option::of(name()), name(), name(), name()),
        (kind, file_owner, task, file_mode, limit) in (kinds(), users(), users(), prop::option::of(any::<u16>()), prop::option::of(any::<u64>())),
        (kubernetes, protected, read_only_root, capability) in (any::<bool>(), any::<bool>(), prop::option::of(any::<bool>()), prop::option::of(name())),
    ) {
        let subject = format!("u:r:{context}:s0");
        let advice = Advice {
            lsm, profile: &profile, subject: &subject, object: &subject, class, requested: requested.as_deref(),
            write_root: &write_root, path: &path, mount: kind.map(|kind| Mount { kind, target: &target }),
            file_owner, task, file_mode, capability: capability.as_deref(), protected, limit, read_only_root,
            kubernetes, container: &container, image: &image, comm: &comm,
            ..Advice::new(cause, operation, errno)
        };
        if let Some(remedy) = advise(&advice) {
            check(&remedy);
        }
    }
}
