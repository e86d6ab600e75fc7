//! What a container may write, and where: the write contract.
//!
//! In: a file in YAML, or what was observed of a container. Out: [`Contract`]s,
//! which say of any path whether a write to it is inside, and which become what
//! to apply. Invariant: pure but for reading the file; a contract is valid by
//! itself, and its lists are bounded; paths are escaped as events show them.
//! Lacks on purpose: observing, and any look at the machine.

mod declared;
mod diff;
mod file;
pub mod observed;
mod parse;
mod propose;
pub mod render;
mod schema;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config;
use crate::denial::{Container, Errno, Operation};
use crate::remedy::pattern;

pub use declared::{DECLARED_MAX, Declared, declared};
pub use diff::{Change, Difference, Entry, diff};
pub use file::{ContractError, FILE_MAX_BYTES, load, parse, text};
pub use propose::{Proposal, propose};
pub use schema::schema;
pub use values::Size;

/// Version of the file's shape.
pub const VERSION: u32 = 1;
/// Most contracts in a file: a pod has one for each container.
pub const CONTRACTS_MAX: usize = 64;
/// Most write roots of a contract.
pub const WRITE_ROOTS_MAX: usize = 256;
/// Most variables of a contract.
pub const VARIABLES_MAX: usize = 64;
/// Most accepted denials of a contract.
pub const ACCEPTED_MAX: usize = 256;
/// Longest path and longest text, in bytes.
pub const TEXT_MAX_BYTES: usize = 4096;

/// Where every container can write, whatever its root: the runtime mounts these.
const PROVIDED: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What a container may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Sealwatch write contract")]
pub struct Contract {
    /// Version of this shape.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The container it is of: a name or an id, or `NAMESPACE/POD/CONTAINER`;
    /// `*` stands for anything.
    #[schemars(length(min = 1, max = TEXT_MAX_BYTES))]
    pub container: String,
    /// The image it is of, where that matters; `*` stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = TEXT_MAX_BYTES))]
    pub image: Option<String>,
    /// Is the root read-only?
    #[schemars(default = "yes")]
    pub read_only_root: bool,
    /// Variables to set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default, length(max = VARIABLES_MAX))]
    pub environment: Vec<Variable>,
    /// Where it writes, each path once.
    #[schemars(default, length(max = WRITE_ROOTS_MAX))]
    pub write_roots: Vec<WriteRoot>,
    /// Denials that are known and do no harm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default, length(max = ACCEPTED_MAX))]
    pub accept: Vec<Accepted>,
}

/// A directory under which the container writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WriteRoot {
    /// Absolute, as the container sees it.
    #[schemars(length(min = 1, max = TEXT_MAX_BYTES), regex(pattern = "^/"))]
    pub path: String,
    /// What should be there.
    pub kind: Kind,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default, length(max = TEXT_MAX_BYTES))]
    pub reason: String,
    /// It was mounted already: there is nothing to add.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(default)]
    pub mounted: bool,
    /// The most it may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Size>,
    /// What was written there while it was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_bytes: Option<u64>,
    /// Whose it must be; root's where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Ids>,
    /// Its mode bits in octal digits.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "values::serialize_mode"
    )]
    #[schemars(with = "Option<String>", regex(pattern = "^[0-7]{3,4}$"))]
    pub mode: Option<u16>,
    /// Must programs run from there?
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(default)]
    pub exec: bool,
    /// Has the image files there that the container needs? A mount that does
    /// not copy them hides them.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(default)]
    pub image_content: bool,
}

/// What should be at a write root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A tmpfs: what is written may be lost with the container.
    Tmpfs,
    /// A volume: what is written must outlive the container.
    Volume,
    /// Nothing: the container should not write there.
    ShouldNotExist,
}

impl Kind {
    /// Every member.
    pub const ALL: [Kind; 3] = [Kind::Tmpfs, Kind::Volume, Kind::ShouldNotExist];

    /// The name used in files.
    pub const fn label(self) -> &'static str {
        match self {
            Kind::Tmpfs => "tmpfs",
            Kind::Volume => "volume",
            Kind::ShouldNotExist => "should_not_exist",
        }
    }

    /// A volume keeps what a tmpfs loses, and either takes what has no place.
    const fn strength(self) -> u8 {
        match self {
            Kind::Volume => 2,
            Kind::Tmpfs => 1,
            Kind::ShouldNotExist => 0,
        }
    }
}

/// A user and a group, as the container counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ids {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A variable to set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    #[schemars(length(max = TEXT_MAX_BYTES), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,
    /// Its value.
    #[schemars(length(max = TEXT_MAX_BYTES))]
    pub value: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default, length(max = TEXT_MAX_BYTES))]
    pub reason: String,
}

/// A denial that is known and does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Accepted {
    /// The path refused: `*` is anything within a component, `**` any number of
    /// components.
    #[schemars(length(min = 1, max = TEXT_MAX_BYTES))]
    pub path: String,
    /// The operation refused; any where there is none.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "values::serialize_operation"
    )]
    #[schemars(default, schema_with = "values::operations")]
    pub operation: Option<Operation>,
    /// The error it got; any where there is none.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "values::serialize_errno"
    )]
    #[schemars(default, schema_with = "values::errnos")]
    pub errno: Option<Errno>,
    /// Why it does no harm.
    #[schemars(length(min = 1, max = TEXT_MAX_BYTES))]
    pub reason: String,
}

/// Is a write to a path inside a contract?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit<'a> {
    /// Inside: under this tmpfs or volume.
    Granted(&'a WriteRoot),
    /// Inside: on what the runtime mounts in every container.
    Provided,
    /// Outside: under a root that should not exist.
    Refused(&'a WriteRoot),
    /// Outside: the contract does not name it.
    Undeclared,
}

impl Permit<'_> {
    /// Is it inside?
    pub const fn inside(&self) -> bool {
        match self {
            Permit::Granted(_) | Permit::Provided => true,
            Permit::Refused(_) | Permit::Undeclared => false,
        }
    }
}

impl Contract {
    /// Is it this container's?
    pub fn applies_to(&self, container: &Container) -> bool {
        let image = self.image.as_deref();
        config::fits(&self.container, container)
            && image.is_none_or(|image| config::matches(image, &container.image))
    }

    /// Is a write that succeeded at `path` inside? The path is absolute and
    /// escaped, as events show it; the deepest root above it decides. Takes at
    /// most [`WRITE_ROOTS_MAX`] comparisons, and allocates only for a path with
    /// `.` or `..` in it.
    pub fn permits(&self, path: &str) -> Permit<'_> {
        let path = &*clean(path);
        let root = self
            .write_roots
            .iter()
            .filter(|root| holds(&root.path, path))
            .max_by_key(|root| root.path.len());
        match root {
            Some(root) => match root.kind {
                Kind::Tmpfs | Kind::Volume => Permit::Granted(root),
                Kind::ShouldNotExist => Permit::Refused(root),
            },
            None if provided(path) => Permit::Provided,
            None => Permit::Undeclared,
        }
    }

    /// Why a denial is accepted, if it is. The path is escaped, as events show it.
    pub fn accepts(&self, path: &str, operation: Operation, errno: Errno) -> Option<&Accepted> {
        self.accept.iter().find(|accepted| {
            accepted.operation.is_none_or(|known| known == operation)
                && accepted.errno.is_none_or(|known| known == errno)
                && pattern::fits(&accepted.path, path)
        })
    }
}

/// Does `path` lie at `root` or below?
fn holds(root: &str, path: &str) -> bool {
    let rest = path.strip_prefix(root.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does it lie on what the runtime mounts in every container?
fn provided(path: &str) -> bool {
    PROVIDED.iter().any(|provided| holds(provided, path))
}

/// Is it absolute, without empty components, `.` and `..`, and not the root?
fn is_clean(path: &str) -> bool {
    let part_is_clean = |part: &str| !matches!(part, "" | "." | "..");
    let rest = path.strip_prefix('/');
    rest.is_some_and(|rest| rest.split('/').all(part_is_clean))
}

/// Without empty components, `.` and `..`, which are taken by their text alone.
fn clean(path: &str) -> Cow<'_, str> {
    if is_clean(path) {
        return path.into();
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/")).into()
}

const fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !value
}
