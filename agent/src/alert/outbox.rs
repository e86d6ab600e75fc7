//! What has begun and ended becomes what one receiver still has to be told.
//!
//! In: notices, the active alerts, time, what was delivered. Out: [`Batch`]es.
//! Invariant: pure; a notice stays until it is delivered or refused, or until
//! newer ones need its place, which is counted; a webhook is told each beginning
//! and each end in their order; an Alertmanager is told the state, again and
//! again, and of what was over before it could be told, that it was. Lacks on
//! purpose: the form of what is sent.
//!
//! Alertmanager forgets an alert at its `endsAt`, and tells nobody of one that it
//! first hears of when it is over. So what is active is told anew every
//! [`RESEND_NS`] with an end that lies a few of these ahead; what is over is
//! repeated for [`REPEAT_NS`], as Prometheus does, should Alertmanager be started
//! anew before it told anybody; and what began and ended unheard is told as
//! active for [`LATE_HOLD`], with words that say that it is over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Alert;
use super::track::{Episode, Notice};
use crate::config::ReceiverKind;
use crate::degrade::Moment;

/// Most notices that wait for one receiver.
pub(super) const QUEUE_MAX: usize = 1024;
/// How often an Alertmanager is told what is active.
pub(super) const RESEND_NS: u64 = 60_000_000_000;
/// How far ahead the end of an active alert lies: four times that.
pub(super) const FIRING_FOR: Duration = Duration::from_secs(240);
/// How long an Alertmanager is reminded that something is over.
pub(super) const REPEAT_NS: u64 = 900_000_000_000;
/// How long what is told late is active: longer than the 5 minutes that
/// Alertmanager lets pass between two notifications of a group by default.
pub(super) const LATE_HOLD: Duration = Duration::from_secs(360);
/// Most alerts in one request to a webhook.
const WEBHOOK_MAX: usize = 64;

/// One alert on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) episode: Arc<Episode>,
    /// When it ends: for an Alertmanager ahead of now while it is active.
    pub(super) ends_at: Option<SystemTime>,
}

/// What is sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) told: Vec<Told>,
    /// Number of the last notice in it, if there is one.
    last: Option<u64>,
    /// Everything that is active is in it.
    whole: bool,
}

/// One receiver's.
#[derive(Debug)]
pub(super) struct Outbox {
    kind: ReceiverKind,
    /// Numbered in their order.
    queue: VecDeque<(u64, Notice)>,
    next: u64,
    /// What is over and was told to be, with when.
    over: VecDeque<(Notice, u64)>,
    /// When an Alertmanager was last told everything.
    whole_ns: Option<u64>,
    dropped: u64,
}

impl Outbox {
    /// With what an earlier daemon could not deliver.
    pub(super) fn new(kind: ReceiverKind, undelivered: Vec<Notice>) -> Self {
        let mut own = Outbox {
            kind,
            queue: VecDeque::new(),
            next: 0,
            over: VecDeque::new(),
            whole_ns: None,
            dropped: 0,
        };
        own.take_in(&undelivered);
        own
    }

    /// Takes in what has begun and ended.
    pub(super) fn take_in(&mut self, notices: &[Notice]) {
        for notice in notices {
            if self.queue.len() >= QUEUE_MAX {
                self.queue.pop_front();
                self.dropped += 1;
            }
            self.queue.push_back((self.next, Arc::clone(notice)));
            self.next += 1;
        }
    }

    /// What waits, the oldest first.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = &Notice> {
        self.queue.iter().map(|(_, notice)| notice)
    }

    /// Notices that gave way to newer ones, cumulative.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What to send now, if anything. `active` is everything that is.
    pub(super) fn batch<'a>(
        &self,
        active: impl ExactSizeIterator<Item = &'a Arc<Episode>>,
        now: Moment,
    ) -> Option<Batch> {
        match self.kind {
            ReceiverKind::Alertmanager => self.state(active, now),
            ReceiverKind::Webhook => self.changes(),
        }
    }

    /// When there will be something to send though nothing changes.
    pub(super) fn due_ns(&self, active: usize) -> Option<u64> {
        match self.kind {
            ReceiverKind::Webhook => None,
            ReceiverKind::Alertmanager if active == 0 && self.over.is_empty() => None,
            ReceiverKind::Alertmanager => {
                Some(self.whole_ns.map_or(0, |ns| ns.saturating_add(RESEND_NS)))
            }
        }
    }

    /// It was delivered.
    pub(super) fn delivered(&mut self, batch: &Batch, now: Moment) {
        for notice in self.take(batch) {
            let labels = &notice.alert.labels;
            self.over.retain(|(over, _)| over.alert.labels != *labels);
            let alertmanager = self.kind == ReceiverKind::Alertmanager;
            if alertmanager && notice.ends_at.is_some() && !batch.is_late(&notice) {
                self.over.push_back((notice, now.monotonic_ns));
            }
        }
        if self.over.len() > QUEUE_MAX {
            self.over.pop_front();
        }
        if batch.whole {
            self.whole_ns = Some(now.monotonic_ns);
            let age_ns = |since_ns: u64| now.monotonic_ns.saturating_sub(since_ns);
            self.over
                .retain(|(_, since_ns)| age_ns(*since_ns) < REPEAT_NS);
        }
    }

    /// The receiver will never take it; tells how many notices are lost.
    pub(super) fn refused(&mut self, batch: &Batch, now: Moment) -> u64 {
        if batch.whole {
            self.whole_ns = Some(now.monotonic_ns);
        }
        self.take(batch).len() as u64
    }

    /// The notices of a batch leave the queue.
    fn take(&mut self, batch: &Batch) -> Vec<Notice> {
        let mut taken = Vec::new();
        while let Some((number, _)) = self.queue.front()
            && batch.last.is_some_and(|last| *number <= last)
        {
            taken.extend(self.queue.pop_front().map(|(_, notice)| notice));
        }
        taken
    }

    /// For a webhook: the oldest, and those of its kind that follow.
    fn changes(&self) -> Option<Batch> {
        let (_, first) = self.queue.front()?;
        let alike = self
            .queue
            .iter()
            .take_while(|(_, notice)| notice.ends_at.is_some() == first.ends_at.is_some())
            .take(WEBHOOK_MAX);
        let (mut told, mut last) = (Vec::new(), None);
        for (number, notice) in alike {
            last = Some(*number);
            told.push(Told {
                episode: Arc::clone(notice),
                ends_at: notice.ends_at,
            });
        }
        Some(Batch {
            told,
            last,
            whole: false,
        })
    }

    /// For an Alertmanager: the latest of each alert in the queue, and everything
    /// that is active where it is time for that.
    fn state<'a>(
        &self,
        active: impl ExactSizeIterator<Item = &'a Arc<Episode>>,
        now: Moment,
    ) -> Option<Batch> {
        let due_ns = self.due_ns(active.len());
        let whole = due_ns.is_some_and(|due_ns| due_ns <= now.monotonic_ns);
        if !whole && self.queue.is_empty() {
            return None;
        }
        let mut latest = BTreeMap::new();
        if whole {
            for (notice, _) in &self.over {
                latest.insert(&notice.alert.labels, ended(notice));
            }
            for episode in active {
                latest.insert(&episode.alert.labels, firing(episode, now));
            }
        }
        let mut unheard = BTreeSet::new();
        for (_, notice) in &self.queue {
            let labels = &notice.alert.labels;
            let told = match notice.ends_at {
                // In the words of its beginning, until everything is told anew.
                None => {
                    unheard.insert(labels);
                    firing(notice, now)
                }
                Some(over) if unheard.contains(labels) => late(notice, over, now),
                Some(_) => ended(notice),
            };
            latest.insert(labels, told);
        }
        Some(Batch {
            told: latest.into_values().collect(),
            last: self.queue.back().map(|(number, _)| *number),
            whole,
        })
    }
}

impl Batch {
    /// Was the end of this one told by words alone?
    fn is_late(&self, notice: &Notice) -> bool {
        self.told.iter().any(|told| {
            told.episode.alert.labels == notice.alert.labels && told.ends_at > notice.ends_at
        })
    }
}

fn firing(episode: &Arc<Episode>, now: Moment) -> Told {
    Told {
        episode: Arc::clone(episode),
        ends_at: Some(now.wall + FIRING_FOR),
    }
}

fn ended(notice: &Notice) -> Told {
    Told {
        episode: Arc::clone(notice),
        ends_at: notice.ends_at,
    }
}

fn late(notice: &Notice, over: SystemTime, now: Moment) -> Told {
    let mut episode = Episode::clone(notice);
    let over = humantime::format_rfc3339_seconds(over).to_string();
    let Alert { annotations, .. } = &mut episode.alert;
    let description = annotations.remove("description").unwrap_or_default();
    annotations.insert(
        "description".to_owned(),
        format!("Over since {over}; told late, as nobody answered before. {description}"),
    );
    annotations.insert("ended_at".to_owned(), over);
    Told {
        episode: Arc::new(episode),
        ends_at: Some(now.wall + LATE_HOLD),
    }
}

#[cfg(test)]
mod tests;
