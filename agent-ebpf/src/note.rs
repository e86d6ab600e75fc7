//! What causes and security modules tell of a refusal that may follow.
//!
//! In: signals and evidence from their hooks. Out: one note per task, for its
//! current system call alone. Invariant: a refusal takes its note away with it;
//! a note that knows less never erases evidence. Lacks on purpose: counting.

use aya_ebpf::helpers::generated::bpf_get_current_pid_tgid;
use sealwatch_ebpf::wire::{Evidence, Pending, Signals};

use crate::PENDING;
use crate::kernel::Task;

/// The current thread, as the maps of notes know it.
#[inline(always)]
pub fn thread() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_get_current_pid_tgid() }
}

/// Evidence of a file; without one it has at most a capability.
#[inline(always)]
pub fn is_known(evidence: &Evidence) -> bool {
    evidence.inode | evidence.fs_magic != 0
}

/// Adds to the note of the current system call.
///
/// Evidence that comes with a signal takes the place of what was known: the
/// last test before the refusal is the one that refused. Evidence without a
/// signal only fills a gap, and a signal without evidence leaves it alone.
#[inline(always)]
pub fn remember(signals: u16, evidence: Evidence) {
    remember_of(&Task::current(), signals, evidence);
}

/// The same of a task that is known already.
#[inline(always)]
pub fn remember_of(task: &Task, signals: u16, evidence: Evidence) {
    let thread = thread();
    let mut next = Pending {
        syscall: task.fingerprint(),
        signals: u32::from(signals),
        lsm: 0,
        evidence,
    };
    let Some(place) = PENDING.get_ptr_mut(thread) else {
        let _ = PENDING.insert(thread, next, 0);
        return;
    };
    // SAFETY: the entry is this thread's own; nobody else writes it.
    let earlier = unsafe { &*place };
    if earlier.syscall == next.syscall {
        let of_inode = u32::from(Signals::INODE_CAPABILITY | Signals::INODE_OWNER);
        let capability = match next.evidence.capability {
            0 => earlier.evidence.capability,
            // A capability that was asked for as such says less than one that
            // would have opened the file.
            _ if !is_known(&evidence) && earlier.signals & of_inode != 0 => {
                earlier.evidence.capability
            }
            capability => capability,
        };
        if is_known(&earlier.evidence) && (signals == 0 || !is_known(&evidence)) {
            next.evidence = earlier.evidence;
        }
        next.evidence.capability = capability;
        next.signals |= earlier.signals;
        next.lsm = earlier.lsm;
    }
    // In place: to insert and to remove costs more than all else here.
    // SAFETY: as above.
    unsafe { *place = next };
}

/// Adds a security module's refusal to the note of the system call with this
/// fingerprint, with the capability it refused, plus one; what is known of a
/// file stays.
#[inline(always)]
pub fn remember_module(lsm: u32, capability: u32, syscall: u64) {
    let thread = thread();
    let signals = u32::from(Signals::SECURITY);
    match PENDING.get_ptr_mut(thread) {
        // SAFETY: a live map value, this thread's own.
        Some(note) if unsafe { (*note).syscall == syscall } => unsafe {
            (*note).signals |= signals;
            (*note).lsm = lsm;
            if capability != 0 {
                (*note).evidence.capability = capability;
            }
        },
        _ => {
            let evidence = Evidence {
                capability,
                ..Evidence::default()
            };
            let note = Pending {
                syscall,
                signals,
                lsm,
                evidence,
            };
            let _ = PENDING.insert(thread, note, 0);
        }
    }
}

/// A note as a refusal takes it up.
#[derive(Clone, Copy)]
pub struct Seen {
    /// `Signals` bits.
    pub signals: u16,
    /// `Lsm` as a number, 0 for none.
    pub lsm: u8,
    /// There is a note at all.
    pub fresh: bool,
    /// The thread's note, of whatever system call; null where there is none.
    place: *mut Pending,
}

impl Seen {
    /// Takes the note away, so that the next request of io_uring, which looks like
    /// the same system call, starts without.
    #[inline(always)]
    pub fn forget(&self) {
        forget_at(self.place);
    }
}

/// What was noted in this very system call.
#[inline(always)]
pub fn seen(task: &Task) -> Seen {
    let mut seen = Seen {
        signals: 0,
        lsm: 0,
        fresh: false,
        place: core::ptr::null_mut(),
    };
    if let Some(place) = PENDING.get_ptr_mut(thread()) {
        seen.place = place;
        // SAFETY: the entry is this thread's own; nobody else writes it.
        let note = unsafe { &*place };
        if note.syscall == task.fingerprint() {
            seen.signals = note.signals as u16;
            seen.lsm = note.lsm as u8;
            seen.fresh = true;
        }
    }
    seen
}

/// No system call has this fingerprint.
const OF_NONE: u64 = 0;

/// Takes away what nobody has seen.
#[inline(always)]
pub fn forget() {
    forget_at(
        PENDING
            .get_ptr_mut(thread())
            .unwrap_or(core::ptr::null_mut()),
    );
}

#[inline(always)]
fn forget_at(place: *mut Pending) {
    if !place.is_null() {
        // SAFETY: a live map value, this thread's own; nobody else writes it.
        unsafe { (*place).syscall = OF_NONE };
    }
}
