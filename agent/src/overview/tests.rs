//! Containers of every kind side by side.

mod fixture;

use super::*;
use crate::aggregate::Ended;
use crate::posture::{Facts, Unknown, judge};
use fixture::{group, time};

pub(crate) use fixture::{HOSTILE, named, snapshot};

#[test]
fn every_container_has_its_state_and_the_worst_come_first() {
    let snapshot = snapshot();
    let all = containers(&snapshot);
    let states: Vec<_> = all
        .iter()
        .map(|one| (one.container.name.as_str(), one.state()))
        .collect();
    let expected = [
        ("starting", State::FailingToStart),
        ("degraded", State::Degraded),
        ("full", State::Pressure),
        (HOSTILE, State::Refused),
        ("gone", State::Refused),
        ("open", State::WritableRoot),
        ("sealed", State::Sealed),
    ];
    assert_eq!(states, expected);
    let hit = &all[3];
    assert_eq!((hit.refusals(), hit.recent.len()), (1_234, 2));
    assert!(hit.ended.is_none() && all[4].ended.is_some());
    assert_eq!(all[0].states, [State::FailingToStart]);
    let (mount, share) = all[2].fullest().unwrap();
    assert_eq!((mount.target.as_str(), share), ("/tmp", 0.5));
}

#[test]
fn who_is_not_read_is_not_called_sealed() {
    let container = named('a', "web");
    let mut snapshot = Snapshot {
        groups: vec![group(&container, 0)],
        ..Snapshot::default()
    };
    assert_eq!(containers(&snapshot)[0].states, [State::Unknown]);
    let facts = Arc::new(Facts::unknown(Unknown::NotPermitted));
    snapshot.postures = Arc::new([Arc::new(judge(&facts, &container))]);
    assert_eq!(containers(&snapshot)[0].states, [State::Unknown]);
    snapshot.ended = Arc::new([Ended {
        id: container.id.as_str().into(),
        container: None,
        time: time(),
    }]);
    assert!(containers(&snapshot).is_empty());
    assert!(
        super::container(&snapshot, &container.id)
            .unwrap()
            .states
            .is_empty()
    );
}

#[test]
fn an_id_is_found_by_itself_or_by_a_beginning_that_is_long_enough() {
    let snapshot = snapshot();
    let found = |id: &str| super::container(&snapshot, id).map(|one| one.container.name.clone());
    assert_eq!(found(&"a".repeat(64)).as_deref(), Some("sealed"));
    assert_eq!(found(&"a".repeat(12)).as_deref(), Some("sealed"));
    assert_eq!(found(&"a".repeat(11)), None);
    assert_eq!(found(&"9".repeat(64)), None);
    assert_eq!(found(""), None);
}
