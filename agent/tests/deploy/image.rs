//! The image, built without a network and run with no more than it is meant to have.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::engine::Engine;
use xtask::{image, toolchain};

use super::{cannot_run, documents};

/// Attaching takes seconds; health is asked for by hand, not by the image's interval.
const READY_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn the_image_runs_on_a_read_only_root() {
    let test = "the_image_runs_on_a_read_only_root";
    if !toolchain::apt::is_root() {
        return cannot_run(test, &"a private engine needs root");
    }
    let daemon = Path::new(env!("CARGO_BIN_EXE_sealwatch"));
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).unwrap();
    let archive = directory.path().join("image.tar");
    let name = image::make(&engine, daemon, &archive).unwrap();
    assert!(archive.metadata().unwrap().len() > daemon.metadata().unwrap().len());

    let told = engine.docker_ok(&["image", "inspect", &name]).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let labels = &told[0]["Config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], image::VERSION);
    // One layer for the licences, one for the program.
    assert_eq!(told[0]["RootFS"]["Layers"].as_array().unwrap().len(), 2);

    // Anybody without any right may ask.
    let anybody = [
        "run",
        "--rm",
        "--read-only",
        "--network=none",
        "--cap-drop=ALL",
        "--user=65534",
    ];
    let version = engine
        .docker_ok(&[&anybody[..], &[&name, "--version"]].concat())
        .unwrap();
    assert_eq!(version, format!("sealwatch {}", image::VERSION));

    watches(&engine, &name);
}

/// The daemon sees this host's containers, with the Compose file's rights and mounts.
fn watches(engine: &Engine, name: &str) {
    let service = &documents("compose/compose.yaml")[0]["services"]["sealwatch"];
    let list = |key: &str| -> Vec<String> {
        let words = service[key].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut run: Vec<String> = ["run", "--detach", "--name=sealwatch", "--network=none"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(service["read_only"], true);
    run.push("--read-only".into());
    run.push(format!("--pid={}", service["pid"].as_str().unwrap()));
    let flags = [
        ("cap_drop", "--cap-drop"),
        ("cap_add", "--cap-add"),
        ("tmpfs", "--tmpfs"),
    ];
    for (key, flag) in flags {
        let mut words = list(key);
        assert!(!words.is_empty(), "{key}");
        if key == "cap_add" && !knows_bpf(engine, name) {
            words.retain(|name| !["BPF", "PERFMON"].contains(&name.as_str()));
            words.push("SYS_ADMIN".to_owned());
        }
        run.extend(words.iter().map(|word| format!("{flag}={word}")));
    }
    // Debian's engine writes `=` where Compose has a colon.
    let options = list("security_opt");
    run.extend(
        options
            .iter()
            .map(|word| format!("--security-opt={}", word.replacen(':', "=", 1))),
    );
    let mounts = list("volumes");
    run.extend(
        mounts
            .iter()
            .filter(|mount| here(mount))
            .map(|mount| format!("--volume={mount}")),
    );
    // A private engine's socket is nowhere that one would look for it, and this host
    // may keep the root of its first process to itself.
    let beside = engine.socket().parent().unwrap().display();
    run.push(format!("--volume={beside}:{beside}"));
    run.push(name.to_owned());
    // Nothing is to outlive the test.
    let command = list("command").into_iter();
    run.extend(command.filter(|word| !word.starts_with("--pin=")));
    run.push(format!("--docker-socket={}", engine.socket().display()));
    let words: Vec<&str> = run.iter().map(String::as_str).collect();
    engine.docker_ok(&words).unwrap();

    let begun = Instant::now();
    let health = ["exec", "sealwatch", "sealwatch", "health"];
    while !engine.docker(&health).unwrap().status.success() {
        let log = engine.docker(&["logs", "sealwatch"]).unwrap();
        let log = String::from_utf8_lossy(&log.stderr).into_owned();
        assert!(begun.elapsed() < READY_WITHIN, "{log}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let begun = Instant::now();
    loop {
        let told = engine
            .docker_ok(&["exec", "sealwatch", "sealwatch", "top", "--once"])
            .unwrap();
        // It is a container itself, whose name only the engine's socket tells.
        if told.contains("\nsealwatch ") {
            break;
        }
        assert!(begun.elapsed() < READY_WITHIN, "{told}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Debian 12's engine refuses the capability by name.
fn knows_bpf(engine: &Engine, name: &str) -> bool {
    let run = [
        "run",
        "--rm",
        "--network=none",
        "--cap-add=BPF",
        name,
        "--version",
    ];
    engine.docker(&run).unwrap().status.success()
}

/// Is the source on this host, or a volume? A locked-down kernel may lack some.
fn here(mount: &str) -> bool {
    let source = mount.split(':').next().unwrap_or_default();
    !source.starts_with('/') || Path::new(source).exists()
}
