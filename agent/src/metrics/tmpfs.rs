//! How full the containers' tmpfs mounts are becomes families.
//!
//! In: [`Filling`]. Out: families, in the catalog's order. Invariant: what is
//! not measured has no series, and each reason for that has one, at 0 where it
//! did not happen. Lacks on purpose: bounds, which `aggregate::filling` keeps.

use super::{Family, Identity, identity, value};
use crate::aggregate::filling::{Filled, Filling, Unshown};
use crate::catalog;
use crate::tmpfs::{Asked, Limit, MountTmpfs, Pressure, Sampled, Unmeasured};

struct Mounts {
    used_bytes: Family,
    limit_bytes: Family,
    used_inodes: Family,
    limit_inodes: Family,
    full_in: Family,
    pressure: Family,
    unbounded: Family,
}

pub(super) fn families(filling: &Filling) -> Vec<Family> {
    let mut mounts = Mounts {
        used_bytes: Family::new(catalog::TMPFS_USED_BYTES),
        limit_bytes: Family::new(catalog::TMPFS_LIMIT_BYTES),
        used_inodes: Family::new(catalog::TMPFS_USED_INODES),
        limit_inodes: Family::new(catalog::TMPFS_LIMIT_INODES),
        full_in: Family::new(catalog::TMPFS_TIME_TO_FULL),
        pressure: Family::new(catalog::TMPFS_PRESSURE),
        unbounded: Family::new(catalog::TMPFS_UNBOUNDED),
    };
    for filled in &filling.containers {
        let identity = identity(&filled.labels);
        // Old numbers of a container that cannot be read now say nothing of now.
        let is_read = filled.told.unmeasured.is_none();
        for mount in &filled.told.mounts {
            mounts.add(&identity, mount, is_read);
        }
    }
    let mut families = vec![
        mounts.used_bytes,
        mounts.limit_bytes,
        mounts.used_inodes,
        mounts.limit_inodes,
        mounts.full_in,
        mounts.pressure,
        mounts.unbounded,
    ];
    families.extend(of_memory(&filling.containers));
    families.push(of_kills(filling));
    families.extend(of_delivery(filling));
    families
}

impl Mounts {
    fn add(&mut self, whose: &Identity, mount: &MountTmpfs, is_read: bool) {
        let target = value(&mount.target);
        match mount.bytes_asked {
            Asked::Unbounded | Asked::Unlimited => self.unbounded.add(whose.with([&target]), 1.0),
            Asked::AtMost(_) => {}
        }
        if !is_read {
            return;
        }
        self.amount(whose, &target, "bytes", &mount.bytes);
        self.amount(whose, &target, "inodes", &mount.inodes);
    }

    fn amount(&mut self, whose: &Identity, target: &str, resource: &str, amount: &Sampled) {
        let Sampled::Measured {
            fill,
            pressure,
            full_in_s,
        } = amount
        else {
            return;
        };
        let (used, limit) = match resource {
            "bytes" => (&mut self.used_bytes, &mut self.limit_bytes),
            _ => (&mut self.used_inodes, &mut self.limit_inodes),
        };
        used.add(whose.with([target]), fill.used as f64);
        limit.add(whose.with([target]), fill.limit as f64);
        let labels = [target, resource];
        if let Some(seconds) = full_in_s {
            self.full_in.add(whose.with(labels), *seconds as f64);
        }
        let level = match pressure {
            Pressure::Calm => 0.0,
            Pressure::Near => 1.0,
            Pressure::Full => 2.0,
        };
        self.pressure.add(whose.with(labels), level);
    }
}

fn of_memory(containers: &[Filled]) -> [Family; 3] {
    let mut bytes = Family::new(catalog::CONTAINER_TMPFS_BYTES);
    let mut limits = Family::new(catalog::CONTAINER_MEMORY_LIMIT);
    let mut ratios = Family::new(catalog::CONTAINER_TMPFS_RATIO);
    for filled in containers {
        let memory = &filled.told.memory;
        let labels = identity(&filled.labels);
        match memory.limit {
            Limit::Bytes(limit) => limits.add(labels.with([]), limit as f64),
            Limit::Unbounded | Limit::NotMeasured => {}
        }
        if filled.told.unmeasured.is_some() {
            continue;
        }
        bytes.add(labels.with([]), memory.tmpfs_bytes as f64);
        if let Some(share) = memory.share {
            ratios.add(labels.with([]), share);
        }
    }
    [bytes, limits, ratios]
}

fn of_kills(filling: &Filling) -> Family {
    let mut ratios = Family::new(catalog::OOM_TMPFS_RATIO);
    for kill in &filling.kills {
        let Some(share) = kill.killed.memory.share else {
            continue;
        };
        let largest = value(kill.killed.largest.as_deref().unwrap_or_default());
        ratios.add(identity(&kill.labels).with([&largest]), share);
    }
    ratios
}

fn of_delivery(filling: &Filling) -> [Family; 2] {
    let mut unmeasured = Family::new(catalog::TMPFS_UNMEASURED);
    let unshown = Unshown::ALL.map(Unshown::label);
    for reason in Unmeasured::LABELS.into_iter().chain(unshown) {
        let count = filling.unmeasured.get(reason).copied().unwrap_or(0);
        unmeasured.add([reason], count as f64);
    }
    [
        unmeasured,
        Family::single(catalog::TMPFS_STUCK, filling.stuck as f64),
    ]
}
