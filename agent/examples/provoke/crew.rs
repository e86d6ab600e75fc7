//! A worker of a load that many containers make together.
//!
//! In: a board with orders, and the worker's number on it. Out: counts on the
//! board. Invariant: whatever becomes of the process, what was refused lies
//! between the two counts of its slot. Lacks on purpose: knowing who else is there.

use std::convert::Infallible;
use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use xtask::load::{Board, Order, Round, Slot, monotonic_ns, pace};

use super::call::{errno, opened, syscall};

/// Kinds of refusal that a worker goes round: each has a path of its own.
const KINDS: u64 = 4;
/// Operations of a flood between two looks at the time.
const BURST: u64 = 64;

/// One refusal on a read-only root; its errno.
fn refusal(number: u64) -> i32 {
    let create = libc::O_WRONLY | libc::O_CREAT;
    match number % KINDS {
        0 => opened(syscall!(
            SYS_open,
            c"/etc/passwd".as_ptr(),
            libc::O_WRONLY,
            0
        )),
        1 => opened(syscall!(
            SYS_open,
            c"/var/cache/myapp/index.bin".as_ptr(),
            create,
            0o644
        )),
        2 => errno(syscall!(SYS_mkdir, c"/srv/spool".as_ptr(), 0o755)),
        _ => errno(syscall!(SYS_unlink, c"/etc/group".as_ptr())),
    }
}

/// Follows the board's orders until it is killed.
pub fn serve(board: &Path, number: usize) -> Result<Infallible, String> {
    let board = Board::open(board).map_err(|error| format!("{error:#}"))?;
    let slot = board
        .slot(number)
        .ok_or_else(|| format!("worker {number}: the board has {} places", board.slots()))?;
    slot.present.store(1, Ordering::Release);
    let mut seen = 0;
    loop {
        let round = board.take(seen);
        seen = round.number;
        match round.order {
            Order::Pace { millirate } => paced(slot, number, millirate, &round),
            Order::Flood { threads } => flood(slot, threads, &round),
            Order::Once => once(slot, &round),
        }
        slot.finished.store(seen, Ordering::Release);
    }
}

/// Has one operation refused, and counts it; false where it was not as meant.
fn count(slot: &Slot, act: impl FnOnce() -> i32) -> bool {
    slot.begun.fetch_add(1, Ordering::SeqCst);
    let errno = act();
    if errno != libc::EROFS {
        let told = errno.unsigned_abs().saturating_add(1);
        slot.strange.store(told, Ordering::Relaxed);
        return false;
    }
    slot.refused.fetch_add(1, Ordering::SeqCst);
    true
}

fn paced(slot: &Slot, number: usize, millirate: u64, round: &Round) {
    // One who comes late makes up for nothing.
    let begins_ns = round.begins_ns.max(monotonic_ns()) + pace::phase_ns(number);
    let mut done = 0;
    loop {
        let now = monotonic_ns();
        if now >= round.ends_ns {
            return;
        }
        let elapsed = now.saturating_sub(begins_ns);
        while done < pace::due(elapsed, millirate) {
            // The bursts are short, and each begins with another kind.
            if !count(slot, || refusal(done)) {
                return;
            }
            done += 1;
        }
        let next_ns = begins_ns + pace::next_ns(elapsed, done, millirate);
        let until_ns = next_ns.min(round.ends_ns);
        thread::sleep(Duration::from_nanos(
            until_ns.saturating_sub(monotonic_ns()),
        ));
    }
}

fn flood(slot: &Slot, threads: u32, round: &Round) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while monotonic_ns() < round.ends_ns {
                    for number in 0..BURST {
                        if !count(slot, || refusal(number)) {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// A path that no round before this one had.
fn once(slot: &Slot, round: &Round) {
    let Ok(path) = CString::new(format!("/var/cache/myapp/once-{}", round.number)) else {
        return;
    };
    let flags = libc::O_WRONLY | libc::O_CREAT;
    count(slot, || {
        slot.stamp_ns.store(monotonic_ns(), Ordering::Relaxed);
        opened(syscall!(SYS_open, path.as_ptr(), flags, 0o644))
    });
}
