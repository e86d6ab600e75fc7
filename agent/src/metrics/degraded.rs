//! Who is degraded or fails to start, as families.
//!
//! In: [`Shown`]. Out: [`Family`]s. Invariant: labels are printable, and bounded
//! by the bounds of `degrade`: containers, write roots of each, and closed sets.
//! Lacks on purpose: what only fails so far.

use std::time::SystemTime;

use super::{Family, value};
use crate::catalog;
use crate::degrade::{Shown, Workload};
use crate::denial::Lsm;

fn identity(workload: &Workload, write_root: Option<&str>) -> Vec<String> {
    let names = [&workload.namespace, &workload.pod, &workload.container];
    let names = names.into_iter().map(|name| value(name));
    names.chain(write_root.map(value)).collect()
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
        let whose = identity(&Workload::of(&root.container), Some(&root.write_root));
        let mut values = whose.clone();
        values.extend([root.errno.label(), root.cause.label()].map(str::to_owned));
        values.push(root.lsm.map_or("", Lsm::label).to_owned());
        values.push(root.cache.map_or("", |cache| cache.name).to_owned());
        degraded.add(values, 1.0);
        since.add(whose.clone(), seconds(root.since));
        failures.add(whose, root.failures as f64);
    }
    let mut failing = Family::new(catalog::FAILING_TO_START);
    let mut starts = Family::new(catalog::START_FAILURES);
    for start in &state.starts {
        let mut values = identity(&start.workload, Some(&start.write_root));
        values.extend([start.errno.label(), start.cause.label()].map(str::to_owned));
        values.push(start.lsm.map_or("", Lsm::label).to_owned());
        failing.add(values, 1.0);
        starts.add(identity(&start.workload, None), start.failures as f64);
    }
    let mut unjudged = Family::new(catalog::UNJUDGED);
    for (limit, count) in [
        ("containers", state.overflow.containers),
        ("write_roots", state.overflow.write_roots),
        ("workloads", state.overflow.workloads),
    ] {
        unjudged.add(vec![limit.to_owned()], count as f64);
    }
    let mut unwatched = Family::new(catalog::UNWATCHED);
    if let Some(time) = state.unwatched {
        unwatched.add(Vec::new(), time.as_secs_f64());
    }
    vec![
        degraded, since, failures, failing, starts, unjudged, unwatched,
    ]
}
