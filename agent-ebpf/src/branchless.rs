//! Decisions without branches.
//!
//! In: plain numbers. Out: plain numbers. Invariant: the verifier sees one way
//! through each of these, where a branch would have it check all code behind
//! once for each side. Lacks on purpose: anything that is decided once.

use core::arch::asm;

/// The same value, of which the compiler knows nothing: it makes branches of
/// what it recognises as a comparison.
#[inline(always)]
fn opaque(mut value: u64) -> u64 {
    // It is one instruction, since older kernels refuse line information of none.
    // SAFETY: the register's own value.
    unsafe { asm!("{value} = {value}", value = inout(reg) value, options(pure, nomem, nostack)) };
    value
}

/// All ones of 1, zero of 0.
#[inline(always)]
pub fn all_ones_if(one: u64) -> u64 {
    opaque(0u64.wrapping_sub(opaque(one)))
}

/// 1 if they differ, else 0.
#[inline(always)]
pub fn differ(a: u64, b: u64) -> u64 {
    let bits = opaque(a ^ b);
    opaque(bits | 0u64.wrapping_sub(bits)) >> 63
}

/// 1 if `a` is the lesser of two small numbers, else 0.
#[inline(always)]
pub fn below(a: u64, b: u64) -> u64 {
    opaque(a.wrapping_sub(b)) >> 63
}

/// `yes` where the mask is all ones, `no` where it is zero.
#[inline(always)]
pub fn pick(mask: u64, yes: u64, no: u64) -> u64 {
    no ^ (no ^ yes) & mask
}
