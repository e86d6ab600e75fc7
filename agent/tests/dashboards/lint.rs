//! Each dashboard by itself: nothing that only shows once somebody opens it.
//!
//! In: the committed files, the daemon's catalog, the alerts' tables. Out: a
//! failure that names dashboard and panel. Invariant: needs neither root nor
//! network. Lacks on purpose: what Grafana's schema says, which `schema` asks.

use std::collections::{BTreeMap, BTreeSet};

use sealwatch::catalog::alerts::{Alert, RECORDED, RUNBOOKS, Threshold, alerts};
use sealwatch::catalog::{MetricKind, metrics};
use serde_json::Value;
use xtask::dashboards;
use xtask::promql::{self, Known};

use super::board::{BOARDS, Board};

/// Functions that make something of a counter's series, whatever it begins with.
const OF_COUNTERS: [&str; 4] = ["rate(", "increase(", "max_over_time(", "deriv("];
/// What the names of metrics that no panel shows begin with, and why.
const UNSHOWN: [(&str, &str); 4] = [
    (
        "process_virtual_memory_bytes",
        "tells nothing of what is used",
    ),
    (
        "sealwatch_alert",
        "watched where the agent itself sends alerts, without Prometheus",
    ),
    (
        "sealwatch_kubernetes_events_total",
        "the events themselves are on the pods",
    ),
    ("sealwatch_config_last_reload", "asked once, after a reload"),
];

fn list(json: &Value) -> std::slice::Iter<'_, Value> {
    json.as_array().unwrap().iter()
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

/// Every string in a JSON, with where it is.
fn strings<'a>(json: &'a Value, place: String, all: &mut Vec<(String, &'a str)>) {
    match json {
        Value::String(text) => all.push((place, text)),
        Value::Array(list) => {
            for (at, one) in list.iter().enumerate() {
                strings(one, format!("{place}/{at}"), all);
            }
        }
        Value::Object(members) => {
            for (key, one) in members {
                strings(one, format!("{place}/{key}"), all);
            }
        }
        _ => {}
    }
}

fn all_strings(board: &Board) -> Vec<(String, &str)> {
    let mut all = Vec::new();
    strings(&board.json, board.file.clone(), &mut all);
    all
}

#[test]
fn files_are_what_the_descriptions_make() {
    let made: BTreeMap<String, Value> = dashboards::files()
        .into_iter()
        .map(|(path, text)| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect();
    let committed = BOARDS
        .iter()
        .map(|board| (board.file.clone(), board.json.clone()));
    assert!(committed.eq(made), "run `cargo xtask tidy --fix`");
}

#[test]
fn panels_have_all_that_a_reader_needs() {
    for board in BOARDS.iter() {
        let mut ids = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for panel in list(&board.json["panels"]) {
            let place = format!("{}: {}", board.file, text(panel, "title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: id");
            assert!(!text(panel, "title").is_empty(), "{place}");
        }
        for panel in board.panels() {
            let title = text(panel, "title");
            let place = format!("{}: {title}", board.file);
            assert!(titles.insert(title), "{place}: twice");
            let description = text(panel, "description");
            assert!(
                description.len() > 20 && description.ends_with('.'),
                "{place}: {description}"
            );
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(defaults, "unit").is_empty(), "{place}: unit");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{place}");
            let refs: BTreeSet<&str> = list(&panel["targets"])
                .map(|one| text(one, "refId"))
                .collect();
            assert_eq!(
                refs.len(),
                panel["targets"].as_array().unwrap().len(),
                "{place}"
            );
            assert!(panel.get("libraryPanel").is_none(), "{place}");
            let steps: Vec<f64> = list(&defaults["thresholds"]["steps"])
                .filter_map(|step| step["value"].as_f64())
                .collect();
            assert!(steps.is_sorted(), "{place}: {steps:?}");
        }
        assert!(titles.len() > 5, "{}", board.file);
    }
}

#[test]
fn panels_do_not_overlap() {
    for board in BOARDS.iter() {
        let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
        for panel in list(&board.json["panels"]) {
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            let title = text(panel, "title");
            assert!(x + w <= 24 && w > 0 && h > 0, "{}: {title}", board.file);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                let other = taken.insert(cell, title);
                assert_eq!(other, None, "{}: {title} lies on it", board.file);
            }
        }
    }
}

#[test]
fn every_query_goes_to_the_chosen_data_source() {
    for board in BOARDS.iter() {
        let sources = all_strings(board)
            .into_iter()
            .filter(|(place, _)| place.ends_with("/datasource/uid"));
        let sources: Vec<_> = sources.collect();
        assert!(sources.len() > board.queries().len(), "{}", board.file);
        for (place, uid) in sources {
            assert_eq!(uid, "${datasource}", "{place}");
        }
        let first = &board.variables()[0];
        assert_eq!(
            (first.name(), text(first.0, "type")),
            ("datasource", "datasource")
        );
        assert!(
            board.json.get("id").is_none(),
            "{}: Grafana numbers it",
            board.file
        );
    }
}

#[test]
fn variables_may_be_empty() {
    for board in BOARDS.iter() {
        for variable in board.variables() {
            let name = variable.name();
            assert!(
                !text(variable.0, "label").is_empty()
                    && !text(variable.0, "description").is_empty()
            );
            if ["cluster", "instance", "namespace", "pod", "app"].contains(&name) {
                assert_eq!(text(variable.0, "allValue"), ".*", "{}: {name}", board.file);
            }
        }
        for asked in board.queries() {
            for name in ["cluster", "instance", "namespace", "pod", "container"] {
                let exact = format!("{name}=\"$");
                assert!(!asked.expression.contains(&exact), "{}", asked.place);
            }
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let uids: BTreeMap<&str, &Board> = BOARDS
        .iter()
        .map(|board| (text(&board.json, "uid"), board))
        .collect();
    assert_eq!(uids.len(), BOARDS.len());
    let runbooks = xtask::layout::root().join(RUNBOOKS);
    for board in BOARDS.iter() {
        for (place, url) in all_strings(board)
            .into_iter()
            .filter(|(place, _)| place.ends_with("/url"))
        {
            if let Some(path) = url.strip_prefix("/d/") {
                let (uid, query) = path.split_once('?').unwrap();
                let target = uids.get(uid).unwrap_or_else(|| panic!("{place}: {url}"));
                let known: BTreeSet<&str> =
                    target.variables().iter().map(|one| one.name()).collect();
                for pair in query.split("&var-").skip(1) {
                    let name = pair.split('=').next().unwrap();
                    assert!(
                        known.contains(name),
                        "{place}: {uid} has no variable {name}"
                    );
                }
            } else if let Some(page) = url.strip_prefix("${runbooks}/") {
                if !page.starts_with("${__") {
                    assert!(runbooks.join(page).is_file(), "{place}: no {page}");
                    let alert = page.strip_suffix(".md").and_then(Alert::named);
                    assert!(alert.is_some(), "{place}: no alert has {page}");
                }
            } else {
                assert!(url.is_empty(), "{place}: {url}");
            }
        }
        let tags = &board.json["tags"];
        for link in list(&board.json["links"]) {
            assert_eq!(
                &link["tags"], tags,
                "{}: finds its like by their tag",
                board.file
            );
        }
    }
}

/// Every metric and recorded series with its labels.
fn known() -> Known<'static> {
    let mut known: Known<'static> = metrics()
        .map(|metric| (metric.name, metric.labels.iter().copied().collect()))
        .collect();
    for row in RECORDED {
        let mut labels = promql::labels_of(row.expression, &known);
        labels.extend(row.labels.iter().map(|(name, _)| *name));
        known.entry(row.name).or_default().extend(labels);
    }
    known
}

/// What an expression names and is not there. The label `cluster` is for whoever
/// configures Prometheus to add.
fn wrong(expression: &str, known: &Known<'_>) -> Vec<String> {
    let mut wrong = promql::check(expression, known);
    wrong.retain(|what| !what.ends_with("label cluster"));
    wrong
}

#[test]
fn what_queries_name_exists() {
    let known = known();
    for board in BOARDS.iter() {
        for asked in board.queries() {
            let found = wrong(&asked.expression, &known);
            assert!(found.is_empty(), "{}: {found:?}", asked.place);
        }
        for variable in board.variables() {
            let Some(query) = variable.query() else {
                continue;
            };
            let inner = query.strip_prefix("label_values(").unwrap();
            let (series, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
            // The label is asked as one of the series.
            let grouped = match label.strip_prefix('$') {
                Some(_) => series.to_owned(),
                None => format!("count by ({label}) ({series})"),
            };
            let found = wrong(&grouped, &known);
            assert!(found.is_empty(), "{}: {query}: {found:?}", board.file);
        }
    }
    let found = wrong("sum by (tracks) (sealwatch_degraded)", &known);
    assert_eq!(found.len(), 1, "what does not exist is noticed");
}

#[test]
fn alerts_lead_to_dashboards() {
    for alert in alerts() {
        let (target, place) = (alert.dashboard, alert.name);
        let found = BOARDS.iter().find(|board| board.json["uid"] == target.uid);
        let board = found.unwrap_or_else(|| panic!("{place}: no dashboard {}", target.uid));
        let there: BTreeSet<&str> = board.variables().iter().map(|one| one.name()).collect();
        for (name, _) in target.variables.iter().chain(target.fixed) {
            assert!(
                there.contains(name),
                "{place}: {} has no {name}",
                target.uid
            );
        }
    }
}

#[test]
fn thresholds_are_those_of_the_alerts() {
    for (name, value) in dashboards::thresholds::ALL {
        let row = Threshold::named(name).unwrap_or_else(|| panic!("no threshold {name}"));
        assert_eq!(row.value.parse(), Ok(value), "{name}");
    }
    assert_eq!(dashboards::RUNBOOKS, RUNBOOKS);
}

#[test]
fn counters_are_counted() {
    let counters: BTreeSet<&str> = metrics()
        .filter(|metric| metric.kind == MetricKind::Counter)
        .map(|metric| metric.name)
        .collect();
    for asked in BOARDS.iter().flat_map(Board::queries) {
        for counter in &counters {
            for (at, _) in asked.expression.match_indices(counter) {
                let (before, after) = asked.expression.split_at(at);
                let selector = after.find('}').map_or(after, |end| &after[end + 1..]);
                let counted = OF_COUNTERS
                    .iter()
                    .any(|function| before.ends_with(function));
                // What it was at the beginning, taken off what it is.
                let taken_off = before.ends_with("- ") && selector.starts_with(" offset ");
                assert!(
                    counted || taken_off,
                    "{}: {counter} is neither",
                    asked.place
                );
            }
        }
    }
}

#[test]
fn every_metric_is_shown() {
    let queries: Vec<String> = BOARDS
        .iter()
        .flat_map(Board::queries)
        .map(|asked| asked.expression)
        .collect();
    for metric in metrics() {
        let shown = queries
            .iter()
            .any(|query| query.contains(&format!("{}{{", metric.name)));
        let unshown = UNSHOWN
            .iter()
            .any(|(head, _)| metric.name.starts_with(head));
        assert!(
            shown != unshown,
            "{}: shown {shown}, listed as not shown {unshown}",
            metric.name
        );
    }
}

#[test]
fn legends_name_labels() {
    let known: BTreeSet<&str> = metrics()
        .flat_map(|metric| metric.labels)
        .copied()
        .collect();
    let added = ["instance", "cluster", "app", "alertname"];
    for board in BOARDS.iter() {
        for (place, legend) in all_strings(board) {
            for part in legend.split("{{").skip(1) {
                let label = part.split("}}").next().unwrap();
                assert!(
                    known.contains(label) || added.contains(&label),
                    "{place}: {label}"
                );
            }
        }
    }
}
