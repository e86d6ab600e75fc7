//! Operations that take a path: mkdir, mknod, symlink, link, unlink, rmdir,
//! rename, chmod, chown, utime, truncate, setxattr, bind.
//!
//! In: the kernel functions behind the system calls, which io_uring calls too.
//! Out: refusals. Invariant: an outer function only, never one that another
//! watched function calls, so that a refusal is seen once. Lacks on purpose:
//! reading the freed `struct filename` where the system call has the name.

use crate::probes::{fexit, kretprobe};
use crate::refusal::{Subject, filename_string};

// A `struct filename` in the second argument serves io_uring, whose requests
// have no system call arguments. Up to 6.12 the function has put it back by the
// time it returns, but its memory is still the task's last freed one.
// match-proto: long do_mkdirat(int dfd, struct filename *name, umode_t mode)
// match-proto: int filename_mkdirat(int dfd, struct filename *name, umode_t mode)
fexit!(fexit_mkdir_3, 3, Mkdir, Mkdir, |ctx| named(
    ctx.arg(0),
    ctx.arg(1)
));
// match-proto: int do_mknodat(int dfd, struct filename *name, umode_t mode, unsigned int dev)
fexit!(fexit_mknod_4, 4, Mknod, Mknod, |ctx| named(
    ctx.arg(0),
    ctx.arg(1)
));
// match-proto: int do_symlinkat(struct filename *from, int newdfd, struct filename *to)
fexit!(fexit_symlink_3, 3, Symlink, Symlink, |ctx| named(
    ctx.arg(1),
    ctx.arg(2)
));
// match-proto: int do_linkat(int olddfd, struct filename *old, int newdfd, struct filename *new, int flags)
fexit!(fexit_link_5, 5, Link, Link, |ctx| named(
    ctx.arg(2),
    ctx.arg(3)
));
// match-proto: int do_unlinkat(int dfd, struct filename *name)
fexit!(fexit_unlink_2, 2, Unlink, Unlink, |ctx| named(
    ctx.arg(0),
    ctx.arg(1)
));
// match-proto: int do_rmdir(int dfd, struct filename *name)
fexit!(fexit_rmdir_2, 2, Rmdir, Rmdir, |ctx| named(
    ctx.arg(0),
    ctx.arg(1)
));
// match-proto: int do_renameat2(int olddfd, struct filename *from, int newdfd, struct filename *to, unsigned int flags)
fexit!(fexit_rename_5, 5, Rename, Rename, |ctx| named(
    ctx.arg(2),
    ctx.arg(3)
));
// match-proto: int do_fchownat(int dfd, const char __user *filename, uid_t user, gid_t group, int flag)
fexit!(fexit_chown_5, 5, Chown, Chown, |_ctx| Subject::NONE);
// These have no inner function that every kernel calls for all of the call, so
// the system calls themselves are watched, those of 32-bit programs included;
// their registers are their only argument.
// match-proto: long __x64_sys_chmod(const struct pt_regs *regs)
fexit!(fexit_chmod_1, 1, Chmod, Chmod, |_ctx| Subject::NONE);
// match-proto: long __x64_sys_truncate(const struct pt_regs *regs)
fexit!(fexit_truncate_1, 1, Truncate, Truncate, |_ctx| {
    Subject::NONE
});
// match-proto: long __x64_sys_fchown(const struct pt_regs *regs)
fexit!(fexit_chown_file_1, 1, ChownFile, Chown, |_ctx| {
    Subject::NONE
});
// match-proto: long __x64_sys_ftruncate(const struct pt_regs *regs)
fexit!(fexit_truncate_file_1, 1, TruncateFile, Truncate, |_ctx| {
    Subject::NONE
});
// match-proto: long __x64_sys_fsetxattr(const struct pt_regs *regs)
fexit!(fexit_setxattr_file_1, 1, SetxattrFile, Setxattr, |_ctx| {
    Subject::NONE
});
// match-proto: long __x64_sys_fremovexattr(const struct pt_regs *regs)
fexit!(
    fexit_removexattr_file_1,
    1,
    RemovexattrFile,
    Setxattr,
    |_ctx| Subject::NONE
);
// match-proto: long do_utimes(int dfd, const char __user *filename, struct timespec64 *times, int flags)
fexit!(fexit_utime_4, 4, Utime, Utime, |_ctx| Subject::NONE);
// ksys_fallocate is there on every kernel, but the system call has a copy of it inlined.
// match-proto: long __x64_sys_fallocate(const struct pt_regs *regs)
fexit!(fexit_fallocate_1, 1, Fallocate, Fallocate, |_ctx| {
    Subject::NONE
});
// match-proto: int path_setxattr(const char __user *pathname, const char __user *name, const void __user *value, size_t size, int flags, unsigned int lookup_flags)
fexit!(fexit_setxattr_6, 6, Setxattr, Setxattr, |_ctx| {
    Subject::NONE
});
// match-proto: int filename_setxattr(int dfd, struct filename *filename, unsigned int lookup_flags, struct kernel_xattr_ctx *ctx)
fexit!(fexit_setxattr_4, 4, Setxattr, Setxattr, |ctx| named(
    ctx.arg(0),
    ctx.arg(1)
));
// match-proto: int path_removexattr(const char __user *pathname, const char __user *name, unsigned int lookup_flags)
fexit!(fexit_removexattr_3, 3, Removexattr, Setxattr, |_ctx| {
    Subject::NONE
});
// match-proto: int path_removexattrat(int dfd, const char __user *pathname, unsigned int at_flags, const char __user *name)
fexit!(fexit_removexattr_4, 4, Removexattr, Setxattr, |_ctx| {
    Subject::NONE
});
// match-proto: int unix_bind(struct socket *sock, struct sockaddr *uaddr, int addr_len)
fexit!(fexit_bind_3, 3, Bind, Bind, |ctx| Subject::kernel_sockaddr(
    ctx.arg(1)
));

kretprobe!(kretprobe_mkdir, Mkdir, Mkdir);
kretprobe!(kretprobe_mknod, Mknod, Mknod);
kretprobe!(kretprobe_symlink, Symlink, Symlink);
kretprobe!(kretprobe_link, Link, Link);
kretprobe!(kretprobe_unlink, Unlink, Unlink);
kretprobe!(kretprobe_rmdir, Rmdir, Rmdir);
kretprobe!(kretprobe_rename, Rename, Rename);
kretprobe!(kretprobe_chmod, Chmod, Chmod);
kretprobe!(kretprobe_chown, Chown, Chown);
kretprobe!(kretprobe_chown_file, ChownFile, Chown);
kretprobe!(kretprobe_utime, Utime, Utime);
kretprobe!(kretprobe_truncate, Truncate, Truncate);
kretprobe!(kretprobe_truncate_file, TruncateFile, Truncate);
kretprobe!(kretprobe_fallocate, Fallocate, Fallocate);
kretprobe!(kretprobe_setxattr, Setxattr, Setxattr);
kretprobe!(kretprobe_setxattr_file, SetxattrFile, Setxattr);
kretprobe!(kretprobe_removexattr, Removexattr, Setxattr);
kretprobe!(kretprobe_removexattr_file, RemovexattrFile, Setxattr);
kretprobe!(kretprobe_bind, Bind, Bind);

#[inline(always)]
fn named(dir: i32, filename: u64) -> Subject {
    Subject::kernel_name(filename_string(filename), dir)
}
