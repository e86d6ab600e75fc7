//! AppArmor: the profile that refuses, and what it was asked for.
//!
//! In: returns of AppArmor's own functions. Out: notes, and refusals of what has
//! no path. Invariant: the profile is the task's own, found from its
//! credentials, since docker-default refuses most without an audit record.
//! Lacks on purpose: other profiles of a stack than the first; a write through
//! a descriptor that was open before the task was confined.

use super::{Word, fexit, kretprobe};
use crate::kernel::{Task, offset, read, setting, word};

/// CAP_OPT_NOAUDIT: a mere question, whose answer is no refusal.
const CAP_OPT_NOAUDIT: u32 = 2;

impl Word {
    /// With the task's profile.
    #[inline(always)]
    fn of_profile(mut self) -> Word {
        self.subject = profile();
        self
    }
}

/// Address of the name of the current task's profile; 0 where it cannot be found.
#[inline(always)]
fn profile() -> u64 {
    let sizes = setting!(apparmor_blob_sizes);
    if sizes == 0 {
        return 0;
    }
    let place: u32 = read(sizes + offset!(lsm_blob_sizes_cred));
    let security = word(Task::current().cred() + offset!(cred_security));
    let label = word(security + u64::from(place));
    let profile = word(label + offset!(aa_label_vec));
    word(profile + offset!(aa_profile_base) + offset!(aa_policy_hname))
}

// match-proto: int aa_path_perm(const char *op, struct aa_label *label, const struct path *path, int flags, u32 request, struct path_cond *cond)
fexit!(
    fexit_apparmor_path_6,
    6,
    Apparmor,
    ApparmorPath,
    |ctx, word| Word {
        requested: ctx.arg(4),
        ..word.of_profile()
    }
    .note()
);
// match-proto: int aa_path_perm(const char *op, const struct cred *subj_cred, struct aa_label *label, const struct path *path, int flags, u32 request, struct path_cond *cond)
fexit!(
    fexit_apparmor_path_7,
    7,
    Apparmor,
    ApparmorPath,
    |ctx, word| Word {
        requested: ctx.arg(5),
        ..word.of_profile()
    }
    .note()
);
// match-proto: int aa_path_link(struct aa_label *label, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
fexit!(
    fexit_apparmor_link_4,
    4,
    Apparmor,
    ApparmorLink,
    |ctx, word| { word.of_profile().note() }
);
// match-proto: int aa_path_link(const struct cred *subj_cred, struct aa_label *label, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)
fexit!(
    fexit_apparmor_link_5,
    5,
    Apparmor,
    ApparmorLink,
    |ctx, word| { word.of_profile().note() }
);
// match-proto: int apparmor_bprm_creds_for_exec(struct linux_binprm *bprm)
fexit!(
    fexit_apparmor_exec_1,
    1,
    Apparmor,
    ApparmorExec,
    |ctx, word| { word.of_profile().note() }
);
// match-proto: int apparmor_mmap_file(struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags)
fexit!(
    fexit_apparmor_map_4,
    4,
    Apparmor,
    ApparmorMap,
    |ctx, word| { word.of_profile().note() }
);
// match-proto: int apparmor_file_mprotect(struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot)
fexit!(
    fexit_apparmor_map_3,
    3,
    Apparmor,
    ApparmorMap,
    |ctx, word| { word.of_profile().note() }
);
// match-proto: int apparmor_ptrace_access_check(struct task_struct *child, unsigned int mode)
fexit!(
    fexit_apparmor_ptrace_2,
    2,
    Apparmor,
    ApparmorPtrace,
    |ctx, word| { word.of_profile().count() }
);
// match-proto: int apparmor_ptrace_traceme(struct task_struct *parent)
fexit!(
    fexit_apparmor_ptrace_1,
    1,
    Apparmor,
    ApparmorPtrace,
    |ctx, word| { word.of_profile().count() }
);
// match-proto: int apparmor_task_kill(struct task_struct *target, struct kernel_siginfo *info, int sig, const struct cred *cred)
fexit!(
    fexit_apparmor_signal_4,
    4,
    Apparmor,
    ApparmorSignal,
    |ctx, word| { word.of_profile().count() }
);
// match-proto: int apparmor_sb_mount(const char *dev_name, const struct path *path, const char *type, unsigned long flags, void *data)
fexit!(
    fexit_apparmor_mount_5,
    5,
    Apparmor,
    ApparmorMount,
    |ctx, word| { word.of_profile().count() }
);
// match-proto: int apparmor_sb_umount(struct vfsmount *mnt, int flags)
// match-proto: int apparmor_sb_pivotroot(const struct path *old_path, const struct path *new_path)
// match-proto: int apparmor_move_mount(const struct path *from_path, const struct path *to_path)
fexit!(
    fexit_apparmor_mount_2,
    2,
    Apparmor,
    ApparmorMount,
    |ctx, word| { word.of_profile().count() }
);
// match-proto: int aa_capable(struct aa_label *label, int cap, unsigned int opts)
fexit!(
    fexit_apparmor_capable_3,
    3,
    Apparmor,
    ApparmorCapable,
    |ctx, word| { capability(word, ctx.arg(1), ctx.arg(2)) }
);
// match-proto: int aa_capable(const struct cred *subj_cred, struct aa_label *label, int cap, unsigned int opts)
fexit!(
    fexit_apparmor_capable_4,
    4,
    Apparmor,
    ApparmorCapable,
    |ctx, word| { capability(word, ctx.arg(2), ctx.arg(3)) }
);

kretprobe!(kretprobe_apparmor_path, Apparmor, ApparmorPath, |word| word
    .of_profile()
    .note());
kretprobe!(kretprobe_apparmor_link, Apparmor, ApparmorLink, |word| word
    .of_profile()
    .note());
kretprobe!(kretprobe_apparmor_exec, Apparmor, ApparmorExec, |word| word
    .of_profile()
    .note());
kretprobe!(kretprobe_apparmor_map, Apparmor, ApparmorMap, |word| word
    .of_profile()
    .note());
kretprobe!(
    kretprobe_apparmor_ptrace,
    Apparmor,
    ApparmorPtrace,
    |word| word.of_profile().count()
);
kretprobe!(
    kretprobe_apparmor_signal,
    Apparmor,
    ApparmorSignal,
    |word| word.of_profile().count()
);
kretprobe!(kretprobe_apparmor_mount, Apparmor, ApparmorMount, |word| {
    word.of_profile().count()
});

#[inline(always)]
fn capability(word: Word, capability: u32, options: u32) {
    if options & CAP_OPT_NOAUDIT == 0 {
        let word = Word {
            capability: capability + 1,
            ..word.of_profile()
        };
        word.count_capability();
    }
}
