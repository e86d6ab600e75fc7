//! Postures become the families of metrics that tell of them.
//!
//! In: postures. Out: families. Invariant: where several containers have the same
//! labels, the worst of them is told; a container's mounts and all mounts together
//! are bounded, and those past a bound are counted at `_other`. Lacks on purpose:
//! words, which the report has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Family, bounded, identity};
use crate::aggregate::{Labels, OTHER};
use crate::catalog;
use crate::posture::{Posture, Root, Seen};

/// Mounts of one container with a series each, its root beside them.
const MOUNTS_MAX: usize = 16;
/// Series of mounts in all.
const SERIES_MAX: usize = 8192;

pub(super) fn families(postures: &[Arc<Posture>]) -> Vec<Family> {
    let mut read_only: BTreeMap<Labels, bool> = BTreeMap::new();
    let mut findings: BTreeMap<(Labels, &str), usize> = BTreeMap::new();
    let mut mounts = Mounts {
        shown: Family::new(catalog::MOUNT_INFO),
        past: BTreeMap::new(),
    };
    for posture in postures {
        let labels = Labels::of(&posture.container);
        let is_read_only = match posture.root {
            Root::ReadOnly => Some(true),
            Root::Writable => Some(false),
            Root::Unknown(_) => None,
        };
        if let Some(is_read_only) = is_read_only {
            *read_only.entry(labels.clone()).or_insert(true) &= is_read_only;
        }
        let mut own: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in &posture.findings {
            *own.entry(finding.kind.label()).or_default() += 1;
        }
        for (kind, places) in own {
            let most = findings.entry((labels.clone(), kind)).or_default();
            *most = places.max(*most);
        }
        mounts.add(posture, &labels);
    }
    let mut roots = Family::new(catalog::ROOTFS_READONLY);
    for (labels, read_only) in read_only {
        roots.add(identity(&labels).with([]), f64::from(u8::from(read_only)));
    }
    let mut found = Family::new(catalog::FINDINGS);
    for ((labels, kind), places) in findings {
        found.add(identity(&labels).with([kind]), places as f64);
    }
    vec![roots, mounts.family(), found]
}

/// The mounts of all containers, up to both bounds.
struct Mounts {
    shown: Family,
    /// How many are past a bound, by whom they are counted at.
    past: BTreeMap<Labels, usize>,
}

impl Mounts {
    fn add(&mut self, posture: &Posture, labels: &Labels) {
        let Ok(table) = &posture.facts.table else {
            return;
        };
        let root = table.root.iter();
        let shown = root.chain(table.writable.iter().take(MOUNTS_MAX));
        let mut past = table.dropped + table.writable.len().saturating_sub(MOUNTS_MAX);
        for mount in shown {
            match self.has_room() {
                true => add_row(&mut self.shown, labels, mount),
                false => past += 1,
            }
        }
        if past > 0 {
            // Past the limit of all series, those of all containers share one.
            let labels = match self.has_room() {
                true => labels.clone(),
                false => Labels::other(),
            };
            *self.past.entry(labels).or_default() += past;
        }
    }

    fn has_room(&mut self) -> bool {
        if self.shown.len() + self.past.len() >= SERIES_MAX {
            // Containers of the same name may have the same mounts.
            self.shown.settle();
        }
        self.shown.len() + self.past.len() < SERIES_MAX
    }

    fn family(mut self) -> Family {
        const REST: usize = catalog::MOUNT_INFO.labels.len() - 4;
        for (labels, past) in self.past {
            let whose = identity(&labels);
            let values = whose.with([OTHER]).chain([""; REST]);
            self.shown.add(values, past as f64);
        }
        self.shown
    }
}

fn add_row(mounts: &mut Family, labels: &Labels, mount: &Seen) {
    let flag = |option| match mount.has(option) {
        true => "true",
        false => "false",
    };
    let values = [
        bounded(&mount.target),
        mount.kind.label(),
        bounded(&mount.fs_type),
        mount.mode(),
        flag("noexec"),
        flag("nosuid"),
        flag("nodev"),
    ];
    mounts.add(identity(labels).with(values), 1.0);
}
