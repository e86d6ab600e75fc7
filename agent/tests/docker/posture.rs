//! What is told of containers' mounts and users, against what their runtimes say.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::engine::IMAGE;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::engines::containerd::{Containerd, Wanted};
use super::others::{APP, images};
use super::{Stage, unique};

/// Longer than between two readings of a table that stands still.
const WITHIN: Duration = Duration::from_secs(40);

impl Stage {
    /// Starts a container that stays.
    fn keep(&self, name: &str, options: &[&str]) {
        let mut args = vec!["run", "--detach", "--network", "none", "--name", name];
        args.extend(options);
        args.extend([IMAGE, "sleep", "600"]);
        self.engine.docker_ok(&args).unwrap();
    }

    fn inspect(&self, name: &str) -> Value {
        let text = self.engine.docker_ok(&["inspect", name]).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[0].take()
    }
}

impl Agent {
    /// A container's posture once it is told and its root is known.
    fn posture(&self, name: &str) -> Option<Value> {
        let (status, body) = self.get("/api/v1/posture");
        assert_eq!(status, 200, "{body}");
        let mut list: Value = serde_json::from_str(&body).unwrap();
        let postures = list["postures"].as_array_mut().unwrap();
        let own = postures
            .iter_mut()
            .find(|one| one["container"]["name"] == name);
        own.map(Value::take).filter(|one| one["root"] != "unknown")
    }

    /// Waits until exactly these findings are told, in the list and as metrics.
    fn finds(&self, name: &str, expected: &[(&str, &str)]) -> Value {
        let begun = Instant::now();
        let last = loop {
            let last = self.posture(name).unwrap_or_default();
            let found: Vec<_> = last["findings"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| {
                    (
                        one["finding"].as_str().unwrap(),
                        one["path"].as_str().unwrap(),
                    )
                })
                .collect();
            if last["root"] != Value::Null && found == expected {
                break last;
            }
            let all = self.get("/api/v1/posture").1;
            assert!(
                begun.elapsed() < WITHIN,
                "{name} has not {expected:?}: {last:#}\n{all}"
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        for series in self.metrics() {
            if series.name == "sealwatch_findings" && series.has(&[("container", name)]) {
                let label = &series.labels["finding"];
                let places = expected
                    .iter()
                    .filter(|(finding, _)| finding == label)
                    .count();
                assert_eq!(series.value, places as f64, "{label} of {name}");
            }
        }
        last
    }

    /// What `sealwatch report` prints.
    fn report(&self) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(["report", "--agent", &self.address().to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The value of `sealwatch_rootfs_readonly`, where it is there.
    fn root_is_read_only(&self, name: &str) -> Option<f64> {
        let all = self.metrics();
        let own = all.iter().find(|series| {
            series.name == "sealwatch_rootfs_readonly" && series.has(&[("container", name)])
        });
        own.map(|series| series.value)
    }
}

#[test]
fn each_finding_comes_and_goes() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("each_finding_comes_and_goes", &why),
    };
    let agent = stage.agent(&[]);
    let host = stage.path().join("secret");
    std::fs::create_dir(&host).unwrap();
    let host = host.to_string_lossy();
    let socket = stage.engine.socket().to_string_lossy().into_owned();
    let name = |what: &str| unique(what);
    let safe = ["--read-only", "--user", "10001"];
    let with = |more: &[&'static str]| [safe.as_slice(), more].concat();

    let sealed = name("sealed");
    stage.keep(
        &sealed,
        &with(&["--tmpfs", "/tmp:size=1m", "--volume", "data:/data"]),
    );
    let posture = agent.finds(&sealed, &[]);
    assert_eq!(stage.inspect(&sealed)["HostConfig"]["ReadonlyRootfs"], true);
    assert_eq!(
        (&posture["root"], &posture["uid"]),
        (&"read_only".into(), &10_001.into())
    );
    let mounts: Vec<_> = posture["writable_mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| {
            (
                mount["target"].as_str().unwrap(),
                mount["kind"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/data", "volume"),
        ("/dev/shm", "tmpfs"),
        ("/tmp", "tmpfs"),
    ];
    assert_eq!(mounts, expected, "{posture:#}");
    let volume = stage.inspect(&sealed)["Mounts"][0]["Source"].take();
    assert_eq!(posture["writable_mounts"][0]["source"], volume);
    assert_eq!(agent.root_is_read_only(&sealed), Some(1.0));
    let tmp = [
        ("container", sealed.as_str()),
        ("mount", "/tmp"),
        ("kind", "tmpfs"),
        ("mode", "rw"),
        ("noexec", "true"),
    ];
    assert_eq!(agent.sum("sealwatch_mount_info", &tmp), 1.0);

    let open = name("open");
    stage.keep(&open, &[]);
    agent.finds(&open, &[("writable_root", "/"), ("runs_as_root", "/")]);
    assert_eq!(stage.inspect(&open)["HostConfig"]["ReadonlyRootfs"], false);
    assert_eq!(agent.root_is_read_only(&open), Some(0.0));

    let bound = name("bound");
    let (writable, read_only) = (format!("{host}:/secret"), format!("{host}:/safe:ro"));
    let mut options = with(&[]);
    options.extend(["--volume", &writable, "--volume", &read_only]);
    stage.keep(&bound, &options);
    let posture = agent.finds(&bound, &[("writable_host_path", "/secret")]);
    let sentence = posture["findings"][0]["sentence"].as_str().unwrap();
    assert_eq!(sentence, format!("writable host path {host} at /secret"));

    let talks = name("talks");
    let mount = format!("{socket}:/var/run/docker.sock:ro");
    let mut options = with(&[]);
    options.extend(["--volume", &mount]);
    stage.keep(&talks, &options);
    agent.finds(&talks, &[("runtime_socket", "/var/run/docker.sock")]);

    let roomy = name("roomy");
    stage.keep(
        &roomy,
        &with(&["--tmpfs", "/a", "--tmpfs", "/b:exec,suid,dev,size=1m"]),
    );
    let found = [
        ("tmpfs_executable", "/b"),
        ("tmpfs_setuid", "/b"),
        ("tmpfs_devices", "/b"),
        ("tmpfs_without_size", "/a"),
    ];
    agent.finds(&roomy, &found);

    // Whoever goes takes the findings along.
    stage.engine.docker_ok(&["rm", "--force", &bound]).unwrap();
    eventually("a finding leaves with its container", WITHIN, || {
        agent.posture(&bound).is_none()
            && agent.sum("sealwatch_findings", &[("container", &bound)]) == 0.0
    });
    let text = agent.report();
    let line = format!("{talks}: the container runtime's socket");
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains(&format!("{roomy}: tmpfs /a without size")),
        "{text}"
    );
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn a_root_that_is_remounted_is_told_and_told_again() {
    let test = "a_root_that_is_remounted_is_told_and_told_again";
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run(test, &why),
    };
    let agent = stage.agent(&[]);
    let name = unique("remounts");
    // What --privileged gives beside, a sandboxed machine has not got itself.
    let able = [
        "--read-only",
        "--cap-add",
        "SYS_ADMIN",
        "--security-opt",
        "apparmor=unconfined",
        "--security-opt",
        "seccomp=unconfined",
    ];
    stage.keep(&name, &able);
    let sealed = [("runs_as_root", "/")];
    agent.finds(&name, &sealed);
    assert_eq!(agent.root_is_read_only(&name), Some(1.0));
    let remount = |how: &str, target: &str| {
        let args = ["exec", name.as_str(), "mount", "-o", how, target];
        stage.engine.docker_ok(&args).unwrap();
        // What Docker says does not change.
        assert_eq!(stage.inspect(&name)["HostConfig"]["ReadonlyRootfs"], true);
    };
    remount("remount,bind,rw", "/");
    let opened = [[("writable_root_asked_read_only", "/")].as_slice(), &sealed].concat();
    let begun = Instant::now();
    let posture = agent.finds(&name, &opened);
    println!("a remounted root is told after {:?}", begun.elapsed());
    assert_eq!(posture["container"]["read_only_root"], true);
    assert_eq!(agent.root_is_read_only(&name), Some(0.0));
    remount("remount,bind,ro", "/");
    // The file system itself is read-only here as well, so that is what is remounted.
    remount("remount,rw", "/sys");
    let kernel = [[("writable_kernel_files", "/sys")].as_slice(), &sealed].concat();
    agent.finds(&name, &kernel);
    assert_eq!(agent.root_is_read_only(&name), Some(1.0));
    remount("remount,ro", "/sys");
    agent.finds(&name, &sealed);
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn a_pods_posture_is_as_its_runtime_says() {
    let test = "a_pods_posture_is_as_its_runtime_says";
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run(test, &why),
    };
    let [pause, app] = images(&stage);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (dir, archives) = (stage.path().join("c"), [pause.as_path(), app.as_path()]);
    let mut containerd = match runtime.block_on(Containerd::start(&dir, &archives)) {
        Ok(containerd) => containerd,
        Err(why) => return cannot_run(test, &why),
    };
    let socket = containerd.socket().to_string_lossy().into_owned();
    let settings = ["--docker-socket", "none", "--cri-endpoint", &socket];
    let agent = Agent::start(stage.path(), &settings);
    // As the kubelet makes an emptyDir in memory, which it hands in without options.
    let uid = "8f6a2c1e-1111-4222-8333-0123456789ab";
    let memory = stage
        .path()
        .join(format!("pods/{uid}/volumes/kubernetes.io~empty-dir/memory"));
    std::fs::create_dir_all(&memory).unwrap();
    let data = stage.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&memory)
        .status();
    assert!(mounted.unwrap().success());
    let wanted = |name, mounts| Wanted {
        name,
        image: APP,
        command: &["/bin/sleep", "600"],
        mounts,
    };
    let mounts = [("/cache", memory.as_path()), ("/data", data.as_path())];
    let (plain, mounted) = runtime.block_on(async {
        let pod = containerd.pod("prod", "web-0", uid, &[]).await.unwrap();
        let plain = containerd.run(&pod, &wanted("plain", &[])).await.unwrap();
        let mounted = containerd
            .run(&pod, &wanted("mounted", &mounts))
            .await
            .unwrap();
        (plain, mounted)
    });
    let mut spec = |id: &str| runtime.block_on(containerd.status(id))["runtimeSpec"].take();
    let posture = agent.finds("plain", &[("runs_as_root", "/")]);
    let told = spec(&plain);
    assert_eq!(told["root"]["readonly"], true, "{told:#}");
    assert_eq!(told["process"]["user"]["uid"], posture["uid"]);
    assert_eq!(posture["root"], "read_only");
    assert_eq!(posture["container"]["pod"], "web-0");
    let found = [
        ("writable_host_path", "/data"),
        ("runs_as_root", "/"),
        ("tmpfs_executable", "/cache"),
        ("tmpfs_setuid", "/cache"),
        ("tmpfs_devices", "/cache"),
    ];
    let posture = agent.finds("mounted", &found);
    let told = spec(&mounted);
    for mount in posture["writable_mounts"].as_array().unwrap() {
        let told = told["mounts"].as_array().unwrap().iter();
        let own = told
            .clone()
            .find(|told| told["destination"] == mount["target"]);
        let own = own.unwrap_or_else(|| panic!("the runtime made no {mount:#}"));
        let is_bind = own["type"] == "bind" && mount["kind"] == "host_path";
        assert!(
            !is_bind || own["source"] == mount["source"],
            "{own:#} {mount:#}"
        );
    }
    for name in ["plain", "mounted"] {
        assert_eq!(agent.root_is_read_only(name), Some(1.0), "{name}");
    }
    runtime.block_on(containerd.clear());
    let unmounted = Command::new("umount").arg(&memory).status();
    assert!(unmounted.unwrap().success());
    assert_eq!(agent.stop().code(), Some(0));
}
