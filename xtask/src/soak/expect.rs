//! What each container's count must be, and whether it is.
//!
//! In: containers that have ended, scrapes. Out: those whose count is wrong.
//! Invariant: a count below the bounds has a while to get there, as counters are
//! exported with a delay; one above them is wrong at once. Lacks on purpose:
//! containers that still run.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::scrape::Scrape;

/// How long a count may take to be exported. The daemon waits five seconds for a
/// sample; and a machine under churn is slow.
const WITHIN: Duration = Duration::from_secs(60);

/// A container that has ended.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    pub(super) name: String,
    pub(super) errno: &'static str,
    /// Refused for certain.
    pub(super) least: u64,
    /// Tried: one that was killed may have been refused once more than it knew.
    pub(super) most: u64,
}

/// All that are not settled.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    open: Mutex<Vec<(Expectation, Instant)>>,
    settled: AtomicUsize,
}

impl Expectations {
    pub(super) fn add(&self, expectation: Expectation) {
        if let Ok(mut open) = self.open.lock() {
            open.push((expectation, Instant::now()));
        }
    }

    /// How many were found right.
    pub(super) fn settled(&self) -> usize {
        self.settled.load(Ordering::Relaxed)
    }

    /// Those that were not found right so far.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.open.lock();
        open.map_or_else(
            |_| vec!["a thread panicked".to_owned()],
            |open| {
                open.iter()
                    .map(|(one, _)| format!("never counted: {one:?}"))
                    .collect()
            },
        )
    }

    /// Compares with a scrape; returns what is wrong for good.
    pub(super) fn compare(&self, scrape: &Scrape<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        let Ok(mut open) = self.open.lock() else {
            return wrong;
        };
        let mut by_errno: HashMap<&str, HashMap<&str, u64>> = HashMap::new();
        open.retain(|(one, since)| {
            let counts = by_errno
                .entry(one.errno)
                .or_insert_with(|| scrape.denials(one.errno));
            let counted = counts.get(one.name.as_str()).copied().unwrap_or(0);
            if (one.least..=one.most).contains(&counted) {
                self.settled.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            let hopeless = counted > one.most || since.elapsed() > WITHIN;
            if hopeless {
                wrong.push(format!("counted {counted} of {one:?}"));
            }
            !hopeless
        });
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(name: &str, least: u64, most: u64) -> Expectation {
        Expectation {
            name: name.to_owned(),
            errno: "EROFS",
            least,
            most,
        }
    }

    #[test]
    fn a_count_settles_waits_or_is_wrong() {
        let text = "sealwatch_denials_total{container=\"a\",errno=\"EROFS\"} 3\n\
            sealwatch_denials_total{container=\"b\",errno=\"EROFS\"} 5\n";
        let scrape = Scrape::of(text);
        let all = Expectations::default();
        all.add(expected("a", 3, 4));
        all.add(expected("b", 3, 4));
        all.add(expected("c", 1, 1));
        let wrong = all.compare(&scrape);
        assert_eq!(wrong.len(), 1);
        assert!(
            wrong[0].contains("counted 5") && wrong[0].contains("\"b\""),
            "{wrong:?}"
        );
        assert_eq!(all.settled(), 1);
        assert!(all.open()[0].contains("\"c\""));
        assert!(all.compare(&scrape).is_empty());
    }
}
