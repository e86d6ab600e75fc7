//! The queries of the project's dashboards, as a person's browser would send them.
//!
//! In: the dashboards' JSON. Out: queries with Grafana's variables set. Invariant:
//! every `expr` of a panel is taken; variables stand for everything, which costs
//! the most. Lacks on purpose: drawing.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A query and the dashboard that it is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) dashboard: String,
    pub(super) expression: String,
}

/// Of every dashboard in a directory, in order; none where there is no such directory.
pub(super) fn of(directory: &Path) -> Result<Vec<Query>> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let mut queries = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let json: Value =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let dashboard = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut expressions = Vec::new();
        collect(&json, &choices(&json), &mut expressions);
        queries.extend(expressions.into_iter().map(|expression| Query {
            dashboard: dashboard.clone().into_owned(),
            expression,
        }));
    }
    Ok(queries)
}

/// The variables that are a choice among words, such as a label's name, each
/// with the word that a dashboard opens with.
fn choices(dashboard: &Value) -> BTreeMap<String, String> {
    let variables = dashboard["templating"]["list"].as_array();
    variables
        .into_iter()
        .flatten()
        .filter(|variable| variable["type"] == "custom")
        .filter_map(|variable| {
            let word = variable["current"]["value"].as_str()?;
            Some((variable["name"].as_str()?.to_owned(), word.to_owned()))
        })
        .collect()
}

fn collect(json: &Value, choices: &BTreeMap<String, String>, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "expr" => found.push(set(text, choices)),
                    other => collect(other, choices, found),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                collect(value, choices, found);
            }
        }
        _ => {}
    }
}

/// Sets Grafana's variables: ranges to what a dashboard of an hour has, choices
/// to their word, others to everything.
fn set(expression: &str, choices: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let (name, after) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or((braced, "")),
            None => {
                let end = after
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(after.len());
                after.split_at(end)
            }
        };
        rest = after;
        match name.split(':').next().unwrap_or_default() {
            "__rate_interval" => text.push_str("5m"),
            "__range" => text.push_str("10m"),
            "__interval" => text.push_str("1m"),
            // A group of a regular expression, such as $1.
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                text.push('$');
                text.push_str(number);
            }
            name => text.push_str(choices.get(name).map_or(".*", String::as_str)),
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_set_and_every_query_is_found() {
        let json = serde_json::json!({"panels": [{"targets": [{"expr": "a{x=~\"$pod\"}"}]},
            {"panels": [{"targets": [{"expr": "rate(b[$__rate_interval])"}]}]}]});
        let mut found = Vec::new();
        collect(&json, &choices(&json), &mut found);
        assert_eq!(found, ["a{x=~\".*\"}", "rate(b[5m])"]);
        assert_eq!(
            set(
                "label_replace(a{y=~\"${y:regex}\"}[$__range], \"z\", \"$1\")",
                &BTreeMap::new()
            ),
            "label_replace(a{y=~\".*\"}[10m], \"z\", \"$1\")"
        );
        let json = serde_json::json!({"templating": {"list": [
            {"name": "label", "type": "custom", "current": {"value": "track"}},
            {"name": "canary", "type": "query", "current": {"value": ""}}]}});
        assert_eq!(
            set("a{$label=~\"$canary\"}", &choices(&json)),
            "a{track=~\".*\"}"
        );
    }
}
