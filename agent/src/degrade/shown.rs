//! What holds now, as others see it.
//!
//! In: the state machine. Out: views. Invariant: nothing changes by looking.
//! Lacks on purpose: formats.

use std::time::Duration;

use super::view::{Condition, Overflow, RootView, Shown, StartView};
use super::{Degrade, Moment};

impl Degrade {
    /// The roots that are not healthy, ordered by container and root. Those of
    /// the state file are shown once their container has been seen alive.
    pub fn roots(&self, now: Moment) -> Vec<RootView> {
        let mut views = Vec::new();
        for held in self.containers.values().filter(|h| h.restored_ns.is_none()) {
            let Some(run) = &held.run else { continue };
            let failing = run.roots.iter().filter(|(_, root)| {
                root.condition(now.monotonic_ns, &self.thresholds) != Condition::Healthy
            });
            views.extend(failing.filter_map(|(name, _)| run.view(&held.container, name)));
        }
        views.sort_unstable_by(|a, b| {
            (&a.container.id, &a.write_root).cmp(&(&b.container.id, &b.write_root))
        });
        views
    }

    /// How many workloads fail to start.
    pub fn starts_len(&self) -> usize {
        self.starts.len()
    }

    /// The workloads that fail to start, ordered.
    pub fn starts(&self) -> Vec<StartView> {
        self.starts.views()
    }

    /// What others are shown now.
    pub fn shown(&self, now: Moment) -> Shown {
        let mut degraded = self.roots(now);
        degraded.retain(|root| root.condition == Condition::Degraded);
        Shown {
            degraded,
            starts: self.starts(),
            overflow: self.overflow,
            unwatched: self.unwatched,
        }
    }

    /// How long nobody watched before this daemon did, as its state file tells;
    /// none where there was none of this boot.
    pub fn unwatched(&self) -> Option<Duration> {
        self.unwatched
    }

    /// What found no place of its own, cumulative.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }
}
