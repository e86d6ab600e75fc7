//! Whatever happens, in whatever order: bounds hold, and no verdict is rash.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const ROOTS: [&str; 5] = ["/a", "/b", "/c", "/d", "/e"];

#[test]
fn a_million_write_roots_share_a_place() {
    let app = container("a");
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    degrade.started(&app, 1, Some(at(0).monotonic_ns), at(0));
    for number in 0..1_000_000_u64 {
        let now = at(number / 10_000);
        let root = format!("/root/{number}");
        degrade.denied(&app, &failure(&root, 1, now), now);
    }
    let roots = degrade.roots(at(100));
    assert_eq!(roots.len(), LIMITS.write_roots_per_container + 1);
    let other = roots
        .iter()
        .find(|root| &*root.write_root == OTHER)
        .unwrap();
    assert_eq!(other.condition, Condition::Degraded);
    assert_eq!(other.ever_succeeded, None);
    assert_eq!(degrade.overflow().write_roots, 999_997);
    assert_eq!(other.failures, 999_997);
    // A success of one of them says nothing of the others.
    degrade.succeeded(&app, "/root/999999", at(101).monotonic_ns, at(101));
    assert_eq!(degrade.tick(at(101)).len(), 1, "degraded, and no more");
}

#[test]
fn containers_past_the_limit_are_counted() {
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    for number in 0..1_000_u64 {
        let now = at(number / 100);
        let one = container(&format!("{number:064}"));
        degrade.started(&one, number + 1, Some(now.monotonic_ns), now);
        degrade.denied(&one, &failure("/a", 1, now), now);
        degrade.succeeded(&one, "/b", now.monotonic_ns, now);
        degrade.tick(now);
    }
    assert_eq!(degrade.containers.len(), LIMITS.containers);
    assert_eq!(degrade.overflow().containers, 996);
    // Idle ones make room.
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    for number in 0..1_000_u64 {
        let one = container(&format!("{number:064}"));
        degrade.started(&one, number + 1, Some(at(number).monotonic_ns), at(number));
    }
    let failing = container("failing");
    degrade.denied(&failing, &failure("/a", 1, at(1_000)), at(1_000));
    assert_eq!(degrade.roots(at(1_000)).len(), 1);
    assert_eq!(degrade.containers.len(), LIMITS.containers);
    assert_eq!(degrade.overflow(), Overflow::default());
}

/// What an oracle remembers of a root that is looked at from outside.
#[derive(Default)]
struct Seen {
    /// Seconds with failures since the run began, or the state was left.
    failures: Vec<(u64, u64)>,
    latest: u64,
    success: u64,
    degraded: bool,
    left: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_verdict_is_rash(steps in proptest::collection::vec(
        (prop_oneof![8 => 0_u64..8, 2 => 8_u64..90, 1 => 90_u64..4_000],
         0_usize..6, 0_usize..5, 0_u8..20, 1_u64..4), 0..400)
    ) {
        let thresholds = Thresholds::default();
        let mut degrade = Degrade::new(thresholds, LIMITS);
        let mut seen: HashMap<(&str, &str), Seen> = HashMap::new();
        let mut degraded_runs: HashMap<&str, bool> = HashMap::new();
        let (mut second, mut run) = (0, 0);
        for (pause, who, root, what, count) in steps {
            second += pause;
            let now = at(second);
            let (id, root) = (IDS[who], ROOTS[root]);
            let one = Arc::new(Container { name: id.to_owned(), ..(*container(id)).clone() });
            match what {
                0 => {
                    run += 1;
                    degrade.started(&one, run, Some(now.monotonic_ns), now);
                }
                1 => degrade.exited(id, None, now),
                2 => degrade.retire(id, now),
                3..7 => {
                    degrade.succeeded(&one, root, now.monotonic_ns, now);
                    seen.entry((id, root)).or_default().success = second;
                }
                7 => {
                    let text = degrade.save("boot", now).unwrap();
                    let restored = Degrade::restore(thresholds, LIMITS, text.as_bytes(), "boot", now);
                    let again = restored.unwrap().save("boot", now).unwrap();
                    prop_assert_eq!(text, again);
                }
                _ => {
                    degrade.denied(&one, &failure(root, count, now), now);
                    let seen = seen.entry((id, root)).or_default();
                    seen.failures.push((second, count));
                    seen.latest = second;
                }
            }
            for transition in degrade.tick(now) {
                let name = |view: &RootView| {
                    let id = IDS.into_iter().find(|id| **id == *view.container.id).unwrap();
                    let root = ROOTS.into_iter().find(|root| **root == *view.write_root);
                    (id, root)
                };
                match &transition.change {
                    Change::Degraded(view) => {
                        let (id, root) = name(view);
                        degraded_runs.insert(id, true);
                        prop_assert!(view.failures >= thresholds.failures_min);
                        let Some(root) = root else { continue };
                        let seen = seen.get_mut(&(id, root)).unwrap();
                        let counted: u64 = seen.failures.iter().map(|(_, count)| count).sum();
                        prop_assert!(counted >= view.failures && view.failures >= 5);
                        let mut slots: Vec<_> = seen.failures.iter().map(|(s, _)| s).collect();
                        slots.dedup();
                        prop_assert!(slots.len() >= 3);
                        prop_assert!(second - seen.failures[0].0 >= 60);
                        prop_assert!(!seen.degraded, "degraded twice");
                        prop_assert!(seen.left == 0 || second - seen.left >= 60, "back and forth");
                        seen.degraded = true;
                    }
                    Change::Recovered(view) | Change::Ended(view) => {
                        let (id, root) = name(view);
                        let Some(root) = root else { continue };
                        let seen = seen.get_mut(&(id, root)).unwrap();
                        prop_assert!(seen.degraded, "never was");
                        match view.ending {
                            Some(Ending::Success) => prop_assert_eq!(seen.success, second),
                            // The failure of this very second may have ended the silence.
                            Some(Ending::Silence) => {
                                let late = seen.failures.iter().rev().map(|(s, _)| *s);
                                let last = late.into_iter().find(|s| *s < second).unwrap();
                                prop_assert!(second - last > 300);
                            }
                            None => prop_assert_eq!(transition.change.label(), "ended"),
                        }
                        seen.degraded = false;
                        seen.left = second;
                        seen.failures.retain(|(s, _)| *s == second);
                    }
                    Change::FailingToStart(view) => {
                        let id = IDS.into_iter().find(|id| **id == *view.container_id).unwrap();
                        prop_assert!(!degraded_runs.remove(id).unwrap_or(false), "both: {}", id);
                    }
                    Change::Started(_) => {}
                }
            }
            if what <= 2 && what != 1 {
                degraded_runs.remove(id);
            }
            let roots = degrade.roots(now);
            prop_assert!(roots.len() <= LIMITS.containers * (LIMITS.write_roots_per_container + 1));
            prop_assert!(degrade.containers.len() <= LIMITS.containers);
            for start in degrade.starts() {
                prop_assert!(!roots.iter().any(|root| root.condition == Condition::Degraded
                    && root.container.name == start.workload.container));
            }
        }
    }
}
