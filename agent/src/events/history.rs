//! Events are kept for a while, for those who ask later or follow.
//!
//! In: [`Event`]s. Out: those after a place. Invariant: bounded in number and
//! bytes, the oldest leave first; the writer never waits for a reader; a reader
//! who was too slow learns how many it has missed, and one of an earlier daemon
//! gets all of this one's. Lacks on purpose: a copy for each reader.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::{Event, Filter};

/// Most events that are kept.
pub const EVENTS_MAX: usize = 4_096;
/// Most bytes of them; a hostile path makes a long line.
const BYTES_MAX: usize = 4 << 20;

/// An event with its place in the order of all.
#[derive(Debug)]
pub struct Numbered {
    /// From 1, without a gap.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// A place in the order of one daemon's events, written `RUN-NUMBER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Which daemon's; none where nobody said, written as the number alone.
    pub run: Option<u64>,
    /// The last event before it.
    pub number: u64,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run {
            Some(run) => write!(f, "{run:x}-{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

/// The text is no place.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no place among the events: use NUMBER or RUN-NUMBER")]
pub struct SpotError(String);

impl FromStr for Spot {
    type Err = SpotError;

    fn from_str(text: &str) -> Result<Self, SpotError> {
        let bad = || SpotError(text.to_owned());
        let (run, number) = match text.split_once('-') {
            Some((run, number)) => {
                let run = u64::from_str_radix(run, 16).map_err(|_| bad())?;
                (Some(run), number)
            }
            None => (None, text),
        };
        let number = number.parse().map_err(|_| bad())?;
        Ok(Spot { run, number })
    }
}

/// Some events, in order.
#[derive(Debug, Default)]
pub struct Page {
    /// Those that were wanted.
    pub events: Vec<Arc<Numbered>>,
    /// The last that was looked at: where to go on after.
    pub last: u64,
    /// Events after the number asked for that are not kept any more.
    pub missed: u64,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Numbered>>,
    bytes: usize,
    last: u64,
}

/// The latest events.
#[derive(Debug, Default)]
pub struct History {
    /// Tells this daemon's numbers from another's.
    run: u64,
    ring: Mutex<Ring>,
    last: watch::Sender<u64>,
    ended: AtomicBool,
}

impl History {
    /// Nothing yet, of a daemon that began at this time.
    pub fn begun(at: SystemTime) -> History {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        History {
            run: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            ..History::default()
        }
    }

    /// That place in this daemon's order.
    pub fn spot(&self, number: u64) -> Spot {
        let run = Some(self.run);
        Spot { run, number }
    }

    /// There will be no more events: followers need not wait for them.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.last.send_modify(|_| {});
    }

    /// Will there be no more? What was pushed before is in every page that is
    /// asked for afterwards.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an event.
    pub fn push(&self, event: Event) {
        let mut ring = self.ring();
        ring.last += 1;
        ring.bytes += event.line.len();
        let number = ring.last;
        ring.events.push_back(Arc::new(Numbered { number, event }));
        while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.events.pop_front() else {
                break;
            };
            ring.bytes -= oldest.event.line.len();
        }
        drop(ring);
        self.last.send_replace(number);
    }

    /// The oldest `most` events after a place that the filter wants. All are
    /// after a place of an earlier daemon, which a number that was not given out
    /// yet is as well.
    pub fn after(&self, spot: Spot, most: usize, filter: &Filter) -> Page {
        let ring = self.ring();
        let foreign = spot.run.is_some_and(|run| run != self.run);
        let number = match foreign || spot.number > ring.last {
            true => 0,
            false => spot.number,
        };
        let oldest = ring.last - ring.events.len() as u64;
        let mut page = Page {
            events: Vec::new(),
            last: number.max(oldest),
            missed: oldest.saturating_sub(number),
        };
        let skip = usize::try_from(page.last - oldest).unwrap_or(usize::MAX);
        for numbered in ring.events.iter().skip(skip) {
            if filter.wants(&numbered.event) {
                if page.events.len() >= most {
                    break;
                }
                page.events.push(Arc::clone(numbered));
            }
            page.last = numbered.number;
        }
        page
    }

    /// The latest `most` events that the filter wants, the oldest of them first.
    pub fn latest(&self, most: usize, filter: &Filter) -> Page {
        let ring = self.ring();
        let wanted = ring.events.iter().rev();
        let wanted = wanted.filter(|numbered| filter.wants(&numbered.event));
        let mut events: Vec<_> = wanted.take(most).map(Arc::clone).collect();
        events.reverse();
        Page {
            events,
            last: ring.last,
            missed: 0,
        }
    }

    /// Changes whenever there is a new event.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::UNIX_EPOCH;

    use super::*;

    fn event(kind: &'static str, bytes: usize) -> Event {
        Event {
            kind,
            time: UNIX_EPOCH,
            container: None,
            cause: None,
            lsm: None,
            line: "x".repeat(bytes),
        }
    }

    fn at(number: u64) -> Spot {
        Spot { run: None, number }
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.events.iter().map(|numbered| numbered.number).collect()
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let history = History::default();
        for number in 0..10 {
            history.push(event(if number % 2 == 0 { "even" } else { "odd" }, 1));
        }
        let any = Filter::default();
        let odd = Filter {
            kind: Some("odd".to_owned()),
            ..Filter::default()
        };
        let first = history.after(at(0), 4, &any);
        assert_eq!((numbers(&first), first.last), (vec![1, 2, 3, 4], 4));
        let second = history.after(at(first.last), 100, &any);
        assert_eq!((numbers(&second), second.last), ((5..=10).collect(), 10));
        let odds = history.after(at(0), 2, &odd);
        assert_eq!((numbers(&odds), odds.last), (vec![2, 4], 5));
        assert_eq!(numbers(&history.after(at(odds.last), 9, &odd)), [6, 8, 10]);
        assert_eq!(numbers(&history.latest(2, &odd)), [8, 10]);
        // Places of an earlier daemon.
        assert_eq!(numbers(&history.after(at(99), 3, &any)), [1, 2, 3]);
        let other = History::begun(UNIX_EPOCH + std::time::Duration::from_nanos(26));
        assert_eq!(other.spot(9).to_string(), "1a-9");
        assert_eq!(numbers(&history.after(other.spot(9), 2, &any)), [1, 2]);
        assert_eq!(numbers(&history.after(history.spot(9), 2, &any)), [10]);
    }

    #[test]
    fn places_are_written_and_read() {
        for text in ["7", "1a-7", "0-0"] {
            assert_eq!(text.parse::<Spot>().unwrap().to_string(), text);
        }
        for text in ["", "-", "x-1", "1-", "1-2-3", "-1"] {
            let error = text.parse::<Spot>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn the_oldest_leave_and_the_slow_learn_of_it() {
        let history = History::default();
        for _ in 0..EVENTS_MAX + 5 {
            history.push(event("x", 1));
        }
        let page = history.after(at(2), 1, &Filter::default());
        assert_eq!((numbers(&page), page.missed), (vec![6], 3));
        history.push(event("x", BYTES_MAX));
        let page = history.after(at(0), 10, &Filter::default());
        assert_eq!(page.events.len(), 1);
        history.push(event("x", BYTES_MAX + 1));
        let page = history.after(at(0), 10, &Filter::default());
        assert_eq!((page.events.len(), page.last), (0, EVENTS_MAX as u64 + 7));
        assert_eq!(*history.follow().borrow(), page.last);
    }

    proptest! {
        #[test]
        fn every_place_is_read_as_it_was_told(run: Option<u64>, number: u64) {
            let spot = Spot { run, number };
            prop_assert_eq!(spot.to_string().parse::<Spot>().unwrap(), spot);
        }

        #[test]
        fn no_text_makes_it_panic(text: String, odd in "[0-9a-f-]{0,40}") {
            let _ = (text.parse::<Spot>(), odd.parse::<Spot>());
        }
    }
}
