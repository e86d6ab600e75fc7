//! The admission policy, evaluated for pods as the API server would.

use serde_json::{Value, json};
use xtask::validators::{Question, ask};

use super::{documents, may_judge};

/// A container with this `readOnlyRootFilesystem`, or none.
fn container(name: &str, read_only: Option<bool>) -> Value {
    match read_only {
        Some(value) => json!({
            "name": name,
            "securityContext": { "readOnlyRootFilesystem": value },
        }),
        None => json!({ "name": name }),
    }
}

fn pod(spec: Value) -> Value {
    json!({ "metadata": { "name": "pod" }, "spec": spec })
}

/// A request as the policy sees it.
fn request(operation: &str, object: Value, old: Value, annotations: Value) -> Value {
    json!({
        "object": object,
        "oldObject": old,
        "namespaceObject": { "metadata": annotations },
        "request": { "operation": operation },
    })
}

/// What must come of a request.
struct Case {
    name: &'static str,
    request: Value,
    /// The containers that are named, empty where it is admitted.
    writable: &'static [&'static str],
    /// Does the policy look at it at all?
    matched: bool,
}

fn cases() -> Vec<Case> {
    let sealed = || container("app", Some(true));
    let create = |spec: Value| request("CREATE", pod(spec), Value::Null, json!({}));
    let exempt = |names: &str, spec: Value| {
        let annotations = json!({ "annotations": { "sealwatch/writable-root": names } });
        request("CREATE", pod(spec), Value::Null, annotations)
    };
    let case = |name, request, writable| Case {
        name,
        request,
        writable,
        matched: true,
    };
    let past = |name, request| Case {
        name,
        request,
        writable: &[],
        matched: false,
    };
    let unset = json!({ "name": "app", "securityContext": { "runAsNonRoot": true } });
    let debug = |containers: Value, ephemeral: Value| json!({ "containers": containers, "ephemeralContainers": ephemeral });
    let mirror = json!({
        "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } },
        "spec": { "containers": [container("app", None)] },
    });
    vec![
        case("sealed", create(json!({ "containers": [sealed()] })), &[]),
        case(
            "no security context",
            create(json!({ "containers": [container("app", None)] })),
            &["app"],
        ),
        case(
            "field unset",
            create(json!({ "containers": [unset] })),
            &["app"],
        ),
        case(
            "false",
            create(json!({ "containers": [container("app", Some(false))] })),
            &["app"],
        ),
        case(
            "the pod's security context does not say it",
            create(json!({ "securityContext": {}, "containers": [container("app", None)] })),
            &["app"],
        ),
        case(
            "one of two",
            create(json!({ "containers": [sealed(), container("proxy", None)] })),
            &["proxy"],
        ),
        case(
            "init container",
            create(
                json!({ "containers": [sealed()], "initContainers": [container("migrate", None)] }),
            ),
            &["migrate"],
        ),
        case(
            "sealed init container",
            create(
                json!({ "containers": [sealed()], "initContainers": [container("migrate", Some(true))] }),
            ),
            &[],
        ),
        case(
            "all kinds at once",
            create(json!({
                "containers": [container("app", Some(false))],
                "initContainers": [container("migrate", None)],
            })),
            &["migrate", "app"],
        ),
        case(
            "exempt by the namespace",
            exempt(
                "other, proxy",
                json!({ "containers": [sealed(), container("proxy", None)] }),
            ),
            &[],
        ),
        case(
            "another is exempt",
            exempt(
                "proxy-2",
                json!({ "containers": [container("proxy", None)] }),
            ),
            &["proxy"],
        ),
        case(
            "ephemeral container added",
            request(
                "UPDATE",
                pod(debug(json!([sealed()]), json!([container("debug", None)]))),
                pod(json!({ "containers": [sealed()] })),
                json!({}),
            ),
            &["debug"],
        ),
        case(
            "sealed ephemeral container added to an older pod",
            request(
                "UPDATE",
                pod(debug(
                    json!([container("app", None)]),
                    json!([container("debug", Some(true))]),
                )),
                pod(json!({ "containers": [container("app", None)] })),
                json!({}),
            ),
            &[],
        ),
        case(
            "an older ephemeral container is there",
            request(
                "UPDATE",
                pod(debug(
                    json!([sealed()]),
                    json!([container("old", None), container("new", Some(true))]),
                )),
                pod(debug(json!([sealed()]), json!([container("old", None)]))),
                json!({}),
            ),
            &[],
        ),
        past(
            "Windows by its field",
            create(json!({ "os": { "name": "windows" }, "containers": [container("app", None)] })),
        ),
        past(
            "Windows by its selector",
            create(json!({
                "nodeSelector": { "kubernetes.io/os": "windows" },
                "containers": [container("app", None)],
            })),
        ),
        past(
            "static pod",
            request("CREATE", mirror, Value::Null, json!({})),
        ),
        case(
            "Linux by its field",
            create(json!({
                "os": { "name": "linux" },
                "nodeSelector": { "kubernetes.io/os": "linux" },
                "containers": [container("app", None)],
            })),
            &["app"],
        ),
    ]
}

#[test]
fn pods_are_judged_by_each_of_their_containers() {
    if !may_judge("pods_are_judged_by_each_of_their_containers") {
        return;
    }
    let policy = &documents("kubernetes/read-only-root-policy.yaml")[0];
    let cases = cases();
    let requests: serde_json::Map<_, _> = cases
        .iter()
        .map(|case| (case.name.to_owned(), case.request.clone()))
        .collect();
    assert_eq!(requests.len(), cases.len(), "two cases of one name");
    let question = json!({ "policy": policy, "cases": requests });
    let answers = ask(Question::Admit, &question).unwrap();
    for case in &cases {
        let answer = &answers[case.name];
        let name = case.name;
        assert_eq!(answer["matched"], case.matched, "{name}: {answer}");
        assert_eq!(
            answer["allowed"],
            case.writable.is_empty(),
            "{name}: {answer}"
        );
        let named = case.writable.join(", ");
        let audit = answer["audit"].get("writable-root").and_then(Value::as_str);
        assert_eq!(audit.unwrap_or_default(), named, "{name}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(
            named.is_empty() || message.contains(&format!("{named} can be")),
            "{name}: {message}"
        );
    }
}

#[test]
fn warning_comes_before_refusing() {
    let policy = &documents("kubernetes/read-only-root-policy.yaml")[0];
    let name = &policy["metadata"]["name"];
    for (file, actions, label) in [
        ("warn", json!(["Warn", "Audit"]), "warn"),
        ("deny", json!(["Deny", "Audit"]), "deny"),
    ] {
        let binding = &documents(&format!("kubernetes/read-only-root-{file}.yaml"))[0];
        assert_eq!(binding["spec"]["policyName"], *name);
        assert_eq!(binding["spec"]["validationActions"], actions);
        let labels = &binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"];
        assert_eq!(*labels, json!({ "sealwatch/read-only-root": label }));
    }
}
