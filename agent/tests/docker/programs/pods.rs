//! The same programs as pods: the patch that `sealwatch contract` prints, applied by
//! kubectl, run by CRI.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use xtask::engine::programs::{self, IMAGE, Program};
use xtask::{layout, step, toolchain::apt};

use super::super::agent::Agent;
use super::super::engines::{cannot_run, containerd::Containerd, kubelet, may_start};
use super::learn::Learning;
use super::{CASES, Case, assert_refused_alone};

const NAMESPACE: &str = "shop";

/// kubectl from Debian's package, unpacked, since another one may be installed.
fn kubectl() -> Result<PathBuf, String> {
    let dir = layout::cache_dir().join("kubernetes-client");
    let program = dir.join("usr/bin/kubectl");
    if !program.exists() {
        apt::unpack("kubernetes-client", &dir).map_err(|error| format!("{error:#}"))?;
    }
    Ok(program)
}

/// The workload as its author wrote it.
fn deployment(program: &Program) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": program.name, "namespace": NAMESPACE },
        "spec": {
            "selector": { "matchLabels": { "app": program.name } },
            "template": {
                "metadata": { "labels": { "app": program.name } },
                "spec": { "containers": [{
                    "name": program.name,
                    "image": IMAGE,
                    "command": program.command,
                    "securityContext": {
                        "runAsUser": program.user,
                        "runAsGroup": program.user,
                    },
                }]},
            },
        },
    })
}

/// A pod as the workload's controller makes it.
fn pod(mut workload: Value, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}") },
        "spec": workload["spec"]["template"]["spec"].take(),
    })
}

/// The manifest with a strategic-merge patch applied, by what everybody uses.
fn patched(kubectl: &Path, dir: &Path, manifest: &Value, patch: &str) -> Value {
    let file = dir.join("workload.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    let mut command = Command::new(kubectl);
    command.args([
        "patch",
        "--local",
        "--type",
        "strategic",
        "--output",
        "json",
    ]);
    command.arg("--filename").arg(file).args(["--patch", patch]);
    serde_json::from_str(&step::output(&mut command).unwrap()).unwrap()
}

/// What a patched workload has, sorted: the same as by flags, and no more.
fn assert_patched(workload: &Value, case: &Case) {
    let spec = &workload["spec"]["template"]["spec"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let [container] = &list(&spec["containers"])[..] else {
        panic!("{spec:#}");
    };
    assert!(spec["initContainers"].is_null(), "{spec:#}");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    for (kind, targets) in [
        ("emptyDir", case.tmpfs),
        ("persistentVolumeClaim", case.volumes),
    ] {
        let of_kind = |volume: &&Value| volume[kind].is_object();
        let volumes = list(&spec["volumes"]);
        let names: Vec<_> = volumes
            .iter()
            .filter(of_kind)
            .map(|volume| &volume["name"])
            .collect();
        let mounts = list(&container["volumeMounts"]).into_iter();
        let mounted = mounts
            .filter(|mount| names.contains(&&mount["name"]))
            .map(|mount| mount["mountPath"].as_str().unwrap().to_owned());
        assert_eq!(sorted(mounted.collect()), targets, "{spec:#}");
    }
    let variables = list(&container["env"]).into_iter();
    let variables = variables.map(|variable| variable["name"].as_str().unwrap().to_owned());
    assert_eq!(sorted(variables.collect()), case.variables);
}

/// A containerd with the image, and where its pods' volumes are.
struct Node {
    containerd: Containerd,
    volumes: PathBuf,
}

impl Node {
    async fn start(&mut self, manifest: Value) -> String {
        let name = manifest["metadata"]["name"].as_str().unwrap();
        let volumes = self.volumes.join(name);
        let ids = kubelet::run(&mut self.containerd, manifest, &volumes).await;
        ids.unwrap().remove(0)
    }

    /// Starts a pod and makes it do all it does, until an orderly end.
    async fn work(&mut self, manifest: Value, program: &Program) {
        let id = self.start(manifest).await;
        let exercise = ["/bin/sh", "-c", program.exercise];
        let output = self.containerd.exec(&id, &exercise).await;
        self.containerd.stop(&id).await.unwrap();
        output.unwrap();
    }
}

#[test]
fn printed_patches_let_pods_run_read_only() {
    let parts = may_start().and_then(|()| {
        let archive = programs::archive().map_err(|error| format!("{error:#}"))?;
        Ok((archive, kubectl()?))
    });
    let (archive, kubectl) = match parts {
        Ok(parts) => parts,
        Err(why) => return cannot_run("printed_patches", &why),
    };
    let _turn = super::super::turn();
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = dir.path().join("c");
    let containerd = match runtime.block_on(Containerd::start(&home, &[&archive])) {
        Ok(containerd) => containerd,
        Err(why) => return cannot_run("printed_patches", &why),
    };
    let socket = containerd.socket().to_string_lossy().into_owned();
    let command = dir.path().join("agent.sock");
    let served = command.to_string_lossy();
    let settings = [
        "--docker-socket",
        "none",
        "--cri-endpoint",
        &socket,
        "--web.socket",
        &served,
    ];
    let agent = Agent::start(dir.path(), &settings);
    // Below what containerd unmounts at its end.
    let volumes = home.join("volumes");
    let mut node = Node {
        containerd,
        volumes,
    };

    for case in &CASES {
        let program = &case.program;
        let learning = Learning::begin(
            &command,
            &["--pod", &format!("{NAMESPACE}/{}-*", program.name)],
        );
        let open = pod(deployment(program), &format!("{}-open", program.name));
        runtime.block_on(node.work(open, program));
        let patch = learning.end();
        let workload = patched(&kubectl, dir.path(), &deployment(program), &patch);
        assert_patched(&workload, case);
        let sealed = pod(workload, &format!("{}-sealed", program.name));
        runtime.block_on(node.work(sealed, program));
    }
    let bare = CASES.map(|case| format!("{}-bare", case.program.name));
    for (case, name) in CASES.iter().zip(&bare) {
        let mut pod = pod(deployment(&case.program), name);
        pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = true.into();
        runtime.block_on(node.start(pod));
    }
    assert_refused_alone(&agent, "pod", &bare);
    runtime.block_on(node.containerd.clear());
    assert_eq!(agent.stop().code(), Some(0));
}
