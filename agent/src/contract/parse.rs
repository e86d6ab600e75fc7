//! A YAML value becomes a [`Contract`], or an error that says what to write instead.
//!
//! In: one document. Out: [`Contract`]. Invariant: each key of the schema is read
//! here and no other is taken; an error names the place, the value and the fix.
//! Lacks on purpose: the text and its bounds (`file`).

mod fields;

use std::collections::HashSet;

use serde_yaml_ng::Value;

use self::fields::{Fields, Place};
use super::{
    ACCEPTED_MAX, Accepted, Contract, ContractError, Ids, Kind, Size, VARIABLES_MAX, VERSION,
    Variable, WRITE_ROOTS_MAX, WriteRoot, is_clean,
};
use crate::denial::{Errno, Operation, escape};

pub(super) const CONTRACT_KEYS: &[&str] = &[
    "version",
    "container",
    "image",
    "read_only_root",
    "environment",
    "write_roots",
    "accept",
];
pub(super) const ROOT_KEYS: &[&str] = &[
    "path",
    "kind",
    "reason",
    "mounted",
    "size_limit",
    "seen_bytes",
    "owner",
    "mode",
    "exec",
    "image_content",
];
pub(super) const IDS_KEYS: &[&str] = &["uid", "gid"];
pub(super) const VARIABLE_KEYS: &[&str] = &["name", "value", "reason"];
pub(super) const ACCEPTED_KEYS: &[&str] = &["path", "operation", "errno", "reason"];

/// Reads the document at a position of the file.
pub(super) fn contract(
    file: &str,
    document: usize,
    value: &Value,
) -> Result<Contract, ContractError> {
    let place = Place::document(file, document);
    let fields = Fields::of(&place, value, CONTRACT_KEYS)?;
    // What another version means is not known, so it is told before all else.
    let version = fields.required("version", |text| match text.parse() {
        Ok(VERSION) => Ok(VERSION),
        Ok(_) | Err(_) => Err(format!("this program reads version: {VERSION}")),
    })?;
    let contract = Contract {
        version,
        container: fields.required("container", container)?,
        image: fields.optional("image", plain)?,
        read_only_root: fields.optional("read_only_root", switch)?.unwrap_or(true),
        environment: fields.list("environment", VARIABLES_MAX, variable)?,
        write_roots: fields.list("write_roots", WRITE_ROOTS_MAX, write_root)?,
        accept: fields.list("accept", ACCEPTED_MAX, accepted)?,
    };
    let roots = contract.write_roots.iter().map(|root| root.path.as_str());
    once(&place, "write_roots", roots)?;
    let names = contract
        .environment
        .iter()
        .map(|variable| variable.name.as_str());
    once(&place, "environment", names)?;
    Ok(contract)
}

fn write_root(place: &Place, value: &Value) -> Result<WriteRoot, ContractError> {
    let fields = Fields::of(place, value, ROOT_KEYS)?;
    let kind = fields.required("kind", |text| choice(text, Kind::ALL, Kind::label))?;
    let root = WriteRoot {
        path: fields.required("path", |text| path(text, kind))?,
        kind,
        reason: fields.optional("reason", sentence)?.unwrap_or_default(),
        mounted: fields.optional("mounted", switch)?.unwrap_or(false),
        size_limit: fields.optional("size_limit", size)?,
        seen_bytes: fields.optional("seen_bytes", number)?,
        owner: fields.object("owner", ids)?,
        mode: fields.optional("mode", mode)?,
        exec: fields.optional("exec", switch)?.unwrap_or(false),
        image_content: fields.optional("image_content", switch)?.unwrap_or(false),
    };
    if root.kind == Kind::ShouldNotExist && (root.mounted || root.size_limit.is_some()) {
        let key = if root.mounted {
            "mounted"
        } else {
            "size_limit"
        };
        let fix = format!(
            "remove it, or let kind be one of: tmpfs, volume; nothing is mounted at {}",
            root.path
        );
        return Err(fields.bad(key, fix));
    }
    Ok(root)
}

fn ids(place: &Place, value: &Value) -> Result<Ids, ContractError> {
    let fields = Fields::of(place, value, IDS_KEYS)?;
    Ok(Ids {
        uid: fields.required("uid", number)?,
        gid: fields.required("gid", number)?,
    })
}

fn variable(place: &Place, value: &Value) -> Result<Variable, ContractError> {
    let fields = Fields::of(place, value, VARIABLE_KEYS)?;
    Ok(Variable {
        name: fields.required("name", name)?,
        value: fields.required("value", sentence)?,
        reason: fields.optional("reason", sentence)?.unwrap_or_default(),
    })
}

fn accepted(place: &Place, value: &Value) -> Result<Accepted, ContractError> {
    let fields = Fields::of(place, value, ACCEPTED_KEYS)?;
    Ok(Accepted {
        path: fields.required("path", plain)?,
        operation: fields.optional("operation", |text| {
            choice(text, Operation::ALL.iter().copied(), Operation::label)
        })?,
        errno: fields.optional("errno", |text| choice(text, Errno::ALL, Errno::label))?,
        reason: fields.required("reason", |text| match text.trim() {
            "" => Err("say why this denial does no harm".to_owned()),
            text => sentence(text),
        })?,
    })
}

/// Fails at the second of two that are alike.
fn once<'a>(
    place: &Place,
    key: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ContractError> {
    let mut seen = HashSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let at = place.key(key).item(index);
            return Err(at.bad(name, "name it once; the other is above it".to_owned()));
        }
    }
    Ok(())
}

fn choice<T: Copy>(
    text: &str,
    choices: impl IntoIterator<Item = T>,
    label: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    let mut names = Vec::new();
    for choice in choices {
        if label(choice) == text {
            return Ok(choice);
        }
        names.push(label(choice));
    }
    Err(format!("use one of: {}", names.join(", ")))
}

/// Text on one line that nothing in a terminal takes for anything else.
fn sentence(text: &str) -> Result<String, String> {
    let shown = text.split('\\').map(|part| escape(part.as_bytes()));
    match shown.collect::<Vec<_>>().join("\\") == text {
        true => Ok(text.to_owned()),
        false => Err("write it on one line, without invisible characters; in a path, a byte that is not printable is \\xNN as in events".to_owned()),
    }
}

fn plain(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it is empty: write something, or leave the key out".to_owned()),
        text => sentence(text),
    }
}

fn container(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    if matches!(parts.len(), 1 | 3) && parts.iter().all(|part| !part.is_empty()) {
        return sentence(text);
    }
    Err(
        "give a container's name or id, or NAMESPACE/POD/CONTAINER, with `*` for anything"
            .to_owned(),
    )
}

fn path(text: &str, kind: Kind) -> Result<String, String> {
    if text == "/" {
        return match kind {
            Kind::ShouldNotExist => Ok(text.to_owned()),
            Kind::Tmpfs | Kind::Volume => {
                Err("name the directories below it: / is the whole root".to_owned())
            }
        };
    }
    match is_clean(text) {
        true => sentence(text),
        false => Err(
            "give an absolute path such as /var/cache/app, without `.`, `..` and a slash at its end"
                .to_owned(),
        ),
    }
}

fn name(text: &str) -> Result<String, String> {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match text.as_bytes().first().is_some_and(begins) && text.bytes().all(goes_on) {
        true => Ok(text.to_owned()),
        false => Err("use letters, digits and _, such as XDG_CACHE_HOME".to_owned()),
    }
}

fn size(text: &str) -> Result<Size, String> {
    let fix = || "use a whole number of Ki, Mi, Gi or Ti, such as 64Mi, and not 0".to_owned();
    Size::parse(text).ok_or_else(fix)
}

fn mode(text: &str) -> Result<u16, String> {
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let fix = || "use three or four octal digits in quotes, such as \"0755\"".to_owned();
    octal
        .then(|| u16::from_str_radix(text, 8).ok())
        .flatten()
        .ok_or_else(fix)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let fix = |_| "use a whole number that is not negative".to_owned();
    text.parse().map_err(fix)
}

fn switch(text: &str) -> Result<bool, String> {
    choice(
        text,
        [true, false],
        |value| if value { "true" } else { "false" },
    )
}
