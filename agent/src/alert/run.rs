//! The task that looks at the latest snapshot and has receivers told.
//!
//! In: valid settings, the latest snapshot each time it is asked for, the state
//! file. Out: tasks of `send`, the state file. Invariant: what is no good from
//! the start (certificates) stops the daemon there; nothing else does. Lacks on
//! purpose: a way back to the hot path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::board::Board;
use super::client::{Client, ClientError};
use super::delivery::Delivery;
use super::firing::{Place, firing};
use super::kubernetes::Writer;
use super::receiver::{Receiver, roots};
use super::saved;
use super::send::{Sender, Shared, now};
use crate::aggregate::Snapshot;
use crate::config::Alerting;
use crate::state_file::{self, StateWriter};

/// How often the snapshot is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Least time between two writings of the state.
const SAVE: Duration = Duration::from_secs(2);
/// The state file's name beside the daemon's own.
const NAME: &str = "alerts.json";
/// What the daemon's end leaves for the last requests.
const END_WITHIN: Duration = Duration::from_secs(3);

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
#[error("alerts cannot be sent: {0}")]
pub struct AlertError(#[from] ClientError);

/// Where the latest snapshot is had.
pub type Sources = Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>;

/// The running sink.
#[derive(Debug)]
pub struct Sink {
    /// How telling goes.
    pub delivery: Arc<Delivery>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sink {
    /// Starts it; none where nobody shall be told. `state` is the daemon's own
    /// state file, beside which what is undelivered is kept.
    ///
    /// # Errors
    /// Certificates or a service account that are needed and cannot be used.
    pub fn start(
        settings: &Alerting,
        node: &str,
        state: Option<&Path>,
        latest: Sources,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Option<Sink>, AlertError> {
        let receivers = Receiver::all(settings);
        if receivers.is_empty() && !settings.kubernetes_events {
            return Ok(None);
        }
        let delivery = Arc::new(Delivery::new(&receivers, settings.kubernetes_events));
        let mut tasks = Vec::new();
        if let Some(numbers) = &delivery.events {
            let account = &settings.kubernetes_account;
            let writer = Writer::new(node, account, Arc::clone(&latest), Arc::clone(numbers))?;
            tracing::info!("refusals become Kubernetes Events");
            tasks.push(tokio::spawn(writer.run(stopped.clone())));
        }
        if !receivers.is_empty() {
            let place = Place {
                node: node.to_owned(),
                runbooks: settings.runbooks.clone(),
            };
            let client = Client::new(&roots(settings))?;
            let state = state.map(|path| path.with_file_name(NAME));
            let shared = Arc::new(Shared {
                board: restored(state.as_deref(), &receivers, &delivery).into(),
                delivery: Arc::clone(&delivery),
                wakes: receivers.iter().map(|_| Notify::new()).collect(),
            });
            let looking = Looking {
                senders: senders(&receivers, &client, &shared, stopped),
                writer: state.and_then(writer),
                place,
                shared,
                receivers,
                latest,
            };
            tasks.push(tokio::spawn(looking.run(stopped.clone())));
        }
        Ok(Some(Sink { delivery, tasks }))
    }

    /// Waits for its end, which the daemon's `stopped` begins.
    ///
    /// # Errors
    /// A task of it has panicked.
    pub async fn ended(self) -> Result<(), tokio::task::JoinError> {
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

fn senders(
    receivers: &[Receiver],
    client: &Client,
    shared: &Arc<Shared>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let senders = receivers.iter().enumerate().map(|(at, receiver)| {
        let (name, kind) = (&receiver.label, receiver.kind.label());
        tracing::info!(receiver = name, kind, "alerts go there");
        let sender = Sender {
            at,
            receiver: receiver.clone(),
            client: client.clone(),
            shared: Arc::clone(shared),
            stopped: stopped.clone(),
        };
        tokio::spawn(sender.run())
    });
    senders.collect()
}

fn writer(path: PathBuf) -> Option<StateWriter> {
    StateWriter::start(path)
        .inspect_err(|error| tracing::warn!(%error, "undelivered alerts are not kept: no thread"))
        .ok()
}

/// What an earlier daemon left.
fn restored(path: Option<&Path>, receivers: &[Receiver], delivery: &Delivery) -> Board {
    let Some(path) = path else {
        return saved::empty(receivers);
    };
    let text = match state_file::read(path, saved::BYTES_MAX) {
        Ok(None) => return saved::empty(receivers),
        Ok(Some(text)) => saved::board(&text, receivers, now()),
        Err(error) => Err(error.into()),
    };
    text.unwrap_or_else(|error| {
        delivery.unreadable.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, path = %path.display(), "what an earlier daemon had still to tell cannot be used, and will be replaced: what is over by now is told to nobody");
        saved::empty(receivers)
    })
}

struct Looking {
    shared: Arc<Shared>,
    receivers: Vec<Receiver>,
    senders: Vec<JoinHandle<()>>,
    writer: Option<StateWriter>,
    place: Place,
    latest: Sources,
}

impl Looking {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut saves = tokio::time::interval(SAVE);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.changed() => break,
                _ = ticks.tick() => self.look(),
                _ = saves.tick() => self.save(),
            }
        }
        let end = Instant::now() + END_WITHIN;
        for mut sender in std::mem::take(&mut self.senders) {
            match tokio::time::timeout_at(end, &mut sender).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a task that tells of alerts failed"),
                Err(_) => sender.abort(),
            }
        }
        let text = self.text();
        if let Some(writer) = self.writer
            && !writer.finish(text)
        {
            tracing::warn!("the disk is too slow: the last alerts are not kept");
        }
    }

    fn look(&self) {
        let now = now();
        let firing = firing(&(self.latest)(), now, &self.place);
        let delivery = &self.shared.delivery;
        let left_out = firing.left_out as u64;
        delivery.left_out.store(left_out, Ordering::Relaxed);
        let due = firing.due.into_iter().map(|due| (due.alert, due.hold));
        let mut board = self.shared.board();
        let changed = board.observe(due.collect(), now);
        let active = board.active().len() as u64;
        delivery.firing.store(active, Ordering::Relaxed);
        if changed {
            for (at, numbers) in delivery.receivers.iter().enumerate() {
                let outbox = board.outbox(at);
                numbers.dropped.store(outbox.dropped(), Ordering::Relaxed);
                let waiting = outbox.waiting().len() as u64;
                numbers.waiting.store(waiting, Ordering::Relaxed);
                self.shared.wakes[at].notify_one();
            }
        }
    }

    fn save(&self) {
        let Some(writer) = &self.writer else { return };
        let unwritten = writer.unwritten();
        let delivery = &self.shared.delivery;
        delivery.unwritten.store(unwritten, Ordering::Relaxed);
        if !self.shared.board().take_unsaved() {
            return;
        }
        // Where the disk is busy, the next time tries again.
        if let Some(text) = self.text()
            && !writer.write(text)
        {
            self.shared.board().keep_unsaved();
        }
    }

    fn text(&self) -> Option<String> {
        saved::text(&self.shared.board(), &self.receivers)
            .inspect_err(|error| tracing::error!(%error, "alerts cannot be written as JSON"))
            .ok()
    }
}
