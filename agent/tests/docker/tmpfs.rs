//! Containers fill their tmpfs mounts; the daemon's metrics, list and report tell.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;
use xtask::engine::IMAGE;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::engines::containerd::{Containerd, Wanted};
use super::others::{APP, images};
use super::{Stage, unique};

const SECOND: Duration = Duration::from_secs(1);
const MIB: f64 = 1_048_576.0;

/// One value; none where there is no such series.
pub(super) fn value(agent: &Agent, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let all = agent.metrics();
    let mut found = all
        .iter()
        .filter(|series| series.name == name && series.has(labels));
    let value = found.next().map(|series| series.value);
    assert_eq!(found.next(), None, "{name} {labels:?} twice");
    value
}

/// Waits for a value, and returns how long that took.
pub(super) fn wait_for(
    agent: &Agent,
    name: &str,
    labels: &[(&str, &str)],
    within: Duration,
    wanted: impl Fn(f64) -> bool,
) -> Duration {
    let begun = Instant::now();
    loop {
        let seen = value(agent, name, labels);
        if seen.is_some_and(&wanted) {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < within,
            "{name} is {seen:?} after {within:?}\n{}",
            agent.metrics_text()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(stage: &Stage, name: &str, options: &[&str], script: &str) {
    start_with(stage, name, &[&["--read-only"], options].concat(), script);
}

pub(super) fn start_with(stage: &Stage, name: &str, options: &[&str], script: &str) {
    let mut args = vec!["run", "-d", "--network", "none"];
    args.extend(["--name", name]);
    args.extend(options);
    args.extend([IMAGE, "sh", "-c", script]);
    stage.engine.docker_ok(&args).unwrap();
}

pub(super) fn exec(stage: &Stage, name: &str, script: &str) -> bool {
    let args = ["exec", name, "sh", "-c", script];
    stage.engine.docker(&args).unwrap().status.success()
}

/// What a person is shown.
pub(super) fn report(agent: &Agent) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["report", "--agent", &agent.address().to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_tmpfs_is_told_as_it_fills_up() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_tmpfs_is_told_as_it_fills_up", &why),
    };
    let agent = stage.agent(&[]);
    let name = unique("filling");
    let options = [
        "--tmpfs",
        "/tmp:size=1m,nr_inodes=100",
        "--tmpfs",
        "/run",
        "--memory",
        "64m",
    ];
    start(&stage, &name, &options, "sleep 1000");
    let of = [("container", name.as_str())];
    let tmp = [of[0], ("mount", "/tmp")];
    let bytes = [of[0], ("mount", "/tmp"), ("resource", "bytes")];
    let told = |name, labels: &[_]| value(&agent, name, labels);
    wait_for(
        &agent,
        "sealwatch_tmpfs_limit_bytes",
        &tmp,
        10 * SECOND,
        |limit| limit == MIB,
    );
    assert_eq!(told("sealwatch_tmpfs_limit_inodes", &tmp), Some(100.0));
    assert_eq!(
        told("sealwatch_container_memory_limit_bytes", &of),
        Some(64.0 * MIB)
    );
    let run = [of[0], ("mount", "/run")];
    assert_eq!(told("sealwatch_tmpfs_unbounded", &run), Some(1.0));
    assert_eq!(told("sealwatch_tmpfs_unbounded", &tmp), None);
    assert_eq!(told("sealwatch_tmpfs_time_to_full_seconds", &bytes), None);
    // Long enough that the pace has slowed down.
    std::thread::sleep(8 * SECOND);
    for (kib, share, pressure, within) in [
        (512, 0.5, 0.0, 5 * SECOND),
        (410, 0.9, 1.0, 5 * SECOND),
        // A second on a machine with nothing else to do.
        (102, 1.0, 2.0, 2 * SECOND),
    ] {
        let fill = format!("dd if=/dev/zero bs=1k count={kib} >> /tmp/a");
        assert!(exec(&stage, &name, &fill));
        let took = wait_for(&agent, "sealwatch_tmpfs_used_bytes", &tmp, within, |used| {
            (used / MIB - share).abs() < 0.01
        });
        println!("{:.0} % after {took:?}", share * 100.0);
        assert_eq!(told("sealwatch_tmpfs_pressure", &bytes), Some(pressure));
    }
    let ratio = told("sealwatch_container_tmpfs_memory_ratio", &of).unwrap();
    assert!((ratio - 1.0 / 64.0).abs() < 0.001, "{ratio}");

    let refused = [of[0], ("errno", "ENOSPC")];
    assert_eq!(agent.sum("sealwatch_denials_total", &refused), 0.0);
    assert!(!exec(&stage, &name, "echo x > /tmp/b"));
    eventually("the first refusal is counted", 5 * SECOND, || {
        agent.sum("sealwatch_denials_total", &refused) == 1.0
    });

    let (status, listing) = agent.get("/api/v1/tmpfs");
    assert_eq!(status, 200, "{listing}");
    let listing: Value = serde_json::from_str(&listing).unwrap();
    let mounts = &listing["tmpfs"][0]["mounts"];
    let listed = mounts.as_array().unwrap().iter();
    let listed: Vec<_> = listed
        .map(|mount| mount["mount"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ["/dev/shm", "/run", "/tmp"], "{listing:#}");
    assert_eq!(mounts[2]["bytes"]["used"], MIB as u64);
    let report = report(&agent);
    let row = report.lines().find(|line| line.contains("/tmp  "));
    assert!(row.is_some_and(|row| row.contains("100 %")), "{report}");

    let slowly = "rm /tmp/*; for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=1k count=40 >> /tmp/c; sleep 1; done";
    assert!(exec(&stage, &name, slowly));
    wait_for(
        &agent,
        "sealwatch_tmpfs_time_to_full_seconds",
        &bytes,
        5 * SECOND,
        |seconds| (8.0..60.0).contains(&seconds),
    );

    stage.engine.docker_ok(&["rm", "-f", &name]).unwrap();
    eventually("its series leave", 5 * SECOND, || {
        told("sealwatch_tmpfs_used_bytes", &tmp).is_none()
    });
    assert_eq!(agent.stop().code(), Some(0));
}

/// Scales images in /tmp and never cleans up, until there is no memory left.
const IMAGE_SERVICE: &str = "i=0; while :; do i=$((i+1)); \
    dd if=/dev/zero of=/tmp/image-$i.png bs=64k count=16 2> /dev/null || echo $?; sleep 0.3; done";

#[test]
fn a_container_killed_by_its_own_tmpfs_gets_its_cause() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_container_killed_gets_its_cause", &why),
    };
    let agent = stage.agent(&[]);
    let name = unique("images");
    let options = ["--memory", "24m", "--memory-swap", "24m"];
    let options = [&options[..], &["--tmpfs", "/tmp:size=256m"]].concat();
    start(&stage, &name, &options, IMAGE_SERVICE);
    let labels = [("container", name.as_str()), ("mount", "/tmp")];
    wait_for(
        &agent,
        "sealwatch_oom_tmpfs_memory_ratio",
        &labels,
        60 * SECOND,
        |share| share > 0.6,
    );
    eventually("the kernel's count has it", 8 * SECOND, || {
        agent.sum("sealwatch_oom_kills_total", &labels[..1]) >= 1.0
    });
    stage.engine.docker_ok(&["rm", "-f", &name]).unwrap();
    // It is told of a container that is gone, too.
    std::thread::sleep(2 * SECOND);
    let share = value(&agent, "sealwatch_oom_tmpfs_memory_ratio", &labels).unwrap();
    assert!((0.6..1.01).contains(&share), "{share}");
    let report = report(&agent);
    let told = format!("{name}: killed for want of memory; tmpfs took ");
    let line = report.lines().find(|line| line.starts_with(&told));
    assert!(
        line.is_some_and(|line| line.ends_with("of its memory limit of 24 MiB, most of it in /tmp")),
        "{report}"
    );
    println!("{}", line.unwrap());
}

/// A tmpfs where the kubelet makes an emptyDir with `medium: Memory`.
struct EmptyDir(std::path::PathBuf);

impl EmptyDir {
    fn mount(dir: &Path, size: &str) -> EmptyDir {
        let path = dir.join("pods/1/volumes/kubernetes.io~empty-dir/cache");
        std::fs::create_dir_all(&path).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        EmptyDir(path)
    }
}

impl Drop for EmptyDir {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_pods_empty_dir_in_memory_is_told_through_cri() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_pods_empty_dir_in_memory_is_told", &why),
    };
    let [pause, app] = images(&stage);
    let runtime = Runtime::new().unwrap();
    let (dir, archives) = (stage.path().join("c"), [pause.as_path(), app.as_path()]);
    let mut containerd = match runtime.block_on(Containerd::start(&dir, &archives)) {
        Ok(containerd) => containerd,
        Err(why) => return cannot_run("a_pods_empty_dir_in_memory_is_told", &why),
    };
    let volume = EmptyDir::mount(stage.path(), "1m");
    let socket = containerd.socket().to_string_lossy().into_owned();
    let settings = ["--docker-socket", "none", "--cri-endpoint", &socket];
    let agent = Agent::start(stage.path(), &settings);
    let wanted = Wanted {
        name: "app",
        image: APP,
        command: &["/bin/sh", "-c", "sleep 1000"],
        mounts: &[("/cache", &volume.0)],
    };
    runtime.block_on(async {
        let uid = "8f6a2c1e-1111-4222-8333-0123456789ac";
        let sandbox = containerd.pod("prod", "web-1", uid, &[]).await.unwrap();
        containerd.run(&sandbox, &wanted).await.unwrap();
    });
    let labels = [
        ("namespace", "prod"),
        ("pod", "web-1"),
        ("container", "app"),
        ("mount", "/cache"),
    ];
    let used = "sealwatch_tmpfs_used_bytes";
    wait_for(&agent, used, &labels, 10 * SECOND, |used| used == 0.0);
    let limit = value(&agent, "sealwatch_tmpfs_limit_bytes", &labels);
    assert_eq!(limit, Some(MIB));
    // What the container would write lies in the same file system.
    std::fs::write(volume.0.join("index"), vec![1; 524_288]).unwrap();
    wait_for(&agent, used, &labels, 5 * SECOND, |used| used == MIB / 2.0);
    runtime.block_on(containerd.clear());
}
