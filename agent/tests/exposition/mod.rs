//! The daemon's metrics, read back from Prometheus' text format.
//!
//! In: the text. Out: [`Series`]. Invariant: a line that is neither a comment nor a
//! series fails the test. Lacks on purpose: time stamps, which the daemon does not write.

use std::collections::BTreeMap;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Series {
    /// A label's value, or nothing.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Does it have these labels?
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        let has = |(name, value): &(&str, &str)| {
            self.labels.get(*name).is_some_and(|found| found == value)
        };
        labels.iter().all(has)
    }
}

/// All series of a scrape.
pub fn parse(text: &str) -> Vec<Series> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| series(line).unwrap_or_else(|| panic!("not a series: {line}")))
        .collect()
}

fn series(line: &str) -> Option<Series> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, inside) = match head.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
        None => (head, ""),
    };
    let mut labels = BTreeMap::new();
    let mut rest = inside;
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let mut text = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => text.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (at, '"') => break at,
                (_, other) => text.push(other),
            }
        };
        labels.insert(label.to_owned(), text);
        rest = after[end + 1..].trim_start_matches(',');
    }
    Some(Series {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

#[test]
fn series_are_parsed_with_their_escapes() {
    let text = "# HELP x y\nx 3\ny{a=\"b\\\"c,}\\n\",d=\"\"} 4\n";
    let parsed = parse(text);
    assert_eq!((parsed[0].name.as_str(), parsed[0].value), ("x", 3.0));
    assert!(parsed[1].has(&[("a", "b\"c,}\n"), ("d", "")]));
    assert_eq!(parsed[1].label("e"), "");
}
