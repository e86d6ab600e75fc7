//! A contract as a Compose file to lay over the one that is there.
//!
//! In: a [`Subject`]. Out: YAML. Invariant: Compose reads it as the same values.
//! Lacks on purpose: all that a service is otherwise.

use std::collections::HashSet;

use super::{Named, Sheet, Subject, comment, indented, mounts, quoted, remarks};
use crate::remedy::Mounting;

/// The file.
pub fn compose(subject: Subject) -> Sheet {
    let contract = subject.contract;
    let mut service = Vec::new();
    service.extend(
        contract
            .read_only_root
            .then(|| "read_only: true".to_owned()),
    );
    let mut list = |key: &str, items: Vec<(String, &str)>| {
        if items.is_empty() {
            return;
        }
        service.push(format!("{key}:"));
        for (item, why) in items {
            service.extend(indented(2, comment(why)));
            // A dollar sign would begin a variable of Compose's own.
            service.push(format!("  - {}", quoted(&item.replace('$', "$$"))));
        }
    };
    let variables = contract.environment.iter();
    list(
        "environment",
        variables
            .map(|variable| {
                (
                    format!("{}={}", variable.name, variable.value),
                    &*variable.reason,
                )
            })
            .collect(),
    );
    let mounts = mounts(contract, "", &mut HashSet::new());
    for wanted in ["tmpfs", "volumes"] {
        let items = mounts.iter().filter_map(|mount| {
            let (key, item) = mount.mount.compose(&mount.name);
            (key == wanted).then_some((item, &*mount.root.reason))
        });
        list(wanted, items.collect());
    }
    let mut lines = vec![
        "services:".to_owned(),
        format!("  {}:", quoted(subject.name)),
    ];
    if service.is_empty() {
        service.push("{}".to_owned());
    }
    lines.extend(indented(4, service));
    let volumes = mounts
        .iter()
        .filter(|mount| matches!(mount.mount, Mounting::Volume { .. }));
    let volumes: Vec<String> = volumes
        .map(|mount| format!("  {}: {{}}", mount.name))
        .collect();
    if !volumes.is_empty() {
        lines.push("volumes:".to_owned());
        lines.extend(volumes);
    }
    let owners = mounts.iter().filter_map(Named::owned_by_image);
    let remarks: Vec<String> = owners.chain(remarks(contract)).collect();
    lines.extend(remarks.iter().filter_map(|remark| comment(remark)));
    Sheet {
        text: lines.join("\n") + "\n",
        remarks: Vec::new(),
    }
}
