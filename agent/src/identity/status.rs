//! How the daemon gets on with each runtime's socket.
//!
//! In: what the sessions report. Out: an [`EndpointReport`] for each socket, and
//! the descriptions on their way to the pipeline. Invariant: a full queue makes
//! the session wait, never the pipeline. Lacks on purpose: sockets themselves.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::Description;
use crate::denial::Runtime;

/// The state of one socket, for metrics and `sealwatch doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// Who answers there, or would by the socket's name.
    pub runtime: &'static str,
    /// The socket's path.
    pub endpoint: String,
    /// It answered and is being listened to.
    pub up: bool,
    /// Sessions that came up.
    pub connects: u64,
    /// Sessions that ended or failed to come up, and requests that failed.
    pub errors: u64,
    /// Descriptions handed over.
    pub descriptions: u64,
    /// Look-ups that found the queue full.
    pub look_ups_dropped: u64,
    /// The last error in its own words.
    pub last_error: Option<String>,
}

/// Every socket's state.
#[derive(Debug)]
pub struct RuntimeStatus {
    pub(super) endpoints: Vec<Arc<EndpointStatus>>,
}

impl RuntimeStatus {
    /// The state of every socket that was configured, or has been there once.
    pub fn report(&self) -> Vec<EndpointReport> {
        self.endpoints
            .iter()
            .filter_map(|endpoint| endpoint.report())
            .collect()
    }
}

#[derive(Debug)]
struct Changing {
    runtime: Runtime,
    relevant: bool,
    up: bool,
    last_error: Option<String>,
}

/// One socket's state, shared by its session and the readers.
#[derive(Debug)]
pub(super) struct EndpointStatus {
    pub(super) path: PathBuf,
    connects: AtomicU64,
    errors: AtomicU64,
    descriptions: AtomicU64,
    look_ups_dropped: AtomicU64,
    changing: Mutex<Changing>,
}

impl EndpointStatus {
    /// A socket nobody spoke to yet; `relevant` where the user named it.
    pub(super) fn new(path: PathBuf, runtime: Runtime, relevant: bool) -> Self {
        EndpointStatus {
            path,
            connects: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            descriptions: AtomicU64::new(0),
            look_ups_dropped: AtomicU64::new(0),
            changing: Mutex::new(Changing {
                runtime,
                relevant,
                up: false,
                last_error: None,
            }),
        }
    }

    pub(super) fn look_up_dropped(&self) {
        self.look_ups_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_up(&self) -> bool {
        self.changing().up
    }

    /// Notes an error in its own words.
    pub(super) fn failed(&self, error: &dyn std::fmt::Display) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut changing = self.changing();
        changing.relevant = true;
        changing.last_error = Some(error.to_string());
    }

    pub(super) fn session_ended(&self) {
        self.changing().up = false;
    }

    /// There is nothing there that could be spoken to, and nobody asked for it.
    pub(super) fn irrelevant(&self) {
        self.changing().relevant = false;
    }

    fn report(&self) -> Option<EndpointReport> {
        let changing = self.changing();
        changing.relevant.then(|| EndpointReport {
            runtime: changing.runtime.label(),
            endpoint: self.path.display().to_string(),
            up: changing.up,
            connects: self.connects.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            descriptions: self.descriptions.load(Ordering::Relaxed),
            look_ups_dropped: self.look_ups_dropped.load(Ordering::Relaxed),
            last_error: changing.last_error.clone(),
        })
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        // Plain values: what a panicking holder left behind is still whole.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's way out: descriptions to the pipeline, news to the status.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    pub(super) status: Arc<EndpointStatus>,
    pub(super) descriptions: mpsc::Sender<Description>,
}

impl Reporter {
    /// The runtime answered and said who it is.
    pub(super) fn connected(&self, runtime: Runtime) {
        self.status.connects.fetch_add(1, Ordering::Relaxed);
        let mut changing = self.status.changing();
        changing.runtime = runtime;
        changing.relevant = true;
        changing.up = true;
        changing.last_error = None;
    }

    /// Hands a description over, waiting for room; a pipeline that is gone needs none.
    pub(super) async fn tell(&self, description: Description) {
        if self.descriptions.send(description).await.is_ok() {
            self.status.descriptions.fetch_add(1, Ordering::Relaxed);
        }
    }
}
