//! A draft becomes the object of `events.k8s.io/v1`, or the patch of one.
//!
//! In: a [`Draft`]. Out: JSON. Invariant: pure; within the API's limits: a note of
//! 1,024 bytes, a series from the second time on. Lacks on purpose: the older
//! `v1` Event; the newer one is served since Kubernetes 1.19.

use std::time::SystemTime;

use serde::Serialize;

use super::ledger::Draft;

/// Why there is the event.
const REASON: &str = "SealwatchDenied";
/// Longest note that the API takes.
const NOTE_MAX: usize = 1024;
/// Longest `reportingInstance`.
const INSTANCE_MAX: usize = 128;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    event_time: String,
    reporting_controller: &'static str,
    reporting_instance: &'a str,
    action: &'static str,
    reason: &'static str,
    r#type: &'static str,
    regarding: Regarding<'a>,
    note: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Series>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Regarding<'a> {
    api_version: &'static str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    field_path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    count: i32,
    last_observed_time: String,
}

#[derive(Serialize)]
struct Patch {
    series: Option<Series>,
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

fn series(draft: &Draft) -> Option<Series> {
    (draft.count > 1).then(|| Series {
        count: i32::try_from(draft.count).unwrap_or(i32::MAX),
        last_observed_time: time(draft.last),
    })
}

/// The beginning of a text, in whole characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    let most = bytes_max.min(text.len());
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// The whole object.
pub(super) fn created(draft: &Draft, node: &str) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Event {
        api_version: "events.k8s.io/v1",
        kind: "Event",
        metadata: Metadata {
            name: &draft.name,
            namespace: &draft.namespace,
        },
        event_time: time(draft.first),
        reporting_controller: "sealwatch",
        reporting_instance: cut(node, INSTANCE_MAX),
        action: "Write",
        reason: REASON,
        r#type: "Warning",
        regarding: Regarding {
            api_version: "v1",
            kind: "Pod",
            namespace: &draft.namespace,
            name: &draft.pod,
            uid: &draft.uid,
            field_path: format!("spec.containers{{{}}}", draft.container),
        },
        note: cut(&draft.note, NOTE_MAX),
        series: series(draft),
    })
}

/// What has changed of it: how often, when last. The API lets nothing else of an
/// event be changed.
pub(super) fn counted(draft: &Draft) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Patch {
        series: series(draft),
    })
}
