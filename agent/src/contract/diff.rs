//! Two lists of contracts: what the second has that the first had not.
//!
//! In: contracts of an earlier and a later file. Out: [`Difference`]s, one for
//! each container that has any. Invariant: two contracts without a difference
//! permit the same writes by the same mounts; reasons and what was seen are
//! none. Lacks on purpose: judging whether a difference is bad.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Accepted, Contract, Ids, Size, WriteRoot};

/// What differs in the contracts of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whose they are: their pattern.
    pub container: String,
    /// What is in the later one alone, in a line each.
    pub added: Vec<Entry>,
    /// What is in the earlier one alone.
    pub removed: Vec<Entry>,
    /// What is in both, and not the same.
    pub changed: Vec<Change>,
}

/// Something that one contract has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `contract`, `write_root`, `variable` or `accepted`.
    pub what: &'static str,
    /// Path or name.
    pub name: String,
    /// What it is: kind and size, or value.
    pub is: String,
}

/// A value that is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// As in [`Entry`].
    pub what: &'static str,
    /// As in [`Entry`].
    pub name: String,
    /// The key in the file.
    pub key: &'static str,
    /// In the earlier one; empty where it has none.
    pub from: String,
    /// In the later one.
    pub to: String,
}

/// The differences, ordered by container, and within it by path and name.
pub fn diff(earlier: &[Contract], later: &[Contract]) -> Vec<Difference> {
    let (earlier, later) = (by_container(earlier), by_container(later));
    let mut differences: Vec<Difference> = Vec::new();
    for (container, one) in &earlier {
        let difference = match later.get(container) {
            Some(other) => between(one, other),
            None => alone(one, |difference| &mut difference.removed),
        };
        differences.push(difference);
    }
    for (container, other) in &later {
        if !earlier.contains_key(container) {
            differences.push(alone(other, |difference| &mut difference.added));
        }
    }
    differences.retain(|difference| !difference.is_none());
    differences.sort_by(|a, b| a.container.cmp(&b.container));
    differences
}

fn by_container(contracts: &[Contract]) -> BTreeMap<&str, &Contract> {
    let contracts = contracts.iter();
    contracts
        .map(|contract| (contract.container.as_str(), contract))
        .collect()
}

impl Difference {
    fn of(contract: &Contract) -> Self {
        Difference {
            container: contract.container.clone(),
            added: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
        }
    }

    fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn alone(contract: &Contract, list: impl Fn(&mut Difference) -> &mut Vec<Entry>) -> Difference {
    let mut difference = Difference::of(contract);
    let roots = contract.write_roots.len();
    list(&mut difference).push(Entry {
        what: "contract",
        name: contract.container.clone(),
        is: format!("{roots} write roots"),
    });
    difference
}

fn between(one: &Contract, other: &Contract) -> Difference {
    let mut difference = Difference::of(one);
    let own = |key, from: String, to: String| {
        (from != to).then(|| Change {
            what: "contract",
            name: one.container.clone(),
            key,
            from,
            to,
        })
    };
    let image = |contract: &Contract| contract.image.clone().unwrap_or_default();
    difference
        .changed
        .extend(own("image", image(one), image(other)));
    let sealed = |contract: &Contract| contract.read_only_root.to_string();
    difference
        .changed
        .extend(own("read_only_root", sealed(one), sealed(other)));
    difference.lists("write_root", &facts(one, roots), &facts(other, roots));
    difference.lists("variable", &facts(one, variables), &facts(other, variables));
    difference.lists("accepted", &facts(one, accepted), &facts(other, accepted));
    difference
}

/// Names with their values by key.
type Facts = BTreeMap<String, Vec<(&'static str, String)>>;

fn facts(
    contract: &Contract,
    of: impl Fn(&Contract) -> Vec<(String, Vec<(&'static str, String)>)>,
) -> Facts {
    of(contract).into_iter().collect()
}

fn roots(contract: &Contract) -> Vec<(String, Vec<(&'static str, String)>)> {
    fn values(root: &WriteRoot) -> Vec<(&'static str, String)> {
        let ids = |Ids { uid, gid }: Ids| format!("{uid}:{gid}");
        vec![
            ("kind", root.kind.label().to_owned()),
            (
                "size_limit",
                root.size_limit
                    .as_ref()
                    .map(Size::to_string)
                    .unwrap_or_default(),
            ),
            ("owner", root.owner.map(ids).unwrap_or_default()),
            (
                "mode",
                root.mode
                    .map(|mode| format!("{mode:04o}"))
                    .unwrap_or_default(),
            ),
            ("mounted", said(root.mounted)),
            ("exec", said(root.exec)),
            ("image_content", said(root.image_content)),
        ]
    }
    let roots = contract.write_roots.iter();
    roots
        .map(|root| (root.path.clone(), values(root)))
        .collect()
}

fn variables(contract: &Contract) -> Vec<(String, Vec<(&'static str, String)>)> {
    let variables = contract.environment.iter();
    variables
        .map(|variable| {
            (
                variable.name.clone(),
                vec![("value", variable.value.clone())],
            )
        })
        .collect()
}

fn accepted(contract: &Contract) -> Vec<(String, Vec<(&'static str, String)>)> {
    fn name(accepted: &Accepted) -> String {
        let operation = accepted.operation.map_or("", |operation| operation.label());
        let errno = accepted.errno.map_or("", |errno| errno.label());
        [&accepted.path, operation, errno]
            .join(" ")
            .trim_end()
            .to_owned()
    }
    contract
        .accept
        .iter()
        .map(|accepted| (name(accepted), Vec::new()))
        .collect()
}

fn said(flag: bool) -> String {
    if flag {
        "true".to_owned()
    } else {
        String::new()
    }
}

impl Difference {
    fn lists(&mut self, what: &'static str, one: &Facts, other: &Facts) {
        let entry = |name: &String, values: &[(&'static str, String)]| Entry {
            what,
            name: name.clone(),
            is: shown(values),
        };
        for (name, from) in one {
            let Some(to) = other.get(name) else {
                self.removed.push(entry(name, from));
                continue;
            };
            for ((key, from), (_, to)) in from.iter().zip(to).filter(|(from, to)| from != to) {
                self.changed.push(Change {
                    what,
                    name: name.clone(),
                    key,
                    from: from.clone(),
                    to: to.clone(),
                });
            }
        }
        let new = other.iter().filter(|(name, _)| !one.contains_key(*name));
        self.added
            .extend(new.map(|(name, values)| entry(name, values)));
    }
}

/// What is said of the values; a flag by its key.
fn shown(values: &[(&'static str, String)]) -> String {
    let said = values.iter().filter(|(_, value)| !value.is_empty());
    let words = said.map(|(key, value)| match (*key, value.as_str()) {
        ("kind" | "value" | "size_limit", value) => value.to_owned(),
        (key, "true") => key.to_owned(),
        (key, value) => format!("{key} {value}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Difference {
    /// The container, and a line for each: `+`, `-` and `~` as in other diffs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.container)?;
        for (sign, entries) in [("-", &self.removed), ("+", &self.added)] {
            for Entry { what, name, is } in entries {
                let is = if is.is_empty() {
                    is.clone()
                } else {
                    format!(": {is}")
                };
                writeln!(f, "{sign} {} {name}{is}", what.replace('_', " "))?;
            }
        }
        for change in &self.changed {
            let or_none = |text: &str| match text {
                "" => "none".to_owned(),
                text => text.to_owned(),
            };
            writeln!(
                f,
                "~ {} {}: {} {} -> {}",
                change.what.replace('_', " "),
                change.name,
                change.key,
                or_none(&change.from),
                or_none(&change.to)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::parse;

    fn contracts(text: &str) -> Vec<Contract> {
        parse("x", text).unwrap()
    }

    #[test]
    fn what_differs_is_told_and_what_was_seen_is_not() {
        let one = contracts(
            "version: 1\ncontainer: web\nenvironment: [{name: A, value: x}]\nwrite_roots:\n\
             - {path: /a, kind: tmpfs, size_limit: 4Mi, reason: x, seen_bytes: 1}\n\
             - {path: /b, kind: volume}\n---\nversion: 1\ncontainer: gone\n",
        );
        assert!(diff(&one, &one).is_empty());
        let other = contracts(
            "version: 1\ncontainer: web\nenvironment: [{name: A, value: y}]\nwrite_roots:\n\
             - {path: /c, kind: should_not_exist}\n\
             - {path: /a, kind: tmpfs, size_limit: 8Mi, reason: y, seen_bytes: 2, exec: true}\n\
             accept: [{path: /x, reason: y}]\n---\nversion: 1\ncontainer: new\n",
        );
        let texts: Vec<String> = diff(&one, &other).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "gone\n- contract gone: 0 write roots\n",
                "new\n+ contract new: 0 write roots\n",
                "web\n- write root /b: volume\n+ write root /c: should_not_exist\n\
                 + accepted /x\n~ write root /a: size_limit 4Mi -> 8Mi\n\
                 ~ write root /a: exec none -> true\n~ variable A: value x -> y\n",
            ]
        );
        let seen = contracts(
            "version: 1\ncontainer: web\nenvironment: [{name: A, value: x}]\nwrite_roots:\n\
             - {path: /b, kind: volume, reason: other}\n\
             - {path: /a, kind: tmpfs, size_limit: 4096Ki, seen_bytes: 9}\n---\nversion: 1\ncontainer: gone\n",
        );
        assert!(diff(&one, &seen).is_empty());
    }
}
