//! A container fills its tmpfs past its memory limit, and the kernel kills it.

use std::time::Duration;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};

/// Commands that fill the tmpfs, each killed; the last one is the container itself.
const KILLS: u64 = 4;
/// Whoever fills it is the one to be killed, and every other says how it ended.
const SCRIPT: &str = "\
fill='echo 1000 > /proc/self/oom_score_adj; exec dd if=/dev/zero of=/x/f bs=64k count=1024'
for i in 1 2 3; do sh -c \"$fill\" 2> /dev/null; echo $?; rm -f /x/f; done
eval \"$fill\"";

#[test]
fn a_container_killed_by_its_own_tmpfs_is_counted_after_it_is_gone() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("a_container_killed_by_its_own_tmpfs", &why),
    };
    let agent = stage.agent(&[]);
    let (victim, bystander) = (unique("victim"), unique("bystander"));
    let options = ["--memory", "32m", "--memory-swap", "32m"];
    let options = [&options[..], &["--tmpfs", "/x:size=64m"]].concat();
    let quiet = "dd if=/dev/zero of=/x/f bs=64k count=64 2> /dev/null; echo $?; sleep 3";
    let said = stage.run(&bystander, &options, &["sh", "-c", quiet]);
    assert_eq!(said, "0\n");
    let said = stage.run(&victim, &options, &["sh", "-c", SCRIPT]);
    assert_eq!(said, "137\n137\n137\n");
    let killed = |name: &str| agent.sum("sealwatch_oom_kills_total", &[("container", name)]);
    eventually("the kills are counted", Duration::from_secs(20), || {
        killed(&victim) >= KILLS as f64
    });
    assert_eq!(killed(&victim), KILLS as f64);
    // Zero, not absent: it is measured.
    let all = agent.metrics();
    let of_bystander = all.iter().find(|series| {
        series.name == "sealwatch_oom_kills_total" && series.has(&[("container", &bystander)])
    });
    assert_eq!(of_bystander.map(|series| series.value), Some(0.0));
    assert_eq!(killed("_unresolved"), 0.0);
    let lines = agent.events(|event| event.text("/event") == "oom_kill");
    assert!(
        lines
            .iter()
            .all(|line| line.text("/container/name") == victim)
    );
    let told: u64 = lines
        .iter()
        .filter_map(|line| line.json["killed"].as_u64())
        .sum();
    assert_eq!(told, KILLS, "{lines:?}");
    let (_, listing) = agent.get("/api/v1/denials");
    assert!(listing.contains("\"oom_kill\""), "{listing}");
}
