//! In the guest: the wall clock is set while the daemon counts.
//!
//! In: how often it was set before. Out: another time of day. Invariant: each jump is
//! longer than any span that the daemon goes by, forwards and backwards by turns.
//! Lacks on purpose: CLOCK_MONOTONIC, which nobody can set.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Result;

/// Of one jump.
const JUMP: Duration = Duration::from_secs(25 * 3600);

/// Sets it: forwards where the number is even, otherwise backwards.
pub fn set(number: usize) -> Result<()> {
    let now = SystemTime::now();
    let then = match number.is_multiple_of(2) {
        true => now + JUMP,
        false => now - JUMP,
    };
    let then = then.duration_since(UNIX_EPOCH)?;
    let time = libc::timespec {
        tv_sec: i64::try_from(then.as_secs())?,
        tv_nsec: then.subsec_nanos().into(),
    };
    // SAFETY: passes a valid structure.
    match unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error().into()),
    }
}
