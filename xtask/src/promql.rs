//! PromQL against the metrics that there are: no name and no label that is not one.
//!
//! In: an expression, and the labels of each known metric. Out: what it names that
//! does not exist. Invariant: pure; Grafana's variables (`$name`, `${name}`,
//! `[$__rate_interval]`) are let through. Lacks on purpose: a grammar, which
//! Prometheus itself checks, and which would refuse these variables.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of each known metric. Labels of the scrape are not among them.
pub type Known<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Labels that Prometheus or its configuration adds to whatever it scrapes.
const SCRAPED: [&str; 3] = ["instance", "job", "__name__"];
/// Metrics that Prometheus makes of every scrape, and its own alerts.
const OWN: [&str; 4] = [
    "up",
    "scrape_samples_scraped",
    "scrape_duration_seconds",
    "ALERTS",
];
/// Words of the language that look like metrics.
const WORDS: [&str; 13] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "bool",
    "inf",
    "nan",
];
/// Words that a list of labels follows.
const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
/// Functions that make a label, which is their second argument.
const MAKERS: [&str; 2] = ["label_replace", "label_join"];

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Each metric with the labels that are asked of it.
    pub metrics: Vec<(String, Vec<String>)>,
    /// Labels in lists such as `by (...)`.
    pub listed: BTreeSet<String>,
    /// Labels that functions make.
    pub made: BTreeSet<String>,
}

/// What in an expression does not exist: one sentence each.
pub fn check(expression: &str, known: &Known<'_>) -> Vec<String> {
    let named = named(expression);
    let mut wrong = Vec::new();
    let mut there: BTreeSet<&str> = named.made.iter().map(String::as_str).collect();
    there.extend(SCRAPED);
    let mut is_open = false;
    for (metric, asked) in &named.metrics {
        if OWN.contains(&metric.as_str()) {
            // Its labels are whatever the scrape or the alert has.
            is_open |= metric == "ALERTS";
            continue;
        }
        let Some(labels) = known.get(metric.as_str()) else {
            wrong.push(format!("there is no metric {metric}"));
            continue;
        };
        there.extend(labels);
        for label in asked {
            if !labels.contains(label.as_str()) && !SCRAPED.contains(&label.as_str()) {
                wrong.push(format!("{metric} has no label {label}"));
            }
        }
    }
    for label in &named.listed {
        if !is_open && !there.contains(label.as_str()) {
            wrong.push(format!("no metric here has a label {label}"));
        }
    }
    wrong
}

/// The labels that an expression's result has: those of the aggregation that it
/// begins with, or else those of the first metric in it.
pub fn labels_of<'a>(expression: &'a str, known: &Known<'a>) -> BTreeSet<&'a str> {
    let tokens = tokens(expression);
    // topk keeps the labels of what it chooses from, which comes after the comma.
    let from = match tokens.first() {
        Some(&("topk" | "bottomk")) => tokens
            .iter()
            .skip_while(|token| **token != ")")
            .position(|token| *token == ",")
            .map_or(0, |comma| {
                comma + tokens.iter().position(|token| *token == ")").unwrap_or(0) + 1
            }),
        _ => 0,
    };
    if tokens.get(from + 1) == Some(&"by") {
        let list = tokens[from + 2..].iter().take_while(|token| **token != ")");
        return list.copied().filter(|token| is_name(token)).collect();
    }
    let first = named(expression).metrics.into_iter().next();
    first
        .and_then(|(metric, _)| known.get(metric.as_str()).cloned())
        .unwrap_or_default()
}

/// What an expression names.
pub fn named(expression: &str) -> Named {
    let tokens = tokens(expression);
    let mut named = Named::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).copied().unwrap_or_default();
        match *token {
            word if LISTS.contains(&word) && next == "(" => {
                at += 2;
                while let Some(label) = tokens.get(at).filter(|token| **token != ")") {
                    if *label != "," {
                        named.listed.insert((*label).to_owned());
                    }
                    at += 1;
                }
            }
            word if MAKERS.contains(&word) => named.made.extend(made(&tokens[at + 1..])),
            "{" => at += matchers(&tokens[at..], &mut named, None),
            // An aggregation has its labels before what it is of.
            word if is_name(word)
                && !["(", "by", "without"].contains(&next)
                && !WORDS.contains(&word) =>
            {
                named.metrics.push((word.to_owned(), Vec::new()));
                if next == "{" {
                    let metric = named.metrics.len() - 1;
                    at += 1 + matchers(&tokens[at + 1..], &mut named, Some(metric));
                }
            }
            _ => {}
        }
        at += 1;
    }
    named
}

/// Reads `{a="b",...}` and says how many tokens that was, less one.
fn matchers(tokens: &[&str], named: &mut Named, metric: Option<usize>) -> usize {
    let end = tokens
        .iter()
        .position(|token| *token == "}")
        .unwrap_or(tokens.len() - 1);
    for pair in tokens[..end].windows(2) {
        if is_name(pair[0]) && matches!(pair[1], "=" | "!=" | "=~" | "!~") {
            match metric {
                Some(metric) => named.metrics[metric].1.push(pair[0].to_owned()),
                None => _ = named.listed.insert(pair[0].to_owned()),
            }
        }
    }
    end
}

/// The second argument of a call whose `(` comes first.
fn made(tokens: &[&str]) -> Option<String> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth -= 1,
            "," if depth == 1 => {
                let label = tokens.get(at + 1)?;
                return Some(label.trim_matches('"').to_owned());
            }
            _ => {}
        }
    }
    None
}

fn is_name(token: &str) -> bool {
    let mut characters = token.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
}

/// Names, texts, numbers with their units, ranges left out, and signs.
fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => {
                rest = &rest[c.len_utf8()..];
                continue;
            }
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            // A range names no metric, and Grafana's variables stand there.
            '[' => {
                rest = rest.split_once(']').map_or("", |(_, after)| after);
                continue;
            }
            '"' | '\'' | '`' => text(rest, first),
            // A variable, or a number with or without a unit.
            '$' => 1 + run(&rest[1..], |c| c.is_alphanumeric() || "_{}:".contains(c)),
            c if c.is_ascii_digit() => run(rest, |c| c.is_alphanumeric() || c == '.'),
            c if c.is_ascii_alphabetic() || c == '_' => {
                run(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
            }
            '!' | '=' | '<' | '>' if rest[1..].starts_with(['=', '~']) => 2,
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The length of a quoted text, quotes included.
fn text(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(expression: &str) -> Vec<String> {
        let known = BTreeMap::from([
            ("a_total", BTreeSet::from(["pod", "errno"])),
            ("a_info", BTreeSet::from(["pod", "image"])),
            ("level:a:rate5m", BTreeSet::from(["pod"])),
        ]);
        check(expression, &known)
    }

    #[test]
    fn what_exists_passes() {
        for good in [
            "sum by (pod) (rate(a_total{errno=\"EROFS\",instance=~\"$node\"}[$__rate_interval])) > 0",
            "a_total * on (pod) group_left (image) a_info",
            "label_replace(a_total, \"x\", \"$1\", \"pod\", \"(.*)\") and on (x) level:a:rate5m offset 1h",
            "sum by (x, made) (label_join(label_replace(a_info{pod=~\"a,}b\"}, \"made\", \"\", \"\", \"\"), \"x\", \";\", \"pod\"))",
            "max_over_time(a_info[1h:5m]) == 1e3 # not_a_metric",
            "up{job=\"a\"} == 0 or absent(up{job=\"a\"}) or ALERTS{alertname=\"A\"}",
            "count without (errno) (a_total) / scalar(sum(a_info)) ^ 2",
            "rate(a_total[5m]) > ${threshold}",
        ] {
            assert_eq!(wrong(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        for (bad, what) in [
            ("rate(b_total[5m])", "there is no metric b_total"),
            ("a_total{image=\"x\"}", "a_total has no label image"),
            (
                "a_total{errno!~\"x\",image=\"x\"}",
                "a_total has no label image",
            ),
            (
                "sum by (image) (a_total)",
                "no metric here has a label image",
            ),
            (
                "a_total * on (pod) group_left (track) a_info",
                "no metric here has a label track",
            ),
            ("level:a:rate1m", "there is no metric level:a:rate1m"),
        ] {
            assert_eq!(wrong(bad), [what], "{bad}");
        }
    }

    #[test]
    fn labels_of_a_result_are_those_of_its_aggregation() {
        let known = BTreeMap::from([("a", BTreeSet::from(["pod", "errno"]))]);
        for (expression, labels) in [
            ("sum by (pod, x) (rate(a[5m]))", vec!["pod", "x"]),
            (
                "topk by (pod) (1, max by (pod, image) (a))",
                vec!["image", "pod"],
            ),
            ("(a unless b) and on (pod) c", vec!["errno", "pod"]),
            ("b", vec![]),
        ] {
            let found: Vec<&str> = labels_of(expression, &known).into_iter().collect();
            assert_eq!(found, labels, "{expression}");
        }
    }

    #[test]
    fn labels_are_told_by_metric() {
        let named = named("a_total{errno=\"x\", pod='y'} unless on (pod) a_info");
        let asked = vec!["errno".to_owned(), "pod".to_owned()];
        let metrics = vec![
            ("a_total".to_owned(), asked),
            ("a_info".to_owned(), Vec::new()),
        ];
        assert_eq!(named.metrics, metrics);
        assert_eq!(named.listed, BTreeSet::from(["pod".to_owned()]));
    }
}
