//! What the containers' writable layers keep becomes families.
//!
//! In: [`Layers`]. Out: families, in the catalog's order. Invariant: what is not
//! measured has no series, and each reason for that has one, at 0 where it did
//! not happen. Lacks on purpose: bounds, which `aggregate::layers` keeps, and
//! the growth, which is `deriv()` of the bytes.

use super::{Family, identity};
use crate::aggregate::filling::Unshown;
use crate::aggregate::layers::Layers;
use crate::catalog;
use crate::layer::Unmeasured;

pub(super) fn families(layers: &Layers) -> [Family; 4] {
    let mut bytes = Family::new(catalog::LAYER_BYTES);
    let mut entries = Family::new(catalog::LAYER_ENTRIES);
    let mut truncated = Family::new(catalog::LAYER_TRUNCATED);
    for layered in &layers.containers {
        let Ok(kept) = &layered.layer.kept else {
            continue;
        };
        let labels = identity(&layered.labels);
        bytes.add(labels.with([]), kept.bytes as f64);
        entries.add(labels.with([]), kept.entries as f64);
        truncated.add(labels.with([]), f64::from(u8::from(kept.truncated)));
    }
    let mut unmeasured = Family::new(catalog::LAYER_UNMEASURED);
    let unshown = [
        Unshown::Undescribed,
        Unshown::SameName,
        Unshown::ContainerLimit,
    ];
    let unshown = unshown.map(Unshown::label);
    for reason in Unmeasured::LABELS.into_iter().chain(unshown) {
        let count = layers.unmeasured.get(reason).copied().unwrap_or(0);
        unmeasured.add([reason], count as f64);
    }
    [bytes, entries, truncated, unmeasured]
}
