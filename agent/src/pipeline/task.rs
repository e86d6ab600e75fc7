//! The loop that drives the pipeline: ticks, records, names, scans, the end.
//!
//! In: time, and whoever wakes it. Out: calls of the pipeline's steps, one at a
//! time. Invariant: many records cost one wake-up; a scan of the control groups
//! runs beside the loop. Lacks on purpose: what a step does.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Now, Pipeline};
use crate::identity::Description;
use crate::identity::hierarchy::{Layout, Scan};
use crate::source::Source;

/// How often counters are read and snapshots are published.
const TICK: Duration = Duration::from_millis(250);
/// Least time between two drains outside ticks: many records cost one wake-up.
const DRAIN_PAUSE: Duration = Duration::from_millis(10);
/// How long after a scan that could not read everything the next one begins.
const SCAN_AGAIN: Duration = Duration::from_secs(5);

impl<S: Source> Pipeline<S> {
    /// Runs until `stop` changes.
    pub async fn run(
        mut self,
        layout: Layout,
        mut descriptions: mpsc::Receiver<Description>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drain_from = Instant::now();
        let mut scan: Option<JoinHandle<(Scan, u64)>> = None;
        let mut scan_from = Instant::now();
        loop {
            let source = &mut self.source;
            let ready = async {
                tokio::time::sleep_until(drain_from).await;
                source.ready().await;
            };
            tokio::select! {
                biased;
                _ = stop.changed() => break,
                _ = ticks.tick() => {
                    self.tick(Now::read());
                    let may_scan = scan.is_none() && Instant::now() >= scan_from;
                    if may_scan && std::mem::take(&mut self.wants_scan) {
                        scan = Some(start_scan(layout.clone()));
                    }
                }
                Some(description) = descriptions.recv() => {
                    self.describe(description, Now::read());
                }
                done = ended(&mut scan) => {
                    scan = None;
                    match done {
                        Ok((scan, started_ns)) => {
                            self.reconcile(&scan, started_ns, Now::read());
                            scan_from = Instant::now() + SCAN_AGAIN * u32::from(scan.failed);
                        }
                        Err(error) => tracing::error!(%error, "a scan of control groups failed"),
                    }
                }
                () = ready => {
                    self.drain(Now::read());
                    drain_from = Instant::now() + DRAIN_PAUSE;
                }
            }
        }
        self.finish(Now::read());
    }
}

/// Most control groups that one scan takes in.
pub const SCAN_MAX: usize = 65_536;

/// Walks the control groups beside the hot path; gives the time it began as well.
pub fn start_scan(layout: Layout) -> JoinHandle<(Scan, u64)> {
    tokio::task::spawn_blocking(move || {
        let started_ns = Now::read().monotonic_ns;
        (layout.scan(SCAN_MAX), started_ns)
    })
}

async fn ended(scan: &mut Option<JoinHandle<(Scan, u64)>>) -> Result<(Scan, u64), JoinError> {
    match scan {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
