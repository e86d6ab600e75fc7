//! A snapshot with a container in every state, as alerts.

use std::sync::Arc;

use super::*;
use crate::aggregate::filling::Filling;
use crate::catalog::alerts;
use crate::degrade::Shown;
use crate::overview::tests::{HOSTILE, named, snapshot};

fn place() -> Place {
    Place {
        node: "node-1".to_owned(),
        runbooks: "https://runbooks.example/".to_owned(),
    }
}

/// The time of the fixture's samples.
fn now() -> Moment {
    Moment {
        monotonic_ns: 1_000_000_000,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_010),
    }
}

fn of<'a>(firing: &'a Firing, name: &str) -> &'a Due {
    let mut all = firing.due.iter();
    let found = all.find(|due| due.alert.name() == name);
    found.unwrap_or_else(|| panic!("no {name} in {firing:#?}"))
}

#[test]
fn every_state_is_told_with_container_place_and_remedy() {
    let mut snapshot = snapshot();
    let hit = named('b', "degraded");
    // The last sample of the degraded container.
    let mut recent = snapshot.recent[0].clone();
    let mut sample = (*recent.sample).clone();
    sample.owner = crate::denial::Owner::Container(Arc::clone(&hit));
    sample.write_root = "/var/cache/nginx".into();
    sample.denial.path.bytes = b"/var/cache/nginx/\x1b[2Ja".to_vec();
    recent.sample = Arc::new(sample);
    snapshot.recent.push(recent);
    snapshot.breaches = Arc::new(crate::breach::tests::shown((*named('d', HOSTILE)).clone()));
    let breached = snapshot.breaches.breaches[0].last;
    let mut then = now();
    then.wall = breached + Duration::from_secs(1);
    let firing = firing(&snapshot, then, &place());
    let names: Vec<_> = firing.due.iter().map(|due| due.alert.name()).collect();
    let expected = [
        "SealwatchFailingToStart",
        "SealwatchTmpfsOom",
        "SealwatchCacheDegraded",
        "SealwatchContractBreach",
        "SealwatchTmpfsNearFull",
    ];
    assert_eq!(names, expected, "the worst first");
    assert_eq!(firing.left_out, 0);

    let degraded = &of(&firing, "SealwatchCacheDegraded").alert;
    let labels = [
        ("alertname", "SealwatchCacheDegraded"),
        ("severity", "warning"),
        ("instance", "node-1"),
        ("namespace", "shop"),
        ("pod", "pod-b"),
        ("container", "degraded"),
        ("write_root", "/var/cache/nginx"),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(degraded.labels, labels.into());
    let cache = &degraded.annotations["cache"];
    assert_eq!(cache, "nginx temporary files and proxy cache");
    assert_eq!(degraded.annotations["cause"], "read_only_mount");
    let words = &degraded.annotations["description"];
    for part in [
        "12 writes of shop/pod-b/degraded under /var/cache/nginx",
        "create of /var/cache/nginx/\\x1b[2Ja by ev\\x0ail",
        "MNT_READONLY",
        "Mount a tmpfs at /var/run",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let runbook = &degraded.annotations["runbook_url"];
    assert_eq!(
        runbook,
        "https://runbooks.example/SealwatchCacheDegraded.md"
    );

    let near = of(&firing, "SealwatchTmpfsNearFull");
    assert_eq!(near.hold, Duration::from_secs(120));
    assert_eq!(near.alert.labels["mount"], "/tmp");
    assert_eq!(near.alert.labels["resource"], "bytes");
    let words = &near.alert.annotations["description"];
    assert!(words.contains("48 MiB of 96 MiB are used"), "{words}");

    let breach = &of(&firing, "SealwatchContractBreach").alert;
    assert!(!breach.labels["container"].contains('\u{1b}'), "{breach:?}");
    let words = &breach.annotations["description"];
    assert!(words.contains("eclare "), "{words}");
}

#[test]
fn without_a_sample_the_catalog_advises() {
    let firing = firing(&snapshot(), now(), &place());
    let degraded = &of(&firing, "SealwatchCacheDegraded").alert;
    let words = &degraded.annotations["description"];
    assert!(words.contains("emptyDir at /var/cache/nginx"), "{words}");
}

#[test]
fn a_kill_is_told_for_its_time() {
    let mut then = now();
    then.monotonic_ns += span("oomWindow").as_nanos() as u64;
    let later = firing(&snapshot(), then, &place());
    assert!(
        later
            .due
            .iter()
            .all(|due| due.alert.name() != "SealwatchTmpfsOom")
    );
}

#[test]
fn what_is_not_measured_now_is_not_so() {
    let mut snapshot = snapshot();
    let mut filling = Filling::clone(&snapshot.tmpfs);
    for filled in &mut filling.containers {
        let mut told = (*filled.told).clone();
        told.unmeasured = Some(crate::tmpfs::Unmeasured::Stuck);
        filled.told = Arc::new(told);
    }
    snapshot.tmpfs = Arc::new(filling);
    let firing = firing(&snapshot, now(), &place());
    let near = |due: &Due| due.alert.name() == "SealwatchTmpfsNearFull";
    assert!(!firing.due.iter().any(near));
}

#[test]
fn a_flood_is_bounded_and_says_so() {
    let mut snapshot = snapshot();
    let root = snapshot.state.degraded[0].clone();
    let many = (0..ALERTS_MAX + 7).map(|number| {
        let mut root = root.clone();
        root.write_root = format!("/var/cache/{number}").into();
        root
    });
    let state = Shown {
        degraded: many.collect(),
        ..Shown::default()
    };
    snapshot.state = Arc::new(state);
    snapshot.tmpfs = Arc::default();
    let flood = firing(&snapshot, now(), &place());
    assert_eq!(flood.due.len(), ALERTS_MAX + 1);
    assert_eq!(flood.left_out, 7);
    let limited = &flood.due[ALERTS_MAX].alert;
    assert_eq!(limited.name(), "SealwatchSeriesLimited");
    let words = &limited.annotations["description"];
    assert!(words.starts_with("7 more alerts"), "{words}");
    assert_eq!(
        flood,
        firing(&snapshot, now(), &place()),
        "the same the next time"
    );
}

#[test]
fn the_catalog_has_what_is_used_here() {
    for name in ["failedStarts", "tmpfsOomRatio"] {
        assert!(number(name).is_finite(), "{name}");
    }
    for name in ["oomWindow", "breachWindow"] {
        assert!(!span(name).is_zero(), "{name}");
    }
    for row in alerts::alerts() {
        for text in [row.summary, row.description] {
            assert!(alerts::fill(text, |_| "x", 1.0).is_ok(), "{text}");
        }
        assert!(humantime::parse_duration(row.hold).is_ok(), "{}", row.hold);
    }
}
