//! Few events of many refusals, and none of what is no pod.

use std::time::Duration;

use serde_json::Value;

use super::super::form;
use super::*;
use crate::aggregate::Recent;
use crate::overview::tests::{HOSTILE, snapshot};

fn at(seconds: u64) -> Moment {
    Moment {
        monotonic_ns: seconds * 1_000_000_000,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000 + seconds),
    }
}

/// A refusal of a pod's container below a write root, seen so often.
fn refusal(pod: &str, write_root: &str, count: u64, seconds: u64) -> Recent {
    let mut recent = snapshot().recent[0].clone();
    let mut sample = (*recent.sample).clone();
    let Owner::Container(container) = &sample.owner else {
        panic!("the fixture has changed");
    };
    let container = Container {
        name: "web".to_owned(),
        pod: pod.to_owned(),
        pod_uid: format!("uid-{pod}"),
        ..Container::clone(container)
    };
    sample.owner = Owner::Container(Arc::new(container));
    sample.write_root = write_root.into();
    sample.denial.path.bytes = format!("{write_root}/\u{1b}x").into_bytes();
    sample.time = at(seconds).wall;
    recent.sample = Arc::new(sample);
    recent.count = count;
    recent.first = at(0).wall;
    recent
}

fn seen(recent: Vec<Recent>) -> Snapshot {
    Snapshot {
        recent,
        ..Snapshot::default()
    }
}

fn write_all(ledger: &mut Ledger, seconds: u64) -> Vec<Draft> {
    let mut drafts = Vec::new();
    while let Some(draft) = ledger.next(at(seconds)) {
        ledger.written(&draft, at(seconds));
        drafts.push(draft);
    }
    drafts
}

#[test]
fn a_refusal_is_an_event_and_more_of_them_a_count() {
    let mut ledger = Ledger::new(at(0));
    ledger.observe(
        &seen(vec![refusal("cart-1", "/var/cache/nginx", 1, 0)]),
        at(0),
    );
    let drafts = write_all(&mut ledger, 0);
    assert_eq!(drafts.len(), 1);
    let event = form::created(&drafts[0], "node-1").unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["regarding"]["uid"], "uid-cart-1");
    assert_eq!(event["regarding"]["fieldPath"], "spec.containers{web}");
    assert_eq!(event["reason"], "SealwatchDenied");
    assert_eq!(event["series"], Value::Null);
    assert_eq!(event["eventTime"], "2025-06-15T15:06:40.000000Z");
    assert_eq!(
        event["note"],
        "create of /var/cache/nginx/\\x1bx refused (EROFS); mount an emptyDir at /var/cache/nginx, or a persistent volume if it must last"
    );

    for seconds in [1, 29] {
        let more = refusal("cart-1", "/var/cache/nginx", 1 + seconds, seconds);
        ledger.observe(&seen(vec![more]), at(seconds));
        assert!(write_all(&mut ledger, seconds).is_empty(), "not so soon");
    }
    let drafts = write_all(&mut ledger, 30);
    assert!(!drafts[0].is_new());
    let patch = form::counted(&drafts[0]).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(patch["series"]["count"], 30);
    assert_eq!(
        patch["series"]["lastObservedTime"],
        "2025-06-15T15:07:09.000000Z"
    );
    // What the API server has forgotten is written anew.
    ledger.forgotten(&drafts[0]);
    assert!(write_all(&mut ledger, 31)[0].is_new());
}

#[test]
fn a_flood_is_held_back_and_does_not_hide_another_pod() {
    let mut ledger = Ledger::new(at(0));
    let flood = |number| refusal("flood-1", &format!("/srv/{number}"), 1, 0);
    let mut recent: Vec<_> = (0..40).map(flood).collect();
    recent.push(refusal("quiet-1", "/srv", 1, 0));
    ledger.observe(&seen(recent), at(0));
    let drafts = write_all(&mut ledger, 0);
    let of = |pod: &str| drafts.iter().filter(|draft| draft.pod == pod).count();
    assert_eq!((of("flood-1"), of("quiet-1")), (POD_BURST as usize, 1));
    assert_eq!(ledger.limited(), 30);
    // Each of them is counted once, and written when its turn comes.
    assert_eq!(write_all(&mut ledger, 120).len(), 2);
    assert_eq!(ledger.limited(), 30);
}

#[test]
fn all_pods_together_are_bounded() {
    let mut ledger = Ledger::new(at(0));
    let many = (0..2000).map(|number| refusal(&format!("pod-{number}"), "/srv", 1, 0));
    ledger.observe(&seen(many.collect()), at(0));
    assert_eq!(ledger.entries.len(), KEPT_MAX);
    assert_eq!(write_all(&mut ledger, 0).len(), ALL_BURST as usize);
    assert_eq!(write_all(&mut ledger, 20).len(), 10);
    // And forgotten, once they are old.
    ledger.observe(&seen(vec![]), at(3600));
    assert!(ledger.entries.is_empty() && ledger.pods.is_empty());
}

#[test]
fn what_is_no_pod_is_no_event() {
    let mut ledger = Ledger::new(at(0));
    let hostile = ["../secrets", "a/b", "", "A", HOSTILE].map(|pod| refusal(pod, "/srv", 1, 0));
    ledger.observe(&seen(hostile.into()), at(0));
    assert!(write_all(&mut ledger, 0).is_empty());
}

#[test]
fn what_is_never_taken_is_not_tried_again() {
    let mut ledger = Ledger::new(at(0));
    ledger.observe(&seen(vec![refusal("a", "/srv", 1, 0)]), at(0));
    let draft = ledger.next(at(0)).unwrap();
    ledger.dropped(&draft);
    ledger.observe(&seen(vec![refusal("a", "/srv", 9, 99)]), at(99));
    assert!(write_all(&mut ledger, 99).is_empty());
}
