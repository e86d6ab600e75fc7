//! The dashboards: right by themselves, right for Grafana, and every query of
//! theirs with data from a real Prometheus that scrapes a real agent.
//!
//! `lint` and `schema` need no root. The other test starts a private engine, the
//! agent and Prometheus; where it cannot run it says so loudly, and with `CI=true`
//! that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[allow(dead_code, reason = "each test program uses its own part")]
#[path = "../docker/agent.rs"]
mod agent;
mod board;
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../exposition/mod.rs"]
mod exposition;
mod lint;
mod load;
mod schema;
mod verdict;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use board::{Asked, BOARDS, Board, Choice, Chosen, Variable, board};
use engines::cannot_run;
use load::Load;
use xtask::prometheus::Prometheus;

/// How long the load may take to show everything, from its second half on.
const WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(2);
/// How far back a range query looks, in seconds.
const RANGE: u64 = 600;

/// Queries that this machine cannot give data to, and why. They must be empty.
const EMPTY: [(&str, &str); 4] = [
    ("overview.json: By security module, A", LSM),
    (
        "rollout.json: Refusals by security modules, per container, A",
        LSM,
    ),
    (
        "rollout.json: Refusals by security modules, per container, B",
        LSM,
    ),
    (
        "agent.json: Of unknown containers, A",
        "a container whose control group nobody has seen cannot be made on purpose",
    ),
];
const LSM: &str = "no security module refuses here, and the tracepoint backend would not name it";
/// Variables that have no values here: recording rules drop a target's labels, and
/// have a cluster only where Prometheus adds it to all that it sends elsewhere.
const NO_VALUES: [(&str, &str); 2] = [("overview.json", "cluster"), ("rollout.json", "cluster")];

/// What is chosen in each dashboard. Several choices: one of them must have data.
fn choices(board: &Board) -> Vec<Choice> {
    let one = |pairs: &[(&str, &str)]| -> Choice {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                (*name).to_owned(),
                Chosen::Values(vec![(*value).to_owned()]),
            )
        });
        pairs
            .chain([(
                "job".to_owned(),
                Chosen::Values(vec!["sealwatch".to_owned()]),
            )])
            .collect()
    };
    // As a link from another dashboard has it: nothing where there is no such label.
    let docker = |name| one(&[("namespace", ""), ("pod", ""), ("container", name)]);
    match board.json["uid"].as_str().unwrap() {
        "sealwatch-rollout" => {
            let track = |app, canary| one(&[("label", "track"), ("app", app), ("canary", canary)]);
            // The latter is all that there is, first as canary, then as baseline.
            vec![
                track("web/web", "canary"),
                track("crashing", "canary"),
                track("crashing", "none"),
            ]
        }
        "sealwatch-container" => vec![
            one(&[
                ("namespace", "shop"),
                ("pod", "web-canary-6c9f-bbbbb"),
                ("container", "web"),
            ]),
            docker("filling"),
            docker("crashing"),
            docker("greedy"),
            docker("open"),
            docker("api-2"),
        ],
        _ => vec![one(&[])],
    }
}

/// How many series a query has, and the greatest value in them.
fn answer(prometheus: &Prometheus, query: &str, instant: bool) -> anyhow::Result<(usize, f64)> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let (start, end) = ((now - RANGE).to_string(), now.to_string());
    let data = match instant {
        true => prometheus.ask("query", &[("query", query)])?,
        false => {
            let range = [
                ("query", query),
                ("start", &start),
                ("end", &end),
                ("step", "5"),
            ];
            prometheus.ask("query_range", &range)?
        }
    };
    let series = data["result"]
        .as_array()
        .with_context(|| format!("no series but {data}"))?;
    let mut greatest = f64::NEG_INFINITY;
    for one in series {
        let points = match instant {
            true => vec![&one["value"]],
            false => one["values"].as_array().unwrap().iter().collect(),
        };
        for point in points {
            let value: f64 = point[1].as_str().unwrap().parse().unwrap();
            greatest = greatest.max(value);
        }
    }
    Ok((series.len(), greatest))
}

/// Why a query has no data yet, if it has none.
fn missing(prometheus: &Prometheus, board: &Board, asked: &Asked) -> Option<String> {
    // What is 0 where nothing is the matter must be more here.
    let expression = asked.expression.trim_end_matches(" or vector(0)");
    let may_be_zero = expression == asked.expression;
    let mut last = String::new();
    for choice in choices(board) {
        let query = board.filled(expression, &choice);
        match answer(prometheus, &query, asked.instant) {
            Ok((1.., greatest)) if may_be_zero || greatest > 0.0 => return None,
            Ok((count, greatest)) => last = format!("{count} series, at most {greatest}: {query}"),
            Err(wrong) => panic!("{}: {wrong:#}\n{query}", asked.place),
        }
    }
    Some(format!("{}: {last}", asked.place))
}

fn is_in(list: &[(&str, &str)], asked: &Asked) -> bool {
    list.iter().any(|(place, _)| *place == asked.place)
}

/// The values of a variable, as Grafana asks for them.
fn values(
    prometheus: &Prometheus,
    board: &Board,
    variable: &Variable<'_>,
    choice: &Choice,
) -> Vec<String> {
    let query = board.filled(variable.query().unwrap(), choice);
    let inner = query
        .strip_prefix("label_values(")
        .and_then(|rest| rest.strip_suffix(')'));
    let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).unwrap();
    let data = prometheus.ask(&format!("label/{label}/values"), &[("match[]", series)]);
    let data = data.unwrap_or_else(|wrong| panic!("{}: {wrong:#}\n{query}", variable.name()));
    data.as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

/// Nobody may make a directory there.
fn refused_on_the_host() {
    assert!(std::fs::create_dir("/sys/kernel/sealwatch").is_err());
}

#[test]
fn every_query_has_data() {
    let load = match Load::begin() {
        Ok(load) => load,
        Err(why) => return cannot_run("every_query_has_data", &why),
    };
    std::thread::sleep(load::WINDOW + PAUSE);
    load.go_on();
    let begun = Instant::now();
    let prometheus = &load.prometheus;
    let mut wanted: Vec<(&Board, Asked)> = Vec::new();
    for board in BOARDS.iter() {
        let queries = board
            .queries()
            .into_iter()
            .filter(|asked| !is_in(&EMPTY, asked));
        wanted.extend(queries.map(|asked| (board, asked)));
    }
    let all = wanted.len();
    loop {
        refused_on_the_host();
        let mut why = Vec::new();
        wanted.retain(|(board, asked)| match missing(prometheus, board, asked) {
            Some(missing) => {
                why.push(missing);
                true
            }
            None => false,
        });
        if wanted.is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < WITHIN,
            "{} of {all} queries have no data:\n{}\n{}",
            why.len(),
            why.join("\n"),
            load.agent.metrics_text()
        );
        std::thread::sleep(PAUSE);
    }
    println!("{all} queries have data after {:.0?}", begun.elapsed());

    // The exceptions are right, and empty indeed.
    let mut left: BTreeSet<&str> = EMPTY.iter().map(|(place, _)| *place).collect();
    for board in BOARDS.iter() {
        for asked in board.queries().iter().filter(|asked| is_in(&EMPTY, asked)) {
            assert!(
                missing(prometheus, board, asked).is_some(),
                "{} has data",
                asked.place
            );
            left.remove(asked.place.as_str());
        }
    }
    assert!(left.is_empty(), "no such queries: {left:?}");

    for board in BOARDS.iter() {
        for variable in board.variables().iter().filter(|one| one.query().is_some()) {
            let found = values(prometheus, board, variable, &choices(board)[0]);
            let place = (board.file.as_str(), variable.name());
            let expected = !NO_VALUES.contains(&place);
            assert_eq!(!found.is_empty(), expected, "{place:?}: {found:?}");
        }
    }
    let rollout = board("sealwatch-rollout");
    for (label, expected) in [
        ("track", vec!["canary", "stable"]),
        ("revision", vec!["57d8", "6c9f"]),
        ("image", vec![xtask::engine::IMAGE]),
    ] {
        let mut choice = choices(rollout).remove(0);
        choice.insert("label".to_owned(), Chosen::Values(vec![label.to_owned()]));
        let variables = rollout.variables();
        let canary = variables.iter().find(|one| one.name() == "canary").unwrap();
        assert_eq!(values(prometheus, rollout, canary, &choice), expected);
    }
    verdict::hold(&load);
    assert!(load.path().exists());
}
