//! Refusals become Kubernetes Events on the pods that they are of.
//!
//! In: the latest snapshot, the pod's own service account. Out: objects of
//! `events.k8s.io/v1`; numbers. Invariant: off unless asked for; what would be an
//! event again is a higher count of the one there is; no more are written than
//! [`ledger`] allows, and what is held back is counted. Lacks on purpose: reading
//! anything of the cluster; the runtime's labels tell the pod's name and uid.

mod cluster;
mod form;
mod ledger;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::client::ClientError;
use super::run::Sources;
use super::send::{PAUSE_MAX, now};
use crate::aggregate::KubernetesEvents;
use cluster::Cluster;
use ledger::{Draft, Ledger};

/// How often the snapshot is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What was written, cumulative.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    created: AtomicU64,
    updated: AtomicU64,
    limited: AtomicU64,
    failed: AtomicU64,
}

impl Numbers {
    pub(super) fn shown(&self) -> KubernetesEvents {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        KubernetesEvents {
            created: read(&self.created),
            updated: read(&self.updated),
            limited: read(&self.limited),
            failed: read(&self.failed),
        }
    }
}

/// Writes events until the daemon stops.
pub(super) struct Writer {
    cluster: Cluster,
    node: String,
    latest: Sources,
    numbers: Arc<Numbers>,
}

impl Writer {
    /// In the cluster that this process is a pod of.
    pub(super) fn new(
        node: &str,
        account: &Path,
        latest: Sources,
        numbers: Arc<Numbers>,
    ) -> Result<Writer, ClientError> {
        Ok(Writer {
            cluster: Cluster::own(|name| std::env::var(name).ok(), account)?,
            node: node.to_owned(),
            latest,
            numbers,
        })
    }

    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut ledger = Ledger::new(now());
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pause = None;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                _ = ticks.tick() => {}
            }
            ledger.observe(&(self.latest)(), now());
            let limited = ledger.limited();
            self.numbers.limited.store(limited, Ordering::Relaxed);
            if self.write_all(&mut ledger, pause.is_some()).await {
                pause = None;
                continue;
            }
            let next = pause.map_or(LOOK, |pause: Duration| (pause * 2).min(PAUSE_MAX));
            pause = Some(next);
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Writes what is due; false where the API is not to be had.
    async fn write_all(&self, ledger: &mut Ledger, was_down: bool) -> bool {
        let mut told = !was_down;
        while let Some(draft) = ledger.next(now()) {
            let outcome = self.write(&draft).await;
            let count = |number: &AtomicU64| number.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(()) if draft.is_new() => {
                    count(&self.numbers.created);
                    ledger.written(&draft, now());
                }
                Ok(()) => {
                    count(&self.numbers.updated);
                    ledger.written(&draft, now());
                }
                // The answer to an earlier request was lost on its way.
                Err(ClientError::Answered { status: 409, .. }) if draft.is_new() => {
                    ledger.written(&draft, now());
                }
                // Events live for an hour.
                Err(ClientError::Answered { status: 404, .. }) if !draft.is_new() => {
                    ledger.forgotten(&draft);
                }
                Err(
                    error @ ClientError::Answered {
                        status: 400 | 404 | 422,
                        ..
                    },
                ) => {
                    count(&self.numbers.failed);
                    tracing::warn!(%error, pod = draft.pod, "a Kubernetes Event is not taken");
                    ledger.dropped(&draft);
                }
                Err(error) => {
                    count(&self.numbers.failed);
                    if !was_down {
                        tell(&error);
                    }
                    return false;
                }
            }
            if !told {
                told = true;
                tracing::info!("Kubernetes Events are written again");
            }
        }
        true
    }

    async fn write(&self, draft: &Draft) -> Result<(), ClientError> {
        match draft.is_new() {
            true => {
                let body = form::created(draft, &self.node)?;
                self.cluster.create(&draft.namespace, body).await
            }
            false => {
                let body = form::counted(draft)?;
                let namespace = &draft.namespace;
                self.cluster.patch(namespace, &draft.name, body).await
            }
        }
    }
}

fn tell(error: &ClientError) {
    match error {
        ClientError::Answered {
            status: 401 | 403, ..
        } => tracing::warn!(
            %error,
            "no Kubernetes Events are written: let the daemon's service account create and patch events of events.k8s.io in all namespaces, or leave out --kubernetes-events"
        ),
        _ => {
            tracing::warn!(%error, "no Kubernetes Events are written: the API server is not to be had; they wait")
        }
    }
}
