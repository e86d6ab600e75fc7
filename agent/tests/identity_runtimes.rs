//! The runtimes' own words, from the real runtimes on this host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod engines;

use std::path::{Path, PathBuf};
use std::time::Duration;

use engines::containerd::{Containerd, Wanted};
use engines::podman::Podman;
use engines::{cannot_run, described, eventually, may_start};
use sealwatch::config::Sockets;
use sealwatch::denial::{Container, Runtime};
use sealwatch::identity::LookUp;
use sealwatch::identity::runtimes::{Runtimes, start};
use xtask::engine::{Engine, IMAGE};

fn docker_only(socket: &Path) -> Runtimes {
    start(
        &Sockets::Only(vec![socket.to_owned()]),
        &Sockets::Only(vec![]),
    )
}

/// The image's root as an archive.
fn exported(engine: &Engine, dir: &Path) -> PathBuf {
    let archive = dir.join("root.tar");
    engine
        .docker_ok(&["create", "--network", "none", "--name", "exported", IMAGE])
        .unwrap();
    engine
        .docker_ok(&["export", "--output", &archive.to_string_lossy(), "exported"])
        .unwrap();
    engine.docker_ok(&["rm", "exported"]).unwrap();
    archive
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_tells_by_list_by_event_and_by_inspection() {
    if let Err(why) = may_start() {
        return cannot_run("docker_tells", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).unwrap();
    let run = |name: &str, more: &[&str]| {
        let mut args = vec!["run", "--detach", "--network", "none", "--name", name];
        args.extend(more);
        args.extend([IMAGE, "sleep", "60"]);
        engine.docker_ok(&args).unwrap()
    };
    let before = run("before", &[]);
    let mut runtimes = docker_only(engine.socket());
    let told = described(&mut runtimes, "the list", |c| c.id == before).await;
    assert_eq!((told.name.as_str(), told.image.as_str()), ("before", IMAGE));

    let id = run(
        "web-1",
        &[
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--mount",
            "type=tmpfs,destination=/run/x",
            "--volume",
            "data:/data",
            "--label",
            "com.docker.compose.project=shop",
            "--label",
            "com.docker.compose.service=web",
        ],
    );
    let told = described(&mut runtimes, "the event", |c| c.id == id).await;
    assert_eq!(told.name, "web-1");
    assert_eq!(
        (told.project.as_str(), told.workload.as_str()),
        ("shop", "web")
    );
    assert_eq!(told.runtime, Runtime::Docker);
    let told = described(&mut runtimes, "the inspection", |c| {
        c.id == id && c.read_only_root.is_some()
    })
    .await;
    assert_eq!(told.read_only_root, Some(true));
    assert_eq!(told.mount_targets, ["/data", "/run/x", "/tmp"]);
    assert_eq!((told.name.as_str(), told.image.as_str()), ("web-1", IMAGE));

    engine.docker_ok(&["rename", "web-1", "web-2"]).unwrap();
    let told = described(&mut runtimes, "the rename", |c| {
        c.id == id && c.name == "web-2"
    })
    .await;
    assert!(told.described);

    let look_up = LookUp {
        id: before.clone(),
        runtime: Runtime::Docker,
    };
    runtimes.look_ups.try_send(look_up).unwrap();
    let told = described(&mut runtimes, "the look-up", |c| {
        c.id == before && c.read_only_root.is_some()
    })
    .await;
    assert_eq!(told.read_only_root, Some(false));

    // Gone before anybody could ask: the event itself names it.
    engine
        .docker_ok(&[
            "run",
            "--rm",
            "--network",
            "none",
            "--name",
            "short",
            IMAGE,
            "true",
        ])
        .unwrap();
    described(&mut runtimes, "the short one", |c| c.name == "short").await;

    let report = runtimes.status.report();
    assert_eq!(report.len(), 1);
    assert!(report[0].up && report[0].runtime == "docker", "{report:?}");
    assert_eq!(report[0].errors, 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_hangs_or_dies_is_waited_for() {
    if let Err(why) = may_start() {
        return cannot_run("a_runtime_that_hangs", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).unwrap();
    let id = engine
        .docker_ok(&[
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            "web",
            IMAGE,
            "sleep",
            "60",
        ])
        .unwrap();
    let socket = dir.path().join("front.sock");
    let mut runtimes = docker_only(&socket);
    let wish = || LookUp {
        id: id.clone(),
        runtime: Runtime::Docker,
    };
    let status = runtimes.status.clone();
    let errors = || status.report().first().map_or(0, |report| report.errors);

    // Absent.
    eventually("absence is told", Duration::from_secs(5), || async {
        errors() > 0
    })
    .await;
    runtimes.look_ups.try_send(wish()).unwrap();

    // Hanging: it accepts, and never says a word.
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let hung = errors();
    eventually("hanging is told", Duration::from_secs(30), || async {
        errors() > hung
    })
    .await;
    assert!(!status.report()[0].up);
    for _ in 0..100 {
        runtimes.look_ups.try_send(wish()).unwrap();
    }

    // Alive at last.
    drop(listener);
    std::fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink(engine.socket(), &socket).unwrap();
    described(&mut runtimes, "after its return", |c| c.name == "web").await;
    let up = || async { status.report()[0].up };
    eventually("being up is told", Duration::from_secs(5), up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_speaks_dockers_api_in_its_own_way() {
    if let Err(why) = may_start() {
        return cannot_run("podman_speaks", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).unwrap();
    let archive = exported(&engine, dir.path());
    let podman = match Podman::start(&dir.path().join("podman"), &archive, "sealwatch/busybox") {
        Ok(podman) => podman,
        Err(why) => return cannot_run("podman_speaks", &why),
    };
    let run = |name: &str| {
        podman
            .ok(&[
                "run",
                "--detach",
                "--network",
                "none",
                "--name",
                name,
                "--read-only",
                "--volume",
                "/srv:/data",
                "--label",
                "com.docker.compose.service=web",
                "sealwatch/busybox",
                "sleep",
                "60",
            ])
            .unwrap()
    };
    let before = run("before");
    let mut runtimes = docker_only(podman.socket());
    let told = described(&mut runtimes, "the list", |c| c.id == before).await;
    assert_eq!(
        (told.name.as_str(), told.runtime),
        ("before", Runtime::Podman)
    );
    let id = run("web");
    let told = described(&mut runtimes, "the event", |c| c.id == id).await;
    assert_eq!((told.name.as_str(), told.workload.as_str()), ("web", "web"));
    let told = described(&mut runtimes, "the inspection", |c| {
        c.id == id && c.read_only_root.is_some()
    })
    .await;
    assert_eq!(told.read_only_root, Some(true));
    assert!(told.mount_targets.contains(&"/data".to_owned()), "{told:?}");
    assert!(told.image.contains("sealwatch/busybox"), "{told:?}");
    // Longer than the time limit of a request: a silent stream is no error.
    tokio::time::sleep(Duration::from_secs(35)).await;
    let report = runtimes.status.report();
    assert!(report[0].up && report[0].errors == 0, "{report:?}");
    assert_eq!(report[0].connects, 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn containerd_tells_pods_by_cri() {
    if let Err(why) = may_start() {
        return cannot_run("containerd_tells", &why);
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).unwrap();
    let root = exported(&engine, dir.path());
    let save = |image: &str, change: &str, name: &str| {
        let archive = dir.path().join(name);
        engine
            .docker_ok(&["import", "--change", change, &root.to_string_lossy(), image])
            .unwrap();
        engine
            .docker_ok(&["save", "--output", &archive.to_string_lossy(), image])
            .unwrap();
        archive
    };
    let pause = save(
        "sealwatch/pause:latest",
        "ENTRYPOINT [\"/bin/sleep\",\"3600\"]",
        "pause.tar",
    );
    let app = save("sealwatch/app:1", "ENV PATH=/bin", "app.tar");
    let started = Containerd::start(&dir.path().join("c"), &[&pause, &app]).await;
    let mut containerd = match started {
        Ok(containerd) => containerd,
        Err(why) => return cannot_run("containerd_tells", &why),
    };
    let wanted = Wanted {
        name: "app",
        image: "docker.io/sealwatch/app:1",
        command: &["/bin/sleep", "60"],
        mounts: &[("/data", Path::new("/srv"))],
    };
    let labels = [("pod-template-hash", "7d9f8b6c5"), ("track", "canary")];
    let uid = "8f6a2c1e-1111-4222-8333-0123456789ab";
    let before = containerd
        .pod("prod", "web-7d9f8b6c5-aaaaa", uid, &labels)
        .await
        .unwrap();
    let before_id = containerd.run(&before, &wanted).await.unwrap();

    let sockets = Sockets::Only(vec![containerd.socket().to_owned()]);
    let mut runtimes = start(&Sockets::Only(vec![]), &sockets);
    let told = described(&mut runtimes, "the list", |c| c.id == before_id).await;
    assert_eq!(
        (
            told.namespace.as_str(),
            told.pod.as_str(),
            told.name.as_str()
        ),
        ("prod", "web-7d9f8b6c5-aaaaa", "app")
    );
    assert_eq!(
        (
            told.workload.as_str(),
            told.revision.as_str(),
            told.track.as_str()
        ),
        ("web", "7d9f8b6c5", "canary")
    );
    let told = described(&mut runtimes, "its status", |c| {
        c.id == before_id && c.read_only_root.is_some()
    })
    .await;
    assert_eq!(told.read_only_root, Some(true));
    assert_eq!(told.mount_targets, ["/data"]);
    assert_eq!(told.image, "docker.io/sealwatch/app:1");
    assert_eq!(told.runtime, Runtime::Containerd);

    // As the pipeline does it: the control group tells an id, and nothing more.
    let uid = "00112233445566778899aabbccddeeff";
    let after = containerd
        .pod("prod", "web-7d9f8b6c5-bbbbb", uid, &labels)
        .await
        .unwrap();
    let after_id = containerd.run(&after, &wanted).await.unwrap();
    let look_up = |id: &str| LookUp {
        id: id.to_owned(),
        runtime: Runtime::Unspecified,
    };
    runtimes.look_ups.try_send(look_up(&after_id)).unwrap();
    // A list may come first; it tells less.
    let whole = |wanted: &str, c: &Container| c.id == wanted && c.read_only_root.is_some();
    let told = described(&mut runtimes, "the container", |c| whole(&after_id, c)).await;
    assert_eq!(
        (told.name.as_str(), told.read_only_root),
        ("app", Some(true))
    );

    runtimes.look_ups.try_send(look_up(&after.0)).unwrap();
    let told = described(&mut runtimes, "the sandbox", |c| whole(&after.0, c)).await;
    assert_eq!(
        (told.name.as_str(), told.pod.as_str()),
        ("POD", "web-7d9f8b6c5-bbbbb")
    );
    assert_eq!(told.workload, "web");

    let report = runtimes.status.report();
    assert!(
        report[0].up && report[0].runtime == "containerd",
        "{report:?}"
    );
    assert_eq!(report[0].errors, 0, "{report:?}");

    // A runtime that was restarted is asked again, by itself and on a look-up.
    containerd.restart().await.unwrap();
    runtimes.look_ups.try_send(look_up(&after_id)).unwrap();
    described(&mut runtimes, "after the restart", |c| whole(&after_id, c)).await;
    let status = runtimes.status.clone();
    let up = || async { status.report()[0].up };
    eventually("being up is told", Duration::from_secs(30), up).await;
    containerd.clear().await;
}
