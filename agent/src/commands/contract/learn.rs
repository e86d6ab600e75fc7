//! A container is watched while somebody exercises it, and its contract printed.
//!
//! In: whom to watch, and how long. Out: the contract, and what it could not
//! know. Invariant: the inventory is leased only as long as somebody waits for
//! it, and given back at the end; Ctrl-C ends the watching, and what is known by
//! then is printed. Lacks on purpose: exercising.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::agent::Agent;
use super::flags::{Format, Learning};
use super::gather::{Found, Gathered};
use super::progress::Progress;
use super::served::Reading;
use super::{NOT_OBSERVED, apply, print};
use crate::commands::client::{Client, ClientError};
use crate::contract::observed::Destination;
use crate::contract::propose;
use crate::contract::render::Subject;
use crate::http::WatchRequest;

/// Time between two readings.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the inventory goes on where this command is gone.
const LEASE_SECONDS: u64 = 30;
/// When the lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// How often in a row the daemon may fail to answer.
const FAILURES_MAX: u32 = 10;

/// What ends it early.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Watches and prints; gives the exit code.
pub(super) async fn run(learning: &Learning) -> anyhow::Result<u8> {
    // Before the inventory is switched on, so that no signal leaves it on.
    let mut stop = Stop {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let found = tokio::select! {
        found = Agent::find(&learning.agent) => found,
        () = stop.told() => return Ok(NOT_OBSERVED),
    };
    let agent = match found {
        Ok(agent) => agent,
        Err(error) => {
            print::line(&format!("{error:#}"));
            return Ok(NOT_OBSERVED);
        }
    };
    if agent.is_own() {
        print::line("no daemon runs here: this command watches by itself");
    }
    let watched = watch(&agent.client, learning, &mut stop).await;
    agent.stop().await?;
    match watched {
        Ok(gathered) => tell(gathered, learning),
        Err(error) => {
            print::line(&error.to_string());
            Ok(NOT_OBSERVED)
        }
    }
}

async fn watch(
    client: &Client,
    learning: &Learning,
    stop: &mut Stop,
) -> Result<Gathered, ClientError> {
    lease(client, &learning.pattern, LEASE_SECONDS).await?;
    print::line(&format!(
        "watching {} for {}: start or restart it now, and exercise all it does; Ctrl-C ends early",
        learning.pattern,
        humantime::format_duration(learning.time)
    ));
    let begun = Instant::now();
    let mut progress = Progress::begin(learning.time);
    let mut gathered = Gathered::of(&learning.pattern);
    let mut renewed = begun;
    let mut failures = 0;
    let mut last = false;
    let result = loop {
        match Reading::take(client, gathered.is_empty()).await {
            Ok(reading) => {
                failures = 0;
                gathered.take(&reading);
            }
            Err(error) if failures >= FAILURES_MAX || last => break Err(error),
            Err(_) => failures += 1,
        }
        progress.show(begun.elapsed(), &gathered.tally());
        if last {
            break Ok(());
        }
        if renewed.elapsed() >= RENEW {
            renewed = Instant::now();
            // Where it fails, so do the readings.
            let _ = lease(client, &learning.pattern, LEASE_SECONDS).await;
        }
        let left = learning.time.saturating_sub(begun.elapsed());
        tokio::select! {
            () = tokio::time::sleep(PAUSE.min(left)) => last = left <= PAUSE,
            () = stop.told() => {
                last = true;
                // What was written a moment ago is served a moment later.
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    progress.end();
    let _ = lease(client, &learning.pattern, 0).await;
    result.map(|()| gathered)
}

async fn lease(client: &Client, pattern: &str, seconds: u64) -> Result<(), ClientError> {
    let request = WatchRequest {
        container: pattern.to_owned(),
        seconds,
    };
    client.post("/api/v1/watches", &request).await
}

fn tell(gathered: Gathered, learning: &Learning) -> anyhow::Result<u8> {
    let not_measured = gathered.not_measured.join(", ");
    let found = gathered.found();
    if found.is_empty() {
        print::line(&format!(
            "no container that fits {} was seen: look at its name with `docker ps` or `kubectl get pods`, and start it while this command waits",
            learning.pattern
        ));
        return Ok(NOT_OBSERVED);
    }
    for found in &found {
        caveats(found);
    }
    let proposals: Vec<_> = found.iter().map(|found| propose(&found.observed)).collect();
    for note in proposals.iter().flat_map(|proposal| &proposal.notes) {
        print::line(note);
    }
    if !not_measured.is_empty() {
        print::line(&format!(
            "not measured, and so in no contract: {not_measured}"
        ));
    }
    let subjects: Vec<Subject> = proposals
        .iter()
        .zip(&found)
        .map(|(proposal, found)| Subject {
            contract: &proposal.contract,
            name: &found.name,
            image: &found.image,
        })
        .collect();
    let format = learning
        .format
        .unwrap_or(match found.iter().any(|found| found.pod) {
            true => Format::Kubernetes,
            false => Format::Docker,
        });
    apply(&subjects, format)?;
    Ok(0)
}

/// What a reader must know of this container's contract.
fn caveats(found: &Found) {
    let Found { name, observed, .. } = found;
    if !observed.start_seen {
        print::line(&format!(
            "{name} was running already: what it writes at its start is in the contract only if it was restarted meanwhile"
        ));
    }
    let own = |destination| matches!(destination, Destination::Root | Destination::Unknown);
    let written = observed
        .writes
        .iter()
        .any(|written| own(written.destination));
    match found.read_only_root {
        Some(true) => print::line(&format!(
            "{name} runs with a read-only root already: the contract is made of what it was refused, and a program that was refused one thing may not have tried the next"
        )),
        _ if !written && observed.refusals.is_empty() => print::line(&format!(
            "{name} was seen to write nothing into its root: was it exercised?"
        )),
        _ => {}
    }
}
