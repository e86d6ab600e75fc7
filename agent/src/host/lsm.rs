//! The table of the security modules' own functions.
//!
//! In: nothing. Out: [`LSM_HOOKS`], [`TRACEPOINTS`]. Invariant: a function that
//! runs for confined tasks alone, or on refusals alone, goes before one that
//! runs for every task; none is on the way of a read, a write or a path search.
//! Lacks on purpose: choosing among them (`host::plan`).

use super::HookRow;
use crate::denial::{Hook, Lsm};

/// A raw tracepoint that serves beside any backend; its program is `tp_HOOK`.
#[derive(Debug)]
pub struct Tracepoint {
    /// The hook.
    pub hook: Hook,
    /// The tracepoint.
    pub symbol: &'static str,
    /// Listened to only where this security module is active.
    pub module: Lsm,
}

/// The tracepoints beside those that every plan needs.
pub const TRACEPOINTS: &[Tracepoint] = &[Tracepoint {
    hook: Hook::SelinuxAudited,
    symbol: "selinux_audited",
    module: Lsm::Selinux,
}];

const fn of(
    module: Lsm,
    hook: Hook,
    symbols: &'static [&'static str],
    arguments: &'static [u8],
) -> HookRow {
    HookRow {
        hook,
        operation: None,
        symbols,
        arguments,
        unless: None,
        every: true,
        kretprobe: true,
        module: Some(module),
        only: None,
    }
}

/// Every hook of a security module.
pub const LSM_HOOKS: &[HookRow] = &[
    of(
        Lsm::Apparmor,
        Hook::ApparmorPath,
        &["aa_path_perm"],
        &[6, 7],
    ),
    of(
        Lsm::Apparmor,
        Hook::ApparmorLink,
        &["aa_path_link"],
        &[4, 5],
    ),
    of(
        Lsm::Apparmor,
        Hook::ApparmorExec,
        &["apparmor_bprm_creds_for_exec"],
        &[1],
    ),
    of(
        Lsm::Apparmor,
        Hook::ApparmorMap,
        &["apparmor_mmap_file", "apparmor_file_mprotect"],
        &[3, 4],
    ),
    of(
        Lsm::Apparmor,
        Hook::ApparmorPtrace,
        &["apparmor_ptrace_access_check", "apparmor_ptrace_traceme"],
        &[1, 2],
    ),
    HookRow {
        // Whether it was a mere question stands in an argument.
        kretprobe: false,
        ..of(
            Lsm::Apparmor,
            Hook::ApparmorCapable,
            &["aa_capable"],
            &[3, 4],
        )
    },
    of(
        Lsm::Apparmor,
        Hook::ApparmorSignal,
        &["apparmor_task_kill"],
        &[4],
    ),
    of(
        Lsm::Apparmor,
        Hook::ApparmorMount,
        &[
            "apparmor_sb_mount",
            "apparmor_sb_umount",
            "apparmor_sb_pivotroot",
            "apparmor_move_mount",
        ],
        &[2, 5],
    ),
    // The cache of access vectors comes here with refusals alone. The others
    // are the modules' hooks of operations that have no path.
    of(
        Lsm::Selinux,
        Hook::SelinuxDenied,
        &[
            "avc_denied",
            "selinux_ptrace_access_check",
            "selinux_ptrace_traceme",
            "selinux_task_kill",
            "selinux_mount",
            "selinux_umount",
            "selinux_move_mount",
            "selinux_sb_remount",
        ],
        &[1, 2, 4, 5, 8, 9],
    ),
    // Newer kernels tell every refusal in one place, older ones where a path is checked.
    HookRow {
        every: false,
        ..of(
            Lsm::Landlock,
            Hook::LandlockPath,
            &[
                "landlock_log_denial",
                "is_access_to_paths_allowed",
                "check_access_path_dual",
                "check_access_path",
            ],
            &[2, 3, 8],
        )
    },
    HookRow {
        unless: Some("landlock_log_denial"),
        ..of(
            Lsm::Landlock,
            Hook::LandlockOther,
            &[
                "hook_file_truncate",
                "hook_ptrace_access_check",
                "hook_ptrace_traceme",
                "hook_task_kill",
                "hook_sb_mount",
                "hook_sb_umount",
                "hook_sb_remount",
                "hook_sb_pivotroot",
                "hook_move_mount",
            ],
            &[1, 2, 4, 5],
        )
    },
    // Its functions are those that have a program attached; the loader finds them.
    of(Lsm::Bpf, Hook::BpfLsm, &[], &[1, 2, 3, 4, 5, 6]),
    of(
        Lsm::Lockdown,
        Hook::Lockdown,
        &["lockdown_is_locked_down"],
        &[1],
    ),
    of(
        Lsm::Yama,
        Hook::Yama,
        &["yama_ptrace_access_check", "yama_ptrace_traceme"],
        &[1, 2],
    ),
    // Inner functions: the hooks themselves are on the way of every open and stat.
    of(
        Lsm::Tomoyo,
        Hook::Tomoyo,
        &[
            "tomoyo_path_permission",
            "tomoyo_path_number_perm",
            "tomoyo_path2_perm",
            "tomoyo_mkdev_perm",
            "tomoyo_execute_permission",
            "tomoyo_mount_permission",
        ],
        &[2, 3, 4, 5],
    ),
    of(
        Lsm::Smack,
        Hook::Smack,
        &["smk_curacc", "smk_tskacc"],
        &[3, 4],
    ),
];

/// What is watched where a BPF LSM program is loaded and the kernel does not
/// tell where to (before 6.0): the hooks on the way of an operation by path,
/// and of those without one, but not of each read and write.
pub const BPF_LSM_FALLBACK: &[&str] = &[
    "bpf_lsm_file_open",
    "bpf_lsm_path_mkdir",
    "bpf_lsm_path_mknod",
    "bpf_lsm_path_symlink",
    "bpf_lsm_path_link",
    "bpf_lsm_path_unlink",
    "bpf_lsm_path_rmdir",
    "bpf_lsm_path_rename",
    "bpf_lsm_path_chmod",
    "bpf_lsm_path_chown",
    "bpf_lsm_path_truncate",
    "bpf_lsm_inode_create",
    "bpf_lsm_inode_mkdir",
    "bpf_lsm_inode_mknod",
    "bpf_lsm_inode_symlink",
    "bpf_lsm_inode_link",
    "bpf_lsm_inode_unlink",
    "bpf_lsm_inode_rmdir",
    "bpf_lsm_inode_rename",
    "bpf_lsm_inode_setattr",
    "bpf_lsm_inode_setxattr",
    "bpf_lsm_bprm_check_security",
    "bpf_lsm_bprm_creds_for_exec",
    "bpf_lsm_mmap_file",
    "bpf_lsm_file_mprotect",
    "bpf_lsm_ptrace_access_check",
    "bpf_lsm_task_kill",
    "bpf_lsm_sb_mount",
    "bpf_lsm_sb_umount",
];

/// What is added to the name of a kretprobe's program, where the function is
/// another than the rest of its row: a kretprobe sees no prototype.
pub(super) fn kretprobe_variant(symbol: &str) -> &'static str {
    match symbol {
        "is_access_to_paths_allowed" => "_bool",
        "landlock_log_denial" => "_void",
        "avc_denied" => "_note",
        _ => "",
    }
}
