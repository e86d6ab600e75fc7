//! The table of hooks: which kernel functions carry which.
//!
//! In: nothing. Out: [`HOOKS`]. Invariant: one row per hook, oldest name of a
//! function first. Lacks on purpose: choosing among them (`host::plan`).

use super::HookRow;
use crate::denial::{Backend, Hook, Operation};

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
        only: None,
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
        only: None,
    }
}

/// A cause that a function's return value alone tells.
const fn told(hook: Hook, symbols: &'static [&'static str], arguments: &'static [u8]) -> HookRow {
    HookRow {
        kretprobe: true,
        ..cause(hook, symbols, arguments)
    }
}

/// System calls as the kernel names them, those of 32-bit programs included:
/// each call passes through exactly one, with its registers for an argument.
const fn calls(hook_: Hook, operation: Operation, symbols: &'static [&'static str]) -> HookRow {
    HookRow {
        every: true,
        ..hook(hook_, operation, symbols, &[1])
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
    calls(
        Hook::Chmod,
        Operation::Chmod,
        &[
            "__x64_sys_chmod",
            "__ia32_sys_chmod",
            "__x64_sys_fchmod",
            "__ia32_sys_fchmod",
            "__x64_sys_fchmodat",
            "__ia32_sys_fchmodat",
            "__x64_sys_fchmodat2",
            "__ia32_sys_fchmodat2",
        ],
    ),
    hook(Hook::Chown, Operation::Chown, &["do_fchownat"], &[5]),
    calls(
        Hook::ChownFile,
        Operation::Chown,
        &[
            "__x64_sys_fchown",
            "__ia32_sys_fchown",
            "__ia32_sys_fchown16",
        ],
    ),
    hook(Hook::Utime, Operation::Utime, &["do_utimes"], &[4]),
    calls(
        Hook::Truncate,
        Operation::Truncate,
        &[
            "__x64_sys_truncate",
            "__ia32_compat_sys_truncate",
            "__ia32_sys_ia32_truncate64",
        ],
    ),
    calls(
        Hook::TruncateFile,
        Operation::Truncate,
        &[
            "__x64_sys_ftruncate",
            "__ia32_compat_sys_ftruncate",
            "__ia32_sys_ia32_ftruncate64",
        ],
    ),
    calls(
        Hook::Fallocate,
        Operation::Fallocate,
        &["__x64_sys_fallocate", "__ia32_sys_ia32_fallocate"],
    ),
    hook(
        Hook::Setxattr,
        Operation::Setxattr,
        &["path_setxattr", "filename_setxattr"],
        &[6, 4],
    ),
    calls(
        Hook::SetxattrFile,
        Operation::Setxattr,
        &["__x64_sys_fsetxattr", "__ia32_sys_fsetxattr"],
    ),
    hook(
        Hook::Removexattr,
        Operation::Setxattr,
        &["path_removexattr", "path_removexattrat"],
        &[3, 4],
    ),
    HookRow {
        unless: Some("path_removexattrat"),
        ..calls(
            Hook::RemovexattrFile,
            Operation::Setxattr,
            &["__x64_sys_fremovexattr", "__ia32_sys_fremovexattr"],
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
    // On the way of every write, so only where the two that follow cannot be.
    HookRow {
        only: Some(Backend::Kprobe),
        ..hook(
            Hook::WriteIter,
            Operation::Write,
            &["shmem_file_write_iter", "generic_file_write_iter"],
            &[2],
        )
    },
    HookRow {
        only: Some(Backend::Fexit),
        ..hook(
            Hook::WriteSplice,
            Operation::Write,
            &["iter_file_splice_write"],
            &[5],
        )
    },
    HookRow {
        only: Some(Backend::Fexit),
        ..hook(
            Hook::WriteUring,
            Operation::Write,
            &["io_complete_rw"],
            &[2, 3],
        )
    },
    hook(Hook::Mmap, Operation::Mmap, &["vm_mmap_pgoff"], &[6]),
    hook(Hook::Mprotect, Operation::Mmap, &["do_mprotect_pkey"], &[4]),
    hook(Hook::PageFault, Operation::Mmap, &["shmem_fault"], &[1]),
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
    told(Hook::InodeOwner, &["inode_owner_or_capable"], &[1, 2]),
    told(Hook::PathNoexec, &["path_noexec"], &[1]),
    told(Hook::Protected, &["audit_log_path_denied"], &[2]),
    told(Hook::Capable, &["capable"], &[1]),
    cause(
        Hook::MayDelete,
        &["may_delete", "may_delete_dentry"],
        &[3, 4],
    ),
    HookRow {
        every: true,
        ..cause(
            Hook::SetAttributes,
            &["notify_change", "vfs_truncate"],
            &[3, 4, 2],
        )
    },
    HookRow {
        every: true,
        ..cause(
            Hook::EntryXattr,
            &["vfs_setxattr", "vfs_removexattr"],
            &[5, 6, 2, 3],
        )
    },
    cause(Hook::EntryMkdir, &["vfs_mkdir"], &[3, 4, 5]),
    cause(Hook::EntryMknod, &["vfs_mknod"], &[4, 5, 6]),
    cause(Hook::EntrySymlink, &["vfs_symlink"], &[3, 4, 5]),
    cause(Hook::EntryLink, &["vfs_link"], &[4, 5]),
    cause(Hook::EntryRename, &["vfs_rename"], &[1]),
    told(
        Hook::TmpfsBytes,
        &[
            "shmem_alloc_and_acct_page",
            "shmem_alloc_and_acct_folio",
            "shmem_inode_acct_blocks",
        ],
        &[4, 4, 2],
    ),
    HookRow {
        every: true,
        ..told(
            Hook::TmpfsInodes,
            &[
                "shmem_mknod",
                "shmem_symlink",
                "shmem_link",
                "shmem_tmpfile",
            ],
            &[4, 3, 5],
        )
    },
    told(Hook::DiskBlocks, &["ext4_claim_free_clusters"], &[3]),
    // Only where it was asked for: it runs at every system call of a task that
    // has a filter, as those of a container do.
    told(Hook::Seccomp, &["__secure_computing"], &[1, 0]),
];
