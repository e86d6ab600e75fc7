//! The tables hold together: names, texts, thresholds, and what expressions name.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalog::metrics;

/// The labels of every metric, recorded ones as well.
fn known() -> xtask::promql::Known<'static> {
    let mut known: xtask::promql::Known<'static> = metrics()
        .map(|metric| (metric.name, metric.labels.iter().copied().collect()))
        .collect();
    for row in RECORDED {
        let mut labels = xtask::promql::labels_of(row.expression, &known);
        labels.extend(row.labels.iter().map(|(name, _)| *name));
        known.entry(row.name).or_default().extend(labels);
    }
    known
}

#[test]
fn names_are_told_apart_and_every_severity_is_used() {
    let names: BTreeSet<_> = alerts().map(|alert| alert.name).collect();
    assert_eq!(names.len(), alerts().count());
    assert!(names.iter().all(|name| name.starts_with("Sealwatch")));
    let used: BTreeSet<_> = alerts().map(|alert| alert.severity).collect();
    assert_eq!(used, BTreeSet::from(Severity::ALL));
    assert_eq!(Alert::named("SealwatchAgentDown").unwrap().hold, "5m");
    let runbook = Alert::named("SealwatchAgentDown").unwrap().runbook("base/");
    assert_eq!(runbook, "base/SealwatchAgentDown.md");
}

#[test]
fn every_threshold_is_used_and_every_one_used_is_there() {
    let alerts = alerts().map(|alert| alert.expression);
    let expressions = alerts.chain(RECORDED.iter().map(|row| row.expression));
    let mut used = BTreeSet::new();
    for expression in expressions {
        let named = expression.split("${").skip(1);
        used.extend(named.map(|rest| rest.split_once('}').unwrap().0));
    }
    let there: BTreeSet<_> = THRESHOLDS.iter().map(|row| row.name).collect();
    assert_eq!(there.len(), THRESHOLDS.len());
    assert_eq!(used, there);
}

#[test]
fn expressions_name_what_there_is() {
    let known = known();
    let alerts = alerts().map(|alert| (alert.name, alert.expression));
    for (name, expression) in alerts.chain(RECORDED.iter().map(|row| (row.name, row.expression))) {
        let wrong = xtask::promql::check(expression, &known);
        assert_eq!(wrong, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn texts_name_labels_that_the_alert_has() {
    let known = known();
    for alert in alerts() {
        let named = xtask::promql::named(alert.expression);
        let mut there: BTreeSet<String> = named.listed;
        there.extend(named.made);
        for (metric, _) in named.metrics {
            let labels = known.get(metric.as_str()).into_iter().flatten();
            there.extend(labels.map(|label| (*label).to_owned()));
        }
        let mut texts = vec![alert.summary, alert.description];
        for cause in Cause::ALL {
            let remedy = alert.advice.of(cause);
            texts.extend([remedy.in_pod, remedy.elsewhere]);
        }
        for (_, label) in alert.dashboard.variables {
            assert!(there.contains(*label), "{}: {label}", alert.name);
        }
        for text in texts {
            for label in labels(&pieces(text).unwrap()) {
                assert!(
                    there.contains(&label),
                    "{}: {label} in {text:?}",
                    alert.name
                );
            }
        }
    }
}

fn labels(pieces: &[Piece<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Label(name) => found.push((*name).to_owned()),
            Piece::Where(name, inner) => {
                found.push((*name).to_owned());
                found.extend(labels(inner));
            }
            Piece::Words(_) | Piece::Value(_) => {}
        }
    }
    found
}

#[test]
fn a_container_is_named_with_its_place_in_every_alert_of_one() {
    for alert in alerts() {
        let is_of_agent = alert.dashboard.uid == AGENT.uid;
        let text = format!("{} {}", alert.summary, alert.description);
        if is_of_agent {
            assert!(text.contains("{instance}"), "{}", alert.name);
        } else {
            let named = text.contains("{who}") || text.contains("{app}");
            assert!(named, "{}", alert.name);
        }
    }
}

#[test]
fn the_daemons_own_pressure_begins_where_the_alerts_do() {
    use crate::tmpfs::Pressure;
    let number = |name| {
        Threshold::named(name)
            .unwrap()
            .value
            .parse::<f64>()
            .unwrap()
    };
    for (name, below, from) in [
        ("tmpfsNearFullRatio", Pressure::Calm, Pressure::Near),
        ("tmpfsFullRatio", Pressure::Near, Pressure::Full),
    ] {
        assert_eq!(Pressure::Calm.next(number(name)), from, "{name}");
        assert_eq!(Pressure::Calm.next(number(name) - 1e-9), below, "{name}");
    }
}

#[test]
fn recording_rules_use_only_those_above_them() {
    let mut above = BTreeSet::new();
    for row in RECORDED {
        above.insert(row.name);
        for (metric, _) in xtask::promql::named(row.expression).metrics {
            let is_recorded = metric.contains(':');
            assert!(
                !is_recorded || above.contains(metric.as_str()),
                "{}: {metric}",
                row.name
            );
        }
        assert_eq!(row.name.split(':').count(), 3, "{}", row.name);
        assert!(row.meaning.ends_with('.'), "{}", row.name);
    }
}

#[test]
fn every_alert_has_a_runbook_with_what_it_must_tell() {
    let root = xtask::layout::root();
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(root.join(RUNBOOKS)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        pages.insert(name, std::fs::read_to_string(&path).unwrap());
    }
    let names: BTreeSet<_> = alerts().map(|alert| alert.name).collect();
    let there: BTreeSet<_> = pages.keys().map(String::as_str).collect();
    assert_eq!(there, names, "the pages in {RUNBOOKS}");
    let known = known();
    for (name, page) in pages {
        for block in page.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap();
            for expression in block.lines() {
                let wrong = xtask::promql::check(expression, &known);
                assert_eq!(wrong, Vec::<String>::new(), "{name}: {expression}");
            }
        }
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        for part in ["Meaning", "Impact", "Look", "Change", "False alarm"] {
            assert!(page.contains(&format!("\n## {part}\n")), "{name}: {part}");
        }
    }
}
