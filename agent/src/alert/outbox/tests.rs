//! Outages, restarts and floods, as two kinds of receivers are told of them.

use super::super::track::Tracker;
use super::super::track::tests::{at, so};
use super::*;

/// A tracker with one receiver.
struct Addressed {
    tracker: Tracker,
    outbox: Outbox,
}

impl Addressed {
    fn new(kind: ReceiverKind) -> Self {
        Addressed {
            tracker: Tracker::default(),
            outbox: Outbox::new(kind, Vec::new()),
        }
    }

    /// What is so from this second on.
    fn so(&mut self, names: &[&str], seconds: u64) {
        let alerts = names.iter().map(|name| so(name, "w")).collect();
        let notices = self.tracker.observe(alerts, at(seconds));
        self.outbox.take_in(&notices);
    }

    fn batch(&self, seconds: u64) -> Option<Batch> {
        self.outbox.batch(self.tracker.active(), at(seconds))
    }

    /// Delivers what there is: names, and whether they are over.
    fn deliver(&mut self, seconds: u64) -> Vec<(String, bool)> {
        let Some(batch) = self.batch(seconds) else {
            return Vec::new();
        };
        self.outbox.delivered(&batch, at(seconds));
        shown(&batch, seconds)
    }
}

fn shown(batch: &Batch, seconds: u64) -> Vec<(String, bool)> {
    let shown = batch.told.iter().map(|told| {
        let over = told.ends_at.is_some_and(|ends| ends <= at(seconds).wall);
        (told.episode.alert.name().to_owned(), over)
    });
    shown.collect()
}

fn named(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    let own = |(name, over): &(&str, bool)| ((*name).to_owned(), *over);
    names.iter().map(own).collect()
}

#[test]
fn an_alertmanager_is_told_again_before_it_forgets() {
    let mut told = Addressed::new(ReceiverKind::Alertmanager);
    assert!(told.batch(0).is_none(), "nothing is nothing");
    told.so(&["A"], 0);
    assert_eq!(told.deliver(0), named(&[("A", false)]));
    told.so(&["A"], 59);
    assert!(told.batch(59).is_none());
    told.so(&["A", "B"], 60);
    assert_eq!(told.deliver(60), named(&[("A", false), ("B", false)]));
    let batch = {
        told.so(&["A", "B"], 120);
        told.batch(120).unwrap()
    };
    let ahead = batch.told[0].ends_at.unwrap();
    assert!(ahead > at(120).wall + Duration::from_nanos(3 * RESEND_NS));
    told.outbox.delivered(&batch, at(120));
    told.so(&["A"], 130);
    assert_eq!(told.deliver(130), named(&[("B", true)]));
    // Repeated with the rest, until it has been for a while.
    told.so(&["A"], 180);
    assert_eq!(told.deliver(180), named(&[("A", false), ("B", true)]));
    told.so(&["A"], 1100);
    told.deliver(1100);
    told.so(&["A"], 1160);
    assert_eq!(told.deliver(1160), named(&[("A", false)]));
}

#[test]
fn what_began_and_ended_unheard_is_told_late() {
    let mut told = Addressed::new(ReceiverKind::Alertmanager);
    told.so(&["heard"], 0);
    told.deliver(0);
    told.so(&["heard", "unheard"], 10);
    told.so(&[], 100);
    let batch = told.batch(500).unwrap();
    let of = |name: &str| {
        let mut all = batch.told.iter();
        all.find(|told| told.episode.alert.name() == name).unwrap()
    };
    assert_eq!(of("heard").ends_at, Some(at(100).wall));
    let late = of("unheard");
    assert_eq!(late.ends_at, Some(at(500).wall + LATE_HOLD));
    let words = &late.episode.alert.annotations["description"];
    assert!(words.starts_with("Over since 1970-01-12T"), "{words}");
    told.outbox.delivered(&batch, at(500));
    assert_eq!(told.outbox.waiting().len(), 0);
    // The late one is not ended before its time by a repetition.
    assert_eq!(told.deliver(560), named(&[("heard", true)]));
}

#[test]
fn what_is_so_again_is_not_told_to_be_over() {
    let mut told = Addressed::new(ReceiverKind::Alertmanager);
    told.so(&["A"], 0);
    told.deliver(0);
    told.so(&[], 20);
    told.so(&["A"], 30);
    assert_eq!(told.deliver(30), named(&[("A", false)]));
    told.so(&["A"], 100);
    assert_eq!(told.deliver(100), named(&[("A", false)]));
}

#[test]
fn a_webhook_is_told_every_change_in_its_order() {
    let mut told = Addressed::new(ReceiverKind::Webhook);
    told.so(&["A"], 0);
    told.so(&["A", "B"], 1);
    told.so(&["A"], 20);
    told.so(&["A", "B"], 30);
    assert_eq!(told.deliver(40), named(&[("A", false), ("B", false)]));
    assert_eq!(told.deliver(40), named(&[("B", true)]));
    assert_eq!(told.deliver(40), named(&[("B", false)]));
    assert!(told.batch(4000).is_none(), "and nothing twice");
    assert_eq!(told.outbox.due_ns(2), None);
}

#[test]
fn a_long_outage_keeps_the_latest_and_counts_the_rest() {
    let mut told = Addressed::new(ReceiverKind::Webhook);
    for round in 0..QUEUE_MAX as u64 {
        told.so(&["A"], 100 * round);
        told.so(&[], 100 * round + 50);
    }
    assert_eq!(told.outbox.waiting().len(), QUEUE_MAX);
    assert_eq!(told.outbox.dropped(), QUEUE_MAX as u64);
    // What overtook a batch on its way is not taken for delivered.
    let batch = told.batch(0).unwrap();
    told.so(&["A"], 200_000);
    told.outbox.delivered(&batch, at(200_000));
    assert_eq!(told.outbox.waiting().len(), QUEUE_MAX);
}

#[test]
fn what_is_refused_is_lost_and_does_not_block_the_rest() {
    let mut told = Addressed::new(ReceiverKind::Webhook);
    told.so(&["A"], 0);
    let batch = told.batch(0).unwrap();
    told.so(&["A", "B"], 1);
    assert_eq!(told.outbox.refused(&batch, at(1)), 1);
    assert_eq!(told.deliver(1), named(&[("B", false)]));
}
