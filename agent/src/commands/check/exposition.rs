//! The daemon's metrics, read back from Prometheus' text.
//!
//! In: the text. Out: [`Series`]. Invariant: a line that is none is left out,
//! never taken for another. Lacks on purpose: time stamps, which the daemon does
//! not write, and types, which the catalog has.

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series<'a> {
    /// The metric's name.
    pub(super) name: &'a str,
    labels: Vec<(&'a str, String)>,
    /// Its value; counts are whole numbers.
    pub(super) value: u64,
}

impl Series<'_> {
    /// A label's value, or nothing.
    pub(super) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| *label == name);
        found.map_or("", |(_, value)| value)
    }
}

/// All series of the metrics of these names.
pub(super) fn parse<'a>(text: &'a str, names: &[&str]) -> Vec<Series<'a>> {
    let lines = text.lines().filter_map(|line| series(line, names));
    lines.collect()
}

fn series<'a>(line: &'a str, names: &[&str]) -> Option<Series<'a>> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, inside) = match head.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
        None => (head, ""),
    };
    if !names.contains(&name) {
        return None;
    }
    let mut labels = Vec::new();
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
        labels.push((label, text));
        rest = after[end + 1..].trim_start_matches(',');
    }
    let value: f64 = value.parse().ok()?;
    (value >= 0.0).then_some(Series {
        name,
        labels,
        value: value as u64,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn series_are_parsed_with_their_escapes() {
        let text =
            "# HELP x y\nx 3\ny{a=\"b\\\"c,}\\n\\\\\",d=\"\"} 4\nz 1\nx nonsense\nx{a=\"} 1\n";
        let parsed = parse(text, &["x", "y"]);
        assert_eq!(parsed.len(), 2, "{parsed:?}");
        assert_eq!((parsed[0].name, parsed[0].value), ("x", 3));
        assert_eq!(parsed[1].label("a"), "b\"c,}\n\\");
        assert_eq!((parsed[1].label("d"), parsed[1].label("e")), ("", ""));
    }

    proptest! {
        #[test]
        fn any_value_of_a_label_comes_back(value: String, count in 0..1_u64 << 50) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // A carriage return before the newline is no part of a line.
            let text = format!("x{{a=\"{escaped}\",b=\"\"}} {count}");
            let parsed = parse(&text, &["x"]);
            prop_assert_eq!(parsed.len(), 1, "{}", text);
            prop_assert_eq!((parsed[0].label("a"), parsed[0].value), (&*value, count));
        }

        #[test]
        fn no_text_makes_it_panic(text: String, odd in "x[{}a=\"\\\\, 1\n]{0,40}") {
            let _ = (parse(&text, &["x"]), parse(&odd, &["x"]));
        }
    }
}
