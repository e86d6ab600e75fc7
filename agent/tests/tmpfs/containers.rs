//! Real containers: what they own, how it fills up, and how they are killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealwatch::tmpfs::memory::{Limit, MemoryRoot};
use sealwatch::tmpfs::{
    Asked, ContainerTmpfs, Origin, Pressure, Sampled, Sampler, Settings, Watched,
};
use xtask::engine::{Engine, IMAGE};

use super::engines::{cannot_run, may_start};
use super::{SECOND, groups};

struct Stage {
    engine: Engine,
    sampler: Sampler,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn set() -> Result<Stage, String> {
        may_start()?;
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::start(dir.path()).map_err(|error| format!("{error:#}"))?;
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let settings = Settings {
            groups: groups(),
            memory: MemoryRoot::find(&mounts),
            deadline: Duration::from_millis(250),
        };
        let sampler = Sampler::start(settings).unwrap();
        Ok(Stage {
            engine,
            sampler,
            _dir: dir,
        })
    }

    /// Starts a container with a read-only root and watches it.
    fn start(&self, options: &[&str], script: &str) -> Arc<str> {
        let mut args = vec!["run", "-d", "--read-only", "--network", "none"];
        args.extend(options);
        args.extend([IMAGE, "sh", "-c", script]);
        let id: Arc<str> = self.engine.docker_ok(&args).unwrap().into();
        let watched = Watched {
            container: Arc::clone(&id),
            group: format!("/docker/{id}").into_bytes(),
            born: true,
        };
        assert!(self.sampler.watch(watched));
        id
    }

    fn exec(&self, id: &str, script: &str) {
        self.engine
            .docker(&["exec", id, "sh", "-c", script])
            .unwrap();
    }

    fn told(&self, id: &Arc<str>) -> Option<Arc<ContainerTmpfs>> {
        let report = self.sampler.report();
        let told = report.containers.iter().find(|told| told.container == *id);
        told.cloned()
    }

    /// Waits until a container's report is as wanted; gives the time it took.
    fn wait(
        &self,
        id: &Arc<str>,
        within: Duration,
        wanted: impl Fn(&ContainerTmpfs) -> bool,
    ) -> (Arc<ContainerTmpfs>, Duration) {
        let begun = Instant::now();
        loop {
            let told = self.told(id);
            if let Some(told) = told.as_ref().filter(|told| wanted(told)) {
                return (Arc::clone(told), begun.elapsed());
            }
            assert!(begun.elapsed() < within, "not within {within:?}: {told:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn bytes(told: &ContainerTmpfs, target: &str) -> Option<(f64, Pressure, Option<u64>)> {
    let mount = told.mounts.iter().find(|mount| mount.target == target)?;
    match &mount.bytes {
        Sampled::Measured {
            fill,
            pressure,
            full_in_s,
        } => Some((fill.share(), *pressure, *full_in_s)),
        Sampled::Not(_) => None,
    }
}

#[test]
fn a_containers_tmpfs_is_told_as_it_fills_up() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_containers_tmpfs_is_told_as_it_fills_up", &why),
    };
    let options = [
        "--tmpfs",
        "/tmp:size=1m,nr_inodes=100",
        "--tmpfs",
        "/run",
        "--memory",
        "64m",
    ];
    let id = stage.start(&options, "sleep 1000");
    let (told, _) = stage.wait(&id, 10 * SECOND, |told| told.mounts.len() == 3);
    let all: Vec<_> = told
        .mounts
        .iter()
        .map(|mount| (mount.target.as_str(), mount.bytes_asked))
        .collect();
    let expected = [
        ("/dev/shm", Asked::AtMost(64 << 20)),
        ("/run", Asked::Unbounded),
        ("/tmp", Asked::AtMost(1 << 20)),
    ];
    assert_eq!(all, expected, "{told:#?}");
    assert!(
        told.mounts
            .iter()
            .all(|mount| mount.origin == Origin::Container)
    );
    assert_eq!(told.memory.limit, Limit::Bytes(64 << 20));
    assert!(told.memory.share.is_some());
    // Long enough that the pace has slowed down.
    std::thread::sleep(8 * SECOND);
    for (kib, share, pressure, within) in [
        (512, 0.5, Pressure::Calm, 5 * SECOND),
        (412, 0.9, Pressure::Near, 5 * SECOND),
        (400, 1.0, Pressure::Full, SECOND),
    ] {
        stage.exec(&id, &format!("dd if=/dev/zero bs=1k count={kib} >> /tmp/a"));
        let (told, took) = stage.wait(&id, within, |told| {
            bytes(told, "/tmp").is_some_and(|(seen, ..)| (seen - share).abs() < 0.01)
        });
        println!("{:.0} % after {took:?}", share * 100.0);
        assert_eq!(bytes(&told, "/tmp").unwrap().1, pressure);
    }
    stage.exec(&id, "rm /tmp/a; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do dd if=/dev/zero bs=1k count=40 >> /tmp/b; sleep 1; done");
    let (told, _) = stage.wait(&id, 5 * SECOND, |told| {
        bytes(told, "/tmp").is_some_and(|(.., full_in_s)| full_in_s.is_some())
    });
    let (share, _, full_in_s) = bytes(&told, "/tmp").unwrap();
    println!(
        "{:.0} % full, rest in {} s",
        share * 100.0,
        full_in_s.unwrap()
    );
    // What is left, at 40 KiB in a second and the time a shell takes.
    let straight = (1.0 - share) * 1024.0 / 40.0;
    let ratio = full_in_s.unwrap() as f64 / straight;
    assert!((0.6..2.0).contains(&ratio), "{ratio}");

    stage.engine.docker_ok(&["rm", "-f", &id]).unwrap();
    stage.wait(&id, 5 * SECOND, |told| told.unmeasured.is_some());
    assert!(stage.sampler.forget(&id));
}

#[test]
fn a_container_killed_by_its_own_tmpfs_is_told_so() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_container_killed_by_its_own_tmpfs_is_told_so", &why),
    };
    let id = stage.start(
        &[
            "--tmpfs",
            "/tmp:size=64m",
            "--memory",
            "16m",
            "--memory-swap",
            "16m",
        ],
        // The shell stays below the one that fills the memory.
        "while :; do dd if=/dev/zero of=/tmp/full bs=1M 2>/dev/null; sleep 1; done",
    );
    let (told, took) = stage.wait(&id, 20 * SECOND, |told| told.oom.kills > Some(0));
    println!("killed, seen after {took:?}: {:#?}", told.oom);
    let killed = told.oom.last.as_ref().unwrap();
    assert_eq!(killed.memory.limit, Limit::Bytes(16 << 20));
    assert!(killed.memory.share.unwrap() > 0.7, "{killed:?}");
    assert_eq!(killed.largest.as_deref(), Some("/tmp"));
    assert_ne!(killed.memory.pressure, Pressure::Calm);
}

#[test]
fn two_containers_of_one_shared_memory_know_it() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("two_containers_of_one_shared_memory_know_it", &why),
    };
    let first = stage.start(&["--ipc", "shareable", "--shm-size", "2m"], "sleep 1000");
    let second = stage.start(&["--ipc", &format!("container:{first}")], "sleep 1000");
    for id in [&first, &second] {
        let (told, _) = stage.wait(id, 10 * SECOND, |told| told.mounts.len() == 1);
        let mount = &told.mounts[0];
        assert_eq!(
            (mount.target.as_str(), mount.origin),
            ("/dev/shm", Origin::HandedIn)
        );
        assert_eq!(mount.bytes_asked, Asked::AtMost(2 << 20));
        let shared = stage.sampler.report().shared.clone();
        assert!(
            *id == first || shared.get(&mount.device) == Some(&2),
            "{shared:?}"
        );
    }
}
