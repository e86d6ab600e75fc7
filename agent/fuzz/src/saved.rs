//! What an earlier daemon left: the state file and the checkpoint.
//!
//! In: their texts. Out: nothing; a broken promise panics: a text that is gone on
//! from is written and read back again, and what is not is an error.

use sealwatch::aggregate::Aggregate;
use sealwatch::degrade::{Degrade, Moment, Thresholds};
use sealwatch::denial::{Owner, Unresolved};

use super::show::{LIMITS, at, is_one_line};

const BOOT: &str = "11111111-2222-3333-4444-555555555555";
/// An hour after the clocks began.
const NOW_NS: u64 = 3_600_000_000_000;

/// The state file.
pub fn state_file(bytes: &[u8]) {
    let now = at(NOW_NS);
    let now = Moment {
        monotonic_ns: now.monotonic_ns,
        wall: now.wall,
    };
    let thresholds = Thresholds::default();
    match Degrade::restore(thresholds, LIMITS, bytes, BOOT, now) {
        Ok(degrade) => {
            let text = degrade
                .save(BOOT, now)
                .unwrap_or_else(|error| panic!("{error}"));
            let again = Degrade::restore(thresholds, LIMITS, text.as_bytes(), BOOT, now);
            let again = again.unwrap_or_else(|error| panic!("{error}: {text}"));
            let twice = again
                .save(BOOT, now)
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(text, twice, "a state that changes while it is kept");
        }
        Err(error) => is_one_line("an error", &error.to_string()),
    }
}

/// The counters of an earlier daemon.
pub fn checkpoint(bytes: &[u8]) {
    let nobody = |_| Owner::Unknown(Unresolved::ALL[0]);
    let mut aggregate = Aggregate::new(LIMITS, false);
    match aggregate.restore(bytes) {
        Ok(_) => {
            let text = aggregate
                .save(nobody)
                .unwrap_or_else(|error| panic!("{error}"));
            let mut again = Aggregate::new(LIMITS, false);
            let former = again.restore(text.as_bytes());
            former.unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(aggregate.snapshot().totals, again.snapshot().totals);
        }
        Err(error) => is_one_line("an error", &error.to_string()),
    }
}
