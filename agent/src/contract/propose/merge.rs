//! Roots below each other become one where one mount suffices.
//!
//! In: sums by path. Out: the same, fewer. Invariant: nothing is lost; a root
//! gives way to one above it only where the container makes the directory
//! itself, since a mount above would hide one of the image's. Lacks on purpose:
//! mounts at directories in which nothing was written.

use std::collections::BTreeMap;

use super::sum::Sum;
use crate::contract::holds;

/// In the order of their paths.
pub(super) fn merged(sums: BTreeMap<String, Sum>) -> Vec<(String, Sum)> {
    let mut merged: Vec<(String, Sum)> = Vec::new();
    // What lies above comes first in this order.
    for (path, sum) in sums {
        let above = merged
            .iter_mut()
            .rev()
            .find(|(above, _)| holds(above, &path));
        match above {
            Some((_, above)) if above.holds_made(&sum) => above.absorb(sum),
            Some(_) | None => merged.push((path, sum)),
        }
    }
    merged
}
