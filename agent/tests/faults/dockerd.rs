//! dockerd is killed, comes back, and hangs.

use std::time::Duration;

use xtask::engine::Engine;

use super::agent::{Agent, eventually};
use super::engines::{cannot_run, may_start};
use super::lab::{SOON, beside, denials, detach, refuse, unique};

/// A ping goes out every 20 s and is waited for 10 s; then the socket is asked again.
const HANGS_WITHIN: Duration = Duration::from_secs(45);
/// Waits between sessions grow to 30 s.
const BACK_WITHIN: Duration = Duration::from_secs(45);
/// Two refusals a second.
const SLOWLY: &str = "while :; do echo > /srv/x; usleep 500000; done 2>/dev/null";

#[test]
fn dockerd_that_dies_or_hangs_delays_names_alone() {
    if let Err(why) = may_start() {
        return cannot_run("dockerd_that_dies", &why);
    }
    let _turn = beside();
    let dir = tempfile::tempdir().unwrap();
    let mut engine = match Engine::start(dir.path()) {
        Ok(engine) => engine,
        Err(why) => return cannot_run("dockerd_that_dies", &format!("{why:#}")),
    };
    let [known, later] = ["known", "later"].map(unique);
    detach(&engine, &known, SLOWLY);
    let socket = engine.socket().display().to_string();
    let settings = ["--cri-endpoint", "none", "--docker-socket", &socket];
    let agent = Agent::start(dir.path(), &settings);
    eventually("it is named", SOON, || denials(&agent, &known) > 0.0);
    let up = || agent.sum("sealwatch_runtime_up", &[("runtime", "docker")]);
    eventually("dockerd is up", SOON, || up() == 1.0);

    engine.kill().unwrap();
    eventually("dockerd is down", SOON, || up() == 0.0);
    let before = denials(&agent, &known);
    eventually("who is known is counted", SOON, || {
        denials(&agent, &known) > before + 1.0
    });
    assert!(agent.log().contains("does not answer"), "{}", agent.log());
    engine.revive().unwrap();
    eventually("dockerd is up again", BACK_WITHIN, || up() == 1.0);
    detach(&engine, &later, "sleep 600");
    refuse(&engine, &later, 3);
    eventually("who is new is named", SOON, || {
        denials(&agent, &later) == 3.0
    });

    engine.pause(true).unwrap();
    eventually("that it hangs is told", HANGS_WITHIN, || up() == 0.0);
    let before = denials(&agent, &known);
    eventually("who is known is counted", SOON, || {
        denials(&agent, &known) > before + 1.0
    });
    engine.pause(false).unwrap();
    eventually("it answers again", BACK_WITHIN, || up() == 1.0);
    assert_eq!(agent.stop().code(), Some(0));
}
