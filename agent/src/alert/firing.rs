//! The latest state becomes the alerts that are so now.
//!
//! In: a [`Snapshot`], time, the machine's name. Out: [`Firing`], the worst first.
//! Invariant: pure; names, severities, texts and thresholds are those of
//! [`catalog::alerts`](crate::catalog::alerts); no more than [`ALERTS_MAX`], and
//! one that tells how many are left out; what is not measured now is not so.
//! Lacks on purpose: what Prometheus alone can tell: rates, rollouts, a daemon
//! that is gone.

use std::time::{Duration, SystemTime};

use super::words::{Row, Subject};
use super::{ALERTS_MAX, Alert};
use crate::aggregate::filling::{Filled, OomShare};
use crate::aggregate::{Labels, Snapshot};
use crate::breach::Breach;
use crate::catalog::alerts::{Severity, Threshold};
use crate::degrade::{Moment, RootView, StartView};
use crate::denial::Container;
use crate::tmpfs::{Fill, MountTmpfs, Pressure, Sampled};

/// Something that is so, and how long it must be until it is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Due {
    pub(super) alert: Alert,
    pub(super) hold: Duration,
    severity: Severity,
}

/// Everything that is so now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Firing {
    pub(super) due: Vec<Due>,
    /// What is so as well, past the limit.
    pub(super) left_out: usize,
}

/// What is the same in all alerts of a machine.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The machine's name, as the label `instance`.
    pub(super) node: String,
    /// Where the runbooks are.
    pub(super) runbooks: String,
}

/// All alerts of this moment.
pub(super) fn firing(snapshot: &Snapshot, now: Moment, place: &Place) -> Firing {
    let mut all = Made {
        place,
        due: Vec::new(),
    };
    for start in &snapshot.state.starts {
        all.start(start, snapshot);
    }
    for root in &snapshot.state.degraded {
        all.degraded(root, snapshot);
    }
    for filled in &snapshot.tmpfs.containers {
        all.filled(filled);
    }
    for kill in &snapshot.tmpfs.kills {
        all.killed(kill, now);
    }
    for breach in &snapshot.breaches.breaches {
        all.breach(breach, now.wall);
    }
    all.bounded()
}

struct Made<'a> {
    place: &'a Place,
    due: Vec<Due>,
}

impl Made<'_> {
    fn push(&mut self, row: Row, subject: &Subject, hold: Duration) {
        self.due.push(Due {
            alert: row.alert(subject, self.place),
            hold,
            severity: row.severity(),
        });
    }

    fn start(&mut self, start: &StartView, snapshot: &Snapshot) {
        let Some(row) = Row::named("SealwatchFailingToStart") else {
            return;
        };
        if (start.failures as f64) < number("failedStarts") {
            return;
        }
        let labels = Labels {
            namespace: start.workload.namespace.clone(),
            pod: start.workload.pod.clone(),
            container: start.workload.container.clone(),
        };
        let mut subject = Subject::of(&labels, start.failures as f64);
        subject.refused(&start.write_root, start.errno, start.cause, start.lsm);
        let last = |one: &Container, root: &str| {
            *one.id == *start.container_id && *root == *start.write_root
        };
        subject.last_of(snapshot, last);
        if let Some(code) = start.exit_code {
            subject.add(format!("The last exit code is {code}."));
        }
        self.push(row, &subject, Duration::ZERO);
    }

    fn degraded(&mut self, root: &RootView, snapshot: &Snapshot) {
        let Some(row) = Row::named("SealwatchCacheDegraded") else {
            return;
        };
        let mut subject = Subject::of(&Labels::of(&root.container), root.failures as f64);
        subject.refused(&root.write_root, root.errno, root.cause, root.lsm);
        subject.fact("cache", root.cache.map_or("", |cache| cache.name));
        let last = |one: &Container, place: &str| {
            one.id == root.container.id && *place == *root.write_root
        };
        subject.last_of(snapshot, last);
        // Long enough is part of what degraded means.
        self.push(row, &subject, Duration::ZERO);
    }

    fn filled(&mut self, filled: &Filled) {
        // Old numbers of a container that cannot be read now say nothing of now.
        if filled.told.unmeasured.is_some() {
            return;
        }
        for mount in &filled.told.mounts {
            self.amount(filled, mount, "bytes", &mount.bytes);
            self.amount(filled, mount, "inodes", &mount.inodes);
        }
        let memory = &filled.told.memory;
        if let (Some(share), Pressure::Near | Pressure::Full) = (memory.share, memory.pressure)
            && let Some(row) = Row::named("SealwatchTmpfsMemory")
        {
            let subject = Subject::of(&filled.labels, share);
            self.push(row, &subject, row.hold());
        }
    }

    fn amount(&mut self, filled: &Filled, mount: &MountTmpfs, resource: &str, sampled: &Sampled) {
        let Sampled::Measured {
            fill,
            pressure,
            full_in_s,
        } = sampled
        else {
            return;
        };
        let name = match pressure {
            Pressure::Calm => return,
            Pressure::Near => "SealwatchTmpfsNearFull",
            Pressure::Full => "SealwatchTmpfsFull",
        };
        let Some(row) = Row::named(name) else { return };
        let mut subject = Subject::of(&filled.labels, fill.share());
        subject.label("mount", &mount.target);
        subject.label("resource", resource);
        subject.add(room(*fill, resource, *full_in_s));
        self.push(row, &subject, row.hold());
    }

    fn killed(&mut self, kill: &OomShare, now: Moment) {
        let age_ns = now.monotonic_ns.saturating_sub(kill.killed.seen_ns);
        let recent = Duration::from_nanos(age_ns) < span("oomWindow");
        let share = kill.killed.memory.share.filter(|_| recent);
        let share = share.filter(|share| *share >= number("tmpfsOomRatio"));
        let (Some(share), Some(row)) = (share, Row::named("SealwatchTmpfsOom")) else {
            return;
        };
        let mut subject = Subject::of(&kill.labels, share);
        subject.label("mount", kill.killed.largest.as_deref().unwrap_or_default());
        self.push(row, &subject, Duration::ZERO);
    }

    fn breach(&mut self, breach: &Breach, now: SystemTime) {
        let age = now.duration_since(breach.last).unwrap_or_default();
        let Some(row) = Row::named("SealwatchContractBreach") else {
            return;
        };
        if age >= span("breachWindow") {
            return;
        }
        let mut subject = Subject::of(&Labels::of(&breach.container), breach.count as f64);
        subject.label("write_root", &breach.write_root);
        if let Some(path) = breach.paths.last() {
            subject.add(format!("One of the paths is {path}."));
        }
        subject.add(format!("The contract is {}.", breach.contract));
        subject.remedy(&breach.fix());
        self.push(row, &subject, Duration::ZERO);
    }

    fn bounded(mut self) -> Firing {
        // Labels as well, so that the same ones are told the next time.
        self.due
            .sort_by(|a, b| (a.severity, &a.alert.labels).cmp(&(b.severity, &b.alert.labels)));
        self.due.dedup_by(|b, a| a.alert.labels == b.alert.labels);
        let left_out = self.due.len().saturating_sub(ALERTS_MAX);
        self.due.truncate(ALERTS_MAX);
        if left_out > 0
            && let Some(row) = Row::named("SealwatchSeriesLimited")
        {
            let mut subject = Subject::default();
            subject.label("limit", "alerts");
            let words = format!(
                "{left_out} more alerts are so on {}; only {ALERTS_MAX} are told at once.",
                self.place.node
            );
            subject.instead(&words, "Mend what is told, the worst first.");
            self.push(row, &subject, Duration::ZERO);
        }
        Firing {
            due: self.due,
            left_out,
        }
    }
}

/// How much of how much, and until when.
fn room(fill: Fill, resource: &str, full_in_s: Option<u64>) -> String {
    use crate::amount::{size, span};
    let used = match resource {
        "bytes" => format!("{} of {} are used", size(fill.used), size(fill.limit)),
        _ => format!("{} of {} inodes are used", fill.used, fill.limit),
    };
    match full_in_s {
        Some(seconds) if fill.used < fill.limit => {
            format!(
                "{used}; at its recent growth it is full in {}.",
                span(seconds)
            )
        }
        _ => format!("{used}."),
    }
}

/// The number of a threshold; one that is missing or is none reaches nobody, and
/// a test holds that there is none such.
fn number(name: &str) -> f64 {
    let value = Threshold::named(name).and_then(|row| row.value.parse().ok());
    value.unwrap_or(f64::INFINITY)
}

fn span(name: &str) -> Duration {
    let value = Threshold::named(name).and_then(|row| humantime::parse_duration(row.value).ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests;
