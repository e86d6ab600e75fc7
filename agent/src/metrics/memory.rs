//! Processes killed for want of memory, as a metric.
//!
//! In: a snapshot. Out: one family. Invariant: where the kernel's choice of a
//! victim is not heard there is no series, rather than a zero. Lacks on purpose:
//! what the memory was used for.

use super::{Family, identity};
use crate::aggregate::{Labels, Snapshot};
use crate::catalog;
use crate::denial::Hook;

pub(super) fn family(snapshot: &Snapshot) -> Family {
    let mut kills = Family::new(catalog::OOM_KILLS);
    let mut hooks = snapshot.hooks.iter();
    if !hooks.any(|hook| hook.hook == Hook::OomKill && hook.state.is_ok()) {
        return kills;
    }
    // A container without kills is zero, so that its first one is an increase.
    for group in &snapshot.groups {
        kills.add(identity(&group.labels).with([]), group.oom_kills as f64);
    }
    let unresolved = Labels::unresolved();
    let whose = identity(&unresolved);
    kills.add(whose.with([]), snapshot.oom_unresolved as f64);
    kills
}
