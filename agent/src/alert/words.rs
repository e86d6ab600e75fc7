//! A row of the catalog, and whom it is about, become an alert with its words.
//!
//! In: a row, labels, a value, what was seen last. Out: an [`Alert`]. Invariant:
//! labels say whose it is and where, so that an alert stays one while errno or
//! cause change, which are annotations; a text of a container's choice is escaped
//! and bounded, and never read as a text with places to fill. Lacks on purpose:
//! deciding.

use std::collections::BTreeMap;
use std::time::Duration;

use super::firing::Place;
use super::{Alert, TEXT_MAX_CHARS};
use crate::aggregate::{Labels, Snapshot};
use crate::catalog::alerts::{self, Severity};
use crate::denial::{Cause, Container, Errno, Lsm, Owner, Target, escape};

/// Most characters of a label's value, as in the metrics.
const LABEL_MAX_CHARS: usize = 256;

/// A row of the catalog.
#[derive(Clone, Copy)]
pub(super) struct Row(&'static alerts::Alert);

/// Whom an alert is about, and what is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    labels: BTreeMap<&'static str, String>,
    /// What else the catalog's texts name.
    facts: BTreeMap<&'static str, String>,
    value: f64,
    cause: Option<Cause>,
    /// Sentences behind the catalog's description.
    seen: Vec<String>,
    /// In place of the catalog's.
    remedy: Option<String>,
    /// In place of the catalog's.
    description: Option<String>,
}

fn bounded(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

impl Subject {
    /// A container's.
    pub(super) fn of(labels: &Labels, value: f64) -> Self {
        let mut own = Subject {
            value,
            ..Subject::default()
        };
        for (name, text) in [
            ("namespace", &labels.namespace),
            ("pod", &labels.pod),
            ("container", &labels.container),
        ] {
            own.label(name, &escape(text.as_bytes()));
        }
        own
    }

    /// One more label, printable already; an empty one is none.
    pub(super) fn label(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.labels.insert(name, bounded(value, LABEL_MAX_CHARS));
        }
    }

    /// Something that an alert of these labels may tell differently the next time.
    pub(super) fn fact(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.facts.insert(name, bounded(value, LABEL_MAX_CHARS));
        }
    }

    /// What was refused where, and why.
    pub(super) fn refused(
        &mut self,
        write_root: &str,
        errno: Errno,
        cause: Cause,
        lsm: Option<Lsm>,
    ) {
        self.label("write_root", write_root);
        self.fact("errno", errno.label());
        self.fact("cause", cause.label());
        self.fact("lsm", lsm.map_or("", Lsm::label));
        self.cause = Some(cause);
    }

    /// One more sentence.
    pub(super) fn add(&mut self, sentence: String) {
        self.seen.push(sentence);
    }

    /// What to do, where more is known than the catalog knows.
    pub(super) fn remedy(&mut self, sentence: &str) {
        let mut letters = sentence.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        let mut text: String = first.into_iter().chain(letters).collect();
        if !text.ends_with(['.', ')', '`']) {
            text.push('.');
        }
        self.remedy = Some(text);
    }

    /// Another description and remedy than the catalog's.
    pub(super) fn instead(&mut self, description: &str, remedy: &str) {
        self.description = Some(description.to_owned());
        self.remedy = Some(remedy.to_owned());
    }

    /// Tells of the latest sample of a container and write root.
    pub(super) fn last_of(
        &mut self,
        snapshot: &Snapshot,
        wanted: impl Fn(&Container, &str) -> bool,
    ) {
        let found = snapshot.recent.iter().find_map(|recent| {
            let sample = &recent.sample;
            match &sample.owner {
                Owner::Container(container) if wanted(container, &sample.write_root) => {
                    Some((sample, container))
                }
                _ => None,
            }
        });
        let Some((sample, container)) = found else {
            return;
        };
        let denial = &sample.denial;
        self.add(format!(
            "The last one was {} of {} by {}.",
            denial.operation.label(),
            denial.path,
            escape(&denial.comm),
        ));
        if !sample.verdict.evidence.is_empty() {
            self.add(format!("Evidence: {}.", sample.verdict.evidence));
        }
        if let Some(remedy) = &sample.verdict.remedy {
            self.remedy(&remedy.sentence);
            let mut changes = remedy.changes.iter();
            let docker = changes.find(|change| change.target == Target::Docker);
            if let (Some(change), true) = (docker, container.pod.is_empty()) {
                self.remedy = self
                    .remedy
                    .take()
                    .map(|words| format!("{words} With Docker: {}", change.text));
            }
        }
    }
}

impl Row {
    /// The row of that name.
    pub(super) fn named(name: &str) -> Option<Row> {
        alerts::Alert::named(name).map(Row)
    }

    pub(super) fn severity(self) -> Severity {
        self.0.severity
    }

    /// How long it must be so.
    pub(super) fn hold(self) -> Duration {
        humantime::parse_duration(self.0.hold).unwrap_or_default()
    }

    /// The alert.
    pub(super) fn alert(self, subject: &Subject, place: &Place) -> Alert {
        let mut labels: BTreeMap<String, String> = subject
            .labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let own = [
            ("alertname", self.0.name),
            ("severity", self.0.severity.label()),
            ("instance", &place.node),
        ];
        labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let label = |name: &str| {
            let known = labels.get(name).or_else(|| subject.facts.get(name));
            known.map_or("", String::as_str)
        };
        // A test fills all texts of the catalog.
        let fill = |text: &str| alerts::fill(text, label, subject.value).unwrap_or_default();
        let advice = self.0.advice.of(subject.cause.unwrap_or(Cause::Unknown));
        let advice = match label("pod").is_empty() {
            true => advice.elsewhere,
            false => advice.in_pod,
        };
        let mut sentences = vec![match &subject.description {
            Some(words) => words.clone(),
            None => fill(self.0.description),
        }];
        sentences.extend(subject.seen.iter().cloned());
        sentences.push(match &subject.remedy {
            Some(words) => words.clone(),
            None => fill(advice),
        });
        let annotations = [
            ("summary", fill(self.0.summary)),
            ("description", sentences.join(" ")),
            ("runbook_url", self.0.runbook(&place.runbooks)),
        ];
        let annotation =
            |(name, text): (&str, String)| (name.to_owned(), bounded(&text, TEXT_MAX_CHARS));
        let facts = subject.facts.iter();
        let facts = facts.map(|(name, value)| ((*name).to_owned(), value.clone()));
        Alert {
            annotations: annotations
                .into_iter()
                .map(annotation)
                .chain(facts)
                .collect(),
            labels,
        }
    }
}
