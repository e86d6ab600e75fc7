//! BPF programs on security hooks, lockdown, Yama, TOMOYO, Smack.
//!
//! In: returns of their functions. Out: notes and refusals. Invariant: the
//! return value alone tells. Lacks on purpose: names; what refuses has none
//! here that a user would know.

use super::{fexit, kretprobe};

// The functions that carry a BPF program have from one to six arguments.
// match-proto: int bpf_lsm_file_open(struct file *file)
fexit!(fexit_bpf_lsm_1, 1, Bpf, BpfLsm, |ctx, word| word.count());
// match-proto: int bpf_lsm_path_unlink(const struct path *dir, struct dentry *dentry)
fexit!(fexit_bpf_lsm_2, 2, Bpf, BpfLsm, |ctx, word| word.count());
// match-proto: int bpf_lsm_path_mkdir(const struct path *dir, struct dentry *dentry, umode_t mode)
fexit!(fexit_bpf_lsm_3, 3, Bpf, BpfLsm, |ctx, word| word.count());
// match-proto: int bpf_lsm_path_mknod(const struct path *dir, struct dentry *dentry, umode_t mode, unsigned int dev)
fexit!(fexit_bpf_lsm_4, 4, Bpf, BpfLsm, |ctx, word| word.count());
// match-proto: int bpf_lsm_path_rename(const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry, unsigned int flags)
fexit!(fexit_bpf_lsm_5, 5, Bpf, BpfLsm, |ctx, word| word.count());
// match-proto: int bpf_lsm_inode_setxattr(struct mnt_idmap *idmap, struct dentry *dentry, const char *name, const void *value, size_t size, int flags)
fexit!(fexit_bpf_lsm_6, 6, Bpf, BpfLsm, |ctx, word| word.count());
kretprobe!(kretprobe_bpf_lsm, Bpf, BpfLsm, |word| word.count());

// match-proto: int lockdown_is_locked_down(enum lockdown_reason what)
fexit!(fexit_lockdown_1, 1, Lockdown, Lockdown, |ctx, word| word
    .note());
kretprobe!(kretprobe_lockdown, Lockdown, Lockdown, |word| word.note());

// match-proto: int yama_ptrace_access_check(struct task_struct *child, unsigned int mode)
fexit!(fexit_yama_2, 2, Yama, Yama, |ctx, word| word.count());
// match-proto: int yama_ptrace_traceme(struct task_struct *parent)
fexit!(fexit_yama_1, 1, Yama, Yama, |ctx, word| word.count());
kretprobe!(kretprobe_yama, Yama, Yama, |word| word.count());

// match-proto: int tomoyo_execute_permission(struct tomoyo_request_info *r, const struct tomoyo_path_info *filename)
fexit!(fexit_tomoyo_2, 2, Tomoyo, Tomoyo, |ctx, word| word.note());
// match-proto: int tomoyo_path_permission(struct tomoyo_request_info *r, u8 operation, const struct tomoyo_path_info *filename)
// match-proto: int tomoyo_path_number_perm(const u8 type, const struct path *path, unsigned long number)
// match-proto: int tomoyo_path2_perm(const u8 operation, const struct path *path1, const struct path *path2)
fexit!(fexit_tomoyo_3, 3, Tomoyo, Tomoyo, |ctx, word| word.note());
// match-proto: int tomoyo_mkdev_perm(const u8 operation, const struct path *path, const unsigned int mode, unsigned int dev)
fexit!(fexit_tomoyo_4, 4, Tomoyo, Tomoyo, |ctx, word| word.note());
// match-proto: int tomoyo_mount_permission(const char *dev_name, const struct path *path, const char *type, unsigned long flags, void *data_page)
fexit!(fexit_tomoyo_5, 5, Tomoyo, Tomoyo, |ctx, word| word.count());
kretprobe!(kretprobe_tomoyo, Tomoyo, Tomoyo, |word| word.count());

// match-proto: int smk_curacc(struct smack_known *otp, u32 mode, struct smk_audit_info *a)
fexit!(fexit_smack_3, 3, Smack, Smack, |ctx, word| word.note());
// match-proto: int smk_tskacc(struct task_smack *tsp, struct smack_known *obj_known, u32 mode, struct smk_audit_info *a)
fexit!(fexit_smack_4, 4, Smack, Smack, |ctx, word| word.note());
kretprobe!(kretprobe_smack, Smack, Smack, |word| word.note());
