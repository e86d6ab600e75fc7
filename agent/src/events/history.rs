//! Events are kept for a while, for those who ask later or follow.
//!
//! In: [`Event`]s. Out: those after a number. Invariant: bounded in number and
//! bytes, the oldest leave first; the writer never waits for a reader; a reader
//! who was too slow learns how many it has missed. Lacks on purpose: a copy for
//! each reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    ring: Mutex<Ring>,
    last: watch::Sender<u64>,
}

impl History {
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

    /// The oldest `most` events after `number` that the filter wants. A number
    /// that was not given out yet is one of an earlier daemon: all are after it.
    pub fn after(&self, number: u64, most: usize, filter: &Filter) -> Page {
        let ring = self.ring();
        let number = if number > ring.last { 0 } else { number };
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
        let first = history.after(0, 4, &any);
        assert_eq!((numbers(&first), first.last), (vec![1, 2, 3, 4], 4));
        let second = history.after(first.last, 100, &any);
        assert_eq!((numbers(&second), second.last), ((5..=10).collect(), 10));
        let odds = history.after(0, 2, &odd);
        assert_eq!((numbers(&odds), odds.last), (vec![2, 4], 5));
        assert_eq!(numbers(&history.after(odds.last, 9, &odd)), [6, 8, 10]);
        assert_eq!(numbers(&history.latest(2, &odd)), [8, 10]);
        // A number of an earlier daemon.
        assert_eq!(numbers(&history.after(99, 3, &any)), [1, 2, 3]);
    }

    #[test]
    fn the_oldest_leave_and_the_slow_learn_of_it() {
        let history = History::default();
        for _ in 0..EVENTS_MAX + 5 {
            history.push(event("x", 1));
        }
        let page = history.after(2, 1, &Filter::default());
        assert_eq!((numbers(&page), page.missed), (vec![6], 3));
        history.push(event("x", BYTES_MAX));
        let page = history.after(0, 10, &Filter::default());
        assert_eq!(page.events.len(), 1);
        history.push(event("x", BYTES_MAX + 1));
        let page = history.after(0, 10, &Filter::default());
        assert_eq!((page.events.len(), page.last), (0, EVENTS_MAX as u64 + 7));
        assert_eq!(*history.follow().borrow(), page.last);
    }
}
