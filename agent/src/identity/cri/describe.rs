//! CRI's messages become descriptions.
//!
//! In: what a runtime answered. Out: [`Description`]s. Invariant: pure; a field
//! that is missing says nothing. Lacks on purpose: asking.

use std::collections::HashMap;

use k8s_cri::v1;
use serde::Deserialize;

use crate::denial::{Container, Runtime};
use crate::identity::labels::{self, POD_CONTAINER};
use crate::identity::{Description, Ended};

/// A row of the list, with the labels of its pod.
pub fn of_container(
    told: &v1::Container,
    pod: Option<&HashMap<String, String>>,
    runtime: Runtime,
) -> Description {
    let metadata = told.metadata.as_ref();
    let name = metadata
        .map(|metadata| metadata.name.as_str())
        .unwrap_or_default();
    let mut container = Container {
        described: true,
        ..Container::unnamed(&told.id, runtime)
    };
    container.name = labels::bounded(name);
    container.image = image(told.image.as_ref(), &told.image_ref);
    apply_labels(&mut container, pod, &told.labels);
    Description {
        container,
        ended: None,
    }
}

/// A pod's own container, by the pod's labels.
pub fn of_sandbox(id: &str, sandbox: &HashMap<String, String>, runtime: Runtime) -> Description {
    let mut container = Container {
        described: true,
        ..Container::unnamed(id, runtime)
    };
    apply_labels(&mut container, None, sandbox);
    container.name = POD_CONTAINER.to_owned();
    Description {
        container,
        ended: None,
    }
}

/// The pod's labels, over which the container's own go.
fn apply_labels(
    container: &mut Container,
    pod: Option<&HashMap<String, String>>,
    own: &HashMap<String, String>,
) {
    let mut all = pod.cloned().unwrap_or_default();
    all.extend(
        own.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    labels::apply(container, &all);
}

/// Adds what only a status tells: mounts, and the image as it was asked for.
pub fn add_status(container: &mut Container, status: v1::ContainerStatus) {
    let image = image(status.image.as_ref(), &status.image_ref);
    if !image.is_empty() {
        container.image = image;
    }
    let targets = status.mounts.into_iter().map(|mount| mount.container_path);
    container.mount_targets = labels::bounded_targets(targets);
}

/// How it ended, if it has.
pub fn ended(status: &v1::ContainerStatus) -> Option<Ended> {
    let exited = status.state == v1::ContainerState::ContainerExited as i32;
    // An exit code of 0 may be one that is not known; a time of the end may not.
    (exited && status.finished_at > 0)
        .then(|| Ended::at(status.exit_code, status.finished_at))
        .flatten()
}

/// The image as the user named it; some runtimes put a bare digest first.
fn image(spec: Option<&v1::ImageSpec>, reference: &str) -> String {
    let named = |text: &&str| !text.is_empty() && !text.starts_with("sha256:");
    let texts = spec.map(|spec| [spec.user_specified_image.as_str(), spec.image.as_str()]);
    let mut texts = texts.into_iter().flatten().chain([reference]);
    let digest = spec.map(|spec| spec.image.as_str()).unwrap_or(reference);
    labels::bounded(texts.find(named).unwrap_or(digest))
}

/// All that an event tells; nothing of one that is no creation, start or stop.
pub fn of_event(event: v1::ContainerEventResponse, runtime: Runtime) -> Vec<Description> {
    let stopped = v1::ContainerEventType::ContainerStoppedEvent;
    let known = [
        v1::ContainerEventType::ContainerCreatedEvent,
        v1::ContainerEventType::ContainerStartedEvent,
        stopped,
    ];
    if known
        .iter()
        .all(|kind| *kind as i32 != event.container_event_type)
    {
        return Vec::new();
    }
    let pod = event.pod_sandbox_status.as_ref();
    let mut descriptions = Vec::new();
    for status in event.containers_statuses {
        if status.id != event.container_id {
            continue;
        }
        let metadata = status.metadata.as_ref();
        let name = metadata
            .map(|metadata| metadata.name.as_str())
            .unwrap_or_default();
        let mut container = Container {
            described: true,
            ..Container::unnamed(&status.id, runtime)
        };
        container.name = labels::bounded(name);
        apply_labels(&mut container, pod.map(|pod| &pod.labels), &status.labels);
        let ended = ended(&status);
        add_status(&mut container, status);
        descriptions.push(Description { container, ended });
    }
    let begins = event.container_event_type != stopped as i32;
    if let Some(pod) = pod.filter(|pod| begins && pod.id == event.container_id) {
        descriptions.push(of_sandbox(&pod.id, &pod.labels, runtime));
    }
    descriptions
}

/// What the runtime's verbose word (JSON, the same in containerd and CRI-O) says of the root.
pub fn read_only_root(info: &HashMap<String, String>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Info {
        #[serde(rename = "runtimeSpec")]
        runtime_spec: Option<Spec>,
    }
    #[derive(Deserialize)]
    struct Spec {
        root: Option<Root>,
    }
    #[derive(Deserialize)]
    struct Root {
        #[serde(default)]
        readonly: bool,
    }
    let info: Info = serde_json::from_str(info.get("info")?).ok()?;
    info.runtime_spec?.root.map(|root| root.readonly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verbose_status_tells_of_the_root() {
        let told =
            |text: &str| read_only_root(&HashMap::from([("info".to_owned(), text.to_owned())]));
        assert_eq!(
            told(r#"{"pid":1,"runtimeSpec":{"root":{"path":"r","readonly":true}}}"#),
            Some(true)
        );
        assert_eq!(
            told(r#"{"runtimeSpec":{"root":{"path":"rootfs"}}}"#),
            Some(false)
        );
        assert_eq!(told(r#"{"runtimeSpec":null}"#), None);
        assert_eq!(told("no JSON"), None);
        assert_eq!(read_only_root(&HashMap::new()), None);
    }

    #[test]
    fn images_are_named_as_the_user_named_them() {
        let spec = |user: &str, image: &str| v1::ImageSpec {
            user_specified_image: user.to_owned(),
            image: image.to_owned(),
            ..Default::default()
        };
        assert_eq!(
            image(Some(&spec("nginx:1", "sha256:aa")), "r@sha256:aa"),
            "nginx:1"
        );
        assert_eq!(
            image(Some(&spec("", "docker.io/x:2")), "sha256:aa"),
            "docker.io/x:2"
        );
        assert_eq!(
            image(Some(&spec("", "sha256:aa")), "r@sha256:aa"),
            "r@sha256:aa"
        );
        assert_eq!(image(Some(&spec("", "sha256:aa")), ""), "sha256:aa");
        assert_eq!(image(None, ""), "");
    }
}
