//! Answers of container runtimes: JSON of Docker and Podman, protobuf of CRI.
//!
//! In: a byte that chooses the question, the answer. Out: nothing; a broken
//! promise panics: what is kept of an answer is bounded, and identity takes it.

use bollard::models::{ContainerInspectResponse, ContainerSummary, EventMessage};
use k8s_cri::v1;
use prost::Message as _;
use sealwatch::denial::{CgroupId, Runtime};
use sealwatch::identity::cri::describe;
use sealwatch::identity::{Description, Identity, Limits, docker};

/// What is kept of a text, and of a list of mounts.
const TEXT_MAX: usize = 256;
const TARGETS_MAX: usize = 64;
const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An event, a list or an inspection.
pub fn docker_answer(bytes: &[u8]) {
    let Some((choice, json)) = bytes.split_first() else {
        return;
    };
    let podman = Runtime::Podman;
    let told = match choice % 3 {
        0 => {
            let event = serde_json::from_slice::<EventMessage>(json).ok();
            event
                .and_then(|event| docker::of_event(event, podman))
                .into_iter()
                .collect()
        }
        1 => {
            let list = serde_json::from_slice::<Vec<ContainerSummary>>(json).unwrap_or_default();
            let list = list.into_iter().take(64);
            list.filter_map(|one| docker::of_summary(one, podman))
                .collect()
        }
        _ => {
            let answer = serde_json::from_slice::<ContainerInspectResponse>(json).ok();
            let told = answer.and_then(|answer| docker::of_inspection(answer, podman));
            told.into_iter().collect()
        }
    };
    take_in(told);
}

/// Lists of containers and pods, a status, an event.
pub fn cri_answer(bytes: &[u8]) {
    let Some((choice, answer)) = bytes.split_first() else {
        return;
    };
    let runtime = Runtime::Containerd;
    let told = match choice % 4 {
        0 => {
            let list = v1::ListContainersResponse::decode(answer).unwrap_or_default();
            let list = list.containers.iter().take(64);
            list.map(|one| describe::of_container(one, Some(&one.annotations), runtime))
                .collect()
        }
        1 => {
            let list = v1::ListPodSandboxResponse::decode(answer).unwrap_or_default();
            let list = list.items.iter().take(64);
            list.map(|one| describe::of_sandbox(&one.id, &one.labels, runtime))
                .collect()
        }
        2 => {
            let answer = v1::ContainerStatusResponse::decode(answer).unwrap_or_default();
            let mut told = describe::of_sandbox(ID, &answer.info, runtime);
            told.container.read_only_root = describe::read_only_root(&answer.info);
            if let Some(status) = answer.status {
                told.ended = describe::ended(&status);
                describe::add_status(&mut told.container, status);
            }
            vec![told]
        }
        _ => {
            let event = v1::ContainerEventResponse::decode(answer).unwrap_or_default();
            describe::of_event(event, runtime)
        }
    };
    take_in(told);
}

fn take_in(told: Vec<Description>) {
    let mut identity = Identity::new(Limits::default());
    identity.cgroup_created(CgroupId(1), format!("/docker/{ID}").as_bytes(), 1);
    for description in told {
        let one = &description.container;
        for text in [
            &one.name,
            &one.image,
            &one.namespace,
            &one.pod,
            &one.pod_uid,
            &one.workload,
            &one.project,
            &one.revision,
            &one.track,
        ] {
            assert!(text.len() <= TEXT_MAX, "{} bytes are kept", text.len());
        }
        assert!(one.mount_targets.len() <= TARGETS_MAX);
        identity.described(description, 2);
    }
    // Nobody is known for being told of: it takes a control group.
    assert!(identity.tracked().cgroups <= 1);
    assert!(identity.tracked().containers <= 1);
}
