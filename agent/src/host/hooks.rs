//! The table of hooks: which kernel functions carry which.
//!
//! In: nothing. Out: [`HOOKS`]. Invariant: one row per hook, oldest name of a
//! function first. Lacks on purpose: choosing among them (`host::plan`).

use super::HookRow;
use crate::denial::{Hook, Operation};

const fn hook(
    hook: Hook,
    operation: Operation,
    symbols: &'static [&'static str],
    arguments: &'static [u8],
) -> HookRow {
    HookRow {
        hook,
        operation: Some(operation),
        symbols,
        arguments,
        unless: None,
        every: false,
        kretprobe: true,
        module: None,
    }
}

const fn cause(hook: Hook, symbols: &'static [&'static str], arguments: &'static [u8]) -> HookRow {
    HookRow {
        hook,
        operation: None,
        symbols,
        arguments,
        unless: None,
        every: false,
        kretprobe: false,
        module: None,
    }
}

/// Every hook of the fexit and kprobe backends. The tracepoint backend has one
/// place for all of them.
pub const HOOKS: &[HookRow] = &[
    hook(Hook::Open, Operation::Open, &["path_openat"], &[3]),
    hook(
        Hook::OpenByHandle,
        Operation::Open,
        &["do_handle_open"],
        &[3],
    ),
    hook(
        Hook::Mkdir,
        Operation::Mkdir,
        &["do_mkdirat", "filename_mkdirat"],
        &[3],
    ),
    hook(
        Hook::Mknod,
        Operation::Mknod,
        &["do_mknodat", "filename_mknodat"],
        &[4],
    ),
    hook(
        Hook::Symlink,
        Operation::Symlink,
        &["do_symlinkat", "filename_symlinkat"],
        &[3],
    ),
    hook(
        Hook::Link,
        Operation::Link,
        &["do_linkat", "filename_linkat"],
        &[5],
    ),
    hook(
        Hook::Unlink,
        Operation::Unlink,
        &["do_unlinkat", "filename_unlinkat"],
        &[2],
    ),
    hook(
        Hook::Rmdir,
        Operation::Rmdir,
        &["do_rmdir", "filename_rmdir"],
        &[2],
    ),
    hook(
        Hook::Rename,
        Operation::Rename,
        &["do_renameat2", "filename_renameat2"],
        &[5],
    ),
    hook(Hook::Chmod, Operation::Chmod, &["chmod_common"], &[2]),
    hook(Hook::Chown, Operation::Chown, &["do_fchownat"], &[5]),
    hook(
        Hook::ChownFile,
        Operation::Chown,
        &["__x64_sys_fchown"],
        &[1],
    ),
    hook(Hook::Utime, Operation::Utime, &["do_utimes"], &[4]),
    hook(Hook::Truncate, Operation::Truncate, &["vfs_truncate"], &[2]),
    hook(
        Hook::TruncateFile,
        Operation::Truncate,
        &["__x64_sys_ftruncate"],
        &[1],
    ),
    hook(
        Hook::Fallocate,
        Operation::Fallocate,
        &["__x64_sys_fallocate"],
        &[1],
    ),
    hook(
        Hook::Setxattr,
        Operation::Setxattr,
        &["path_setxattr", "filename_setxattr"],
        &[6, 4],
    ),
    hook(
        Hook::SetxattrFile,
        Operation::Setxattr,
        &["__x64_sys_fsetxattr"],
        &[1],
    ),
    hook(
        Hook::Removexattr,
        Operation::Setxattr,
        &["path_removexattr", "path_removexattrat"],
        &[3, 4],
    ),
    HookRow {
        unless: Some("path_removexattrat"),
        ..hook(
            Hook::RemovexattrFile,
            Operation::Setxattr,
            &["__x64_sys_fremovexattr"],
            &[1],
        )
    },
    hook(Hook::Bind, Operation::Bind, &["unix_bind"], &[3]),
    hook(Hook::Exec, Operation::Exec, &["do_open_execat"], &[3]),
    hook(
        Hook::ExecSecurity,
        Operation::Exec,
        &["security_bprm_creds_for_exec"],
        &[1],
    ),
    hook(Hook::Write, Operation::Write, &["vfs_write"], &[4]),
    hook(Hook::Writev, Operation::Write, &["vfs_writev"], &[5]),
    cause(Hook::MountWrite, &["mnt_want_write"], &[1]),
    cause(Hook::MountWriteFile, &["mnt_want_write_file"], &[1]),
    cause(
        Hook::MountAccess,
        &["__mnt_want_write", "mnt_get_write_access"],
        &[1],
    ),
    cause(
        Hook::InodeCapability,
        &["capable_wrt_inode_uidgid"],
        &[2, 3],
    ),
    cause(Hook::InodeOwner, &["inode_owner_or_capable"], &[1, 2]),
];
