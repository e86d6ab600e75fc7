//! Refusals of a pod become one Event of Kubernetes, at a server that takes only
//! what a real API server takes.
//!
//! The container is Docker's, with the labels that the kubelet gives to those of a
//! pod. The server judges as `ValidateEventCreate` and `ValidateEventUpdate` of
//! Kubernetes do, where the published schemas leave things open.

use std::time::Duration;

use serde_json::{Value, json};
use xtask::engine::IMAGE;
use xtask::validators::{Question, ask};

use super::agent::eventually;
use super::container::{ROOT, unique};
use super::engines::cannot_run;
use super::receiver::{Posted, Receiver, certificate};
use super::{NODE, Stage};

const SOON: Duration = Duration::from_secs(30);
/// A count is raised twice a minute.
const RAISED: Duration = Duration::from_secs(60);
const UID: &str = "0f6f8d0e-8c43-4d3f-9a52-6a4f0a4d7b11";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/shop/events";
const TOKEN: &str = "header.payload.signature";

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// Would an API server create it?
fn is_created(event: &Value) -> bool {
    let within = |pointer: &str, most: usize| {
        let text = text(event, pointer);
        !text.is_empty() && text.len() <= most
    };
    let micro = text(event, "/eventTime");
    text(event, "/metadata/namespace") == text(event, "/regarding/namespace")
        && within("/metadata/name", 253)
        && within("/reportingController", 253)
        && within("/reportingInstance", 128)
        && within("/action", 128)
        && within("/reason", 128)
        && event["note"].as_str().is_none_or(|note| note.len() <= 1024)
        && ["Normal", "Warning"].contains(&text(event, "/type"))
        && micro.ends_with('Z')
        && micro.len() == "2026-01-02T03:04:05.000000Z".len()
        && is_series(&event["series"])
}

fn is_series(series: &Value) -> bool {
    match series {
        Value::Null => true,
        series => {
            series["count"].as_i64().is_some_and(|count| count >= 2)
                && text(series, "/lastObservedTime").ends_with('Z')
        }
    }
}

/// The status of the answer.
fn judge(posted: &Posted) -> u16 {
    if posted.header("authorization") != format!("Bearer {TOKEN}") {
        return 401;
    }
    let kind = posted.header("content-type");
    match posted.asks().split_once(' ') {
        Some(("POST", EVENTS)) if kind != "application/json" => 415,
        Some(("POST", EVENTS)) if is_created(&posted.body) => 201,
        Some(("POST", EVENTS)) => 422,
        Some(("PATCH", path)) if path.starts_with(EVENTS) => {
            let members = posted.body.as_object().map_or(0, serde_json::Map::len);
            // All else of an event cannot be changed.
            let series = members == 1 && !posted.body["series"].is_null();
            match kind {
                "application/merge-patch+json" if series && is_series(&posted.body["series"]) => {
                    200
                }
                "application/merge-patch+json" => 422,
                _ => 415,
            }
        }
        _ => 403,
    }
}

/// What Kubernetes' published schemas have against an event.
fn complaints(event: &Value) -> Value {
    let versions = ["1.30", "1.33", "1.37"];
    let question = json!({ "versions": versions, "objects": [event] });
    match ask(Question::Validate, &question) {
        Ok(complaints) => complaints,
        Err(why) => {
            cannot_run("the schemas of Kubernetes' events", &format!("{why:#}"));
            json!([])
        }
    }
}

#[test]
fn a_pods_refusals_are_one_event_with_a_count() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_pods_refusals", &why),
    };
    let account = stage.path().join("account");
    std::fs::create_dir(&account).unwrap();
    let server = match certificate(&account) {
        Ok(config) => Receiver::judging(config, judge),
        Err(why) => return cannot_run("a_pods_refusals", &why),
    };
    std::fs::rename(account.join("ca.pem"), account.join("ca.crt")).unwrap();
    std::fs::write(account.join("token"), TOKEN).unwrap();
    let port = server.address.port().to_string();
    let agent = stage.agent_in(
        &[
            ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", &port),
        ],
        &[
            "--kubernetes-events",
            "--kubernetes-service-account",
            account.to_str().unwrap(),
        ],
    );
    let labels = [
        "io.kubernetes.pod.name=cart-1",
        "io.kubernetes.pod.namespace=shop",
        &format!("io.kubernetes.pod.uid={UID}"),
        "io.kubernetes.container.name=web",
    ];
    let name = unique("k8s_web");
    let script = "while :; do echo x > /var/cache/myapp/response; usleep 500000; done";
    let mut args = vec!["run", "-d", "--read-only", "--network", "none"];
    args.extend(labels.iter().flat_map(|label| ["--label", *label]));
    args.extend(["--name", &name, IMAGE, "sh", "-c", script]);
    stage.engine.docker_ok(&args).unwrap();

    let of_pod = |method: &str| {
        let mut posted = server.posted();
        posted.retain(|one| one.asks().starts_with(method));
        posted
    };
    eventually("there is an event", SOON, || !of_pod("POST").is_empty());
    let event = of_pod("POST")[0].body.clone();
    println!("{event:#}");
    assert_eq!(complaints(&event), json!([]));
    assert_eq!(event["reason"], "SealwatchDenied");
    assert_eq!(event["reportingInstance"], NODE);
    let regarding = json!({
        "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "cart-1", "uid": UID,
        "fieldPath": "spec.containers{web}",
    });
    assert_eq!(event["regarding"], regarding);
    let note = text(&event, "/note");
    for part in [ROOT, "refused (EROFS)", "emptyDir"] {
        assert!(note.contains(part), "{part}: {note}");
    }

    eventually("its count is raised", RAISED, || {
        !of_pod("PATCH").is_empty()
    });
    let patch = &of_pod("PATCH")[0];
    println!("{}: {}", patch.asks(), patch.body);
    let path = format!("{EVENTS}/{}", text(&event, "/metadata/name"));
    assert_eq!(patch.asks(), format!("PATCH {path}"));
    assert!(
        patch.body["series"]["count"].as_i64() > Some(20),
        "{patch:?}"
    );
    let mut raised = event.clone();
    raised["series"] = patch.body["series"].clone();
    assert_eq!(complaints(&raised), json!([]));
    assert_eq!(of_pod("POST").len(), 1, "{:#?}", server.posted());
    let outcome = |name: &str| agent.sum("sealwatch_kubernetes_events_total", &[("outcome", name)]);
    eventually("it is counted", SOON, || outcome("updated") >= 1.0);
    assert_eq!((outcome("created"), outcome("failed")), (1.0, 0.0));
    assert_eq!(agent.stop().code(), Some(0));
}
