//! Turns over simulated time.

use super::*;

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;
const STILL: Found = Found {
    changed: false,
    near: false,
    full_in_s: None,
};

fn id(name: usize) -> Arc<str> {
    format!("{name:03}").into()
}

/// Runs a queue in steps of 10 ms; each turn costs `cost_ns`. Counts turns per
/// container, and the processor time spent.
fn run(
    queue: &mut Queue,
    from_ns: u64,
    to_ns: u64,
    cost_ns: u64,
    found: impl Fn(&str) -> Found,
) -> (HashMap<Arc<str>, usize>, u64) {
    let (mut turns, mut spent) = (HashMap::new(), 0);
    let mut now_ns = from_ns;
    while now_ns < to_ns {
        for id in queue.take(now_ns, 64) {
            queue.spend(cost_ns);
            spent += cost_ns;
            queue.looked(&id, now_ns, found(&id));
            *turns.entry(id).or_insert(0) += 1;
        }
        now_ns += 10 * MS;
    }
    (turns, spent)
}

#[test]
fn what_stands_still_is_looked_at_ever_less() {
    let mut queue = Queue::default();
    queue.insert(&id(0), S);
    let (turns, _) = run(&mut queue, S, 31 * S, 1000, |_| STILL);
    // At 0, 2, 6, 10, ... 26 seconds.
    assert_eq!(turns[&id(0)], 8);
    let changed = Found {
        changed: true,
        ..STILL
    };
    let (turns, _) = run(&mut queue, 31 * S, 61 * S, 1000, |_| changed);
    assert!((26..=30).contains(&turns[&id(0)]), "{turns:?}");
}

#[test]
fn what_is_near_is_looked_at_within_a_second() {
    for near in [
        Found {
            near: true,
            ..STILL
        },
        Found {
            full_in_s: Some(20),
            ..STILL
        },
    ] {
        let mut queue = Queue::default();
        queue.insert(&id(0), S);
        let (turns, _) = run(&mut queue, S, 31 * S, 1000, |_| near);
        assert!(turns[&id(0)] >= 30, "{turns:?}");
    }
}

#[test]
fn the_budget_holds_and_the_urgent_go_first() {
    let mut queue = Queue::default();
    for name in 0..500 {
        queue.insert(&id(name), S);
    }
    let busy = |name: &str| Found {
        changed: true,
        near: name < "010",
        full_in_s: None,
    };
    // 500 turns of 1 ms each second would be half a processor.
    let (turns, spent) = run(&mut queue, S, 101 * S, MS, busy);
    let budget = 100 * S * BUDGET_PER_MILLE / 1000 + BUDGET_MAX_NS as u64 + 64 * MS;
    assert!(spent <= budget, "{spent} of {budget}");
    let least_urgent = (0..10).map(|name| turns[&id(name)]).min();
    let most_other = (10..500)
        .map(|name| turns.get(&id(name)).copied().unwrap_or(0))
        .max();
    assert!(
        least_urgent > most_other.map(|turns| turns * 5),
        "{least_urgent:?} {most_other:?}"
    );
}

#[test]
fn a_reason_to_look_is_followed_at_once_but_not_forever() {
    let mut queue = Queue::default();
    queue.insert(&id(0), S);
    queue.looked(&id(0), S, STILL);
    queue.looked(&id(0), 2 * S, STILL);
    assert_eq!(queue.wait_ns(2 * S), STILL_NS);
    queue.hasten(&id(0), 3 * S);
    assert_eq!(queue.take(3 * S, 9), [id(0)]);
    // While its turn is taken there is no second one.
    queue.hasten(&id(0), 3 * S);
    assert!(queue.take(4 * S, 9).is_empty());
    queue.looked(&id(0), 4 * S, STILL);
    queue.hasten(&id(0), 4 * S + MS);
    assert!(queue.take(4 * S + 50 * MS, 9).is_empty());
    assert_eq!(queue.take(4 * S + 100 * MS, 9), [id(0)]);
}

#[test]
fn whoever_left_has_no_turns() {
    let mut queue = Queue::default();
    queue.insert(&id(0), S);
    assert_eq!(queue.take(S, 9), [id(0)]);
    queue.remove(&id(0));
    queue.looked(&id(0), S, STILL);
    queue.put_off(&id(0), S);
    queue.hasten(&id(0), S);
    assert!(queue.take(9 * S, 9).is_empty());
    assert_eq!(queue.wait_ns(9 * S), STILL_NS);
}

#[test]
fn an_exhausted_budget_is_waited_for() {
    let mut queue = Queue::default();
    queue.insert(&id(0), S);
    assert_eq!(queue.take(S, 9).len(), 1);
    queue.spend(BUDGET_MAX_NS as u64 + 8 * MS);
    queue.put_off(&id(0), S);
    let wait_ns = queue.wait_ns(S);
    assert!((S..S + MS).contains(&wait_ns), "{wait_ns}");
    assert!(queue.take(S + wait_ns - MS, 9).is_empty());
    assert_eq!(queue.take(S + wait_ns, 9).len(), 1);
}
