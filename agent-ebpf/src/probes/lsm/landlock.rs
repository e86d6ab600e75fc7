//! Landlock: that a task's sandbox refuses.
//!
//! In: the function that tells every refusal (6.15), and before it those that
//! check a path and the hooks of other operations. Out: notes and refusals.
//! Invariant: where one function answers for rights that the caller merely asks
//! about, the rights that were missing decide. Lacks on purpose: a name; a
//! sandbox has none.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_get_func_arg;
use aya_ebpf::macros::{fexit as fexit_program, kretprobe as kretprobe_program};
use aya_ebpf::programs::{FExitContext, RetProbeContext};
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Lsm};

use super::{Word, fexit, kretprobe};
use crate::kernel::read;

/// What Landlock refuses operations on paths with.
const EACCES: u8 = 13;
/// LANDLOCK_ACCESS_FS_TRUNCATE and _IOCTL_DEV: an open asks for them beforehand,
/// and succeeds without.
const OPTIONAL: u32 = 1 << 14 | 1 << 15;
/// LANDLOCK_NUM_ACCESS_FS of the kernels that have the function.
const RIGHTS: usize = 16;

// match-proto: void landlock_log_denial(const struct landlock_cred_security *subject, const struct landlock_request *request)
/// Every refusal, from 6.15 on. What is counted here is refused with EPERM.
#[fexit_program]
pub fn fexit_landlock_path_2(_ctx: FExitContext) -> i32 {
    Word::new(
        Lsm::Landlock,
        Hook::LandlockPath,
        Backend::Fexit,
        gate::EPERM,
    )
    .count();
    0
}

/// Every refusal, by kretprobe.
#[kretprobe_program]
pub fn kretprobe_landlock_path_void(_ctx: RetProbeContext) -> u32 {
    Word::new(
        Lsm::Landlock,
        Hook::LandlockPath,
        Backend::Kprobe,
        gate::EPERM,
    )
    .count();
    0
}

// match-proto: bool is_access_to_paths_allowed(const struct landlock_ruleset *domain, const struct path *path, access_mask_t access_request_parent1, layer_mask_t (*layer_masks_parent1)[16], const struct dentry *dentry_child1, access_mask_t access_request_parent2, layer_mask_t (*layer_masks_parent2)[16], const struct dentry *dentry_child2)
/// A check of a path, from 6.2 to 6.14.
#[fexit_program]
pub fn fexit_landlock_path_8(ctx: FExitContext) -> i32 {
    if ctx.arg::<u64>(8) as u8 != 0 {
        return 0;
    }
    let request = ctx.arg::<u32>(2) & 0xffff;
    let required = match request & !OPTIONAL {
        0 => request,
        required => required,
    };
    // A link or a rename asks for rights of two directories, none of them optional.
    let of_two = ctx.arg::<u32>(5) & 0xffff != 0;
    if of_two || required & missing(&ctx) != 0 {
        Word::new(Lsm::Landlock, Hook::LandlockPath, Backend::Fexit, EACCES).note();
    }
    0
}

/// The rights of the first directory that some layer withholds.
#[inline(always)]
fn missing(ctx: &FExitContext) -> u32 {
    let mut masks = 0u64;
    // SAFETY: the helper writes the argument into a valid local. Verifiers do not
    // let a program read a pointer to an array from the context itself.
    unsafe { bpf_get_func_arg(ctx.as_ptr(), 3, &raw mut masks) };
    let layers: [u16; RIGHTS] = read(masks);
    let mut missing = 0;
    for (right, layers) in layers.into_iter().enumerate() {
        if layers != 0 {
            missing |= 1 << right;
        }
    }
    missing
}

// match-proto: int check_access_path(const struct landlock_ruleset *domain, const struct path *path, u32 access_request)
fexit!(
    fexit_landlock_path_3,
    3,
    Landlock,
    LandlockPath,
    |ctx, word| word.note()
);
// match-proto: int check_access_path_dual(const struct landlock_ruleset *domain, const struct path *path, access_mask_t access_request_parent1, layer_mask_t (*layer_masks_parent1)[], const struct dentry *dentry_child1, access_mask_t access_request_parent2, layer_mask_t (*layer_masks_parent2)[], const struct dentry *dentry_child2)
kretprobe!(kretprobe_landlock_path, Landlock, LandlockPath, |word| word
    .note());

/// A check of a path, by kretprobe: a right that was merely asked about is
/// noted too, and then no refusal follows.
#[kretprobe_program]
pub fn kretprobe_landlock_path_bool(ctx: RetProbeContext) -> u32 {
    if ctx.ret::<u64>() as u8 == 0 {
        Word::new(Lsm::Landlock, Hook::LandlockPath, Backend::Kprobe, EACCES).note();
    }
    0
}

// match-proto: int hook_file_truncate(struct file *file)
// match-proto: int hook_ptrace_traceme(struct task_struct *parent)
fexit!(
    fexit_landlock_other_1,
    1,
    Landlock,
    LandlockOther,
    |ctx, word| word.count()
);
// match-proto: int hook_ptrace_access_check(struct task_struct *child, unsigned int mode)
// match-proto: int hook_sb_umount(struct vfsmount *mnt, int flags)
// match-proto: int hook_sb_remount(struct super_block *sb, void *mnt_opts)
// match-proto: int hook_sb_pivotroot(const struct path *old_path, const struct path *new_path)
// match-proto: int hook_move_mount(const struct path *from_path, const struct path *to_path)
fexit!(
    fexit_landlock_other_2,
    2,
    Landlock,
    LandlockOther,
    |ctx, word| word.count()
);
// match-proto: int hook_task_kill(struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
fexit!(
    fexit_landlock_other_4,
    4,
    Landlock,
    LandlockOther,
    |ctx, word| word.count()
);
// match-proto: int hook_sb_mount(const char *dev_name, const struct path *path, const char *type, unsigned long flags, void *data)
fexit!(
    fexit_landlock_other_5,
    5,
    Landlock,
    LandlockOther,
    |ctx, word| word.count()
);
kretprobe!(kretprobe_landlock_other, Landlock, LandlockOther, |word| {
    word.count()
});
