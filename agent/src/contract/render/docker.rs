//! A contract as flags of `docker run`.
//!
//! In: a [`Subject`]. Out: flags, one a line, so that they stand in a command as
//! they are. Invariant: a shell takes them for the same words. Lacks on purpose:
//! comments, which a command cannot have between its lines; they are remarks.

use std::collections::HashSet;

use super::{Sheet, Subject, mounts, remarks};
use crate::contract::Variable;

/// The flags.
pub fn docker(subject: Subject) -> Sheet {
    let contract = subject.contract;
    let mut flags = Vec::new();
    let mut why = Vec::new();
    flags.extend(contract.read_only_root.then(|| "--read-only".to_owned()));
    for mount in mounts(contract, subject.name, &mut HashSet::new()) {
        why.push(format!("{}: {}", mount.root.path, mount.root.reason));
        if mount.copies() {
            why.push(format!(
                "{}: the image has files there, which Docker copies into a volume and not into a tmpfs",
                mount.root.path
            ));
        }
        why.extend(mount.owned_by_image());
        flags.push(mount.mount.flag(&mount.name));
    }
    for Variable {
        name,
        value,
        reason,
    } in &contract.environment
    {
        why.push(format!("{name}: {reason}"));
        flags.push(format!("--env {}", word(&format!("{name}={value}"))));
    }
    why.extend(remarks(contract));
    Sheet {
        text: flags.join(" \\\n") + "\n",
        remarks: why,
    }
}

/// One word of a shell.
fn word(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@+-=:,%".contains(&byte);
    match !text.is_empty() && text.bytes().all(safe) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
