//! Who is degraded or fails to start, as families.
//!
//! In: [`Shown`]. Out: [`Family`]s. Invariant: labels are printable, and bounded
//! by the bounds of `degrade`: containers, write roots of each, and closed sets.
//! Lacks on purpose: what only fails so far.

use std::time::SystemTime;

use super::{Family, Identity, identified, value};
use crate::catalog;
use crate::degrade::{Shown, Workload};
use crate::denial::Lsm;

fn identity(workload: &Workload) -> Identity<'_> {
    identified(&workload.namespace, &workload.pod, &workload.container)
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

pub(super) fn families(state: &Shown) -> Vec<Family> {
    let mut degraded = Family::new(catalog::DEGRADED);
    let mut since = Family::new(catalog::DEGRADED_SINCE);
    let mut failures = Family::new(catalog::DEGRADED_FAILURES);
    for root in &state.degraded {
        let workload = Workload::of(&root.container);
        let whose = identity(&workload);
        let place = value(&root.write_root);
        let values = [
            &*place,
            root.errno.label(),
            root.cause.label(),
            root.lsm.map_or("", Lsm::label),
            root.cache.map_or("", |cache| cache.name),
        ];
        degraded.add(whose.with(values), 1.0);
        since.add(whose.with([&*place]), seconds(root.since));
        failures.add(whose.with([&*place]), root.failures as f64);
    }
    let mut failing = Family::new(catalog::FAILING_TO_START);
    let mut starts = Family::new(catalog::START_FAILURES);
    for start in &state.starts {
        let whose = identity(&start.workload);
        let values = [
            &*value(&start.write_root),
            start.errno.label(),
            start.cause.label(),
            start.lsm.map_or("", Lsm::label),
        ];
        failing.add(whose.with(values), 1.0);
        starts.add(whose.with([]), start.failures as f64);
    }
    let mut unjudged = Family::new(catalog::UNJUDGED);
    for (limit, count) in [
        ("containers", state.overflow.containers),
        ("write_roots", state.overflow.write_roots),
        ("workloads", state.overflow.workloads),
    ] {
        unjudged.add([limit], count as f64);
    }
    let mut unwatched = Family::new(catalog::UNWATCHED);
    if let Some(time) = state.unwatched {
        unwatched.add([], time.as_secs_f64());
    }
    vec![
        degraded, since, failures, failing, starts, unjudged, unwatched,
    ]
}
