//! Rows of one metric become lines of the text format.
//!
//! In: label values in the catalog's order, and a value. Out: text. Invariant:
//! rows are in the order of their label values, and equal ones are one row. Lacks
//! on purpose: a text per label value, since a node with many containers has some
//! hundred thousand of them in a scrape; the encoder has those of one family at a
//! time.

use std::ops::Range;

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric as Sample, MetricFamily, MetricType};

use crate::catalog::{Metric, MetricKind};

/// Behind each label value: no value has it, and it sorts before whatever one has.
const END: char = '\0';

/// One metric with its rows.
pub(super) struct Family {
    pub(super) metric: &'static Metric,
    /// The label values of all rows.
    texts: String,
    rows: Vec<Row>,
    /// Sorted, and no two rows equal.
    settled: bool,
}

struct Row {
    /// Its label values in the texts.
    labels: Range<usize>,
    value: f64,
}

impl Family {
    pub(super) fn new(metric: &'static Metric) -> Self {
        Family {
            metric,
            texts: String::new(),
            rows: Vec::new(),
            settled: true,
        }
    }

    pub(super) fn single(metric: &'static Metric, value: f64) -> Self {
        let mut family = Family::new(metric);
        family.add([], value);
        family
    }

    /// Of equal rows a counter has the sum, a gauge the last.
    pub(super) fn add<'a>(&mut self, values: impl IntoIterator<Item = &'a str>, value: f64) {
        let start = self.texts.len();
        let mut given = 0;
        for text in values {
            match text.contains(END) {
                true => self.texts.extend(text.chars().filter(|c| *c != END)),
                false => self.texts.push_str(text),
            }
            self.texts.push(END);
            given += 1;
        }
        debug_assert_eq!(given, self.metric.labels.len(), "{}", self.metric.name);
        let labels = start..self.texts.len();
        self.rows.push(Row { labels, value });
        self.settled = false;
    }

    /// How many rows it has; before [`Family::settle`], equal ones are counted each.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sorts the rows and makes one of equal ones.
    pub(super) fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let texts = &self.texts;
        let labels = |row: &Row| &texts[row.labels.clone()];
        self.rows.sort_by(|a, b| labels(a).cmp(labels(b)));
        let kind = self.metric.kind;
        self.rows.dedup_by(|later, first| {
            let equal = labels(later) == labels(first);
            if equal {
                first.value = match kind {
                    MetricKind::Counter => first.value + later.value,
                    MetricKind::Gauge => later.value,
                };
            }
            equal
        });
    }

    /// Leaves out all rows but the first `max`; tells how many.
    pub(super) fn truncate(&mut self, max: usize) -> usize {
        self.settle();
        let left_out = self.rows.len().saturating_sub(max);
        self.rows.truncate(max);
        left_out
    }

    /// Bytes of its text, nearly: more only where a value has to be escaped.
    pub(super) fn text_len(&self) -> usize {
        const HEAD: usize = 64;
        const NUMBER: usize = 20;
        let names = self.metric.labels.iter().map(|label| label.len() + 4);
        let row = self.metric.name.len() + names.sum::<usize>() + NUMBER;
        HEAD + self.metric.help.len() + self.texts.len() + self.rows.len() * row
    }

    /// Appends its text; none where it has no rows.
    pub(super) fn encode(mut self, out: &mut String) -> Result<(), prometheus::Error> {
        self.settle();
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut family = MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_metric(self.rows.iter().map(|row| self.sample(row)).collect());
        family.set_field_type(match self.metric.kind {
            MetricKind::Counter => MetricType::COUNTER,
            MetricKind::Gauge => MetricType::GAUGE,
        });
        TextEncoder::new().encode_utf8(&[family], out)
    }

    /// A row as the encoder wants it.
    fn sample(&self, row: &Row) -> Sample {
        let values = self.texts[row.labels.clone()].split_terminator(END);
        let pairs = self.metric.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        let mut sample = Sample::from_label(pairs.collect());
        match self.metric.kind {
            MetricKind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(row.value);
                sample.set_counter(counter);
            }
            MetricKind::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(row.value);
                sample.set_gauge(gauge);
            }
        }
        sample
    }

    #[cfg(test)]
    pub(super) fn labels(&self) -> impl Iterator<Item = Vec<&str>> {
        let labels = |row: &Row| &self.texts[row.labels.clone()];
        let split = move |row| labels(row).split_terminator(END).collect();
        self.rows.iter().map(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn text(family: Family) -> String {
        let mut text = String::new();
        let most = family.text_len();
        family.encode(&mut text).unwrap();
        assert!(text.len() <= most, "{most}: {text}");
        text.lines()
            .skip(2)
            .map(|line| format!("{line}\n"))
            .collect()
    }

    #[test]
    fn equal_rows_are_one_and_all_are_in_order() {
        let rows: [(&[&str], f64); 5] = [
            (&["b", "", "c"], 1.0),
            (&["a\0", "b", ""], 2.0),
            (&["b", "", "c"], 4.5),
            (&["a b", "", ""], 8.0),
            (&["a", "b", ""], 16.0),
        ];
        for (metric, [a, b]) in [
            (catalog::START_FAILURES, ["18", "5.5"]),
            (catalog::LAYER_BYTES, ["16", "4.5"]),
        ] {
            let mut family = Family::new(metric);
            for (values, value) in rows {
                family.add(values.iter().copied(), value);
            }
            let name = metric.name;
            let labels =
                |ns, pod, of| format!("{{namespace=\"{ns}\",pod=\"{pod}\",container=\"{of}\"}}");
            let expected = [
                format!("{name}{} {a}\n", labels("a", "b", "")),
                format!("{name}{} 8\n", labels("a b", "", "")),
                format!("{name}{} {b}\n", labels("b", "", "c")),
            ];
            assert_eq!(text(family), expected.concat());
        }
    }

    #[test]
    fn what_has_no_rows_has_no_text() {
        let mut out = String::new();
        Family::new(catalog::LAYER_BYTES).encode(&mut out).unwrap();
        assert_eq!(out, "");
        Family::single(catalog::SERIES, 0.5)
            .encode(&mut out)
            .unwrap();
        assert!(out.ends_with(&format!("\n{} 0.5\n", catalog::SERIES.name)));
    }
}
