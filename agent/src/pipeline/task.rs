//! The loop that drives the pipeline: ticks, records, names, scans, the end.
//!
//! In: time, and whoever wakes it. Out: calls of the pipeline's steps, one at a
//! time. Invariant: many records cost one wake-up, and ticks a small part of a
//! core, whatever there is to read; a scan of the control groups runs beside the
//! loop. Lacks on purpose: what a step does.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Now, Pipeline};
use crate::clock::thread_cpu_ns;
use crate::identity::Description;
use crate::identity::hierarchy::{Layout, Scan};
use crate::source::Source;

/// How often counters are read and snapshots are published.
const TICK: Duration = Duration::from_millis(250);
/// Longest time between two ticks.
const TICK_MAX: Duration = Duration::from_secs(2);
/// A tick is followed by so many times the processor time that it took: thousands
/// of counters that all move are read less often, and take no more of a core.
const REST_PER_TICK: u32 = 64;
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
                    // A tick waits for nothing, so it stays on one thread.
                    let begun_ns = thread_cpu_ns();
                    self.tick(Now::read());
                    let took_ns = thread_cpu_ns().saturating_sub(begun_ns);
                    ticks.reset_after(rest(Duration::from_nanos(took_ns)));
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

/// From the end of a tick to the next, by what the tick took.
fn rest(took: Duration) -> Duration {
    (took * REST_PER_TICK).clamp(TICK, TICK_MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_that_took_long_is_followed_by_a_longer_rest() {
        assert_eq!(rest(Duration::ZERO), TICK);
        assert_eq!(rest(Duration::from_millis(3)), TICK);
        assert_eq!(rest(Duration::from_millis(10)), Duration::from_millis(640));
        assert_eq!(rest(Duration::from_secs(1)), TICK_MAX);
        // A thousand containers' counters take some twenty milliseconds.
        let share = 0.02 / (0.02 + rest(Duration::from_millis(20)).as_secs_f64());
        assert!(share < 0.02, "{share}");
    }
}
