//! SELinux: that it refuses, and in whose contexts.
//!
//! In: the access vector cache's refusals, the tracepoint of audited ones, and
//! the hooks of operations without a path. Out: notes and refusals. Invariant:
//! what a `dontaudit` rule keeps from the audit is named all the same, by the
//! cache; contexts come with audited refusals alone. Lacks on purpose: telling a
//! refused capability that no audit mentions, most of which are mere questions.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use sealwatch_ebpf::gate;
use sealwatch_ebpf::wire::{Backend, Hook, Lsm, Operation};

use super::{Word, fexit, kretprobe};
use crate::count::veil;
use crate::kernel::{Task, offset, read};

// match-proto: int avc_denied(u32 ssid, u32 tsid, u16 tclass, u32 requested, u8 driver, u8 xperm, unsigned int flags, struct av_decision *avd)
fexit!(
    fexit_selinux_denied_8,
    8,
    Selinux,
    SelinuxDenied,
    |ctx, word| cache(Word {
        requested: ctx.arg(3),
        ..word
    })
);
// Older ones with a state before these have nine arguments as well, but no
// trampoline carries so many there.
// match-proto: int avc_denied(u32 ssid, u32 tsid, u16 tclass, u32 requested, u8 driver, u8 base_perm, u8 xperm, unsigned int flags, struct av_decision *avd)
fexit!(
    fexit_selinux_denied_9,
    9,
    Selinux,
    SelinuxDenied,
    |ctx, word| cache(Word {
        requested: ctx.arg(3),
        ..word
    })
);
// match-proto: int selinux_ptrace_traceme(struct task_struct *parent)
fexit!(
    fexit_selinux_denied_1,
    1,
    Selinux,
    SelinuxDenied,
    |ctx, word| word.count()
);
// match-proto: int selinux_ptrace_access_check(struct task_struct *child, unsigned int mode)
// match-proto: int selinux_umount(struct vfsmount *mnt, int flags)
// match-proto: int selinux_move_mount(const struct path *from_path, const struct path *to_path)
// match-proto: int selinux_sb_remount(struct super_block *sb, void *mnt_opts)
fexit!(
    fexit_selinux_denied_2,
    2,
    Selinux,
    SelinuxDenied,
    |ctx, word| word.count()
);
// match-proto: int selinux_task_kill(struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
fexit!(
    fexit_selinux_denied_4,
    4,
    Selinux,
    SelinuxDenied,
    |ctx, word| word.count()
);
// match-proto: int selinux_mount(const char *dev_name, const struct path *path, const char *type, unsigned long flags, void *data)
fexit!(
    fexit_selinux_denied_5,
    5,
    Selinux,
    SelinuxDenied,
    |ctx, word| word.count()
);

kretprobe!(kretprobe_selinux_denied, Selinux, SelinuxDenied, |word| {
    word.count()
});
// match-proto: int avc_denied(struct selinux_state *state, u32 ssid, u32 tsid, u16 tclass, u32 requested, u8 driver, u8 xperm, unsigned int flags, struct av_decision *avd)
kretprobe!(
    kretprobe_selinux_denied_note,
    Selinux,
    SelinuxDenied,
    |word| cache(word)
);

/// Notes a refusal of the cache. Where memory is mapped, the kernel asks whether
/// the task may have more than there is, and goes on where not; there the
/// audited refusals alone are true ones.
#[inline(always)]
fn cache(word: Word) {
    let operation = Task::current().syscall().operation();
    if operation != Operation::Exec as u8 && operation != Operation::Mmap as u8 {
        word.note();
    }
}

/// Starts of the classes of capabilities: `capability`, `capability2`,
/// `cap_userns`, `cap2_userns`.
const CAPABILITY: u64 = u64::from_le_bytes(*b"capabili");
const CAP_USERNS: u64 = u64::from_le_bytes(*b"cap_user");
const CAP2_USERNS: u64 = u64::from_le_bytes(*b"cap2_use");
/// Where `capability2` has its digit.
const CAPABILITY_DIGIT: u64 = 10;

// match-proto: TP_PROTO(struct selinux_audit_data *sad, char *scontext, char *tcontext, const char *tclass)
/// A refusal that is audited, or a grant.
#[raw_tracepoint(tracepoint = "selinux_audited")]
pub fn tp_selinux_audited(ctx: RawTracePointContext) -> i32 {
    let data: u64 = ctx.arg(0);
    // In permissive mode it is audited, and granted.
    let result: i32 = read(data + offset!(selinux_audit_result));
    if let Some(errno) = gate::denial_errno(i64::from(result)) {
        let class: u64 = ctx.arg(3);
        let word = Word {
            requested: read(data + offset!(selinux_audit_requested)),
            subject: ctx.arg(1),
            object: ctx.arg(2),
            class,
            ..Word::new(
                Lsm::Selinux,
                Hook::SelinuxAudited,
                Backend::Tracepoint,
                errno,
            )
        };
        match first_capability(class) {
            Some(first) => {
                let denied: u32 = read(data + offset!(selinux_audit_denied));
                let word = Word {
                    capability: (first + lowest_bit(denied) + 1) ^ veil() as u32,
                    // What the system call makes of a missing capability.
                    errno: gate::EPERM,
                    ..word
                };
                word.count_capability();
            }
            None => word.note(),
        }
    }
    0
}

/// Number of the first capability of a class; `None` for a class of other things.
#[inline(always)]
fn first_capability(class: u64) -> Option<u32> {
    match read::<u64>(class) {
        CAPABILITY if read::<u8>(class + CAPABILITY_DIGIT) == b'2' => Some(32),
        CAPABILITY | CAP_USERNS => Some(0),
        CAP2_USERNS => Some(32),
        _ => None,
    }
}

/// Number of the lowest bit that is set, counted as the bits below it, without
/// a branch: the verifier would follow each way through the rest of the program.
#[inline(always)]
fn lowest_bit(bits: u32) -> u32 {
    let below = (bits & bits.wrapping_neg()).wrapping_sub(1);
    let pairs = below - (below >> 1 & 0x5555_5555);
    let quads = (pairs & 0x3333_3333) + (pairs >> 2 & 0x3333_3333);
    let bytes = (quads + (quads >> 4)) & 0x0f0f_0f0f;
    bytes.wrapping_mul(0x0101_0101) >> 24
}
