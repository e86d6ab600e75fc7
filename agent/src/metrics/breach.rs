//! Contracts and the writes outside of them, as families.
//!
//! In: [`Shown`]. Out: [`Family`]s. Invariant: labels are printable, and bounded
//! by the bounds of `breach`: contracts, containers, write roots of each. Lacks
//! on purpose: paths.

use super::{Family, Identity, identified, value};
use crate::breach::Shown;
use crate::catalog;
use crate::degrade::Workload;

fn identity(workload: &Workload) -> Identity<'_> {
    identified(&workload.namespace, &workload.pod, &workload.container)
}

pub(super) fn families(shown: &Shown) -> Vec<Family> {
    let mut breaches = Family::new(catalog::CONTRACT_BREACHES);
    let mut unjudged = Family::new(catalog::CONTRACT_UNJUDGED);
    for counted in &shown.counted {
        let whose = identity(&counted.workload);
        for (root, count) in &counted.roots {
            breaches.add(whose.with([&value(root)]), *count as f64);
        }
        unjudged.add(whose.with([]), counted.unjudged as f64);
    }
    let mut info = Family::new(catalog::CONTRACT_INFO);
    for (container, contract) in &shown.holders {
        let workload = Workload::of(container);
        let values = [&*value(&container.id), &*value(contract)];
        info.add(identity(&workload).with(values), 1.0);
    }
    let mut containers = Family::new(catalog::CONTRACT_CONTAINERS);
    for contract in &shown.contracts {
        let values = [&*value(&contract.name), &*value(&contract.pattern)];
        containers.add(values, contract.containers as f64);
    }
    vec![breaches, unjudged, info, containers]
}
