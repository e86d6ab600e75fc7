//! The tables name everything that exists, once.

use super::*;
use std::collections::BTreeSet;

#[test]
fn names_and_labels_follow_the_conventions() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    for metric in METRICS {
        let counter = metric.kind == MetricKind::Counter;
        assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
        assert!(
            metric.help.ends_with('.') && !metric.help.contains('\n'),
            "{}",
            metric.name
        );
        let labels: BTreeSet<_> = metric.labels.iter().collect();
        assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
    }
}

#[test]
fn tables_are_whole() {
    let tables = tables();
    for (name, text) in &tables {
        let columns = text.lines().next().unwrap().matches(" |").count();
        for line in text.lines().skip(2) {
            let pipes = line.replace("\\|", "").matches(" |").count();
            assert_eq!(pipes, columns, "{name}: {line}");
        }
    }
    assert_eq!(
        tables["operations"].lines().count(),
        Operation::ALL.len() + 2
    );
    assert!(
        tables["operations"].contains("| `mmap` | not measured | not measured | not measured |")
    );
    let reasons: BTreeSet<_> = LOSSES.iter().map(|row| (row.stage, row.reason)).collect();
    assert_eq!(reasons.len(), LOSSES.len());
}
