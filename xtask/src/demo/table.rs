//! Events and metrics become the table that a person reads.
//!
//! In: the daemon's events and its metrics' text. Out: one [`Row`] per container,
//! operation, path, errno and cause. Invariant: a count is the daemon's own,
//! from `sealwatch_write_root_denials_total`; without it the row has none.

use std::collections::BTreeMap;

use serde::Deserialize;

const COUNTER: &str = "sealwatch_write_root_denials_total{";

/// What the table needs of an event.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    container: Container,
    operation: String,
    path: String,
    errno: String,
    cause: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    name: String,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) container: String,
    pub(super) operation: String,
    pub(super) path: String,
    pub(super) errno: String,
    pub(super) cause: String,
    /// How often it happened under the path's write root; `None` where it is not counted yet.
    pub(super) count: Option<u64>,
}

/// The rows of one container, joined with the counts of the metrics.
pub(super) fn rows(events: &[Event], metrics: &str, container: &str) -> Vec<Row> {
    let counters: Vec<(BTreeMap<String, String>, u64)> =
        metrics.lines().filter_map(parse_sample).collect();
    let mut rows: Vec<Row> = events
        .iter()
        .filter(|event| event.container.name == container)
        .map(|event| Row {
            container: event.container.name.clone(),
            operation: event.operation.clone(),
            path: event.path.clone(),
            errno: event.errno.clone(),
            cause: event.cause.clone(),
            count: count(event, &counters),
        })
        .collect();
    rows.sort();
    rows.dedup();
    rows
}

/// The counter of the event's write root: the longest that its path lies under.
fn count(event: &Event, counters: &[(BTreeMap<String, String>, u64)]) -> Option<u64> {
    let wanted = [
        ("container", &event.container.name),
        ("operation", &event.operation),
        ("errno", &event.errno),
        ("cause", &event.cause),
    ];
    let same = |labels: &BTreeMap<String, String>| {
        wanted
            .iter()
            .all(|(name, value)| labels.get(*name) == Some(value))
    };
    counters
        .iter()
        .filter(|(labels, _)| same(labels))
        .filter_map(|(labels, value)| Some((labels.get("write_root")?, *value)))
        .filter(|(root, _)| {
            let rest = event.path.strip_prefix(root.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|(root, _)| root.len())
        .map(|(_, value)| value)
}

/// Labels and value of a line of [`COUNTER`].
fn parse_sample(line: &str) -> Option<(BTreeMap<String, String>, u64)> {
    let mut rest = line.strip_prefix(COUNTER)?;
    let mut labels = BTreeMap::new();
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match characters.next()? {
                    (_, 'n') => value.push('\n'),
                    (_, other) => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim_start_matches(',').to_owned(), value);
        rest = &after[end..];
        if rest.starts_with('}') {
            break;
        }
    }
    Some((labels, rest.strip_prefix("} ")?.parse().ok()?))
}

/// The table as text, columns aligned.
pub(super) fn render(rows: &[Row]) -> String {
    let head = ["CONTAINER", "OPERATION", "PATH", "ERRNO", "CAUSE", "COUNT"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        let count = row.count.map_or("-".to_owned(), |count| count.to_string());
        let row = row.clone();
        [
            row.container,
            row.operation,
            row.path,
            row.errno,
            row.cause,
            count,
        ]
    }));
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        for (width, cell) in widths.iter().zip(&line) {
            text.push_str(&format!("  {cell:<width$}"));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(path: &str) -> Event {
        Event {
            container: Container {
                name: "myapp".into(),
            },
            operation: "create".into(),
            path: path.into(),
            errno: "EROFS".into(),
            cause: "read_only_mount".into(),
        }
    }

    fn line(root: &str, value: u64) -> String {
        format!(
            "{COUNTER}cause=\"read_only_mount\",container=\"myapp\",errno=\"EROFS\",\
             namespace=\"\",operation=\"create\",write_root=\"{root}\"}} {value}\n"
        )
    }

    #[test]
    fn a_row_has_the_count_of_its_write_root() {
        let metrics = format!(
            "# HELP x\n{}{}{}",
            line("/", 9),
            line("/var/run", 1),
            line("/var/r", 7)
        );
        let events = [
            event("/var/run/a.pid"),
            event("/var/run/a.pid"),
            event("/opt/x"),
        ];
        let rows = rows(&events, &metrics, "myapp");
        let counts: Vec<_> = rows
            .iter()
            .map(|row| (row.path.as_str(), row.count))
            .collect();
        assert_eq!(counts, [("/opt/x", Some(9)), ("/var/run/a.pid", Some(1))]);
        assert!(super::rows(&events, &metrics, "other").is_empty());
    }

    #[test]
    fn hostile_label_values_are_read() {
        let (labels, value) =
            parse_sample(&format!("{COUNTER}a=\"x\\\"}} 1,\\n\",b=\"\\\\\"}} 2")).unwrap();
        assert_eq!(labels["a"], "x\"} 1,\n");
        assert_eq!(labels["b"], "\\");
        assert_eq!(value, 2);
        assert_eq!(parse_sample("other{a=\"b\"} 1"), None);
        assert_eq!(parse_sample(&format!("{COUNTER}a=\"b")), None);
    }

    #[test]
    fn columns_are_aligned_and_a_missing_count_is_a_dash() {
        let text = render(&rows(&[event("/x")], "", "myapp"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("PATH"), lines[1].find("/x"));
        assert!(lines[1].ends_with('-'));
    }
}
