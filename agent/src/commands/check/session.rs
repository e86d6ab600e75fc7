//! The command runs, and the daemon is read meanwhile.
//!
//! In: a [`Launch`] or a pattern, an [`Agent`]. Out: an [`Observer`] that has seen
//! all of it, and how the command ended. Invariant: the first reading is before
//! the command, the last after everything that it counted has settled; what was
//! started here is stopped here, in order, at the end of its time or by a signal.
//! Lacks on purpose: judging.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use std::os::unix::process::ExitStatusExt as _;

use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use super::agent::Agent;
use super::child::Running;
use super::engine::read_id;
use super::launch::{Launch, Subject};
use super::lists::{self, Reading};
use super::observe::{Observer, Scope};
use super::signals::{Signals, must_forward};
use super::verdict::End;
use crate::clock::monotonic_ns;
use crate::commands::client::ClientError;
use crate::http::LEASE_MAX;
use crate::identity::cgroup::{Parsed, parse};
use crate::identity::hierarchy::Layout;
use crate::pipeline::start_scan;

/// How often the daemon is read.
const POLL: Duration = Duration::from_millis(250);
/// What a command gets to end after a signal, before its container is stopped.
const SIGNAL_WAIT: Duration = Duration::from_secs(10);
/// Least time after the end: some ticks of the daemon.
const SETTLE_MIN: Duration = Duration::from_millis(800);
/// The same with the inventory, which is summed once a second.
const SETTLE_MIN_INVENTORY: Duration = Duration::from_millis(1_800);
/// Most time after the end: the daemon waits up to 5 s for a sample or a name.
const SETTLE_MAX: Duration = Duration::from_secs(7);
/// Docker's exit codes for what it could not run itself.
const COULD_NOT_RUN: [i32; 3] = [125, 126, 127];

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) end: Option<End>,
    /// Why nothing, or not all, was seen.
    pub(super) unobserved: Vec<String>,
    pub(super) time: Duration,
}

/// A check under way.
pub(super) struct Session<'a> {
    agent: &'a Agent,
    signals: Signals,
    layout: Option<Layout>,
    inventory: bool,
    renewed: Instant,
    began: Instant,
    /// When its time is over; never where there is none.
    until: Option<Instant>,
    stopped: Option<&'static str>,
    alive: BTreeSet<String>,
    /// The latest, for what is attached and pending.
    pub(super) reading: Reading,
    pub(super) observer: Observer,
    pub(super) scope: Scope,
}

impl<'a> Session<'a> {
    /// Reads for the first time.
    pub(super) async fn begin(
        agent: &'a Agent,
        signals: Signals,
        scope: Scope,
        inventory: bool,
        limit: Option<Duration>,
    ) -> Result<Session<'a>, ClientError> {
        let layout = Layout::read().ok();
        let before = alive(layout.as_ref(), &scope).await;
        let began_ns = monotonic_ns();
        let first = lists::read(&agent.client, inventory).await?;
        let began = Instant::now();
        Ok(Session {
            agent,
            signals,
            layout,
            inventory,
            renewed: began,
            began,
            until: limit.and_then(|limit| began.checked_add(limit)),
            stopped: None,
            alive: BTreeSet::new(),
            reading: first.clone(),
            observer: Observer::new(first, before, began_ns),
            scope,
        })
    }

    async fn poll(&mut self) -> Result<(), ClientError> {
        if self.inventory && self.renewed.elapsed() > LEASE_MAX / 2 {
            self.renewed = Instant::now();
            self.agent.lease(LEASE_MAX.as_secs()).await?;
        }
        self.alive = alive(self.layout.as_ref(), &self.scope).await;
        let reading = lists::read(&self.agent.client, self.inventory).await?;
        self.reading = Reading {
            rows: Vec::new(),
            ..reading.clone()
        };
        self.observer.take(reading, &self.alive);
        Ok(())
    }

    /// Runs the command to its end, and what it left running to the end of the time.
    pub(super) async fn run(
        &mut self,
        launch: &Launch,
        allow_failure: bool,
    ) -> anyhow::Result<Outcome> {
        let (program, arguments) = launch
            .words
            .split_first()
            .ok_or_else(|| anyhow::anyhow!("no command"))?;
        let mut outcome = Outcome::default();
        let mut child = match Running::start(Command::new(program).args(arguments)) {
            Ok(child) => child,
            Err(error) => {
                let program = crate::denial::escape(program.as_encoded_bytes());
                outcome
                    .unobserved
                    .push(format!("{program} cannot be started: {error}"));
                return Ok(outcome);
            }
        };
        let status = match self.attend(&mut child, launch).await {
            Ok(status) => status,
            Err(error) => {
                // What nobody watches any more shall not go on.
                outcome.unobserved.push(format!("{error:#}"));
                self.find(launch).await;
                self.stop(launch).await;
                child.end().await?;
                return Ok(outcome);
            }
        };
        self.find(launch).await;
        let mut code = status.code();
        let own_failure = self.could_not_run(launch, code).await;
        if own_failure {
            outcome.unobserved.push(format!(
                "the engine could not run the container (exit code {}); it says why above",
                code.unwrap_or(0)
            ));
        } else if self.stopped.is_none() && code == Some(0) {
            code = self.follow(launch).await?.or(code);
        }
        let failed = code != Some(0) && self.stopped.is_none() && !own_failure && !allow_failure;
        outcome.end = Some(End {
            code,
            signal: status.signal(),
            stopped: self.stopped,
            failed,
        });
        self.settle(&mut outcome).await?;
        Ok(outcome)
    }

    /// Watches without a command: until the time is over, or those who were there
    /// are gone.
    pub(super) async fn watch(&mut self) -> anyhow::Result<Outcome> {
        let mut seen = false;
        let mut ticks = interval(POLL);
        loop {
            tokio::select! {
                biased;
                _ = self.signals.next() => {
                    self.stopped = Some("signal");
                    break;
                }
                () = at(self.until) => break,
                _ = ticks.tick() => {}
            }
            self.poll().await?;
            let ids = self.observer.ids(&self.scope);
            let living = ids.iter().any(|id| self.alive.contains(id));
            if seen && !living {
                break;
            }
            seen |= living;
        }
        let mut outcome = Outcome::default();
        self.settle(&mut outcome).await?;
        Ok(outcome)
    }

    /// Reads until the command has ended, or has been made to.
    async fn attend(
        &mut self,
        child: &mut Running,
        launch: &Launch,
    ) -> anyhow::Result<std::process::ExitStatus> {
        let mut ticks = interval(POLL);
        loop {
            tokio::select! {
                biased;
                status = child.ended() => return Ok(status?),
                signal = self.signals.next() => {
                    if must_forward(signal) {
                        child.signal(signal);
                    }
                    self.stopped = Some("signal");
                    let patience = Instant::now() + SIGNAL_WAIT;
                    self.until = Some(self.until.map_or(patience, |until| until.min(patience)));
                }
                () = at(self.until) => {
                    self.stopped = self.stopped.or(Some("timeout"));
                    // What it did until now is there before its name goes.
                    self.poll().await?;
                    self.find(launch).await;
                    // Whose container has been stopped ends by itself.
                    if self.stop(launch).await
                        && let Ok(status) = timeout(SIGNAL_WAIT, child.ended()).await
                    {
                        return Ok(status?);
                    }
                    return Ok(child.end().await?);
                }
                _ = ticks.tick() => {
                    self.poll().await?;
                    self.find(launch).await;
                }
            }
        }
    }

    /// Looks for the container's id, if it is not known yet.
    async fn find(&mut self, launch: &Launch) {
        let Scope::Ids(ids) = &mut self.scope else {
            return;
        };
        if ids.is_empty()
            && let Subject::Run { cidfile, .. } = &launch.subject
        {
            ids.extend(read_id(cidfile));
        }
    }

    /// Stops the containers that the command named; false where none is known.
    async fn stop(&self, launch: &Launch) -> bool {
        let (Some(cli), Scope::Ids(ids)) = (&launch.cli, &self.scope) else {
            return false;
        };
        let mut stopped = false;
        for id in ids {
            stopped |= cli.stop(id).await;
        }
        stopped
    }

    /// Is the exit code the engine's own, which could not run the container?
    async fn could_not_run(&self, launch: &Launch, code: Option<i32>) -> bool {
        let (Some(cli), Subject::Run { .. }) = (&launch.cli, &launch.subject) else {
            return false;
        };
        if self.stopped.is_some() || !code.is_some_and(|code| COULD_NOT_RUN.contains(&code)) {
            return false;
        }
        let Scope::Ids(ids) = &self.scope else {
            return false;
        };
        match ids.first() {
            None => true,
            // A program may end with such a code as well.
            Some(id) => cli.has_started(id, self.began.elapsed()).await != Some(true),
        }
    }

    /// Waits for what goes on without its command; gives its exit code, if known.
    async fn follow(&mut self, launch: &Launch) -> anyhow::Result<Option<i32>> {
        let (Some(cli), Scope::Ids(ids)) = (&launch.cli, &self.scope) else {
            return Ok(None);
        };
        let ids: Vec<String> = ids.iter().cloned().collect();
        let Some(mut wait) = cli.wait(&ids) else {
            return Ok(None);
        };
        let mut ticks = interval(POLL);
        let failed = loop {
            tokio::select! {
                biased;
                status = wait.ended() => {
                    // One that is gone already is nobody's to wait for.
                    let told = status?.success().then(|| wait.output());
                    let codes = told.unwrap_or_default();
                    return Ok(codes.lines().filter_map(|line| line.trim().parse().ok()).max());
                }
                _ = self.signals.next() => self.stopped = Some("signal"),
                () = at(self.until) => self.stopped = Some("timeout"),
                _ = ticks.tick() => {
                    if let Err(error) = self.poll().await {
                        break Some(error);
                    }
                    continue;
                }
            }
            break self.poll().await.err();
        };
        self.stop(launch).await;
        wait.end().await?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(None),
        }
    }

    /// Reads until everything that was counted is where it belongs.
    async fn settle(&mut self, outcome: &mut Outcome) -> anyhow::Result<()> {
        outcome.time = self.began.elapsed();
        if self.stopped == Some("signal") {
            outcome
                .unobserved
                .push("a signal ended the check before its time".to_owned());
        }
        let least = if self.inventory {
            SETTLE_MIN_INVENTORY
        } else {
            SETTLE_MIN
        };
        let over = Instant::now();
        loop {
            self.poll().await?;
            let settled = self.reading.pending == 0 && self.observer.are_named(&self.scope);
            let time = over.elapsed();
            if time >= SETTLE_MAX || (settled && time >= least) {
                break;
            }
            sleep(POLL).await;
        }
        if self.inventory {
            self.agent.lease(0).await?;
        }
        Ok(())
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The containers that have a control group now: the outermost of each nest, and
/// those that are looked for.
async fn alive(layout: Option<&Layout>, scope: &Scope) -> BTreeSet<String> {
    let Some(layout) = layout else {
        return BTreeSet::new();
    };
    let Ok((scan, _)) = start_scan(layout.clone()).await else {
        return BTreeSet::new();
    };
    let wanted = |id: &str| matches!(scope, Scope::Ids(ids) if ids.contains(id));
    let mut ids = BTreeSet::new();
    for (_, path) in &scan.groups {
        if let Parsed::Container(nest) = parse(path) {
            let levels = nest.levels.into_iter().enumerate();
            let levels = levels.filter(|(depth, level)| *depth == 0 || wanted(&level.id));
            ids.extend(levels.map(|(_, level)| level.id));
        }
    }
    ids
}
