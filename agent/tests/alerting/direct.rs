//! The same without Prometheus, by `--alertmanager-url`, with Alertmanager away
//! while things begin and end.

use std::time::{Duration, Instant};

use super::agent::eventually;
use super::container::{mend, start, unique};
use super::engines::cannot_run;
use super::receiver::Receiver;
use super::servers::{active, alertmanager, free};
use super::{NODE, Stage};

const ALERT: &str = "SealwatchCacheDegraded";
const SOON: Duration = Duration::from_secs(45);

#[test]
fn alertmanager_is_told_by_the_daemon_itself_over_an_outage() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("alertmanager_is_told", &why),
    };
    let webhook = Receiver::start();
    let address = free();
    let url = format!("http://{address}");
    let alerts = match alertmanager(stage.path(), address, webhook.address) {
        Ok(alerts) => alerts,
        Err(why) => return cannot_run("alertmanager_is_told", &why),
    };
    let agent = stage.agent(&["--alertmanager-url", &url]);
    let [first, second, third] = ["first", "second", "third"].map(unique);
    let found = |name: &str| {
        active(address)
            .into_iter()
            .find(|told| told.is_of(ALERT, name))
    };
    let degraded = |name: &str| agent.sum("sealwatch_degraded", &[("container", name)]) == 1.0;
    let numbers = |metric: &str| agent.sum(metric, &[("kind", "alertmanager")]);

    start(&stage, &first);
    let begun = Instant::now();
    eventually("the first is told", SOON, || found(&first).is_some());
    println!(
        "told {:.1} s after the start",
        begun.elapsed().as_secs_f64()
    );
    let told = found(&first).unwrap();
    println!("{:#}", told.0);
    told.assert_helps(&first);
    assert_eq!(told.label("instance"), NODE);
    let description = told.annotation("description");
    assert!(
        description.contains("/var/cache/myapp/response"),
        "{description}"
    );
    assert_eq!(numbers("sealwatch_alert_receiver_up"), 1.0);

    // Away: the first ends, the second begins, the third begins and ends.
    let notified = || webhook.statuses(ALERT, &first);
    eventually("it has told others", SOON, || notified() == ["firing"]);
    alerts.stop();
    mend(&stage, &first);
    start(&stage, &second);
    start(&stage, &third);
    let both = || degraded(&second) && degraded(&third) && !degraded(&first);
    eventually("the others are degraded, the first no longer", SOON, both);
    stage.engine.docker_ok(&["rm", "-f", &third]).unwrap();
    eventually("the third is gone", SOON, || !degraded(&third));
    // What is over is so for a moment before it is told.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(numbers("sealwatch_alert_receiver_up"), 0.0);
    // Containers of other tests are seen as well.
    assert!(numbers("sealwatch_alerts_waiting") >= 4.0);
    assert!(numbers("sealwatch_alert_requests_failed_total") >= 1.0);
    assert!(agent.log().contains("alerts wait"), "{}", agent.log());

    let _alerts = alertmanager(stage.path(), address, webhook.address).unwrap();
    eventually("the second is told", SOON, || found(&second).is_some());
    let late = found(&third);
    let late = late.unwrap_or_else(|| panic!("the third is lost: {:?}", active(address)));
    println!("{:#}", late.0);
    assert!(!late.annotation("ended_at").is_empty(), "{late:?}");
    assert!(
        late.annotation("description").starts_with("Over since "),
        "{late:?}"
    );
    assert!(found(&first).is_none());
    eventually("others are told that the first is over", SOON, || {
        notified() == ["firing", "resolved"]
    });
    let all = || numbers("sealwatch_alerts_waiting") == 0.0;
    eventually("nothing waits", SOON, all);
    assert_eq!(numbers("sealwatch_alert_receiver_up"), 1.0);
    assert!(agent.log().contains("it answers again"), "{}", agent.log());

    mend(&stage, &second);
    let over = || webhook.statuses(ALERT, &second) == ["firing", "resolved"];
    eventually("the second is over", SOON, over);
    println!("all over after {:.1} s", begun.elapsed().as_secs_f64());
    let lost = agent.sum("sealwatch_lost_total", &[("stage", "alert")]);
    assert_eq!(lost, 0.0);
    assert_eq!(agent.stop().code(), Some(0));
}
