//! One receiver's task: what it has to be told becomes requests, until they are taken.
//!
//! In: the board, time. Out: requests; numbers; a line of log where a receiver
//! stops to answer, and one where it answers again. Invariant: a receiver that
//! does not answer is asked again after a pause that doubles up to
//! [`PAUSE_MAX`]; one that answers that it will never take a request is not asked
//! with the same one again. Lacks on purpose: knowing what it tells.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hyper::Method;
use tokio::sync::{Notify, watch};

use super::board::Board;
use super::client::{Client, ClientError};
use super::delivery::Delivery;
use super::form;
use super::outbox::Batch;
use super::receiver::Receiver;
use crate::clock;
use crate::config::ReceiverKind;
use crate::degrade::Moment;

const PAUSE_MIN: Duration = Duration::from_secs(1);
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Longest sleep where nothing is due.
const IDLE: Duration = Duration::from_secs(3600);
/// Answers that another request like it would get as well: bad, too large, of a
/// kind that is not taken.
const REFUSALS: [u16; 4] = [400, 413, 415, 422];

/// What the tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) board: Mutex<Board>,
    pub(super) delivery: Arc<Delivery>,
    /// One for each receiver.
    pub(super) wakes: Vec<Notify>,
}

impl Shared {
    /// A panic in another task leaves the board as it was.
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn now() -> Moment {
    Moment {
        monotonic_ns: clock::monotonic_ns(),
        wall: SystemTime::now(),
    }
}

/// One receiver.
pub(super) struct Sender {
    pub(super) at: usize,
    pub(super) receiver: Receiver,
    pub(super) client: Client,
    pub(super) shared: Arc<Shared>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// How sending a batch went.
enum Outcome {
    Taken,
    Refused(ClientError),
    Failed(ClientError),
}

impl Sender {
    /// Tells until the daemon stops; then once more.
    pub(super) async fn run(mut self) {
        let mut pause = None;
        while !*self.stopped.borrow() {
            let batch = self.shared.board().batch(self.at, now());
            match batch {
                None => self.idle().await,
                Some(batch) if self.tell(&batch).await => pause = None,
                Some(_) => {
                    let next = longer(pause);
                    pause = Some(next);
                    tokio::select! {
                        () = tokio::time::sleep(jittered(next)) => {}
                        _ = self.stopped.changed() => {}
                    }
                }
            }
        }
        // What is left is in the state file; who answers at once may have it.
        let batch = self.shared.board().batch(self.at, now());
        if let Some(batch) = batch.filter(|_| pause.is_none()) {
            self.tell(&batch).await;
        }
    }

    /// Sleeps until something is due or has changed.
    async fn idle(&mut self) {
        let due_ns = self.shared.board().due_ns(self.at);
        let wait_ns = due_ns.map(|due_ns| due_ns.saturating_sub(clock::monotonic_ns()));
        let wait = wait_ns.map_or(IDLE, Duration::from_nanos);
        tokio::select! {
            () = self.shared.wakes[self.at].notified() => {}
            () = tokio::time::sleep(wait) => {}
            _ = self.stopped.changed() => {}
        }
    }

    /// True where there is nothing to wait for before the next.
    async fn tell(&self, batch: &Batch) -> bool {
        let outcome = self.send(batch).await;
        let numbers = &self.shared.delivery.receivers[self.at];
        let count = |number: &std::sync::atomic::AtomicU64, more: u64| {
            number.fetch_add(more, Ordering::Relaxed);
        };
        let receiver = &self.receiver.label;
        let kind = self.receiver.kind.label();
        let mut board = self.shared.board();
        let was_down = match &outcome {
            Outcome::Taken | Outcome::Refused(_) => numbers.down.swap(false, Ordering::Relaxed),
            Outcome::Failed(_) => numbers.down.swap(true, Ordering::Relaxed),
        };
        let taken = match outcome {
            Outcome::Taken => {
                board.delivered(self.at, batch, now());
                count(&numbers.sent, batch.told.len() as u64);
                if was_down {
                    tracing::info!(receiver, kind, "told of what it missed: it answers again");
                }
                true
            }
            Outcome::Refused(error) => {
                let lost = board.refused(self.at, batch, now());
                count(&numbers.refused, lost);
                count(&numbers.failed, 1);
                tracing::error!(receiver, kind, %error, lost, "alerts are lost: this receiver does not take them");
                true
            }
            Outcome::Failed(error) => {
                count(&numbers.failed, 1);
                if !was_down {
                    tracing::warn!(receiver, kind, %error, "alerts wait: their receiver is not to be had, and will be told once it is");
                }
                false
            }
        };
        let outbox = board.outbox(self.at);
        let waiting = outbox.waiting().len() as u64;
        numbers.waiting.store(waiting, Ordering::Relaxed);
        taken
    }

    async fn send(&self, batch: &Batch) -> Outcome {
        let bodies = match self.receiver.kind {
            ReceiverKind::Alertmanager => form::alertmanager(&batch.told),
            ReceiverKind::Webhook => form::webhook(&batch.told).map(|body| vec![body]),
        };
        let bodies = match bodies {
            Ok(bodies) => bodies,
            Err(error) => return Outcome::Refused(ClientError::Json(error)),
        };
        let target = self.receiver.target();
        for body in bodies {
            let sent = self
                .receiver
                .send(&self.client, Method::POST, &target, body)
                .await;
            match sent {
                Ok(()) => {}
                Err(error @ ClientError::Answered { status, .. }) if REFUSALS.contains(&status) => {
                    return Outcome::Refused(error);
                }
                Err(error) => return Outcome::Failed(error),
            }
        }
        Outcome::Taken
    }
}

fn longer(pause: Option<Duration>) -> Duration {
    pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX))
}

/// Up to a quarter more, so that the agents of a thousand nodes do not all come
/// back in the same moment.
fn jittered(pause: Duration) -> Duration {
    let nanoseconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.subsec_nanos());
    pause + pause.mul_f64(f64::from(nanoseconds % 1000) / 4000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut pauses = Vec::new();
        let mut pause = None;
        for _ in 0..8 {
            pause = Some(longer(pause));
            pauses.extend(pause);
        }
        let seconds: Vec<_> = pauses.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
        let jittered = jittered(PAUSE_MAX);
        assert!(jittered >= PAUSE_MAX && jittered <= PAUSE_MAX + PAUSE_MAX / 4);
    }
}
