//! Questions about single containers, asked beside each other and again.
//!
//! In: ids, and how to ask. Out: descriptions through the [`Reporter`].
//! Invariant: an id is asked for once at a time; open questions and requests in
//! flight are bounded; one that hangs is given up; nothing here outlives its
//! session. Lacks on purpose: any runtime's dialect.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Description;
use super::status::Reporter;

/// Questions open at once; more are dropped and counted.
const OPEN_MAX: usize = 4_096;
/// Requests in flight at once.
const IN_FLIGHT_MAX: usize = 8;
/// A request takes at most this long.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Waits before asking again.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(400),
    Duration::from_secs(2),
    Duration::from_secs(8),
];

/// A runtime's answer to one question.
pub(super) enum Answer {
    /// It knows the container.
    Told(Box<Description>),
    /// It does not know it (yet: some make the control group first).
    Absent,
    /// It knows that it has none, and will not have it later.
    Never,
    /// It did not answer properly.
    Failed(String),
}

/// The open questions of one session.
pub(super) struct Inquiries {
    open: HashSet<String>,
    tasks: JoinSet<String>,
    in_flight: Arc<Semaphore>,
    reporter: Reporter,
}

impl Inquiries {
    pub(super) fn new(reporter: Reporter) -> Self {
        Inquiries {
            open: HashSet::new(),
            tasks: JoinSet::new(),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            reporter,
        }
    }

    /// Starts to ask for `id`, unless that is being done.
    pub(super) fn ask<A, F>(&mut self, id: String, ask: A)
    where
        A: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send,
    {
        if self.open.contains(&id) {
            return;
        }
        if self.open.len() >= OPEN_MAX {
            self.reporter.status.look_up_dropped();
            return;
        }
        self.open.insert(id.clone());
        let in_flight = self.in_flight.clone();
        let reporter = self.reporter.clone();
        self.tasks.spawn(async move {
            let mut waits = RETRIES.into_iter();
            loop {
                let answer = {
                    // Never closed, so never an error.
                    let _permit = in_flight.acquire().await;
                    timeout(ANSWER_WITHIN, ask(id.clone())).await
                };
                match answer {
                    Ok(Answer::Told(description)) => {
                        reporter.tell(*description).await;
                        return id;
                    }
                    Ok(Answer::Never) => return id,
                    Ok(Answer::Absent) => {}
                    Ok(Answer::Failed(error)) => reporter.status.failed(&error),
                    Err(_) => reporter.status.failed(&format_args!(
                        "no answer about {id} within {} s",
                        ANSWER_WITHIN.as_secs()
                    )),
                }
                match waits.next() {
                    Some(wait) => sleep(wait).await,
                    None => return id,
                }
            }
        });
    }

    /// Completes when a question is done with; never while there is none.
    pub(super) async fn one_done(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(id)) => {
                self.open.remove(&id);
            }
            Some(Err(error)) => {
                // A panic inside a client: its id cannot be told, so all may be asked again.
                self.open.clear();
                self.reporter.status.failed(&error);
            }
            None => std::future::pending().await,
        }
    }
}
