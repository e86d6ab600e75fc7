//! Successful writes become breaches.
//!
//! In: a row of the inventory, the contracts of its container. Out: a breach, or
//! none. Invariant: pure; what the runtime or the kernel provides is no breach.
//! Lacks on purpose: refusals, which are denials.

use super::super::lists::Written;
use super::super::verdict::Breach;
use crate::contract::{Contract, Permit};
use crate::inventory::Destination;
use crate::mounts::kind_label;
use crate::remedy::MountKind;

/// Outside of all contracts of the container? A pod's containers of one name may
/// have several, of which one must allow it.
pub(super) fn breach(row: &Written, contracts: &[&Contract]) -> Option<Breach> {
    // What the runtime sets up, and what the kernel makes up, need no contract.
    let provided = [Destination::RUNTIME.kind, kind_label(MountKind::Kernel)];
    if provided.contains(&row.destination.as_str()) {
        return None;
    }
    let outside = |path: &&String| {
        contracts
            .iter()
            .all(|contract| !contract.permits(path).inside())
    };
    let roots = std::slice::from_ref(&row.write_root);
    // The paths are more exact than the root; where there is none, the root is all.
    let told = if row.paths.is_empty() {
        roots
    } else {
        &row.paths[..]
    };
    let paths: Vec<String> = told.iter().filter(outside).cloned().collect();
    let operations = row.opens + row.creates + row.directories + row.renames + row.writes;
    // What was only executed there is no write.
    let first = paths.first().filter(|_| operations > 0)?;
    let reason = contracts
        .iter()
        .find_map(|contract| match contract.permits(first) {
            Permit::Refused(root) if root.reason.is_empty() => Some(format!(
                "the contract says that {} should not exist",
                root.path
            )),
            Permit::Refused(root) => {
                Some(format!("{} should not exist: {}", root.path, root.reason))
            }
            Permit::Undeclared | Permit::Granted(_) | Permit::Provided => None,
        });
    Some(Breach {
        write_root: row.write_root.clone(),
        destination: row.destination.clone(),
        paths,
        operations,
        reason: reason.unwrap_or_else(|| "the contract does not name it".to_owned()),
    })
}
