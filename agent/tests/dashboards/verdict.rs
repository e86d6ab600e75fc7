//! The rollout's verdict is arithmetic: it follows who is compared with whom.

use std::time::Duration;

use super::agent::eventually;
use super::answer;
use super::board::{Choice, Chosen, board};
use super::load::Load;

/// App, canary, baseline (nothing: all others) and the value that this makes.
const CASES: [(&str, &str, &str, f64); 5] = [
    // A root of its own, and five times as many under the other.
    ("web/web", "canary", "", 2.0),
    ("web/web", "stable", "canary", 0.0),
    // Two that do the same.
    ("api", "canary", "", 1.0),
    // Nobody to compare, on either side.
    ("api", "blue", "", -1.0),
    ("greedy", "", "", -1.0),
];

/// Asks for the verdict of every case.
pub fn hold(load: &Load) {
    let rollout = board("sealwatch-rollout");
    let expression = |title: &str| {
        let panel = rollout.panel(title);
        panel["targets"][0]["expr"].as_str().unwrap().to_owned()
    };
    let verdict = expression("Verdict");
    for (app, canary, baseline, expected) in CASES {
        let choice = choice(app, canary, baseline);
        let query = rollout.filled(&verdict, &choice);
        // Of two that do the same, the younger has been refused less in 5 minutes,
        // until it is half as old as the other.
        let as_expected =
            || answer(&load.prometheus, &query, true).is_ok_and(|found| found == (1, expected));
        let within = Duration::from_secs(90);
        eventually(
            &format!("{app}: {canary} against {baseline:?} is {expected}"),
            within,
            as_expected,
        );
    }

    // The counts beside it are exact, births of series included.
    let counted = expression("Containers of the canary");
    let query = rollout.filled(&counted, &choice("web/web", "canary", ""));
    let query = format!("sum({query})");
    let pod = [("pod", "web-canary-6c9f-bbbbb")];
    let before = load.agent.sum("sealwatch_write_root_denials_total", &pod);
    let (_, told) = answer(&load.prometheus, &query, true).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let after = load.agent.sum("sealwatch_write_root_denials_total", &pod);
    // The last scrape is at most as old as a second, in which there are about ten.
    assert!(
        before - 30.0 <= told && told <= after,
        "{before} <= {told} <= {after}"
    );
}

fn choice(app: &str, canary: &str, baseline: &str) -> Choice {
    let one = |value: &str| Chosen::Values(vec![value.to_owned()]);
    let baseline = if baseline.is_empty() {
        Chosen::All
    } else {
        one(baseline)
    };
    Choice::from([
        ("app".to_owned(), one(app)),
        ("label".to_owned(), one("track")),
        ("canary".to_owned(), one(canary)),
        ("baseline".to_owned(), baseline),
    ])
}
