//! Exact counters, and the decision to sample.
//!
//! In: a counter key. Out: the counter moved by one, and whether this refusal
//! is to be sampled. Invariant: every call moves exactly one counter (a key of
//! its own, the control group's "all other paths", or the overflow array) by
//! exactly one, whatever races. Lacks on purpose: what a sample looks like.

use aya_ebpf::helpers::generated::{bpf_get_prandom_u32, bpf_ktime_get_ns};
use sealwatch_ebpf::wire::{self, CountKey, CountValue, PATH_KEY_OTHER, Stat};
use sealwatch_ebpf::{gate, repeats};

use crate::kernel::setting;
use crate::{COUNTS, IGNORED_CGROUPS, OVERFLOW, PATH_KEYS, STATS, TURN};

/// BPF_NOEXIST: the insertion fails where the key is there already.
const NOEXIST: u64 = 1;

/// A new counter; a constant in the object takes none of the small stack.
static ZERO: CountValue = CountValue {
    count: 0,
    sampled: 0,
    lost: 0,
    next_sample_ns: 0,
    last_ns: 0,
};

/// Adds to a map's word, atomically.
#[inline(always)]
pub fn add(word: *mut u64, amount: u64) {
    // The compiler offers no atomic addition for a target without compare and
    // swap; this instruction is as old as eBPF.
    // SAFETY: `word` points to an aligned u64 of a map value, which lives as
    // long as the program runs.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({word} + 0) += {amount}",
            word = in(reg) word,
            amount = in(reg) amount,
            options(nostack),
        );
    }
}

/// Moves one of the object's own counters.
#[inline(always)]
pub fn stat(which: Stat) {
    if let Some(word) = STATS.get_ptr_mut(which as u32) {
        add(word, 1);
    }
}

/// Is it these programs' turn to count? Programs of an earlier or a later daemon
/// may be attached beside them while one takes over from the other.
#[inline(always)]
pub fn on_duty() -> bool {
    match TURN.get_ptr(0) {
        // SAFETY: a live map value, which changes at one instant.
        Some(turn) => unsafe { core::ptr::read_volatile(turn) == setting!(generation) },
        None => true,
    }
}

/// Counts one refusal, unless its control group is to be ignored, of which no counter is
/// made: what has one is not asked for it. Returns the counter where a sample of it is due now.
///
/// `key.path` is changed to [`PATH_KEY_OTHER`] where the control group, or all of
/// them, have used up their path keys.
#[inline(always)]
#[allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a copy of the key would take more of the small stack"
)]
pub fn refusal(key: &mut CountKey, now_ns: u64) -> Option<*mut CountValue> {
    if let Some(value) = COUNTS.get_ptr_mut(&*key) {
        stat(Stat::Recorded);
        return counted(value, now_ns);
    }
    // SAFETY: only presence is looked at.
    if unsafe { IGNORED_CGROUPS.get(key.cgroup) }.is_some() {
        stat(Stat::Ignored);
        return None;
    }
    stat(Stat::Recorded);
    if !claim_path_key(key.cgroup) {
        key.path = PATH_KEY_OTHER;
    }
    let _ = COUNTS.insert(&*key, &ZERO, NOEXIST);
    match COUNTS.get_ptr_mut(&*key) {
        Some(value) => counted(value, now_ns),
        None => {
            stat(Stat::Overflow);
            let index = wire::overflow_index(key.operation, gate::errno_position(key.errno));
            if let Some(word) = OVERFLOW.get_ptr_mut(index) {
                add(word, 1);
            }
            None
        }
    }
}

/// Takes one of the control group's path keys; false where none is left.
#[inline(always)]
fn claim_path_key(cgroup: u64) -> bool {
    let Some(all) = STATS.get_ptr_mut(Stat::PathKeys as u32) else {
        return false;
    };
    // SAFETY: a map value; a stale read only lets a few keys more through.
    if unsafe { *all } >= wire::PATH_KEYS_MAX || !claim_of_cgroup(cgroup) {
        return false;
    }
    add(all, 1);
    true
}

/// The control group's part in that.
#[inline(always)]
fn claim_of_cgroup(cgroup: u64) -> bool {
    if let Some(used) = PATH_KEYS.get_ptr_mut(cgroup) {
        // SAFETY: a map value; a stale read only lets a few keys more through.
        if unsafe { *used } >= wire::PATH_KEYS_PER_CGROUP {
            return false;
        }
        add(used, 1);
        return true;
    }
    // Where this table is full, paths of new control groups share one key each.
    PATH_KEYS.insert(cgroup, 1, NOEXIST).is_ok() || PATH_KEYS.get_ptr(cgroup).is_some()
}

/// Moves a counter, and says whether a sample is due and taken: the first one always is.
#[inline(always)]
fn counted(value: *mut CountValue, now_ns: u64) -> Option<*mut CountValue> {
    let interval_ns = setting!(sample_interval_ns);
    // SAFETY: `value` is a live map value. The two times are written without
    // synchronisation: a race takes one sample too many or too few, no count.
    unsafe {
        add(&raw mut (*value).count, 1);
        (*value).last_ns = now_ns;
        if gate::sample_due(now_ns, (*value).next_sample_ns) {
            let first = (*value).sampled == 0;
            (*value).next_sample_ns = now_ns + interval_ns;
            if is_drawn(now_ns) || first {
                return Some(value);
            }
        }
    }
    None
}

/// Counts a sample that is due, and draws whether it is taken. Two processors may
/// both begin a second; then a few more or less are taken.
#[inline(always)]
fn is_drawn(now_ns: u64) -> bool {
    let second = STATS.get_ptr_mut(Stat::SampleSecond as u32);
    let due = STATS.get_ptr_mut(Stat::SamplesDue as u32);
    let (Some(second), Some(due)) = (second, due) else {
        return true;
    };
    // SAFETY: live map values; the helper takes no argument.
    unsafe {
        if let Some(next) = repeats::next_second(*second, now_ns, *due) {
            *second = next;
            *due = 0;
        }
        add(due, 1);
        repeats::is_drawn(*second, bpf_get_prandom_u32())
    }
}

/// Zero, which the verifier does not know. Mixed into a value it makes the
/// verifier forget what it knew of that value, so that the ways by which a
/// function is reached look alike to it and the rest is checked once.
#[inline(always)]
pub fn veil() -> u64 {
    match STATS.get_ptr(wire::STAT_ZERO) {
        // SAFETY: a live map value.
        Some(zero) => unsafe { core::ptr::read_volatile(zero) },
        None => 0,
    }
}

/// CLOCK_MONOTONIC nanoseconds.
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}
