//! A [`Snapshot`] becomes the Prometheus text format.
//!
//! In: a snapshot, and what the process is like. Out: text. Invariant: every
//! family is one of `catalog`'s; no two series have the same labels, whatever
//! names containers give themselves; label values are printable and bounded.
//! Lacks on purpose: state; the counts are the aggregate's. The only file that
//! knows the crate `prometheus`.

mod alerts;
mod bound;
mod breach;
mod degraded;
mod layer;
mod memory;
mod tmpfs;

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::aggregate::{GroupSeries, Kind, Labels, Loaded, Snapshot};
use crate::catalog::{self, MetricKind};
use crate::denial::{Container, Lsm, escape};
use crate::process::Process;

mod posture;

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Most characters of a label value; what is longer is cut off.
const VALUE_MAX_CHARS: usize = 256;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The encoder refused a family.
    #[error("cannot encode the metrics: {0}")]
    Encode(#[from] prometheus::Error),
}

/// One family: rows of label values, merged where they are equal.
struct Family {
    metric: &'static catalog::Metric,
    rows: BTreeMap<Vec<String>, f64>,
}

impl Family {
    fn new(metric: &'static catalog::Metric) -> Self {
        Family {
            metric,
            rows: BTreeMap::new(),
        }
    }

    fn single(metric: &'static catalog::Metric, value: f64) -> Self {
        let mut family = Family::new(metric);
        family.add(Vec::new(), value);
        family
    }

    fn add(&mut self, values: Vec<String>, value: f64) {
        debug_assert_eq!(
            values.len(),
            self.metric.labels.len(),
            "{}",
            self.metric.name
        );
        let row = self.rows.entry(values).or_default();
        match self.metric.kind {
            MetricKind::Counter => *row += value,
            MetricKind::Gauge => *row = value,
        }
    }

    fn encoded(self) -> Option<MetricFamily> {
        if self.rows.is_empty() {
            return None;
        }
        let kind = self.metric.kind;
        let rows = self.rows.into_iter().map(|(values, value)| {
            let pairs = self.metric.labels.iter().zip(values).map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value);
                pair
            });
            let mut metric = Metric::from_label(pairs.collect());
            match kind {
                MetricKind::Counter => {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                }
                MetricKind::Gauge => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
            }
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_metric(rows.collect());
        family.set_field_type(match kind {
            MetricKind::Counter => MetricType::COUNTER,
            MetricKind::Gauge => MetricType::GAUGE,
        });
        Some(family)
    }
}

/// A label value from outside: printable, and cut off where it is too long.
fn value(text: &str) -> String {
    let escaped = escape(text.as_bytes());
    match escaped.char_indices().nth(VALUE_MAX_CHARS) {
        Some((end, _)) => escaped[..end].to_owned(),
        None => escaped,
    }
}

fn identity(labels: &Labels) -> Vec<String> {
    vec![
        value(&labels.namespace),
        value(&labels.pod),
        value(&labels.container),
    ]
}

fn kind(kind: Kind) -> [String; 4] {
    [
        kind.operation.label(),
        kind.errno.label(),
        kind.cause.label(),
        kind.lsm.map_or("", Lsm::label),
    ]
    .map(str::to_owned)
}

fn info(labels: &Labels, container: &Container) -> Vec<String> {
    let mut values = identity(labels);
    values.push(value(&container.id));
    values.push(container.runtime.label().to_owned());
    for text in [
        &container.image,
        &container.workload,
        &container.project,
        &container.revision,
        &container.track,
    ] {
        values.push(value(text));
    }
    values
}

/// The text of a scrape. `process` is missing where it cannot be read.
pub fn render(snapshot: &Snapshot, process: Option<&Process>) -> Result<String, MetricsError> {
    let mut families = of_containers(&snapshot.groups);
    families.push(memory::family(snapshot));
    families.extend(degraded::families(&snapshot.state));
    families.extend(of_others(snapshot));
    families.extend(of_delivery(snapshot));
    families.extend(posture::families(&snapshot.postures));
    families.extend(of_parts(snapshot));
    families.extend(process.map(of_process).into_iter().flatten());
    families.extend(tmpfs::families(&snapshot.tmpfs));
    families.extend(layer::families(&snapshot.layers));
    families.extend(breach::families(&snapshot.breaches));
    let left_out = bound::cut(&mut families, snapshot.series_max.0);
    families.push(Family::single(catalog::LEFT_OUT, left_out as f64));
    families.extend(alerts::families(&snapshot.alerts));
    families.extend(of_settings(snapshot.loaded));
    let encoded: Vec<_> = families.into_iter().filter_map(Family::encoded).collect();
    Ok(prometheus::TextEncoder::new().encode_to_string(&encoded)?)
}

fn of_containers(groups: &[GroupSeries]) -> Vec<Family> {
    let mut denials = Family::new(catalog::DENIALS);
    let mut roots = Family::new(catalog::WRITE_ROOT_DENIALS);
    let mut infos = Family::new(catalog::CONTAINER_INFO);
    for group in groups {
        let identity = identity(&group.labels);
        for (what, root, count) in &group.counts {
            let mut values = identity.clone();
            values.extend(kind(*what));
            denials.add(values.clone(), *count as f64);
            values.push(root.to_string());
            roots.add(values, *count as f64);
        }
        if let Some(container) = &group.container {
            infos.add(info(&group.labels, container), 1.0);
        }
    }
    vec![denials, roots, infos]
}

fn of_others(snapshot: &Snapshot) -> Vec<Family> {
    let mut host = Family::new(catalog::HOST_DENIALS);
    for (what, count) in &snapshot.host {
        host.add(kind(*what).to_vec(), *count as f64);
    }
    let mut unresolved = Family::new(catalog::UNRESOLVED_DENIALS);
    for (reason, what, count) in &snapshot.unresolved {
        let mut values = kind(*what).to_vec();
        values.push(reason.label().to_owned());
        unresolved.add(values, *count as f64);
    }
    vec![host, unresolved]
}

fn of_delivery(snapshot: &Snapshot) -> Vec<Family> {
    let totals = &snapshot.totals;
    let mut limited = Family::new(catalog::LIMITED_DENIALS);
    for (limit, count) in &snapshot.limited {
        limited.add(vec![limit.label().to_owned()], *count as f64);
    }
    let mut lost = Family::new(catalog::LOST);
    // A loss that has not happened is zero, so that its first one is an increase.
    for row in catalog::LOSSES {
        lost.add(
            vec![row.stage.label().to_owned(), row.reason.to_owned()],
            0.0,
        );
    }
    for loss in &snapshot.losses {
        let labels = vec![loss.stage.label().to_owned(), loss.reason.to_owned()];
        lost.add(labels, loss.count as f64);
    }
    let single = |metric, count: u64| Family::single(metric, count as f64);
    vec![
        single(catalog::RECORDED_DENIALS, totals.recorded),
        single(catalog::PENDING_DENIALS, totals.pending),
        single(catalog::RETIRED_DENIALS, totals.retired),
        single(catalog::IGNORED_DENIALS, totals.ignored),
        limited,
        single(catalog::SAMPLES, totals.sampled),
        single(catalog::SAMPLES_SUPPRESSED, totals.suppressed),
        lost,
    ]
}

fn of_parts(snapshot: &Snapshot) -> Vec<Family> {
    let mut attached = Family::new(catalog::HOOKS_ATTACHED);
    let mut missing = Family::new(catalog::HOOKS_MISSING);
    for hook in snapshot.hooks.iter() {
        let name = hook.hook.label().to_owned();
        match &hook.state {
            Ok(backend) => attached.add(vec![name, backend.label().to_owned()], 1.0),
            Err(reason) => missing.add(vec![name, value(reason)], 1.0),
        }
    }
    let mut runtimes = Family::new(catalog::RUNTIME_UP);
    for runtime in &snapshot.runtimes {
        let labels = vec![value(&runtime.runtime), value(&runtime.endpoint)];
        runtimes.add(labels, f64::from(u8::from(runtime.up)));
    }
    let mut build = Family::new(catalog::BUILD_INFO);
    build.add(vec![env!("CARGO_PKG_VERSION").to_owned()], 1.0);
    vec![
        attached,
        missing,
        runtimes,
        Family::single(catalog::CONTAINERS, snapshot.containers as f64),
        Family::single(catalog::CONTAINERS_UNDESCRIBED, snapshot.undescribed as f64),
        Family::single(catalog::INVENTORY_CONTAINERS, snapshot.inventoried as f64),
        Family::single(catalog::SERIES, snapshot.series as f64),
        build,
    ]
}

fn of_settings(loaded: Loaded) -> Vec<Family> {
    let since = loaded
        .time
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let Some(since) = since else {
        return Vec::new();
    };
    let successful = f64::from(u8::from(loaded.successful));
    vec![
        Family::single(catalog::CONFIG_LOADED, successful),
        Family::single(catalog::CONFIG_LOADED_TIME, since.as_secs_f64()),
    ]
}

fn of_process(process: &Process) -> Vec<Family> {
    vec![
        Family::single(catalog::PROCESS_CPU, process.cpu_seconds),
        Family::single(catalog::PROCESS_RESIDENT, process.resident_bytes as f64),
        Family::single(catalog::PROCESS_VIRTUAL, process.virtual_bytes as f64),
        Family::single(catalog::PROCESS_OPEN_FDS, process.open_fds as f64),
        Family::single(catalog::PROCESS_MAX_FDS, process.max_fds as f64),
        Family::single(catalog::PROCESS_THREADS, process.threads as f64),
        Family::single(catalog::PROCESS_START, process.start_seconds),
    ]
}

#[cfg(test)]
mod tests;
