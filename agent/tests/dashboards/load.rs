//! The demo's load: containers that have every trouble that a dashboard shows.
//!
//! In: an engine. Out: an agent that tells of them, and a Prometheus that scrapes
//! it and has the recording rules and alerts. Invariant: two containers bear the
//! labels of pods, the others are plain Docker's, without namespace and pod.
//! Lacks on purpose: stand-ins; every number comes from a real container.

use std::fs;
use std::path::Path;
use std::time::Duration;

use xtask::engine::{Engine, IMAGE};

use super::agent::Agent;
use super::engines::may_start;
use xtask::prometheus::Prometheus;

/// So short that a minute shows everything.
const SETTINGS: [&str; 15] = [
    "--cri-endpoint",
    "none",
    "--web.socket",
    "none",
    "--degraded.after",
    "2s",
    "--degraded.failures",
    "3",
    "--start-window",
    "5s",
    "--sample-interval",
    "200ms",
    "--host",
    "--limits.write-roots-per-container",
    "4",
];
/// For how long a revision is new in the rules, and how far back they look.
pub const WINDOW: Duration = Duration::from_secs(20);

struct Container {
    name: &'static str,
    options: &'static [&'static str],
    script: &'static str,
}

/// The app of before, in a pod, and a container of plain Docker.
const FIRST: &[Container] = &[
    Container {
        name: "k8s-web-stable",
        options: &[
            "--read-only",
            "--label=io.kubernetes.pod.namespace=shop",
            "--label=io.kubernetes.pod.name=web-57d8-aaaaa",
            "--label=io.kubernetes.container.name=web",
            "--label=pod-template-hash=57d8",
            "--label=track=stable",
        ],
        script: "while :; do echo x > /var/run/web.pid; sleep 2; done",
    },
    Container {
        name: "api-1",
        options: &[
            "--read-only",
            "--label=com.docker.compose.project=till",
            "--label=com.docker.compose.service=api",
            "--label=track=stable",
        ],
        script: "while :; do echo x > /var/run/api.pid; sleep 1; done",
    },
];

/// What comes after [`WINDOW`].
const SECOND: &[Container] = &[
    // Refused more often where it was before, and under a root of its own.
    Container {
        name: "k8s-web-canary",
        options: &[
            "--read-only",
            "--label=io.kubernetes.pod.namespace=shop",
            "--label=io.kubernetes.pod.name=web-canary-6c9f-bbbbb",
            "--label=io.kubernetes.container.name=web",
            "--label=pod-template-hash=6c9f",
            "--label=track=canary",
        ],
        script: "while :; do echo x > /var/run/web.pid; echo x > /var/cache/myapp/index; usleep 200000; done",
    },
    // As the one before it.
    Container {
        name: "api-2",
        options: &[
            "--read-only",
            "--label=com.docker.compose.project=till",
            "--label=com.docker.compose.service=api",
            "--label=track=canary",
        ],
        script: "while :; do echo x > /var/run/api.pid; sleep 1; done",
    },
    // One tmpfs fills up, one is full, one has no size.
    Container {
        name: "filling",
        options: &[
            "--read-only",
            "--memory=64m",
            "--tmpfs=/data:size=40m,nr_inodes=4000",
            "--tmpfs=/full:size=64k",
            "--tmpfs=/run",
        ],
        script: "head -c 34m /dev/zero > /data/file; head -c 1m /dev/zero > /full/file; i=0; \
            while :; do head -c 8k /dev/zero >> /data/file; echo > /data/$i; i=$((i+1)); usleep 300000; done",
    },
    Container {
        name: "crashing",
        options: &["--read-only", "--restart=always", "--label=track=canary"],
        script: "echo $$ > /var/run/app.pid || exit 3",
    },
    // Killed for what it put into a tmpfs, which stays.
    Container {
        name: "greedy",
        options: &[
            "--read-only",
            "--memory=32m",
            "--memory-swap=32m",
            "--tmpfs=/x:size=64m",
        ],
        // Between two kills the daemon has time to see how much lies there.
        script: "head -c 20m /dev/zero > /x/base; while :; do sleep 5; \
            sh -c 'echo 1000 > /proc/self/oom_score_adj; exec head -c 60m /dev/zero > /x/file'; done",
    },
    // Outside of its contract, into its own root.
    Container {
        name: "open",
        options: &["--volume=/tmp:/host"],
        script: "mkdir -p /srv/log; while :; do head -c 256k /dev/zero >> /srv/log/app; sleep 1; done",
    },
];

const CONTRACT: &str = "\
version: 1
container: open
write_roots:
  - { path: /var/cache, kind: tmpfs }
";

/// What the test stands on. Fields are dropped in this order.
pub struct Load {
    pub prometheus: Prometheus,
    pub agent: Agent,
    engine: Engine,
    dir: tempfile::TempDir,
}

impl Load {
    /// Starts engine, agent and Prometheus, and those that are there from the first.
    ///
    /// # Errors
    /// What cannot be had here.
    pub fn begin() -> Result<Load, String> {
        may_start()?;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let engine = Engine::start(path).map_err(|error| format!("{error:#}"))?;
        let contract = path.join("contract.yaml");
        fs::write(&contract, CONTRACT).unwrap();
        let state = path.join("state.json");
        let texts = [
            engine.socket(),
            &contract,
            &state,
            &path.join("no-engine.sock"),
        ]
        .map(|path| path.to_string_lossy().into_owned());
        let [socket, contract, state, missing] = texts.each_ref().map(String::as_str);
        let more = [
            "--docker-socket",
            socket,
            "--docker-socket",
            missing,
            "--contract",
            contract,
            "--state-file",
            state,
        ];
        let settings = [&SETTINGS[..], &more].concat();
        // A life before this one, after which nothing was counted for a moment.
        assert_eq!(Agent::start(path, &settings).stop().code(), Some(0));
        std::thread::sleep(Duration::from_secs(1));
        let agent = Agent::start(path, &settings);
        let config = configuration(path, &agent)?;
        let prometheus = Prometheus::start(path, &config).map_err(|error| format!("{error:#}"))?;
        let load = Load {
            prometheus,
            agent,
            engine,
            dir,
        };
        load.start(FIRST);
        Ok(load)
    }

    /// Starts the others.
    pub fn go_on(&self) {
        self.start(SECOND);
    }

    fn start(&self, containers: &[Container]) {
        for container in containers {
            let mut args = vec!["run", "-d", "--network=none", "--name", container.name];
            args.extend(container.options);
            args.extend([IMAGE, "sh", "-c", container.script]);
            self.engine.docker_ok(&args).unwrap();
        }
    }

    /// The directory that everything lies in.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Scrapes the agent, and one that is down; rules as they are shipped, but every
/// second, and with short memories.
fn configuration(dir: &Path, agent: &Agent) -> Result<String, String> {
    let shipped = xtask::layout::root().join("deploy/prometheus/sealwatch.rules.yaml");
    let rules =
        fs::read_to_string(&shipped).map_err(|error| format!("{}: {error}", shipped.display()))?;
    fs::write(dir.join("rules.yaml"), hurried(&rules)).map_err(|error| error.to_string())?;
    Ok(format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yaml]\n\
         scrape_configs:\n\
         - job_name: sealwatch\n  honor_labels: true\n  static_configs:\n\
         \x20 - targets: ['{}']\n    labels: {{cluster: here}}\n\
         \x20 - targets: ['127.0.0.1:1']\n    labels: {{cluster: here}}\n",
        agent.address()
    ))
}

/// Rules that say within seconds what they otherwise say within minutes.
fn hurried(rules: &str) -> String {
    let line = |line: &str| {
        let key = line.trim_start().split(':').next().unwrap_or_default();
        let indentation = &line[..line.len() - line.trim_start().len()];
        match key {
            "interval" => format!("{indentation}interval: 1s\n"),
            "for" => format!("{indentation}for: 0s\n"),
            _ => format!(
                "{}\n",
                line.replace("30m", &format!("{}s", WINDOW.as_secs()))
            ),
        }
    };
    rules.lines().map(line).collect()
}
