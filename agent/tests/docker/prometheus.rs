//! A real Prometheus scrapes the daemon, and its linter has nothing to say.

use std::time::Duration;

use super::agent::eventually;
use super::engines::cannot_run;
use super::{Stage, unique};
use xtask::prometheus::Prometheus;

#[test]
fn prometheus_scrapes_and_its_linter_is_content() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("prometheus_scrapes", &why),
    };
    let agent = stage.agent(&[]);
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - job_name: sealwatch\n  static_configs: [{{targets: ['{}']}}]\n",
        agent.address()
    );
    let prometheus = match Prometheus::start(stage.path(), &config) {
        Ok(prometheus) => prometheus,
        Err(why) => return cannot_run("prometheus_scrapes", &format!("{why:#}")),
    };
    let name = unique("scraped");
    stage.run(
        &name,
        &[],
        &[
            "sh",
            "-c",
            "echo > /srv/a; echo > /srv/a; mkdir /srv/b; exit 0",
        ],
    );
    let query = format!("sum(sealwatch_denials_total{{container=\"{name}\",errno=\"EROFS\"}})");
    eventually("Prometheus has the count", Duration::from_secs(30), || {
        prometheus
            .query(&query)
            .is_ok_and(|found| found.first().is_some_and(|one| one["value"][1] == "3"))
    });
    let up = prometheus.query("up{job=\"sealwatch\"}").unwrap();
    assert!(
        up.iter().all(|result| result["value"][1] == "1") && up.len() == 1,
        "{up:?}"
    );
    // The join that dashboards and alerts use.
    let joined = format!(
        "sealwatch_denials_total{{container=\"{name}\"}} \
         * on (namespace, pod, container) group_left (image) sealwatch_container_info"
    );
    let joined = prometheus.query(&joined).unwrap();
    assert!(!joined.is_empty(), "the info metric joins");
    assert!(
        joined
            .iter()
            .all(|result| result["metric"]["image"] == xtask::engine::IMAGE)
    );

    xtask::prometheus::lint(&agent.metrics_text()).unwrap();
}
