//! What a container writes with success, and where it goes, to the number.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::agent::{Agent, eventually};
use super::engines::cannot_run;
use super::{Stage, unique};

/// In each place another mixture, told apart by their numbers.
const SCRIPT: &str = "\
echo abc > /srv/a; echo abcd > /srv/b; mkdir /srv/d
echo x >> /srv/a; echo y >> /srv/b; echo z >> /srv/a
mv /srv/b /srv/c
dd if=/dev/zero of=/x/f bs=1000 count=3 2> /dev/null
echo 123 > /vol/v; echo 45 >> /vol/v
cat /srv/a /etc/passwd > /dev/null
su app -c 'echo 1 > /data/f; mkdir /data/d'; echo 22 >> /data/f
ln -s /srv /tmp/link; mkdir /tmp/link/e
cp /bin/busybox /var/lib/tool; /var/lib/tool true; /var/lib/tool true
echo 0 > /proc/self/oom_score_adj; mkdir /dev/mine
sleep 3";

/// opens, creates, directories, renames, writes, bytes.
type Numbers = [u64; 6];

const EXPECTED: [(&str, &str, Numbers); 7] = [
    ("/data", "upper_layer", [1, 1, 1, 0, 2, 5]),
    ("/dev", "kernel", [0, 0, 1, 0, 0, 0]),
    ("/proc", "kernel", [1, 0, 0, 0, 1, 2]),
    // What was made by a name with a link lies where the link leads.
    ("/srv", "upper_layer", [3, 2, 2, 1, 5, 15]),
    ("/tmp", "upper_layer", [0, 1, 0, 0, 0, 0]),
    ("/vol", "volume", [1, 1, 0, 0, 2, 7]),
    ("/x", "tmpfs", [0, 1, 0, 0, 3, 3_000]),
];
/// Copied by as many writes as the shell likes, so that only this is compared.
const COPIED: &str = "/var/lib";
/// What the runtime did before the script.
const RUNTIME: &str = "_runtime";

fn listing(agent: &Agent) -> Value {
    let (status, body) = agent.get("/api/v1/inventory");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A row of the container.
fn row(agent: &Agent, container: &str, write_root: &str) -> Value {
    let rows = of_container(agent, container);
    let row = rows.iter().find(|row| row["write_root"] == write_root);
    row.cloned().unwrap_or_default()
}

fn of_container(agent: &Agent, container: &str) -> Vec<Value> {
    let listing = listing(agent);
    let all = listing["containers"].as_array().unwrap();
    let of_container = all
        .iter()
        .filter(|entry| entry["container"]["name"] == container);
    let rows = of_container.flat_map(|entry| entry["write_roots"].as_array().unwrap().clone());
    rows.collect()
}

/// The container's rows but for what is not to be compared.
fn rows(agent: &Agent, container: &str) -> Vec<(String, String, Numbers)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = of_container(agent, container).into_iter();
    rows.filter(|row| row["write_root"] != COPIED && row["write_root"] != RUNTIME)
        .map(|row| {
            let fields = [
                "opens",
                "creates",
                "directories",
                "renames",
                "writes",
                "bytes",
            ];
            let numbers = fields.map(|field| row[field].as_u64().unwrap());
            (text(&row, "write_root"), text(&row, "destination"), numbers)
        })
        .collect()
}

/// Who wrote, whose the place is, what was executed from there.
fn tells_more(agent: &Agent, container: &str) {
    let of = |row: &Value, what: &str| {
        let row = &row[what];
        (
            row["uid"].clone(),
            row["uid_in_container"].clone(),
            row["mode"].clone(),
        )
    };
    let data = row(agent, container, "/data");
    let app = (10_001.into(), 10_001.into(), "0755".into());
    assert_eq!(of(&data, "owner"), app, "{data}");
    assert_eq!(of(&data, "directory_owner"), app);
    let writers = data["writers"].as_array().unwrap();
    let uids: Vec<_> = writers.iter().map(|writer| &writer["uid"]).collect();
    assert_eq!(uids, [10_001, 0], "{data}");
    assert_eq!(data["more_writers"], false);
    let tmp = row(agent, container, "/tmp");
    assert_eq!(of(&tmp, "owner"), (0.into(), 0.into(), "1777".into()));
    assert_eq!(tmp["commands"], serde_json::json!(["ln"]));
    let copied = row(agent, container, COPIED);
    assert_eq!(copied["executions"], 2, "{copied}");
    assert_eq!(copied["creates"], 1);
    let elsewhere = row(agent, container, "/srv");
    assert_eq!(elsewhere["executions"], 0);
    // The mount points and devices of the set-up are there, and the container's
    // own writes are not.
    let runtime = row(agent, container, RUNTIME);
    assert_eq!(runtime["destination"], "runtime", "{runtime}");
    assert!(
        runtime["commands"].to_string().contains("runc"),
        "{runtime}"
    );
}

/// Is a program on sys_exit beside the tracepoint backend's own?
fn programs(agent: &Agent) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap();
    descriptors
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().contains("bpf-prog"))
        .count()
}

#[test]
fn successful_writes_are_counted_where_they_go() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("successful_writes", &why),
    };
    let (watched, other) = (unique("watched"), unique("other"));
    let agent = stage.agent(&["--inventory", &format!("{watched}*")]);
    let idle = programs(&agent);
    // With one that is there already, the program is attached when the next is
    // born, so that its runtime's first writes are seen.
    let before = format!("{watched}-before");
    stage
        .engine
        .docker_ok(&[
            "run",
            "--rm",
            "--detach",
            "--network",
            "none",
            "--name",
            &before,
            xtask::engine::IMAGE,
            "sleep",
            "15",
        ])
        .unwrap();
    eventually("the program is attached", Duration::from_secs(10), || {
        programs(&agent) > idle
    });
    let start = |name: &str| {
        let volume = format!("{name}:/vol");
        let options = [
            "run",
            "--rm",
            "--detach",
            "--network",
            "none",
            "--name",
            name,
        ];
        let mounts = ["--tmpfs", "/x", "--volume", &volume];
        let command = [xtask::engine::IMAGE, "sh", "-c", SCRIPT];
        let args = [&options[..], &mounts, &command].concat();
        stage.engine.docker_ok(&args).unwrap();
    };
    start(&other);
    start(&watched);
    let expected = EXPECTED.map(|(root, kind, numbers)| (root.into(), kind.into(), numbers));
    eventually("the writes are counted", Duration::from_secs(30), || {
        rows(&agent, &watched) == expected || agent.log().contains("could not be read")
    });
    assert_eq!(rows(&agent, &watched), expected, "{}", listing(&agent));
    tells_more(&agent, &watched);
    assert!(programs(&agent) > idle);
    assert_eq!(rows(&agent, &other), []);
    // The last one that was watched is gone: so is the program.
    eventually("the program is detached", Duration::from_secs(30), || {
        programs(&agent) == idle
    });
    eventually("nobody is watched", Duration::from_secs(5), || {
        agent.sum("sealwatch_inventory_containers", &[]) == 0.0 && listing(&agent)["watched"] == 0
    });
    let lost = agent.sum("sealwatch_lost_total", &[("stage", "kernel")]);
    assert_eq!(lost, 0.0, "{}", agent.metrics_text());
}

#[test]
fn where_nobody_asks_nothing_is_attached_or_counted() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("where_nobody_asks", &why),
    };
    let agent = stage.agent(&[]);
    let idle = programs(&agent);
    let name = unique("unasked");
    let script = "echo 1 > /tmp/x; sleep 2; echo 2 > /tmp/x";
    let during = std::thread::scope(|scope| {
        let run = scope.spawn(|| stage.run(&name, &["--tmpfs", "/tmp"], &["sh", "-c", script]));
        let mut most = 0;
        while !run.is_finished() {
            most = most.max(programs(&agent));
            std::thread::sleep(Duration::from_millis(100));
        }
        most
    });
    assert_eq!(during, idle);
    let listing = listing(&agent);
    assert_eq!(
        (
            &listing["watched"],
            listing["containers"].as_array().unwrap().len()
        ),
        (&0.into(), 0)
    );
}
