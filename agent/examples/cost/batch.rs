//! System calls in batches -> what one of them costs in instructions.
//!
//! In: one system call, or two that belong together, with their arguments. Out: the
//! median over the batches of what one round took by the processor's counter.
//! Invariant: between two readings of the counter nothing is executed but the loop
//! and the calls. Lacks on purpose: knowing what the calls are; another clock.

use std::arch::asm;

use serde::{Deserialize, Serialize};

/// How long it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Batches, of which the median counts.
    pub batches: usize,
    /// Rounds of a batch.
    pub rounds: u64,
}

/// A system call with up to four arguments.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 4],
}

/// What is done in each round.
#[derive(Clone, Copy, Debug)]
pub enum Round {
    /// Nothing: the loop by itself.
    Empty,
    /// One call.
    One(Call),
    /// A call that returns a descriptor, and close(2) of it.
    Closed(Call),
    /// A call, and the one of this number with the same arguments, which undoes it.
    Undone(Call, i64),
    /// A call whose first two arguments change places for the next round.
    Back(Call),
}

/// Instructions for one round.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Of the batch in the middle.
    pub median: f64,
    /// Of the cheapest batch.
    pub least: f64,
    /// Of the batch that a quarter of all are dearer than.
    pub upper_quartile: f64,
}

/// What the counter moved by in one batch, and the last return value.
fn batch(round: Round, rounds: u64) -> (u64, i64) {
    let (mut ticks, mut last): (u64, i64);
    let (call, second) = match round {
        Round::Empty => {
            // SAFETY: a loop that touches its own registers alone.
            unsafe {
                asm!(
                    "rdtsc", "shl rdx, 32", "lea r8, [rax + rdx]",
                    "2:", "dec {n}", "jnz 2b",
                    "rdtsc", "shl rdx, 32", "add rax, rdx", "sub rax, r8",
                    n = inout(reg) rounds => _,
                    out("rax") ticks, out("rdx") _, out("r8") _,
                );
            }
            return (ticks, 0);
        }
        Round::One(call) | Round::Back(call) => (call, 0),
        Round::Closed(call) => (call, libc::SYS_close),
        Round::Undone(call, second) => (call, second),
    };
    let [first, next, third, fourth] = call.arguments;
    // Each loop keeps the arguments where the kernel leaves them alone; of the
    // registers it changes only rax, rcx and r11.
    macro_rules! measured {
        ($($body:literal),+) => {
            asm!(
                "mov r14, rdx", "rdtsc", "shl rdx, 32", "lea r12, [rax + rdx]", "mov rdx, r14",
                "2:", $($body,)+ "dec r13", "jnz 2b",
                "mov r14, rax", "rdtsc", "shl rdx, 32", "add rax, rdx", "sub rax, r12",
                out("rax") ticks, out("rcx") _, out("r11") _, out("r12") _,
                inout("rdi") first => _, inout("rsi") next => _, inout("rdx") third => _,
                in("r10") fourth, inout("r13") rounds => _, out("r14") last,
                in("r8") call.number, in("r9") second,
            )
        };
    }
    // SAFETY: the arguments are valid for the calls, which the caller has tried, and
    // every register that is changed is named.
    unsafe {
        match round {
            Round::Empty | Round::One(_) => measured!("mov rax, r8", "syscall"),
            Round::Back(_) => measured!("mov rax, r8", "syscall", "xchg rdi, rsi"),
            Round::Undone(..) => measured!("mov rax, r8", "syscall", "mov rax, r9", "syscall"),
            Round::Closed(_) => measured!(
                "mov rax, r8",
                "syscall",
                "mov r14, rdi",
                "mov rdi, rax",
                "mov rax, r9",
                "syscall",
                "mov rdi, r14"
            ),
        }
    }
    (ticks, last)
}

/// Measures; the batches of the first quarter only warm up.
pub fn cost(round: Round, length: Length) -> (Cost, i64) {
    let mut last = 0;
    for _ in 0..length.batches.div_ceil(4) {
        last = batch(round, length.rounds).1;
    }
    let mut taken: Vec<f64> = (0..length.batches)
        .map(|_| batch(round, length.rounds).0 as f64 / length.rounds as f64)
        .collect();
    taken.sort_by(f64::total_cmp);
    let at = |part: usize| {
        taken
            .get(taken.len() * part / 4)
            .copied()
            .unwrap_or_default()
    };
    let cost = Cost {
        median: at(2),
        least: at(0),
        upper_quartile: at(3),
    };
    (cost, last)
}
