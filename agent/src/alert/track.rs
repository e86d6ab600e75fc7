//! What is so now becomes what has begun and what has ended.
//!
//! In: the alerts of this moment, time. Out: [`Notice`]s; the alerts that are
//! active. Invariant: pure; of two with the same labels there is one; one that
//! must hold for a time begins after that; each that begins ends once; what an
//! earlier daemon told is over only once this one had the time to see it again.
//! Lacks on purpose: receivers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Alert;
use crate::degrade::Moment;

/// How long something must not be so until it is over: one reading of a tmpfs
/// that fails is no end.
pub(super) const LINGER_NS: u64 = 5_000_000_000;
/// How long an earlier daemon's alert waits to be seen again. The state of
/// degraded containers is judged anew within a minute.
pub(super) const RESTORED_NS: u64 = 90_000_000_000;

type Labels = BTreeMap<String, String>;

/// An alert with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Episode {
    pub(super) alert: Alert,
    pub(super) starts_at: SystemTime,
    /// None while it is so.
    pub(super) ends_at: Option<SystemTime>,
}

/// A beginning or an end, as its episode tells.
pub(super) type Notice = Arc<Episode>;

#[derive(Debug)]
struct Active {
    episode: Arc<Episode>,
    /// CLOCK_MONOTONIC until which it is so though nothing shows it.
    until_ns: u64,
}

/// The alerts that are active.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    active: BTreeMap<Labels, Active>,
    /// Since when those are so that are not so for long enough; CLOCK_MONOTONIC.
    pending: BTreeMap<Labels, u64>,
}

impl Tracker {
    /// Those that an earlier daemon told are active, until now is known.
    pub(super) fn restored(episodes: Vec<Episode>, now: Moment) -> Self {
        let active = episodes.into_iter().map(|episode| {
            let active = Active {
                until_ns: now.monotonic_ns.saturating_add(RESTORED_NS),
                episode: Arc::new(episode),
            };
            (active.episode.alert.labels.clone(), active)
        });
        Tracker {
            active: active.collect(),
            pending: BTreeMap::new(),
        }
    }

    /// Takes in all alerts of this moment, each with the time for which it must be
    /// so; tells what has begun and ended.
    pub(super) fn observe(&mut self, alerts: Vec<(Alert, Duration)>, now: Moment) -> Vec<Notice> {
        let mut notices = Vec::new();
        let until_ns = now.monotonic_ns.saturating_add(LINGER_NS);
        let mut pending = std::mem::take(&mut self.pending);
        for (alert, hold) in alerts {
            match self.active.get_mut(&alert.labels) {
                Some(active) => {
                    active.until_ns = until_ns;
                    if active.episode.alert != alert {
                        let mut episode = Episode::clone(&active.episode);
                        episode.alert = alert;
                        active.episode = Arc::new(episode);
                    }
                }
                None => {
                    let since_ns = pending.remove(&alert.labels);
                    let since_ns = since_ns.unwrap_or(now.monotonic_ns);
                    let age_ns = now.monotonic_ns.saturating_sub(since_ns);
                    if Duration::from_nanos(age_ns) < hold {
                        self.pending.insert(alert.labels, since_ns);
                        continue;
                    }
                    let episode = Arc::new(Episode {
                        starts_at: now.wall,
                        ends_at: None,
                        alert,
                    });
                    notices.push(Arc::clone(&episode));
                    let labels = episode.alert.labels.clone();
                    self.active.insert(labels, Active { episode, until_ns });
                }
            }
        }
        self.active.retain(|_, active| {
            if now.monotonic_ns < active.until_ns {
                return true;
            }
            let mut episode = Episode::clone(&active.episode);
            // The wall clock may have been set back meanwhile.
            episode.ends_at = Some(now.wall.max(episode.starts_at));
            notices.push(Arc::new(episode));
            false
        });
        notices
    }

    /// Those that are active, by labels.
    pub(super) fn active(&self) -> impl ExactSizeIterator<Item = &Arc<Episode>> {
        self.active.values().map(|active| &active.episode)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    pub(in crate::alert) fn at(seconds: u64) -> Moment {
        Moment {
            monotonic_ns: seconds * 1_000_000_000,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds),
        }
    }

    pub(in crate::alert) fn alert(name: &str, words: &str) -> Alert {
        Alert {
            labels: [("alertname".to_owned(), name.to_owned())].into(),
            annotations: [("summary".to_owned(), words.to_owned())].into(),
        }
    }

    fn told(notices: &[Notice]) -> Vec<(&str, bool)> {
        let told = notices
            .iter()
            .map(|one| (one.alert.name(), one.ends_at.is_some()));
        told.collect()
    }

    /// One that need not hold.
    pub(in crate::alert) fn so(name: &str, words: &str) -> (Alert, Duration) {
        (alert(name, words), Duration::ZERO)
    }

    #[test]
    fn one_that_must_hold_begins_after_that() {
        let mut tracker = Tracker::default();
        let full = || vec![(alert("A", ""), Duration::from_secs(60))];
        assert!(tracker.observe(full(), at(0)).is_empty());
        assert!(tracker.observe(full(), at(59)).is_empty());
        assert!(tracker.observe(vec![], at(60)).is_empty(), "it begins anew");
        assert!(tracker.observe(full(), at(61)).is_empty());
        assert_eq!(told(&tracker.observe(full(), at(121))), [("A", false)]);
        assert_eq!(tracker.pending.len(), 0);
    }

    #[test]
    fn each_begins_and_ends_once() {
        let mut tracker = Tracker::default();
        let begun = tracker.observe(vec![so("A", "1"), so("A", "2")], at(0));
        assert_eq!(told(&begun), [("A", false)]);
        assert!(tracker.observe(vec![so("A", "3")], at(5)).is_empty());
        let words = |tracker: &Tracker| {
            let first = tracker.active().next().unwrap();
            first.alert.annotations["summary"].clone()
        };
        assert_eq!(words(&tracker), "3", "the latest words are kept");
        // One reading without it is no end.
        assert!(tracker.observe(vec![], at(9)).is_empty());
        let ended = tracker.observe(vec![], at(10));
        assert_eq!(told(&ended), [("A", true)]);
        assert_eq!(ended[0].starts_at, at(0).wall);
        assert_eq!(ended[0].ends_at, Some(at(10).wall));
        assert!(tracker.observe(vec![], at(60)).is_empty());
        let again = tracker.observe(vec![so("A", "4")], at(61));
        assert_eq!(told(&again), [("A", false)]);
        assert_eq!(again[0].starts_at, at(61).wall);
    }

    #[test]
    fn what_an_earlier_daemon_told_waits_to_be_seen_again() {
        let left = ["gone", "still"].map(|name| Episode {
            alert: alert(name, ""),
            starts_at: at(0).wall,
            ends_at: None,
        });
        let mut tracker = Tracker::restored(left.into(), at(100));
        assert!(tracker.observe(vec![], at(101)).is_empty());
        let seen = vec![so("still", "")];
        assert!(tracker.observe(seen.clone(), at(150)).is_empty());
        assert!(tracker.observe(seen.clone(), at(189)).is_empty());
        let ended = tracker.observe(seen, at(190));
        assert_eq!(told(&ended), [("gone", true)]);
        assert_eq!(ended[0].starts_at, at(0).wall);
        // From when it was seen, it ends as any other.
        assert_eq!(told(&tracker.observe(vec![], at(195))), [("still", true)]);
    }
}
