//! Postures become the families of metrics that tell of them.
//!
//! In: postures. Out: families. Invariant: where several containers have the same
//! labels, the worst of them is told; a container's mounts and all mounts together
//! are bounded, and those past a bound are counted at `_other`. Lacks on purpose:
//! words, which the report has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Family, VALUE_MAX_CHARS, identity};
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
    let mut mounts = Family::new(catalog::MOUNT_INFO);
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
        add_mounts(&mut mounts, posture, &labels);
    }
    let mut roots = Family::new(catalog::ROOTFS_READONLY);
    for (labels, read_only) in read_only {
        roots.add(identity(&labels), f64::from(u8::from(read_only)));
    }
    let mut found = Family::new(catalog::FINDINGS);
    for ((labels, kind), places) in findings {
        let mut values = identity(&labels);
        values.push(kind.to_owned());
        found.add(values, places as f64);
    }
    vec![roots, mounts, found]
}

fn add_mounts(mounts: &mut Family, posture: &Posture, labels: &Labels) {
    let Ok(table) = &posture.facts.table else {
        return;
    };
    let root = table.root.iter();
    let shown = root.chain(table.writable.iter().take(MOUNTS_MAX));
    let mut past = table.dropped + table.writable.len().saturating_sub(MOUNTS_MAX);
    for mount in shown {
        if mounts.rows.len() < SERIES_MAX {
            mounts.add(row(labels, mount), 1.0);
        } else {
            past += 1;
        }
    }
    if past > 0 {
        // Past the limit of all series, those of all containers share one.
        let labels = match mounts.rows.len() < SERIES_MAX {
            true => labels.clone(),
            false => Labels::other(),
        };
        let mut values = identity(&labels);
        values.push(OTHER.to_owned());
        values.resize(catalog::MOUNT_INFO.labels.len(), String::new());
        let before = mounts.rows.get(&values).copied().unwrap_or_default();
        mounts.add(values, before + past as f64);
    }
}

fn row(labels: &Labels, mount: &Seen) -> Vec<String> {
    let mut values = identity(labels);
    let flag = |option| mount.has(option).to_string();
    values.extend([
        escaped(&mount.target),
        mount.kind.label().to_owned(),
        escaped(&mount.fs_type),
        mount.mode().to_owned(),
        flag("noexec"),
        flag("nosuid"),
        flag("nodev"),
    ]);
    values
}

/// Bounds a text that is escaped already.
fn escaped(text: &str) -> String {
    text.chars().take(VALUE_MAX_CHARS).collect()
}
