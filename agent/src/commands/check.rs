//! `sealwatch check`: a container runs, and a build fails where it is refused
//! anything.
//!
//! In: a command to run, or a container to watch; what is accepted. Out: a
//! report, and an exit code: 0 clean, 1 denials, breaches or a failed command, 2
//! badly told, 3 not observed. Invariant: what could not be seen is never called
//! clean; the command's own output passes untouched. Lacks on purpose: judging by
//! a posture: a writable root is told, and with `--strict` is no success.

mod agent;
mod child;
mod engine;
mod exposition;
mod flags;
mod github;
mod judge;
mod junit;
mod launch;
mod lists;
mod observe;
mod output;
mod session;
mod sights;
mod signals;
mod suggest;
mod text;
mod verdict;

use std::collections::BTreeSet;

use agent::Agent;
use engine::Host;
use judge::{Rules, conclude, judge};
use launch::{Launch, Subject};
use observe::{Found, Scope};
use session::{Outcome, Session};
use signals::Signals;
use verdict::Report;

use super::own::Directory;
use crate::contract;
use crate::denial::escape;

pub use flags::{CheckFlags, Format};
pub use verdict::{VERSION, Verdict};

/// Exit code for a bad flag, the same as clap's.
const BADLY_TOLD: u8 = 2;

/// Runs the check; gives the exit code.
///
/// # Errors
/// The report cannot be written.
pub async fn run(flags: &CheckFlags) -> anyhow::Result<u8> {
    // Before anything is started, so that no signal leaves it behind.
    let mut signals = Signals::take()?;
    let directory = Directory::make()?;
    let (plan, rules) = match prepare(flags, &directory) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("sealwatch: {error}");
            return Ok(BADLY_TOLD);
        }
    };
    let inventory = !rules.contracts.is_empty();
    let host = match plan.as_ref().and_then(|launch| launch.cli.as_ref()) {
        Some(cli) => cli.host().await,
        None => Host::of(&std::env::var("DOCKER_HOST").unwrap_or_default()),
    };
    let config = match agent::config(flags, inventory, &directory, &host) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("sealwatch: {error}");
            return Ok(BADLY_TOLD);
        }
    };
    let starting = async {
        match flags.agent.agent {
            Some(_) => Ok(Agent::named(flags, inventory).await?),
            None => Agent::own(&config, &directory).await,
        }
    };
    let agent = tokio::select! {
        biased;
        _ = signals.next() => Err(anyhow::anyhow!("a signal ended the check before it began")),
        agent = starting => agent,
    };
    let mut report = empty(plan.as_ref());
    match agent {
        Err(error) => report.unobserved.push(format!("{error:#}")),
        Ok(agent) => {
            let scope = scope(flags, plan.as_ref()).await;
            let watched = Session::begin(&agent, signals, scope, inventory, flags.limit()).await;
            match watched {
                Err(error) => report.unobserved.push(error.to_string()),
                Ok(mut session) => {
                    let outcome = match &plan {
                        Some(launch) => session.run(launch, flags.allow_failure).await,
                        None => session.watch().await,
                    };
                    tell_engine(&mut session, plan.as_ref()).await;
                    let outcome = outcome.unwrap_or_else(|error| Outcome {
                        unobserved: vec![format!("{error:#}")],
                        ..Outcome::default()
                    });
                    fill(&mut report, &session, &rules, outcome, &host);
                }
            }
            agent.stop().await?;
        }
    }
    conclude(&mut report, flags.strict);
    output::write(flags, &report)?;
    Ok(report.verdict.exit_code())
}

/// What is run and by what it is judged, or what was told badly.
fn prepare(flags: &CheckFlags, directory: &Directory) -> Result<(Option<Launch>, Rules), String> {
    flags.validate()?;
    let contracts = match &flags.contract {
        Some(path) => contract::load(path).map_err(|error| error.to_string())?,
        None => Vec::new(),
    };
    let cidfile = directory.path().join("container-id");
    let launch = match flags.command.is_empty() {
        true => None,
        false => Some(launch::launch(&flags.command, &cidfile).map_err(|error| error.to_string())?),
    };
    let sole = launch
        .as_ref()
        .is_some_and(|launch| matches!(launch.subject, Subject::Run { .. }));
    let rules = Rules {
        accept: flags.accept.clone(),
        contracts,
        sole,
    };
    Ok((launch, rules))
}

/// Whose denials count. A container that is started again is asked for by name
/// before, since its id is not new.
async fn scope(flags: &CheckFlags, launch: Option<&Launch>) -> Scope {
    let Some(launch) = launch else {
        return Scope::Fitting(flags.container.clone().unwrap_or_default());
    };
    match (&launch.subject, &launch.cli) {
        (Subject::Run { .. }, _) => Scope::Ids(BTreeSet::new()),
        (Subject::Start { names }, Some(cli)) => {
            let told = cli.inspect(names).await;
            Scope::Ids(told.into_iter().map(|told| told.id).collect())
        }
        (Subject::Start { .. } | Subject::Born, _) => Scope::Born(flags.container.clone()),
    }
}

/// What the engine, or the command line, knows of the root, as a container that
/// has gone quickly was not looked at.
async fn tell_engine(session: &mut Session<'_>, launch: Option<&Launch>) {
    let (Some(launch), Scope::Ids(ids)) = (launch, &session.scope) else {
        return;
    };
    let ids: Vec<String> = ids.iter().cloned().collect();
    let Some(cli) = &launch.cli else {
        return;
    };
    for told in cli.inspect(&ids).await {
        session.observer.told(&told.id, told.read_only_root());
    }
    if let Subject::Run { read_only, .. } = &launch.subject {
        // Podman's settings may ask for what the command line does not.
        let told = Some(*read_only).filter(|read_only| *read_only || cli.docker);
        ids.iter().for_each(|id| session.observer.told(id, told));
    }
}

fn empty(launch: Option<&Launch>) -> Report {
    let words = launch.map(|launch| &launch.words[..]).unwrap_or_default();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Report {
        version: VERSION,
        verdict: Verdict::NotObserved,
        sentence: String::new(),
        command: words
            .iter()
            .map(|word| escape(word.as_encoded_bytes()))
            .collect(),
        end: None,
        seconds: 0.0,
        kernel: escape(release.trim().as_bytes()),
        backend: String::new(),
        containers: Vec::new(),
        unobserved: Vec::new(),
        not_measured: Vec::new(),
        notes: Vec::new(),
    }
}

fn fill(report: &mut Report, session: &Session, rules: &Rules, outcome: Outcome, host: &Host) {
    let (reading, observer) = (&session.reading, &session.observer);
    report.backend = sights::backends(&reading.attached);
    report.end = outcome.end;
    report.seconds = outcome.time.as_secs_f64();
    report.unobserved.extend(outcome.unobserved);
    report.not_measured = sights::gaps(&reading.attached, &reading.missing);
    let found = observer.found(&session.scope);
    for one in &found {
        let judged = judge(one, rules);
        tell_doubts(report, one, rules, judged.contract);
        report.containers.push(judged);
    }
    if found.is_empty() {
        report.unobserved.push(match host {
            Host::Far(host) => {
                format!("no container was seen: the engine at {host} is not on this machine")
            }
            Host::Socket(_) | Host::Usual => "no container was seen".to_owned(),
        });
    } else if !rules.contracts.is_empty() && !report.containers.iter().any(|one| one.contract) {
        report
            .unobserved
            .push("the contract is of none of the containers".to_owned());
    }
    for (stage, reason, count) in observer.lost() {
        report
            .not_measured
            .push(format!("{count} lost meanwhile ({stage}: {reason})"));
    }
    if observer.unresolved() > 0 {
        let count = observer.unresolved();
        report.not_measured.push(format!(
            "whose {count} refusals meanwhile were: their container is not known"
        ));
    }
    if observer.dropped > 0 {
        report
            .not_measured
            .push("containers past the first 4,096".to_owned());
    }
}

/// What makes a clean result worth less.
fn tell_doubts(report: &mut Report, found: &Found, rules: &Rules, held: bool) {
    let name = &found.named.name;
    match found.read_only {
        Some(true) => {}
        Some(false) => report.not_measured.push(format!(
            "what a read-only root would refuse {name}: its root is writable; run it with --read-only"
        )),
        None => report.notes.push(format!("whether the root of {name} is read-only is not known")),
    }
    if found.shares_name {
        report.notes.push(format!(
            "another container was called {name} meanwhile, and its denials are counted with this one's"
        ));
    }
    if !rules.contracts.is_empty() && !held {
        report.notes.push(format!("no contract is of {name}"));
    }
}

#[cfg(test)]
mod tests;
