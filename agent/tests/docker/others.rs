//! The same daemon beside Podman, and beside containerd through CRI.

use std::path::PathBuf;
use std::time::Duration;

use xtask::engine::IMAGE;

use super::Stage;
use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::engines::containerd::{Containerd, Wanted};
use super::engines::podman::Podman;

/// The image's root as an archive, for runtimes that have no registry either.
fn exported(stage: &Stage) -> PathBuf {
    let archive = stage.path().join("root.tar");
    let text = archive.to_string_lossy();
    stage
        .engine
        .docker_ok(&["create", "--network", "none", "--name", "exported", IMAGE])
        .unwrap();
    stage
        .engine
        .docker_ok(&["export", "--output", &text, "exported"])
        .unwrap();
    archive
}

/// The images of a sandbox and of [`APP`], as archives.
pub fn images(stage: &Stage) -> [PathBuf; 2] {
    let root = exported(stage);
    let save = |image: &str, change: &str, name: &str| {
        let archive = stage.path().join(name);
        let (root, out) = (root.to_string_lossy(), archive.to_string_lossy());
        stage
            .engine
            .docker_ok(&["import", "--change", change, &root, image])
            .unwrap();
        stage
            .engine
            .docker_ok(&["save", "--output", &out, image])
            .unwrap();
        archive
    };
    let sleep = "ENTRYPOINT [\"/bin/sleep\",\"3600\"]";
    [
        save("sealwatch/pause:latest", sleep, "pause.tar"),
        save("sealwatch/app:1", "ENV PATH=/bin", "app.tar"),
    ]
}

/// The image that pods run.
pub const APP: &str = "docker.io/sealwatch/app:1";

#[test]
fn podmans_containers_are_named() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("podmans_containers", &why),
    };
    let archive = exported(&stage);
    let podman = match Podman::start(&stage.path().join("podman"), &archive, "sealwatch/busybox") {
        Ok(podman) => podman,
        Err(why) => return cannot_run("podmans_containers", &why),
    };
    let socket = podman.socket().to_string_lossy().into_owned();
    let agent = Agent::start(
        stage.path(),
        &["--cri-endpoint", "none", "--docker-socket", &socket],
    );
    let output = podman.run(&[
        "run",
        "--rm",
        "--read-only",
        "--read-only-tmpfs=false",
        "--network",
        "none",
        "--name",
        "by-podman",
        "sealwatch/busybox",
        "sh",
        "-c",
        "echo > /srv/x; mkdir /srv/y; exit 0",
    ]);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        complaints.matches("Read-only file system").count(),
        2,
        "{complaints}"
    );
    eventually(
        "Podman's container is counted by name",
        Duration::from_secs(10),
        || {
            let count = |operation| {
                let labels = [
                    ("container", "by-podman"),
                    ("operation", operation),
                    ("errno", "EROFS"),
                ];
                agent.sum("sealwatch_denials_total", &labels)
            };
            count("create") == 1.0 && count("mkdir") == 1.0
        },
    );
    eventually(
        "the runtime is told to be up",
        Duration::from_secs(5),
        || agent.sum("sealwatch_runtime_up", &[("runtime", "podman")]) == 1.0,
    );
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn pods_are_named_through_cri() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("pods_are_named", &why),
    };
    let [pause, app] = images(&stage);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (dir, archives) = (stage.path().join("c"), [pause.as_path(), app.as_path()]);
    let mut containerd = match runtime.block_on(Containerd::start(&dir, &archives)) {
        Ok(containerd) => containerd,
        Err(why) => return cannot_run("pods_are_named", &why),
    };
    let socket = containerd.socket().to_string_lossy().into_owned();
    let agent = Agent::start(
        stage.path(),
        &["--docker-socket", "none", "--cri-endpoint", &socket],
    );
    let wanted = Wanted {
        name: "app",
        image: APP,
        command: &[
            "/bin/sh",
            "-c",
            "echo > /srv/x; mkdir /srv/y; echo > /data/fine; sleep 5",
        ],
        mounts: &[("/data", stage.path())],
    };
    // Both are refused something and end at once, one of them well.
    let ending = [
        ("job", "mkdir /srv/y; exit 0"),
        ("broken", "mkdir /srv/y; exit 1"),
    ];
    let (namespace, pod) = ("prod", "web-7d9f8b6c5-x2x4z");
    runtime.block_on(async {
        let uid = "8f6a2c1e-1111-4222-8333-0123456789ab";
        let labels = [("pod-template-hash", "7d9f8b6c5"), ("track", "canary")];
        let sandbox = containerd.pod(namespace, pod, uid, &labels).await.unwrap();
        containerd.run(&sandbox, &wanted).await.unwrap();
        for (name, script) in ending {
            let command = &["/bin/sh", "-c", script];
            let mounts = &[];
            let wanted = Wanted {
                name,
                command,
                mounts,
                ..wanted
            };
            containerd.run(&sandbox, &wanted).await.unwrap();
        }
    });
    let whose = [("namespace", namespace), ("pod", pod), ("container", "app")];
    eventually(
        "the pod's container is counted by name",
        Duration::from_secs(10),
        || agent.sum("sealwatch_denials_total", &whose) == 2.0,
    );
    let info = [
        whose.as_slice(),
        &[
            ("workload", "web"),
            ("revision", "7d9f8b6c5"),
            ("track", "canary"),
            ("image", wanted.image),
        ],
    ]
    .concat();
    let known = agent.sum("sealwatch_container_info", &info);
    assert_eq!(known, 1.0, "{}", agent.metrics_text());
    eventually(
        "the runtime is told to be up",
        Duration::from_secs(5),
        || agent.sum("sealwatch_runtime_up", &[("runtime", "containerd")]) == 1.0,
    );
    let failing = |name| {
        let labels = [("pod", pod), ("container", name)];
        agent.sum("sealwatch_start_failures_total", &labels)
    };
    let within = Duration::from_secs(30);
    eventually("a start fails", within, || failing("broken") == 1.0);
    let failed = agent.events(|event| event.text("/event") == "failing_to_start");
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0].json["exit_code"], 1, "{failed:#?}");
    assert_eq!(failing("job"), 0.0, "its exit code says that it ended well");
    runtime.block_on(containerd.clear());
    assert_eq!(agent.stop().code(), Some(0));
}
