//! Threads that hang for real, on a lock of the test's.

use std::sync::MutexGuard;

use super::*;
use crate::tmpfs::HostTmpfs;
use crate::tmpfs::memory::Limit;

static HELD: Mutex<()> = Mutex::new(());
const DEADLINE: Duration = Duration::from_millis(50);

fn turn(_: &mut Known, place: &Place, _: &Surroundings, now_ns: u64) -> Seen {
    if place.group.ends_with("hangs") {
        drop(lock(&HELD));
    }
    Seen {
        ownership: Arc::default(),
        table_cut: false,
        usage: Vec::new(),
        unmeasured: None,
        limit: Limit::Unbounded,
        oom_kills: Some(now_ns),
    }
}

fn job(name: &str) -> Job {
    Job {
        container: name.into(),
        place: Arc::new(Place {
            group: name.trim_end_matches(char::is_numeric).into(),
            memory: None,
        }),
        known: Known::default(),
        now_ns: 7,
    }
}

fn names(outcome: &Outcome) -> Vec<&str> {
    outcome
        .seen
        .iter()
        .map(|(job, _)| &*job.container)
        .collect()
}

fn hold() -> (MutexGuard<'static, ()>, Arc<Surroundings>) {
    let around = Surroundings {
        host: HostTmpfs::default(),
        host_version: 0,
        host_namespace: None,
        memory: None,
    };
    (lock(&HELD), Arc::new(around))
}

#[test]
fn threads_that_hang_delay_the_others_once_and_are_bounded() {
    let (held, around) = hold();
    let mut crew = Crew::new(turn, DEADLINE);
    let outcome = crew.run(vec![job("a"), job("b")], &around);
    assert_eq!(names(&outcome), ["a", "b"]);
    assert_eq!(outcome.seen[0].1.oom_kills, Some(7));

    let begun = Instant::now();
    let outcome = crew.run(vec![job("a"), job("hangs1"), job("b"), job("c")], &around);
    let took = begun.elapsed();
    assert_eq!(names(&outcome), ["a", "b", "c"]);
    assert_eq!(outcome.stuck, ["hangs1".into()]);
    assert!(took >= DEADLINE && took < DEADLINE * 10, "{took:?}");
    assert!(crew.come_back().is_empty());

    let jobs = vec![job("hangs2"), job("hangs3"), job("hangs4"), job("a")];
    let outcome = crew.run(jobs, &around);
    assert_eq!((outcome.stuck.len(), crew.stuck()), (3, STUCK_MAX));
    assert!(outcome.seen.is_empty());
    assert_eq!(outcome.undone.len(), 1);

    drop(held);
    let begun = Instant::now();
    let mut back = Vec::new();
    while back.len() < 4 && begun.elapsed() < Duration::from_secs(10) {
        back.extend(crew.come_back());
    }
    back.sort();
    assert_eq!(back.join(" "), "hangs1 hangs2 hangs3 hangs4");
    assert_eq!(crew.stuck(), 0);
    let outcome = crew.run(vec![job("hangs1"), job("a")], &around);
    assert_eq!(names(&outcome), ["hangs1", "a"]);
    assert!(crew.cpu_ns() > 0);
}
