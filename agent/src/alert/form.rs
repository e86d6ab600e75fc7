//! What is told becomes the bodies of requests.
//!
//! In: alerts on their way. Out: JSON: Alertmanager's `/api/v2/alerts`, and the
//! payload of its webhooks (version 4), so that whoever takes those takes ours.
//! Invariant: pure; a fingerprint is the one that Alertmanager makes of the same
//! labels. Lacks on purpose: sending.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::time::SystemTime;

use fnv::FnvHasher;
use serde::Serialize;

use super::outbox::Told;

/// Alertmanager's word for no time.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Most alerts in one request to an Alertmanager.
const ALERTS_PER_REQUEST: usize = 256;

type Pairs = BTreeMap<String, String>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    labels: &'a Pairs,
    annotations: &'a Pairs,
    starts_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    version: &'static str,
    group_key: &'static str,
    truncated_alerts: u64,
    status: &'static str,
    receiver: &'static str,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    #[serde(rename = "externalURL")]
    external_url: &'static str,
    alerts: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    status: &'static str,
    labels: &'a Pairs,
    annotations: &'a Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'static str,
    fingerprint: String,
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Bodies for an Alertmanager, to be sent one after the other.
pub(super) fn alertmanager(told: &[Told]) -> Result<Vec<Vec<u8>>, serde_json::Error> {
    let bodies = told.chunks(ALERTS_PER_REQUEST).map(|chunk| {
        let posted: Vec<_> = chunk
            .iter()
            .map(|told| Posted {
                labels: &told.episode.alert.labels,
                annotations: &told.episode.alert.annotations,
                starts_at: time(told.episode.starts_at),
                ends_at: told.ends_at.map(time),
            })
            .collect();
        serde_json::to_vec(&posted)
    });
    bodies.collect()
}

/// The body for a webhook; all of one status.
pub(super) fn webhook(told: &[Told]) -> Result<Vec<u8>, serde_json::Error> {
    let status = |told: &Told| match told.ends_at {
        Some(_) => "resolved",
        None => "firing",
    };
    let alerts = told.iter().map(|told| Listed {
        status: status(told),
        labels: &told.episode.alert.labels,
        annotations: &told.episode.alert.annotations,
        starts_at: time(told.episode.starts_at),
        ends_at: told.ends_at.map_or_else(|| NEVER.to_owned(), time),
        generator_url: "",
        fingerprint: format!("{:016x}", fingerprint(&told.episode.alert.labels)),
    });
    serde_json::to_vec(&Payload {
        version: "4",
        group_key: "{}:{}",
        truncated_alerts: 0,
        status: told.first().map_or("resolved", status),
        receiver: "sealwatch",
        group_labels: Pairs::new(),
        common_labels: common(told.iter().map(|told| &told.episode.alert.labels)),
        common_annotations: common(told.iter().map(|told| &told.episode.alert.annotations)),
        external_url: "",
        alerts: alerts.collect(),
    })
}

/// What all of them have.
fn common<'a>(mut all: impl Iterator<Item = &'a Pairs>) -> Pairs {
    let mut common = all.next().cloned().unwrap_or_default();
    for pairs in all {
        common.retain(|name, value| pairs.get(name) == Some(value));
    }
    common
}

/// `model.LabelSet.Fingerprint` of Prometheus: FNV-1a over the sorted labels,
/// with a byte behind each that no text has.
fn fingerprint(labels: &Pairs) -> u64 {
    let mut hasher = FnvHasher::default();
    for (name, value) in labels {
        hasher.write(name.as_bytes());
        hasher.write(&[0xff]);
        hasher.write(value.as_bytes());
        hasher.write(&[0xff]);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::track::Episode;
    use super::super::track::tests::{alert, at};
    use super::*;

    fn told(name: &str, over: Option<u64>) -> Told {
        let mut alert = alert(name, "words with \"quotes\"\u{1b}");
        alert.labels.insert("severity".into(), "warning".into());
        let ends_at = over.map(|seconds| at(seconds).wall);
        Told {
            ends_at,
            episode: Arc::new(Episode {
                alert,
                starts_at: at(0).wall,
                ends_at,
            }),
        }
    }

    #[test]
    fn a_webhook_is_told_in_alertmanagers_words() {
        let body = webhook(&[told("A", None), told("B", None)]).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["version"], "4");
        assert_eq!(body["status"], "firing");
        assert_eq!(body["commonLabels"], json!({"severity": "warning"}));
        assert_eq!(body["alerts"][1]["labels"]["alertname"], "B");
        assert_eq!(body["alerts"][0]["startsAt"], "1970-01-12T13:46:40.000Z");
        assert_eq!(body["alerts"][0]["endsAt"], NEVER);
        let over = webhook(&[told("A", Some(1))]).unwrap();
        let over: Value = serde_json::from_slice(&over).unwrap();
        assert_eq!(over["status"], "resolved");
        assert_eq!(over["alerts"][0]["endsAt"], "1970-01-12T13:46:41.000Z");
    }

    #[test]
    fn a_fingerprint_is_alertmanagers() {
        let labels = [
            ("alertname", "SealwatchCacheDegraded"),
            ("severity", "warning"),
            ("container", "x"),
            ("write_root", "/var/cache/\u{e9}"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // As Alertmanager 0.25 shows it of these labels.
        let told = format!("{:016x}", fingerprint(&labels.into()));
        assert_eq!(told, "8954665a6b219f3e");
    }

    #[test]
    fn many_alerts_are_several_requests() {
        let many = vec![told("A", Some(1)); ALERTS_PER_REQUEST + 1];
        let bodies = alertmanager(&many).unwrap();
        let lengths: Vec<usize> = bodies
            .iter()
            .map(|body| {
                let all: Vec<Value> = serde_json::from_slice(body).unwrap();
                all.len()
            })
            .collect();
        assert_eq!(lengths, [ALERTS_PER_REQUEST, 1]);
    }
}
