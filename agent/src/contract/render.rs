//! Contracts become what to apply: flags, a Compose file, a patch of a workload.
//!
//! In: contracts, and what their containers are called. Out: text, and remarks
//! for a person. Invariant: the reader of each format can parse it; a path or
//! value that a format could take for anything else is left out with a remark,
//! or quoted; comments stay on their line. Lacks on purpose: deciding.

mod compose;
mod docker;
mod kubernetes;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::{Contract, Kind, WriteRoot};
use crate::remedy::{Mounting, Tmpfs, plain_path, slug};

pub use compose::compose;
pub use docker::docker;
pub use kubernetes::kubernetes;

/// A contract and its container.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// What the container is called where it is run: in its pod, as a service.
    pub name: &'a str,
    /// Its image; empty where that is not known.
    pub image: &'a str,
}

/// Text to apply, and remarks that have no place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// To apply.
    pub text: String,
    /// To read, one line each.
    pub remarks: Vec<String>,
}

/// A mount with its name.
struct Named<'a> {
    name: String,
    mount: Mounting<'a>,
    root: &'a WriteRoot,
}

impl Named<'_> {
    /// Is there anything of the image that the mount would hide?
    fn copies(&self) -> bool {
        self.root.image_content
    }

    /// What Docker needs of the image so that a volume's owner is right.
    fn owned_by_image(&self) -> Option<String> {
        let owner = self.root.owner.filter(|_| self.root.kind == Kind::Volume)?;
        Some(format!(
            "{}: have the image hold this directory, owned by {}:{}, if it does not yet: a new volume takes its owner from there",
            self.root.path, owner.uid, owner.gid
        ))
    }
}

/// The mounts to add, each under a name that none has yet, beginning with `prefix`.
fn mounts<'a>(contract: &'a Contract, prefix: &str, taken: &mut HashSet<String>) -> Vec<Named<'a>> {
    let mut mounts = Vec::new();
    for root in contract.write_roots.iter().filter(|root| !root.mounted) {
        let Some(at) = plain_path(&root.path) else {
            continue;
        };
        let mount = match root.kind {
            Kind::Tmpfs => Mounting::Tmpfs(Tmpfs {
                at,
                bytes: root.size_limit.map(super::Size::get),
                inodes: None,
                owner: root.owner.map(|ids| (ids.uid, ids.gid)),
                mode: root.mode,
                exec: root.exec,
                image_content: root.image_content,
            }),
            Kind::Volume => Mounting::Volume { at },
            Kind::ShouldNotExist => continue,
        };
        let name = unique(&slug(&format!("{prefix}{at}")), taken);
        mounts.push(Named { name, mount, root });
    }
    mounts
}

fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut number = 1;
    while !taken.insert(unique.clone()) {
        number += 1;
        unique = format!("{name}-{number}");
    }
    unique
}

/// What should not be written and what to do instead, what is there already, and
/// what has no place in any flag.
fn remarks(contract: &Contract) -> Vec<String> {
    let mut remarks = Vec::new();
    let roots = || contract.write_roots.iter();
    for root in roots().filter(|root| root.kind == Kind::ShouldNotExist) {
        remarks.push(format!(
            "should not be written: {}: {}",
            root.path, root.reason
        ));
    }
    let mounted: Vec<&str> = roots()
        .filter(|root| root.mounted)
        .map(|root| root.path.as_str())
        .collect();
    if !mounted.is_empty() {
        remarks.push(format!(
            "mounted already, and left as it is: {}",
            mounted.join(", ")
        ));
    }
    let unspeakable = |root: &&WriteRoot| {
        root.kind != Kind::ShouldNotExist && !root.mounted && plain_path(&root.path).is_none()
    };
    for root in roots().filter(unspeakable) {
        remarks.push(format!(
            "no mount is proposed at {}: its name is none that every format takes as it is",
            root.path
        ));
    }
    remarks
}

/// Text between double quotes, as YAML and JSON read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lines that are further in.
fn indented(by: usize, lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    lines
        .into_iter()
        .map(move |line| format!("{:by$}{line}", ""))
}

/// A line of comment, where there is something to say.
fn comment(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("# {text}"))
}
