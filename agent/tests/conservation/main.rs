//! Conservation: over random schedules of containers, floods, full tables, restarts
//! and outages, what was provoked is what was counted, or what is stated to be lost;
//! and nothing is attributed to another.
//!
//! In: a seed and a number of schedules (`SEALWATCH_CONSERVATION_SEED`,
//! `SEALWATCH_CONSERVATION_CASES`). Out: a line per schedule; of one that fails, the
//! seed and the shortest schedule found that still fails. Invariant: the real daemon
//! on a real kernel; containers are real control groups with real processes in them,
//! and in some schedules a real Docker's. Lacks on purpose: knowledge of how the
//! daemon counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod actor;
mod arena;
mod daemon;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
mod exposition;
mod ground;
mod groups;
mod guests;
mod life;
mod model;
mod play;
mod refusals;
mod relay;
mod run;
mod schedule;
mod settle;
mod watched;

/// Schedules of the test that runs with all others.
const CASES: u64 = 40;

#[test]
fn what_is_provoked_is_counted_or_stated_to_be_lost() {
    if let Err(why) = engines::may_start() {
        return engines::cannot_run("conservation", &why);
    }
    let run = run::Run::of_environment(CASES);
    if let Err(failures) = run.play(run::Where::Host) {
        panic!("{failures}");
    }
}

/// Runs in a container, where `life` starts it.
#[test]
#[ignore = "only for containers"]
fn actor_in_a_container() {
    actor::act();
}

/// Runs in a guest, where `guests` starts it.
#[test]
#[ignore = "only for guests"]
fn schedules_in_a_guest() {
    let run = run::Run::of_environment(1);
    if let Err(failures) = run.play(run::Where::Guest) {
        panic!("{failures}");
    }
}

/// The long form: `cargo xtask test --no-check conservation_in_guests -- --ignored`.
#[test]
#[ignore = "takes as long as the guests' schedules do"]
fn conservation_in_guests() {
    guests::run();
}
