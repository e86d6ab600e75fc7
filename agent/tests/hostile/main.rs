//! Hostile containers and hostile clients against the real daemon: what they cost
//! it and others stays within bounds.
//!
//! One engine and one daemon for all, with hostile containers one after the other.
//! Meanwhile an observer scrapes and weighs the daemon, and beside each hostile
//! container an honest one is refused something for the first time. A test that
//! cannot run says so loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../docker/agent.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod agent;
mod containers;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod exposition;
mod http;
mod observer;
mod shown;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use observer::Observer;
use stage::Stage;

/// A kind of hostility and what is to hold under it.
type Step = (&'static str, fn(&Stage));

const STEPS: [Step; 10] = [
    ("a million paths", containers::paths),
    ("names that fool", shown::names),
    ("a mount bomb", containers::mounts),
    ("a FUSE that hangs", containers::fuse),
    ("control group churn", containers::groups),
    ("mounts swapped for links", containers::swap),
    (
        "processes that end while they are looked at",
        containers::exits,
    ),
    ("slow clients", http::slow),
    ("clients that never read", http::deaf),
    ("a thousand clients at once", http::crowd),
];

#[test]
fn hostility_stays_within_its_bounds() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return engines::cannot_run("hostility_stays_within_its_bounds", &why),
    };
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        let begun = Instant::now();
        let observer = Observer::begin(&stage.agent);
        let end = catch_unwind(AssertUnwindSafe(|| step(&stage)));
        let seen = observer.end();
        let seconds = begun.elapsed().as_secs_f64();
        println!("{name}: {seconds:.1} s; {seen}");
        let bounds = catch_unwind(AssertUnwindSafe(|| seen.assert_bounds()));
        if end.is_err() || bounds.is_err() {
            failed.push(name);
        }
    }
    assert!(
        failed.is_empty(),
        "not as it should be: {failed:?}\n{}",
        stage.agent.log()
    );
    assert!(
        !stage.agent.log().contains("panicked"),
        "{}",
        stage.agent.log()
    );
}
