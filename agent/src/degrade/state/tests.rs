//! A state file is read as it was written, or not at all.

use proptest::prelude::*;

use super::*;
use crate::degrade::tests::{LIMITS, at, container, failure};
use crate::degrade::{Change, Condition, Degrade};

fn other() -> Arc<Container> {
    Arc::new(Container {
        name: "other".to_owned(),
        ..(*container("b")).clone()
    })
}

/// One degraded container that still runs, and one that failed to start.
fn eventful() -> Degrade {
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    degrade.started(&container("a"), 1, Some(at(0).monotonic_ns), at(0));
    degrade.started(&other(), 2, Some(at(65).monotonic_ns), at(65));
    for second in 1..90 {
        let now = at(second);
        degrade.denied(&container("a"), &failure("/var/cache/nginx", 1, now), now);
        if second == 66 {
            degrade.denied(&other(), &failure("/run", 1, now), now);
            degrade.exited("b", Some(2), now);
        }
        degrade.tick(now);
    }
    degrade
}

fn restore(text: &str, boot_id: &str, second: u64) -> Result<Degrade, StateError> {
    let thresholds = Thresholds::default();
    Degrade::restore(thresholds, LIMITS, text.as_bytes(), boot_id, at(second))
}

#[test]
fn the_same_boot_goes_on_where_it_was() {
    let before = eventful();
    assert_eq!(before.starts().len(), 1);
    let text = before.save("boot", at(90)).unwrap();
    let mut after = restore(&text, "boot", 5_000).unwrap();
    assert_eq!(after.starts(), before.starts());
    assert!(after.roots(at(5_000)).is_empty(), "not seen alive yet");
    after.started(&container("a"), 1, None, at(5_001));
    let (root, old) = (&after.roots(at(5_001))[0], &before.roots(at(90))[0]);
    assert_eq!(root, old);
    assert_eq!(root.condition, Condition::Degraded);
    assert!(after.tick(at(5_002)).is_empty(), "no false recovery");
}

#[test]
fn the_wall_clock_may_be_set() {
    let before = eventful();
    let text = before.save("boot", at(90)).unwrap();
    let day = Duration::from_secs(86_400);
    for wall in [at(100).wall + day, at(100).wall - day] {
        let now = Moment { wall, ..at(100) };
        let thresholds = Thresholds::default();
        let after = Degrade::restore(thresholds, LIMITS, text.as_bytes(), "boot", now);
        let mut after = after.unwrap();
        assert_eq!(after.unwatched(), Some(Duration::from_secs(10)));
        after.started(&container("a"), 1, None, now);
        assert_eq!(after.roots(now), before.roots(at(90)));
        assert!(after.tick(now).is_empty(), "nobody has changed");
    }
}

#[test]
fn what_is_gone_meanwhile_has_not_recovered() {
    let text = eventful().save("boot", at(90)).unwrap();
    let mut unseen = restore(&text, "boot", 5_000).unwrap();
    assert!(unseen.tick(at(5_059)).is_empty());
    let changes = unseen.tick(at(5_060));
    assert!(matches!(changes[..], [ref t] if matches!(t.change, Change::Ended(_))));

    let mut another_run = restore(&text, "boot", 5_000).unwrap();
    another_run.started(&container("a"), 7, None, at(5_001));
    let changes = another_run.tick(at(5_001));
    assert!(matches!(changes[..], [ref t] if matches!(t.change, Change::Ended(_))));
    assert!(another_run.roots(at(5_001)).is_empty());
}

#[test]
fn another_boot_keeps_only_what_the_wall_clock_tells() {
    let before = eventful();
    assert_eq!(before.starts().len(), 1);
    let text = before.save("boot", at(90)).unwrap();
    // Its clock may be anywhere.
    let mut after = restore(&text, "another", 10).unwrap();
    assert_eq!(after.starts(), before.starts());
    after.started(&container("a"), 1, None, at(11));
    assert!(after.roots(at(11)).is_empty());
}

#[test]
fn a_bad_file_is_an_error() {
    let text = eventful().save("boot", at(90)).unwrap();
    let value = |what| matches!(what, Err(StateError::Value { .. }));
    assert!(value(restore(&text, "boot", 89)), "written in the future");
    for (from, to) in [
        ("\"erofs\"", "\"x\""),
        ("\"EROFS\"", "\"EVERYTHING\""),
        ("\"a\"", "\"a\\n\""),
        (
            "\"last_ago_ns\":1000000000",
            "\"last_ago_ns\":18446744073709551615",
        ),
        ("\"slot_ago_ns\":", "\"slot_ago_ns\":9"),
        ("\"/var/cache/nginx\"", &format!("\"/{}\"", "x".repeat(300))),
    ] {
        let forged = text.replace(from, to);
        assert_eq!(value(restore(&forged, "boot", 100)), forged != text, "{to}");
    }
    let version = text.replace("\"version\":1", "\"version\":2");
    assert_eq!(
        restore(&version, "boot", 100).err(),
        Some(StateError::Version(2))
    );
    let form = |text: &str| matches!(restore(text, "boot", 100), Err(StateError::Form(_)));
    assert!(form("") && form("{}") && form("[]") && form(&text[..text.len() / 2]));
    assert!(form(
        &text.replace("\"saved_ns\"", "\"surprise\":1,\"saved_ns\"")
    ));
    assert!(form(&format!(
        "{{\"version\":1,\"x\":{}",
        "[".repeat(100_000)
    )));
    let long = " ".repeat(BYTES_MAX + 1);
    assert_eq!(
        restore(&long, "boot", 100).err(),
        Some(StateError::TooLong(BYTES_MAX + 1))
    );
    let twice = text.replace("\"id\":\"b\"", "\"id\":\"a\"");
    assert_eq!(value(restore(&twice, "boot", 100)), twice != text);
}

#[test]
fn lower_limits_drop_what_no_longer_fits() {
    let text = eventful().save("boot", at(90)).unwrap();
    let limits = Limits {
        containers: 0,
        ..LIMITS
    };
    let thresholds = Thresholds::default();
    let degrade = Degrade::restore(thresholds, limits, text.as_bytes(), "boot", at(100)).unwrap();
    assert_eq!(degrade.overflow().containers, 89);
    assert_eq!(degrade.overflow().workloads, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(cut in 0_usize..2_000, byte in any::<u8>(), digits in any::<u64>()) {
        let text = eventful().save("boot", at(90)).unwrap();
        let mut bytes = text.clone().into_bytes();
        let at_byte = cut % bytes.len();
        bytes[at_byte] = byte;
        let thresholds = Thresholds::default();
        for bytes in [bytes, text.replace("1000000000", &digits.to_string()).into_bytes()] {
            if let Ok(mut degrade) = Degrade::restore(thresholds, LIMITS, &bytes, "boot", at(100)) {
                degrade.started(&container("a"), 1, None, at(101));
                degrade.denied(&container("a"), &failure("/var/cache/nginx", 1, at(102)), at(102));
                degrade.tick(at(103));
                degrade.roots(at(103));
            }
        }
    }
}
