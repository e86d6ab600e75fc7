//! The document against the router and against what is really served.

use serde_json::{Value, json};

use super::super::{openapi, site};
use super::*;
use crate::overview::tests as fixture;

fn document() -> Value {
    serde_json::to_value(openapi::of("/metrics")).unwrap()
}

/// A schema of the document, as one that stands by itself.
fn schema(document: &Value, path: &str) -> Value {
    let pointer = format!(
        "/paths/{}/get/responses/200/content/application~1json/schema",
        path.replace('/', "~1")
    );
    let mut schema = document
        .pointer(&pointer)
        .unwrap_or_else(|| panic!("{pointer}"))
        .clone();
    schema["components"] = document["components"].clone();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema
}

#[test]
fn what_is_routed_is_described_and_nothing_else() {
    let document = document();
    let mut described: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut routed: Vec<&str> = site::PATHS.to_vec();
    routed.extend(site::HEALTH);
    routed.extend([site::COMMANDS, "/metrics"]);
    described.sort_unstable();
    routed.sort_unstable();
    assert_eq!(described, routed);
    let moved = serde_json::to_value(openapi::of("/elsewhere")).unwrap();
    assert!(moved["paths"]["/elsewhere"].is_object() && moved["paths"]["/metrics"].is_null());
}

/// Calls `see` with every object in a value.
fn walk<'a>(value: &'a Value, see: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            see(members);
            members.values().for_each(|member| walk(member, see));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

#[test]
fn the_document_is_openapi_and_all_it_refers_to_is_there() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    walk(&document, &mut |members| {
        if let Some(Value::String(to)) = members.get("$ref") {
            assert!(document.pointer(&to[1..]).is_some(), "{to} is nowhere");
        }
    });
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(
                ["get", "post"].contains(&method.as_str()),
                "{path} {method}"
            );
            operations.push(operation["operationId"].as_str().unwrap().to_owned());
            assert!(
                !operation["responses"].as_object().unwrap().is_empty(),
                "{path}"
            );
            assert!(operation["summary"].is_string(), "{path}");
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none);
            let in_path = parameters.iter().filter(|one| one["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{path}");
        }
    }
    let all = operations.len();
    operations.sort_unstable();
    operations.dedup();
    assert_eq!(operations.len(), all, "{operations:?}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

async fn told(served: &Served, path: &str) -> Value {
    let answer = fetch(served.address, path).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    assert!(
        head.contains("content-type: application/json"),
        "{path}: {head}"
    );
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

fn hold(document: &Value, described: &str, path: &str, answer: &Value) {
    let schema = schema(document, described);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{path}: {errors:#?}\n{answer:#}");
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let served = serve().await;
    let snapshot = fixture::snapshot();
    for recent in &snapshot.recent {
        let event = crate::events::Event::denied(&recent.sample, 3).unwrap();
        served.published.history.push(event);
    }
    let killed = crate::events::Event::killed(&snapshot.oom_kills[0]).unwrap();
    served.published.history.push(killed);
    for change in [
        crate::degrade::Change::Degraded(snapshot.state.degraded[0].clone()),
        crate::degrade::Change::FailingToStart(snapshot.state.starts[0].clone()),
    ] {
        let time = std::time::UNIX_EPOCH;
        let transition = crate::degrade::Transition { time, change };
        served
            .published
            .history
            .push(crate::events::Event::transition(&transition).unwrap());
    }
    served.published.snapshot.store(Arc::new(snapshot));
    let document = told(&served, "/api/v1/openapi.json").await;
    assert_eq!(document, self::document());
    let lists = site::PATHS
        .iter()
        .filter(|path| path.starts_with("/api/v1/"));
    let lists = lists.filter(|path| !path.ends_with("/stream") && !path.ends_with(".json"));
    for described in lists {
        let paths: Vec<String> = match described.contains("{id}") {
            true => "abcdef0"
                .chars()
                .map(|letter| described.replace("{id}", &letter.to_string().repeat(64)))
                .collect(),
            false => vec![(*described).to_owned()],
        };
        for path in paths {
            let answer = told(&served, &path).await;
            assert_eq!(answer["version"], crate::record::VERSION, "{path}");
            hold(&document, described, &path, &answer);
            // The document says something: an answer of another shape is refused.
            let mut other = answer;
            other["version"] = json!("two");
            let schema = schema(&document, described);
            assert!(!jsonschema::is_valid(&schema, &other), "{path}");
        }
    }
}

#[tokio::test]
async fn parts_are_told_with_the_whole_length_and_unknown_parameters_are_refused() {
    let served = serve().await;
    served
        .published
        .snapshot
        .store(Arc::new(fixture::snapshot()));
    let document = document();
    for (path, list, all) in [
        ("containers", "containers", 7),
        ("denials", "denials", 4),
        ("posture", "postures", 5),
        ("tmpfs", "tmpfs", 2),
        ("layers", "layers", 1),
        ("inventory", "containers", 1),
        ("degraded", "degraded", 1),
    ] {
        let path = format!("/api/v1/{path}");
        let whole = told(&served, &path).await;
        assert_eq!(whole[list].as_array().unwrap().len(), all, "{path}");
        assert!(whole.get("totals").is_none(), "{path}");
        let part = told(&served, &format!("{path}?limit=1&offset={}", all - 1)).await;
        assert_eq!(part["totals"][list], all, "{path}");
        assert_eq!(
            part[list].as_array().unwrap()[..],
            whole[list].as_array().unwrap()[all - 1..],
            "{path}"
        );
        hold(&document, &path, &path, &part);
        for (query, word) in [
            ("colour=red", "colour"),
            ("limit=0", "limit: use a number from 1 to 10000"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
        ] {
            let answer = fetch(served.address, &format!("{path}?{query}")).await;
            assert!(
                answer.starts_with("HTTP/1.1 400") && answer.contains(word),
                "{path}?{query}: {answer}"
            );
        }
    }
    let degraded = told(&served, "/api/v1/containers?state=degraded").await;
    assert_eq!(degraded["containers"].as_array().unwrap().len(), 1);
    assert_eq!(degraded["containers"][0]["state"], "degraded");
    let answer = fetch(served.address, "/api/v1/containers?state=red").await;
    assert!(
        answer.starts_with("HTTP/1.1 400")
            && answer.contains("state: use one of failing_to_start, "),
        "{answer}"
    );
    let answer = fetch(served.address, "/api/v1/containers/0123456789ab").await;
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("id: no container 0123456789ab"),
        "{answer}"
    );
}
