//! A mapping, and where in the file it stands.
//!
//! In: a YAML value, the keys it may have. Out: its values, each through a
//! parser of texts. Invariant: an error has the whole way to the value; a value
//! is repeated in it escaped and cut short. Lacks on purpose: what the values mean.

use serde_yaml_ng::{Mapping, Value};

use crate::contract::{ContractError, TEXT_MAX_BYTES};
use crate::denial::escape;

/// Characters of a value that an error repeats.
const SHOWN_MAX: usize = 120;

/// Where in which file.
pub(super) struct Place<'a> {
    file: &'a str,
    at: String,
}

impl<'a> Place<'a> {
    /// The whole of a document; the first needs no number.
    pub(super) fn document(file: &'a str, index: usize) -> Self {
        let at = match index {
            0 => String::new(),
            index => format!("document {}: ", index + 1),
        };
        Place { file, at }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        let dot = if self.at.is_empty() || self.at.ends_with(' ') {
            ""
        } else {
            "."
        };
        self.with(format!("{dot}{key}"))
    }

    /// Positions are counted from 1, as people do.
    pub(super) fn item(&self, index: usize) -> Self {
        self.with(format!("[{}]", index + 1))
    }

    fn with(&self, more: String) -> Self {
        Place {
            file: self.file,
            at: format!("{}{more}", self.at),
        }
    }

    fn name(&self) -> String {
        match self.at.trim_end_matches([':', ' ']) {
            "" => "the contract".to_owned(),
            at => at.to_owned(),
        }
    }

    /// The error for a value here.
    pub(super) fn bad(&self, value: &str, fix: String) -> ContractError {
        ContractError::Value {
            file: self.file.to_owned(),
            place: self.name(),
            value: format!("\"{}\"", shown(value)),
            fix,
        }
    }

    /// The same for what is not there or no text.
    fn bad_kind(&self, value: Option<&Value>, fix: String) -> ContractError {
        let value = match value {
            None | Some(Value::Null) => "nothing",
            Some(Value::Mapping(_)) => "(a mapping)",
            Some(Value::Sequence(_)) => "(a list)",
            Some(Value::Tagged(_)) => "(a tag)",
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => "(a single value)",
        };
        ContractError::Value {
            file: self.file.to_owned(),
            place: self.name(),
            value: value.to_owned(),
            fix,
        }
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    escape(shown.as_bytes())
}

/// A mapping with known keys.
pub(super) struct Fields<'a> {
    place: &'a Place<'a>,
    mapping: &'a Mapping,
}

impl<'a> Fields<'a> {
    /// Fails where it is no mapping, or has a key that is not in `keys`.
    pub(super) fn of(
        place: &'a Place<'a>,
        value: &'a Value,
        keys: &[&str],
    ) -> Result<Self, ContractError> {
        let Value::Mapping(mapping) = value else {
            let fix = format!("give a mapping with the keys {}", keys.join(", "));
            return Err(place.bad_kind(Some(value), fix));
        };
        for key in mapping.keys() {
            let name = text_of(key).unwrap_or_else(|| "?".to_owned());
            if !keys.contains(&name.as_str()) {
                return Err(ContractError::Unknown {
                    file: place.file.to_owned(),
                    place: place.name(),
                    fix: nearest(&name, keys),
                    key: shown(&name),
                });
            }
        }
        Ok(Fields { place, mapping })
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ContractError> {
        let parsed = self.optional(key, |text| parse(text))?;
        parsed.ok_or_else(|| {
            let fix = parse("").err().unwrap_or_else(|| "give a value".to_owned());
            self.place.key(key).bad_kind(None, fix)
        })
    }

    /// A value that may be missing or null.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ContractError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let place = self.place.key(key);
        let Some(text) = text_of(value) else {
            let fix = parse("")
                .err()
                .unwrap_or_else(|| "give a single value".to_owned());
            return Err(place.bad_kind(Some(value), fix));
        };
        if text.len() > TEXT_MAX_BYTES {
            return Err(place.bad(&text, format!("use at most {TEXT_MAX_BYTES} bytes")));
        }
        parse(&text).map(Some).map_err(|fix| place.bad(&text, fix))
    }

    /// A mapping that may be missing or null.
    pub(super) fn object<T>(
        &self,
        key: &str,
        parse: impl Fn(&Place, &Value) -> Result<T, ContractError>,
    ) -> Result<Option<T>, ContractError> {
        let value = self.value(key);
        value
            .map(|value| parse(&self.place.key(key), value))
            .transpose()
    }

    /// A list that may be missing or null.
    pub(super) fn list<T>(
        &self,
        key: &str,
        most: usize,
        parse: impl Fn(&Place, &Value) -> Result<T, ContractError>,
    ) -> Result<Vec<T>, ContractError> {
        let place = self.place.key(key);
        let items = match self.value(key) {
            None => return Ok(Vec::new()),
            Some(Value::Sequence(items)) => items,
            Some(other) => {
                return Err(
                    place.bad_kind(Some(other), "give a list, each item after `- `".to_owned())
                );
            }
        };
        if items.len() > most {
            return Err(place.bad(
                &format!("{} items", items.len()),
                format!("give at most {most}"),
            ));
        }
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| parse(&place.item(index), item))
            .collect()
    }

    /// The error for a value that does not go with the others.
    pub(super) fn bad(&self, key: &str, fix: String) -> ContractError {
        let text = self.value(key).and_then(text_of).unwrap_or_default();
        self.place.key(key).bad(&text, fix)
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.mapping.get(key).filter(|value| !value.is_null())
    }
}

/// A single value as it could have been written.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

fn nearest(key: &str, keys: &[&str]) -> String {
    let nearest = keys
        .iter()
        .map(|name| (strsim::jaro_winkler(key, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.85);
    match nearest {
        Some((_, name)) => format!("did you mean {name}?"),
        None => format!("use one of: {}", keys.join(", ")),
    }
}
