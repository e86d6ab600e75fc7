//! What reading the mount tables of 500 containers costs.
//!
//! `cargo test --release -p sealwatch --test docker -- --ignored --nocapture price_of_posture`

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use sealwatch::posture::{Reader, Watched};

const CONTAINERS: usize = 500;
/// As many as a container of Docker's has, with three of its own.
const MOUNTS: usize = 21;

/// A process with a root and mounts of its own, in a "control group" that is a
/// plain directory.
fn start(dir: &Path, name: &str) -> Child {
    let root = dir.join("root");
    let script = format!(
        "mount --bind $R $R && mount -o remount,bind,ro $R && \
         for n in $(seq {MOUNTS}); do mount --bind $R/o $R/o || exit 1; done; \
         exec chroot $R /busybox sleep 600"
    );
    let child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .env("R", &root)
        .spawn()
        .unwrap();
    let group = dir.join(name);
    std::fs::create_dir(&group).unwrap();
    std::fs::write(group.join("cgroup.procs"), format!("{}\n", child.id())).unwrap();
    child
}

/// Processor time of this process's thread of that name, in milliseconds.
fn cpu_ms(thread: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let own = tasks.map(|task| task.path()).find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == thread)
    });
    let stat = std::fs::read_to_string(own.unwrap().join("schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

#[test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
fn price_of_posture() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("root/o")).unwrap();
    std::fs::copy("/bin/busybox", dir.path().join("root/busybox")).unwrap();
    let mut children: Vec<Child> = (0..CONTAINERS)
        .map(|n| start(dir.path(), &format!("c{n}")))
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    let reader = Reader::start(dir.path().to_owned()).unwrap();
    let begun = Instant::now();
    for n in 0..CONTAINERS {
        let watched = Watched {
            container: format!("c{n}").into(),
            group: format!("c{n}").into_bytes(),
        };
        assert!(reader.watch(watched));
    }
    let known = || {
        let report = reader.report();
        let tables = report.containers.values();
        tables.filter(|facts| facts.table.is_ok()).count()
    };
    while known() < CONTAINERS {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} are known",
            known()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    println!(
        "all known after {:?}, {:.1} ms",
        begun.elapsed(),
        cpu_ms("posture")
    );
    for what in ["at first", "then", "at rest"] {
        let before = cpu_ms("posture");
        std::thread::sleep(Duration::from_secs(30));
        let share = (cpu_ms("posture") - before) / 30_000.0;
        println!("{what}: {:.3} % of a core", share * 100.0);
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
