//! Who asks the daemon meanwhile: followers that hear everything, followers that
//! leave in the middle, and people who look at pages.
//!
//! In: an address. Out: complaints. Invariant: a follower that keeps up hears
//! every event once, in order, over all its streams. Lacks on purpose: what the
//! events say.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};

use super::Soak;
use crate::{
    demo::agent,
    follow::{Follower, Said},
};

const PATIENCE: Duration = Duration::from_secs(2);
/// Lines that are read before a hasty follower leaves.
const HASTY: usize = 20;
const PAGES: [&str; 8] = [
    "/",
    "/api/v1/containers",
    "/api/v1/denials",
    "/api/v1/degraded",
    "/api/v1/tmpfs",
    "/api/v1/inventory",
    "/api/v1/events?limit=4096",
    "/api/v1/status",
];

/// Follows, and comes back where a stream ends, from where it was.
pub(super) fn follow(soak: &Soak<'_>, address: SocketAddr) {
    let mut place: Option<String> = None;
    while !soak.is_over() {
        if let Err(error) = follow_one(soak, address, &mut place) {
            soak.complain(format!("a follower: {error:#}"));
            soak.pause(PATIENCE);
        }
    }
}

fn follow_one(soak: &Soak<'_>, address: SocketAddr, place: &mut Option<String>) -> Result<()> {
    let mut follower = Follower::connect(address, "", place.as_deref(), PATIENCE)?;
    while !soak.is_over() {
        match follower.read()? {
            Said::Place(at) => {
                if let Some(before) = place.replace(at.clone()) {
                    let (before, now) = (number(&before), number(&at));
                    // The greeting repeats the place that was asked from.
                    ensure!(
                        now == before || now == before + 1,
                        "event {now} follows event {before}"
                    );
                }
            }
            Said::Missed(count) => ensure!(count == 0, "missed {count} events"),
            Said::Event { .. } | Said::Silence => {}
            Said::End => return Ok(()),
        }
    }
    Ok(())
}

/// The number of a place `RUN-NUMBER`.
fn number(place: &str) -> u64 {
    let number = place.rsplit('-').next();
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Connects again and again, and leaves without a word.
pub(super) fn hang_up(soak: &Soak<'_>, address: SocketAddr) {
    while !soak.is_over() {
        match Follower::connect(address, "", None, PATIENCE) {
            Ok(mut follower) => {
                for _ in 0..HASTY {
                    if soak.is_over() || !matches!(follower.read(), Ok(said) if said != Said::End) {
                        break;
                    }
                }
            }
            Err(error) => soak.complain(format!("a hasty follower: {error:#}")),
        }
        soak.pause(Duration::from_millis(500));
    }
}

/// Looks at one page after the other.
pub(super) fn browse(soak: &Soak<'_>, address: SocketAddr) {
    for page in PAGES.iter().cycle() {
        if soak.is_over() {
            return;
        }
        if let Err(error) = agent::ask(address, page) {
            soak.complain(format!("{error:#}"));
        }
        soak.pause(Duration::from_millis(700));
    }
}
