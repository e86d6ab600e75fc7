//! Security modules: which of them said no, and what it knows.
//!
//! In: returns of the modules' own functions. Out: a note for the refusal that
//! follows; and a refusal by itself where no operation on a file does. Invariant:
//! a success returns after one compare; the modules are asked one after another
//! and the first refusal ends it, so that one of these hooks fires for one
//! refused call. Lacks on purpose: a refusal of anything else (connect, stat,
//! chdir), which is noted and never counted.

mod apparmor;
mod landlock;
mod other;
mod selinux;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use sealwatch_ebpf::wire::{Backend, Hook, Lsm, LsmDetail, LsmNote, Operation, Signals};

use crate::count::veil;
use crate::kernel::Task;
use crate::note::{remember_module, thread};
use crate::refusal::{Refusal, Subject, record};
use crate::{LSM_NOTES, PENDING};

/// io_uring_enter(2), whose requests are operations of other calls.
const IO_URING_ENTER: u32 = 426;

/// Bits that a module's number takes where it is passed on with a capability's.
const MODULE_BITS: u32 = 8;

/// What a note is made anew from: it is too large for the stack.
static BLANK: LsmNote = LsmNote {
    syscall: 0,
    detail: LsmDetail {
        requested: 0,
        reserved: 0,
        subject: [0; 128],
        object: [0; 128],
        class: [0; 24],
    },
};

/// A module's refusal, as its hook saw it. Texts are addresses of strings in
/// kernel memory; 0 stands for what the hook does not know.
#[derive(Clone, Copy)]
struct Word {
    module: Lsm,
    hook: Hook,
    backend: Backend,
    /// The positive errno.
    errno: u8,
    /// In the module's own bits.
    requested: u32,
    /// Number of the capability that was refused, plus one.
    capability: u32,
    /// AppArmor's profile, or SELinux's context of the task.
    subject: u64,
    /// SELinux's context of the object.
    object: u64,
    /// SELinux's class of the object.
    class: u64,
}

impl Word {
    #[inline(always)]
    fn new(module: Lsm, hook: Hook, backend: Backend, errno: u8) -> Word {
        Word {
            module,
            hook,
            backend,
            errno,
            requested: 0,
            capability: 0,
            subject: 0,
            object: 0,
            class: 0,
        }
    }

    /// Notes it for the refusal of the operation that is under way.
    #[inline(always)]
    fn note(self) {
        self.write();
    }

    /// Notes it, and counts it where the system call is none on a file: then no
    /// other hook sees the refusal.
    #[inline(always)]
    fn count(self) {
        self.write();
        let task = Task::current();
        let operation = task.syscall().operation();
        if is_without_path(operation) {
            self.record(&task, operation);
        }
    }

    /// The same of a capability, whose use is an operation of its own where the
    /// system call is in no table.
    #[inline(always)]
    fn count_capability(self) {
        let first = is_first_capability(self.capability);
        self.write();
        let task = Task::current();
        let operation = match task.syscall().operation() {
            0 if task.number == IO_URING_ENTER || task.number == u32::MAX => return,
            0 => Operation::Capability as u8,
            operation if is_without_path(operation) => operation,
            _ => return,
        };
        if first {
            self.record(&task, operation);
            // For a second question of the same call; counting took the note away.
            self.write();
        }
    }

    /// Passed on in registers, since its place on the stack would stay taken
    /// while `record` runs.
    #[inline(always)]
    fn write(&self) {
        let who = self.module as u32 | self.capability << MODULE_BITS;
        // What is found out of these in there would stay known behind it.
        let veil = veil();
        write(
            who,
            self.requested ^ veil as u32,
            self.subject ^ veil,
            self.object ^ veil,
            self.class ^ veil,
        );
    }

    #[inline(always)]
    fn record(&self, task: &Task, operation: u8) {
        let row = task.syscall();
        let subject = match row.0 {
            0 => Subject::NONE,
            _ => Subject::of_syscall(task, row),
        };
        record(
            task,
            &Refusal {
                hook: self.hook,
                backend: self.backend,
                // Else what follows is checked once for each operation.
                operation: operation ^ veil() as u8,
                errno: self.errno,
                signals: Signals::SECURITY,
                subject: subject.veiled(),
            },
        );
    }
}

#[inline(always)]
fn is_without_path(operation: u8) -> bool {
    operation == Operation::Ptrace as u8
        || operation == Operation::Mount as u8
        || operation == Operation::Signal as u8
}

/// Some calls are content with one of two capabilities, and ask for both. The
/// same one again is another call that looks the same.
#[inline(always)]
fn is_first_capability(capability: u32) -> bool {
    // SAFETY: the entry is this thread's own; nobody else writes it.
    match unsafe { PENDING.get(thread()) } {
        Some(note) if note.lsm != 0 && note.syscall == Task::current().fingerprint() => {
            note.evidence.capability == 0 || note.evidence.capability == capability
        }
        _ => true,
    }
}

/// Writes a [`Word`] into the maps, in a frame of its own, beside that of `record`.
#[inline(never)]
fn write(who: u32, requested: u32, subject: u64, object: u64, class: u64) {
    let syscall = Task::current().fingerprint();
    let module = who & ((1 << MODULE_BITS) - 1);
    remember_module(module, who >> MODULE_BITS, syscall);
    let Some(note) = note(syscall) else { return };
    // SAFETY: a live map value, this thread's own; the helper writes no more
    // than the size that is passed.
    unsafe {
        let detail = &raw mut (*note).detail;
        if requested != 0 {
            (*detail).requested = requested;
        }
        if subject != 0 {
            let at = (&raw mut (*detail).subject).cast();
            bpf_probe_read_kernel_str(at, 128, subject as *const _);
        }
        if object != 0 {
            let at = (&raw mut (*detail).object).cast();
            bpf_probe_read_kernel_str(at, 128, object as *const _);
        }
        if class != 0 {
            let at = (&raw mut (*detail).class).cast();
            bpf_probe_read_kernel_str(at, 24, class as *const _);
        }
    }
}

/// The current system call's entry among the details.
#[inline(always)]
#[allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a copy does not fit on the stack"
)]
fn note(syscall: u64) -> Option<*mut LsmNote> {
    let thread = thread();
    let current = match LSM_NOTES.get_ptr(thread) {
        // SAFETY: a live map value, this thread's own.
        Some(note) => unsafe { (*note).syscall == syscall },
        None => false,
    };
    if !current {
        let _ = LSM_NOTES.insert(thread, &BLANK, 0);
    }
    let note = LSM_NOTES.get_ptr_mut(thread)?;
    // SAFETY: as above.
    unsafe { (*note).syscall = syscall };
    Some(note)
}

/// Defines an fexit program of a module's function that returns an errno.
/// `$arguments` is the number of its arguments, after which the return value
/// stands; `$heard` takes the context and the [`Word`].
macro_rules! fexit {
    ($(#[$meta:meta])* $name:ident, $arguments:literal, $module:ident, $hook:ident, |$ctx:ident, $word:ident| $heard:expr) => {
        $(#[$meta])*
        #[aya_ebpf::macros::fexit]
        pub fn $name($ctx: aya_ebpf::programs::FExitContext) -> i32 {
            if let Some(errno) = sealwatch_ebpf::gate::denial_errno_int($ctx.arg($arguments)) {
                let $word = crate::probes::lsm::Word::new(
                    sealwatch_ebpf::wire::Lsm::$module,
                    sealwatch_ebpf::wire::Hook::$hook,
                    sealwatch_ebpf::wire::Backend::Fexit,
                    errno,
                );
                $heard;
            }
            0
        }
    };
}
use fexit;

/// The same as a kretprobe, which sees the return value alone.
macro_rules! kretprobe {
    ($(#[$meta:meta])* $name:ident, $module:ident, $hook:ident, |$word:ident| $heard:expr) => {
        $(#[$meta])*
        #[aya_ebpf::macros::kretprobe]
        pub fn $name(ctx: aya_ebpf::programs::RetProbeContext) -> u32 {
            if let Some(errno) = sealwatch_ebpf::gate::denial_errno_int(ctx.ret()) {
                let $word = crate::probes::lsm::Word::new(
                    sealwatch_ebpf::wire::Lsm::$module,
                    sealwatch_ebpf::wire::Hook::$hook,
                    sealwatch_ebpf::wire::Backend::Kprobe,
                    errno,
                );
                $heard;
            }
            0
        }
    };
}
use kretprobe;
