//! Two hundred containers that each live about 50 ms and are refused once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;
use xtask::engine::IMAGE;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};

const CONTAINERS: usize = 200;
const AT_ONCE: usize = 4;

#[test]
fn whoever_lives_fifty_milliseconds_is_named() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("whoever_lives_fifty_milliseconds", &why),
    };
    let agent = stage.agent(&[]);
    let unresolved_before = agent.sum("sealwatch_unresolved_denials_total", &[]);
    let names: Vec<String> = (0..CONTAINERS)
        .map(|at| unique(&format!("short-{at}")))
        .collect();
    let socket = stage.engine.socket().to_str().unwrap();
    let docker = Docker::connect_with_unix(socket, 60, API_DEFAULT_VERSION).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let docker = docker.negotiate_version().await.unwrap();
        let docker = &docker;
        futures_util::stream::iter(&names)
            .for_each_concurrent(AT_ONCE, |name| async move {
                let script = format!("echo > /var/cache/{name}; usleep 40000");
                let body = ContainerCreateBody {
                    image: Some(IMAGE.to_owned()),
                    cmd: Some(["sh", "-c", script.as_str()].map(str::to_owned).to_vec()),
                    host_config: Some(HostConfig {
                        readonly_rootfs: Some(true),
                        auto_remove: Some(true),
                        network_mode: Some("none".to_owned()),
                        ..Default::default()
                    }),
                    ..Default::default()
                };
                let options = CreateContainerOptionsBuilder::new().name(name).build();
                docker.create_container(Some(options), body).await.unwrap();
                docker
                    .start_container(name, None::<StartContainerOptions>)
                    .await
                    .unwrap();
            })
            .await;
    });
    println!(
        "{CONTAINERS} containers started in {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let expected: BTreeMap<String, f64> = names.iter().map(|name| (name.clone(), 1.0)).collect();
    let counted = || {
        let mut counted = BTreeMap::new();
        for series in agent
            .metrics()
            .iter()
            .filter(|s| s.name == "sealwatch_denials_total")
        {
            let name = series.labels.get("container").cloned().unwrap_or_default();
            *counted.entry(name).or_insert(0.0) += series.value;
        }
        // Whatever else runs on this machine under other engines is none of ours.
        counted.retain(|name: &String, _| !is_id(name));
        counted
    };
    eventually(
        "every container is counted once, by name",
        Duration::from_secs(20),
        || {
            let counted = counted();
            counted == expected || {
                let missing = expected
                    .keys()
                    .filter(|name| !counted.contains_key(*name))
                    .count();
                eprintln!("{} names, {missing} missing", counted.len());
                std::thread::sleep(Duration::from_millis(500));
                false
            }
        },
    );
    let ours = agent
        .denials()
        .into_iter()
        .filter(|d| d.text("/path").starts_with("/var/cache/short-"));
    let mut seen = 0;
    for denial in ours {
        seen += 1;
        let path = denial.text("/path").trim_start_matches("/var/cache/");
        assert_eq!(denial.text("/container/name"), path, "{:#}", denial.json);
    }
    assert_eq!(seen, CONTAINERS);
    let events = agent.events(|event| event.text("/path").starts_with("/var/cache/short-"));
    assert_eq!(events.len(), CONTAINERS);
    for event in events {
        let path = event.text("/path").trim_start_matches("/var/cache/");
        assert_eq!(event.text("/container/name"), path, "{:#}", event.json);
        assert_eq!(event.text("/container/image"), IMAGE, "{:#}", event.json);
    }
    assert_eq!(
        agent.sum("sealwatch_unresolved_denials_total", &[]),
        unresolved_before
    );
    assert_eq!(
        agent.sum("sealwatch_lost_total", &[("stage", "identity")]),
        0.0
    );
}

/// What a container is called that no runtime of the daemon's knows.
fn is_id(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
