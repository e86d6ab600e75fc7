//! Failed starts, counted for the workload whose containers replace each other.
//!
//! In: verdicts on runs that have ended, workloads whose container has outlived
//! its start window, time. Out: [`StartView`]s. Invariant: bounded; a crash loop
//! is one entry however many container ids it uses up. Lacks on purpose: the
//! verdict itself (`run`).

use std::collections::HashMap;
use std::sync::Arc;

use super::failure::Moment;
use super::run::{EndedRun, Refused};
use super::thresholds::Thresholds;
use super::view::{StartView, Workload};
use crate::denial::Container;

#[derive(Clone, Debug)]
pub(super) struct Starts {
    entries: HashMap<Workload, (StartView, u64)>,
    max: usize,
}

impl Starts {
    pub(super) fn new(max: usize) -> Self {
        Starts {
            entries: HashMap::new(),
            max,
        }
    }

    /// Counts one; false where there is no room to keep it.
    pub(super) fn fail(
        &mut self,
        container: &Container,
        ended: &EndedRun,
        refused: &Refused,
        now: Moment,
    ) -> (StartView, bool) {
        let workload = Workload::of(container);
        let last = now.wall_at(ended.ended_ns);
        let before = self.entries.get(&workload);
        let view = StartView {
            container_id: container.id.as_str().into(),
            failures: before
                .map_or(0, |(view, _)| view.failures)
                .saturating_add(1),
            since: before.map_or(last, |(view, _)| view.since),
            last,
            exit_code: ended.exit_code,
            write_root: Arc::clone(&refused.write_root),
            operation: refused.fact.operation,
            errno: refused.fact.errno,
            cause: refused.fact.cause,
            lsm: refused.fact.lsm,
            workload: workload.clone(),
        };
        let kept = before.is_some() || self.entries.len() < self.max;
        if kept {
            let entry = (view.clone(), now.monotonic_ns);
            self.entries.insert(workload, entry);
        }
        (view, kept)
    }

    /// Puts an entry of the state file back; false where there is no room.
    pub(super) fn restore(&mut self, view: StartView, now_ns: u64) -> bool {
        let new = !self.entries.contains_key(&view.workload);
        let fits = new && self.entries.len() < self.max;
        if fits {
            self.entries.insert(view.workload.clone(), (view, now_ns));
        }
        fits
    }

    /// A container of the workload has started after all.
    pub(super) fn survived(&mut self, container: &Container) -> Option<StartView> {
        if self.entries.is_empty() {
            return None;
        }
        let (view, _) = self.entries.remove(&Workload::of(container))?;
        Some(view)
    }

    pub(super) fn expire(&mut self, now_ns: u64, thresholds: &Thresholds) {
        self.entries.retain(|_, (_, noted_ns)| {
            now_ns.saturating_sub(*noted_ns) <= thresholds.start_memory_ns
        });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every entry, ordered by workload.
    pub(super) fn views(&self) -> Vec<StartView> {
        let mut views: Vec<_> = self
            .entries
            .values()
            .map(|(view, _)| view.clone())
            .collect();
        views.sort_unstable_by(|a, b| a.workload.cmp(&b.workload));
        views
    }
}
