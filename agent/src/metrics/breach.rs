//! Contracts and the writes outside of them, as families.
//!
//! In: [`Shown`]. Out: [`Family`]s. Invariant: labels are printable, and bounded
//! by the bounds of `breach`: contracts, containers, write roots of each. Lacks
//! on purpose: paths.

use super::{Family, value};
use crate::breach::Shown;
use crate::catalog;
use crate::degrade::Workload;

fn identity(workload: &Workload) -> Vec<String> {
    let names = [&workload.namespace, &workload.pod, &workload.container];
    names.into_iter().map(|name| value(name)).collect()
}

pub(super) fn families(shown: &Shown) -> Vec<Family> {
    let mut breaches = Family::new(catalog::CONTRACT_BREACHES);
    let mut unjudged = Family::new(catalog::CONTRACT_UNJUDGED);
    for counted in &shown.counted {
        let whose = identity(&counted.workload);
        for (root, count) in &counted.roots {
            let mut values = whose.clone();
            values.push(value(root));
            breaches.add(values, *count as f64);
        }
        unjudged.add(whose, counted.unjudged as f64);
    }
    let mut info = Family::new(catalog::CONTRACT_INFO);
    for (container, contract) in &shown.holders {
        let mut values = identity(&Workload::of(container));
        values.extend([value(&container.id), value(contract)]);
        info.add(values, 1.0);
    }
    let mut containers = Family::new(catalog::CONTRACT_CONTAINERS);
    for contract in &shown.contracts {
        let values = vec![value(&contract.name), value(&contract.pattern)];
        containers.add(values, contract.containers as f64);
    }
    vec![breaches, unjudged, info, containers]
}
