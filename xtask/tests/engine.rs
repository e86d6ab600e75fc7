//! A private engine comes up, runs a read-only container, and leaves nothing behind.

use std::fs;

use xtask::engine::{Engine, IMAGE};

#[test]
fn an_engine_runs_a_read_only_container_and_goes() {
    if !xtask::toolchain::apt::is_root() {
        assert!(
            std::env::var_os("CI").is_none(),
            "a private engine needs root"
        );
        eprintln!("\n=== NOT RUN: a private engine needs root\n");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).unwrap();
    let socket = engine.socket().to_path_buf();
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "--read-only",
        "--user",
        "10001",
        IMAGE,
    ];
    let refused = [&run[..], &["touch", "/home/app/file"]].concat();
    let output = engine.docker(&refused).unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("Read-only file system"), "{words}");
    assert_eq!(
        engine
            .docker_ok(&[&run[..], &["id", "-un"]].concat())
            .unwrap(),
        "app"
    );
    engine
        .docker_ok(&[
            "run",
            "--detach",
            "--network",
            "none",
            IMAGE,
            "sleep",
            "1000",
        ])
        .unwrap();

    drop(engine);
    assert!(!socket.exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(dir.path().to_str().unwrap()), "{mounts}");
}
