//! A runtime's labels become the names that people know a container by.
//!
//! In: labels and annotations as Docker, Compose, Swarm, the kubelet and pod
//! authors set them (a container's maker chooses them freely). Out: fields of
//! [`Container`]. Invariant: pure; every text is bounded. Lacks on purpose: the
//! Kubernetes API; a pod's owner is read from what its labels and name tell, and
//! stays empty where they do not.

use std::collections::{BTreeSet, HashMap};

use crate::denial::Container;

/// Bytes that a name, an image or a label's value may have; longer ones are cut.
const TEXT_MAX: usize = 256;
/// Mount targets kept of one container.
const TARGETS_MAX: usize = 64;
/// Bytes of a mount target; longer ones are left out, since a part would be another path.
const TARGET_MAX: usize = 1_024;

/// The name of a pod's own (pause) container, as the kubelet's cAdvisor has it.
pub(super) const POD_CONTAINER: &str = "POD";

/// Cuts a text to what is kept of it, at a character's end.
pub(super) fn bounded(text: &str) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Sorts mount targets, each once, and bounds them.
pub(super) fn bounded_targets(targets: impl IntoIterator<Item = String>) -> Vec<String> {
    let sorted: BTreeSet<String> = targets
        .into_iter()
        .filter(|t| !t.is_empty() && t.len() <= TARGET_MAX)
        .collect();
    sorted.into_iter().take(TARGETS_MAX).collect()
}

/// Fills in what labels tell.
pub(super) fn apply(container: &mut Container, labels: &HashMap<String, String>) {
    let first = |names: &[&str]| {
        let found = names
            .iter()
            .find_map(|name| labels.get(*name).filter(|v| !v.is_empty()));
        found.map(|value| bounded(value)).unwrap_or_default()
    };
    let set = |field: &mut String, value: String| {
        if !value.is_empty() {
            *field = value;
        }
    };
    set(
        &mut container.project,
        first(&["com.docker.compose.project", "com.docker.stack.namespace"]),
    );
    set(
        &mut container.workload,
        first(&[
            "com.docker.compose.service",
            "com.docker.swarm.service.name",
        ]),
    );
    set(
        &mut container.revision,
        first(&[
            "pod-template-hash",
            "rollouts-pod-template-hash",
            "controller-revision-hash",
        ]),
    );
    set(
        &mut container.track,
        first(&["track", "rollout", "app.kubernetes.io/track"]),
    );
    set(
        &mut container.namespace,
        first(&["io.kubernetes.pod.namespace"]),
    );
    set(&mut container.pod, first(&["io.kubernetes.pod.name"]));
    set(&mut container.pod_uid, first(&["io.kubernetes.pod.uid"]));
    if container.pod.is_empty() {
        return;
    }
    // cri-dockerd marks its pause containers by a label; CRI has none among its containers.
    let name = match labels.get("io.kubernetes.docker.type").map(String::as_str) {
        Some("podsandbox") => POD_CONTAINER.to_owned(),
        _ => first(&["io.kubernetes.container.name"]),
    };
    set(&mut container.name, name);
    let workload = owner_of_pod(&container.pod, labels)
        .map(|owner| bounded(&owner))
        .unwrap_or_else(|| first(&["app.kubernetes.io/name", "k8s-app", "app"]));
    set(&mut container.workload, workload);
}

/// The Deployment, StatefulSet, Job or DaemonSet behind a pod.
fn owner_of_pod(pod: &str, labels: &HashMap<String, String>) -> Option<String> {
    let label = |name: &str| {
        labels
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    };
    if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
        return Some(job.to_owned());
    }
    // `<deployment>-<hash>-<suffix>`
    if let Some(hash) = label("pod-template-hash").or_else(|| label("rollouts-pod-template-hash")) {
        let (above, _suffix) = pod.rsplit_once('-')?;
        return Some(above.strip_suffix(hash)?.strip_suffix('-')?.to_owned());
    }
    // `<stateful set>-<ordinal>`
    if label("statefulset.kubernetes.io/pod-name").is_some() {
        return pod.rsplit_once('-').map(|(owner, _)| owner.to_owned());
    }
    // `<daemon set>-<suffix of five>`
    label("controller-revision-hash")?;
    pod.rsplit_once('-')
        .filter(|(_, suffix)| suffix.len() == 5)
        .map(|(owner, _)| owner.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::denial::Runtime;

    fn named(labels: &[(&str, &str)]) -> Container {
        let mut container = Container::unnamed("0123456789abcdef", Runtime::Containerd);
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        apply(&mut container, &labels);
        container
    }

    #[test]
    fn compose_and_swarm_name_project_and_service() {
        let container = named(&[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
        ]);
        assert_eq!(
            (container.project.as_str(), container.workload.as_str()),
            ("shop", "web")
        );
        assert_eq!(
            container.name, "0123456789ab",
            "a service is not a container"
        );
        let container = named(&[("com.docker.swarm.service.name", "shop_web")]);
        assert_eq!(container.workload, "shop_web");
    }

    #[test]
    fn pods_tell_their_owner_by_labels_and_name() {
        let pod = |name: &str, more: &[(&str, &str)]| {
            let mut labels = vec![
                ("io.kubernetes.pod.name", name),
                ("io.kubernetes.pod.namespace", "prod"),
                ("io.kubernetes.container.name", "app"),
            ];
            labels.extend(more);
            let container = named(&labels);
            assert_eq!(
                (container.name.as_str(), container.namespace.as_str()),
                ("app", "prod")
            );
            (container.workload, container.revision, container.track)
        };
        let told = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            pod(
                "web-api-7d9f8b6c5-x2x4z",
                &[("pod-template-hash", "7d9f8b6c5"), ("track", "canary")]
            ),
            told("web-api", "7d9f8b6c5", "canary")
        );
        assert_eq!(
            pod(
                "db-0",
                &[
                    ("statefulset.kubernetes.io/pod-name", "db-0"),
                    ("controller-revision-hash", "db-5b6c")
                ]
            ),
            told("db", "db-5b6c", "")
        );
        assert_eq!(
            pod("node-agent-x2x4z", &[("controller-revision-hash", "6c9d")]),
            told("node-agent", "6c9d", "")
        );
        assert_eq!(
            pod("mail-28x", &[("job-name", "mail")]),
            told("mail", "", "")
        );
        assert_eq!(
            pod("solo", &[("app", "solo-app")]),
            told("solo-app", "", "")
        );
        // Not the shape that the label promises: nothing is guessed from the name.
        assert_eq!(
            pod("odd", &[("pod-template-hash", "7d9f")]),
            told("", "7d9f", "")
        );
    }

    #[test]
    fn dockers_pause_containers_are_the_pods() {
        let container = named(&[
            ("io.kubernetes.docker.type", "podsandbox"),
            ("io.kubernetes.pod.name", "web"),
            ("io.kubernetes.container.name", "POD"),
        ]);
        assert_eq!(container.name, POD_CONTAINER);
    }

    #[test]
    fn hostile_sizes_are_cut() {
        let container = named(&[("track", &"é".repeat(1000))]);
        assert_eq!(container.track.len(), TEXT_MAX);
        let many = (0..1000)
            .map(|n| format!("/{n}"))
            .chain(["x".repeat(5000), String::new()]);
        assert_eq!(bounded_targets(many).len(), TARGETS_MAX);
        assert_eq!(
            bounded_targets(["/b".into(), "/a".into(), "/b".into()]),
            ["/a", "/b"]
        );
    }

    proptest! {
        #[test]
        fn labels_of_any_text_are_bounded(
            values in proptest::collection::vec("\\PC{0,300}|.{0,40}-.{0,9}", 8),
            targets: Vec<String>,
        ) {
            let names = [
                "com.docker.compose.project",
                "com.docker.compose.service",
                "pod-template-hash",
                "track",
                "io.kubernetes.pod.namespace",
                "io.kubernetes.pod.name",
                "io.kubernetes.container.name",
                "app",
            ];
            let labels: Vec<_> = names.iter().copied().zip(values.iter().map(String::as_str)).collect();
            for some in [&labels[..], &labels[..6], &labels[2..]] {
                let one = named(some);
                for text in [one.name, one.namespace, one.pod, one.workload, one.project, one.revision, one.track] {
                    prop_assert!(text.len() <= TEXT_MAX);
                }
            }
            prop_assert!(bounded_targets(targets).len() <= TARGETS_MAX);
        }
    }
}
