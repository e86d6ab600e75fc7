//! A [`Snapshot`] becomes the Prometheus text format.
//!
//! In: a snapshot, and what the process is like. Out: text. Invariant: every
//! family is one of `catalog`'s; no two series have the same labels, whatever
//! names containers give themselves; label values are printable and bounded.
//! Lacks on purpose: state; the counts are the aggregate's. With what is below it
//! it alone knows the crate `prometheus`.

mod alerts;
mod bound;
mod breach;
mod degraded;
mod family;
mod layer;
mod memory;
mod tmpfs;

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

use family::Family;

use crate::aggregate::{GroupSeries, Kind, Labels, Loaded, Snapshot};
use crate::catalog;
use crate::denial::{Container, Lsm, escape_text};
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

/// A label value from outside: printable, and cut off where it is too long.
fn value(text: &str) -> Cow<'_, str> {
    match escape_text(text) {
        Cow::Borrowed(text) => Cow::Borrowed(bounded(text)),
        Cow::Owned(text) => Cow::Owned(bounded(&text).to_owned()),
    }
}

/// Cuts off a text that is escaped already.
fn bounded(text: &str) -> &str {
    match text.char_indices().nth(VALUE_MAX_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The label values that all series of a container begin with.
struct Identity<'a>([Cow<'a, str>; 3]);

impl Identity<'_> {
    /// Its own values, and a series' further ones.
    fn with<'s, const N: usize>(&'s self, more: [&'s str; N]) -> impl Iterator<Item = &'s str> {
        self.0.iter().map(|value| &**value).chain(more)
    }
}

fn identity(labels: &Labels) -> Identity<'_> {
    identified(&labels.namespace, &labels.pod, &labels.container)
}

fn identified<'a>(namespace: &'a str, pod: &'a str, container: &'a str) -> Identity<'a> {
    Identity([namespace, pod, container].map(value))
}

fn kind(kind: Kind) -> [&'static str; 4] {
    [
        kind.operation.label(),
        kind.errno.label(),
        kind.cause.label(),
        kind.lsm.map_or("", Lsm::label),
    ]
}

fn add_info(infos: &mut Family, identity: &Identity, container: &Container) {
    let texts = [
        &container.id,
        container.runtime.label(),
        &container.image,
        &container.workload,
        &container.project,
        &container.revision,
        &container.track,
    ]
    .map(value);
    infos.add(identity.with(texts.each_ref().map(|text| &**text)), 1.0);
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
    let mut text = String::with_capacity(families.iter().map(Family::text_len).sum());
    for family in families {
        family.encode(&mut text)?;
    }
    Ok(text)
}

fn of_containers(groups: &[GroupSeries]) -> Vec<Family> {
    let mut denials = Family::new(catalog::DENIALS);
    let mut roots = Family::new(catalog::WRITE_ROOT_DENIALS);
    let mut infos = Family::new(catalog::CONTAINER_INFO);
    for group in groups {
        let identity = identity(&group.labels);
        for (what, root, count) in &group.counts {
            let [operation, errno, cause, lsm] = kind(*what);
            denials.add(identity.with(kind(*what)), *count as f64);
            let values = [operation, errno, cause, lsm, root];
            roots.add(identity.with(values), *count as f64);
        }
        if let Some(container) = &group.container {
            add_info(&mut infos, &identity, container);
        }
    }
    vec![denials, roots, infos]
}

fn of_others(snapshot: &Snapshot) -> Vec<Family> {
    let mut host = Family::new(catalog::HOST_DENIALS);
    for (what, count) in &snapshot.host {
        host.add(kind(*what), *count as f64);
    }
    let mut unresolved = Family::new(catalog::UNRESOLVED_DENIALS);
    for (reason, what, count) in &snapshot.unresolved {
        let values = kind(*what).into_iter().chain([reason.label()]);
        unresolved.add(values, *count as f64);
    }
    vec![host, unresolved]
}

fn of_delivery(snapshot: &Snapshot) -> Vec<Family> {
    let totals = &snapshot.totals;
    let mut limited = Family::new(catalog::LIMITED_DENIALS);
    for (limit, count) in &snapshot.limited {
        limited.add([limit.label()], *count as f64);
    }
    let mut lost = Family::new(catalog::LOST);
    // A loss that has not happened is zero, so that its first one is an increase.
    for row in catalog::LOSSES {
        lost.add([row.stage.label(), row.reason], 0.0);
    }
    for loss in &snapshot.losses {
        lost.add([loss.stage.label(), loss.reason], loss.count as f64);
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
        let name = hook.hook.label();
        match &hook.state {
            Ok(backend) => attached.add([name, backend.label()], 1.0),
            Err(reason) => missing.add([name, &*value(reason)], 1.0),
        }
    }
    let mut runtimes = Family::new(catalog::RUNTIME_UP);
    for runtime in &snapshot.runtimes {
        let labels = [value(&runtime.runtime), value(&runtime.endpoint)];
        let labels = labels.each_ref().map(|text| &**text);
        runtimes.add(labels, f64::from(u8::from(runtime.up)));
    }
    let mut build = Family::new(catalog::BUILD_INFO);
    build.add([env!("CARGO_PKG_VERSION")], 1.0);
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
