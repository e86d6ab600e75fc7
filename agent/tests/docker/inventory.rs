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
sleep 3";

/// opens, creates, directories, renames, writes, bytes.
const EXPECTED: [(&str, &str, [u64; 6]); 3] = [
    ("/srv", "upper_layer", [3, 2, 1, 1, 5, 15]),
    ("/vol", "volume", [1, 1, 0, 0, 2, 7]),
    ("/x", "tmpfs", [0, 1, 0, 0, 3, 3_000]),
];

fn listing(agent: &Agent) -> Value {
    let (status, body) = agent.get("/api/v1/inventory");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The container's rows, those of the runtime's own writes left out.
fn rows(agent: &Agent, container: &str) -> Vec<(String, String, [u64; 6])> {
    let listing = listing(agent);
    let all = listing["containers"].as_array().unwrap();
    let of_container = all
        .iter()
        .filter(|entry| entry["container"]["name"] == container);
    let rows = of_container.flat_map(|entry| entry["write_roots"].as_array().unwrap());
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.filter(|row| EXPECTED.iter().any(|(root, ..)| row["write_root"] == *root))
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
            (text(row, "write_root"), text(row, "destination"), numbers)
        })
        .collect()
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
    let agent = stage.agent(&["--inventory", &watched]);
    let idle = programs(&agent);
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
